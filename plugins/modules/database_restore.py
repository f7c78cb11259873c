#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores a database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_restore
short_description: Restore a database from a set, beside the live one, and swap
version_added: 0.1.0
description:
  - Restores a set that M(infitulua.backup.database_dump) wrote.
  - The set is verified to the last byte, decrypted for a trial and compared with the target's state before anything
    is touched.
    It is restored beside the target, checked, and put in its place by rename. What was there is kept under a dated
    name.
  - A restore that fails leaves the target exactly as it was.
  - Some tables alone can be restored too (O(target.tables)). For PostgreSQL they appear, whole or not at all, in a new
    schema of the live database, of which nothing else is touched; for MariaDB and MySQL, in a database of their own.
    They belong to the user that restores, and come without triggers, rules, policies, privileges, and foreign keys to
    what was not chosen.
  - Where the disk of a database server can be seen from here, a restore is refused before anything is touched if less
    is free there than the set takes, compressed. Where less is free than the database took that was dumped, which may
    have been half empty, a warning says so. Of single tables, and of a server elsewhere, that cannot be known.
  - The databases of a set that holds several SQLite files come back together, or none does. What they replaced is kept
    under names with one date.
  - Of a SQLite database single tables cannot be restored; restore it as another file, and copy them from there
    (C(ATTACH DATABASE 'restored.db' AS copia; INSERT INTO t SELECT * FROM copia.t)).
  - Without a help-desk ticket nothing is restored.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.restore
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: none
    details: A target that holds data is refused, or with O(replace=true) replaced, every time.
requirements:
  - C(zstd), and C(age) for encrypted sets
  - for PostgreSQL, C(psql) and C(pg_restore) not older than the client that dumped
  - for MySQL, its own C(mysql) of 8.0 or newer
options:
  target:
    description: Where to restore to.
    type: dict
    required: true
    suboptions:
      database:
        description: The name to restore as (sets of the engines C(mariadb), C(mysql) and C(postgresql)). With
          O(target.tables) or O(target.schemas), the live database that gets the new schema (C(postgresql)), or the name
          of a database that does not exist yet (C(mariadb), C(mysql)).
        type: str
      login_host:
        description: The server's host name or address (C(mariadb), C(mysql), C(postgresql)); the local socket
          when not given.
        type: str
      login_port:
        description: The server's port (C(mariadb), C(mysql), C(postgresql)); 3306 or 5432 when not given.
        type: int
      login_user:
        description: The database user (C(mariadb), C(mysql), C(postgresql)); it must be able to create
          databases, and accounts or roles that are missing.
        type: str
      login_password:
        description: The database user's password (C(mariadb), C(mysql), C(postgresql)).
        type: str
      login_unix_socket:
        description: The directory of the server's socket (C(postgresql)), or the socket itself (C(mariadb), C(mysql)).
        type: path
      login_os_user:
        description: Run the database's client as this operating-system user (C(mariadb), C(mysql), C(postgresql)).
          Only root can.
        type: str
      ssl_mode:
        description: How the connection is encrypted and checked (C(mariadb), C(mysql), C(postgresql)), as libpq's
          C(sslmode); C(allow) is for C(postgresql) only, C(prefer) for C(postgresql) and C(mysql).
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
      ca_cert:
        description: The file with the certificate authorities to trust (C(mariadb), C(mysql), C(postgresql)).
        type: path
      client_directory:
        description: The directory of the client programs (C(mariadb), C(mysql), C(postgresql)); one that suits
          when not given.
        type: path
      owner:
        description:
          - The role to whom the database and everything in it shall belong (sets of the engine C(postgresql)); it must
            exist. When not given, to those whom the set names, who are made where the server lacks them.
          - Extensions, event triggers, foreign-data wrappers and publications stay with the user that restores.
        type: str
      access:
        description:
          - What becomes of the privileges that the set names (sets of the engine C(postgresql)). V(keep), which is what
            happens when it is not given, restores them, and makes the roles that the server lacks.
          - V(none) restores no privileges, on the database and on what is in it, no default privileges, and no settings
            of single roles. Only who owns it may use what is restored, and what PostgreSQL lets everybody do.
          - Roles that a policy or a user mapping names are made in any case, since it cannot be made without them.
        type: str
        choices: [keep, none]
      path:
        description: The database file (sets of the engine C(sqlite)).
        type: path
      attached:
        description:
          - Where the databases go that the set holds besides the main one (sets of the engine C(sqlite), see
            O(infitulua.backup.database_dump#module:sources[].attached)); one path for each, in the order of the set.
          - When not given, and O(target.path) is where the main database was, they go where they were. Otherwise they
            go beside the main one, each under its own base name.
          - All are restored beside their targets and checked before the first is put in its place. They are then
            renamed one right after the other. When one of these fails, those that were renamed are taken back; when the
            machine stops between two of them, the next restore takes the half back before it begins.
        type: list
        elements: path
      tables:
        description:
          - Restore only these tables.
          - For C(postgresql), V(schema.table) as SQL writes it, with double quotes where a name needs them. A
            partitioned table brings its partitions; a partition alone becomes a table by itself.
          - For C(mariadb) and C(mysql), the tables' names.
        type: list
        elements: str
      schemas:
        description: Restore only the tables of these schemas (C(postgresql)).
        type: list
        elements: str
      into_schema:
        description: The new schema that O(target.tables) and O(target.schemas) are put into (C(postgresql)). One that
          exists is refused.
        type: str
seealso:
  - module: infitulua.backup.database_dump
  - module: infitulua.backup.set_info
  - module: infitulua.backup.set_verify
"""

EXAMPLES = r"""
- name: Restore the accounting database as it was at noon, beside the live one
  infitulua.backup.database_restore:
    ticket: MDA-2026-0117
    medium:
      type: directory
      path: /var/lib/infitulua-backup/restore
    host: srv-financiero
    source: contabilidad
    at: 20261122T170000Z
    identity_file: /etc/infitulua-backup/restore.identity
    target:
      database: contabilidad_revision
      login_unix_socket: /run/postgresql
      login_os_user: postgres

- name: Restore a copy for the auditors, which belongs to their role and to nobody else
  infitulua.backup.database_restore:
    ticket: MDA-2026-0119
    medium:
      type: directory
      path: /var/lib/infitulua-backup/restore
    host: srv-financiero
    source: contabilidad
    identity_file: /etc/infitulua-backup/restore.identity
    target:
      database: contabilidad_auditoria
      login_unix_socket: /run/postgresql
      login_os_user: postgres
      owner: auditoria
      access: none

- name: Put the newest set in the place of the damaged database
  infitulua.backup.database_restore:
    ticket: MDA-2026-0118
    medium:
      type: directory
      path: /var/lib/infitulua-backup/restore
    host: srv-financiero
    source: contabilidad
    identity_file: /etc/infitulua-backup/restore.identity
    replace: true
    target:
      database: contabilidad
      login_unix_socket: /run/postgresql
      login_os_user: postgres
  register: restored

- name: Bring back two tables into a schema of their own, next to the live ones
  infitulua.backup.database_restore:
    ticket: MDA-2026-0121
    medium:
      type: directory
      path: /var/lib/infitulua-backup/restore
    host: srv-financiero
    source: contabilidad
    identity_file: /etc/infitulua-backup/restore.identity
    target:
      database: contabilidad
      tables: [contable.cuenta, contable.movimiento]
      into_schema: restaurado_mda_2026_0121
      login_unix_socket: /run/postgresql
      login_os_user: postgres

- name: Look at the cash desk and the ledger attached to it as they were last night
  infitulua.backup.database_restore:
    ticket: MDA-2026-0122
    medium:
      type: directory
      path: /var/lib/infitulua-backup/restore
    host: srv-financiero
    source: caja
    identity_file: /etc/infitulua-backup/restore.identity
    target:
      path: /srv/revision/caja.db
      attached: [/srv/revision/libro.db]

- name: Show where the damaged database is kept
  ansible.builtin.debug:
    var: restored.kept
"""

RETURN = r"""
set:
  description: The id of the set that was restored.
  returned: success
  type: str
  sample: srv-financiero/contabilidad/20261122T030000Z
engine:
  description: The engine that restored it.
  returned: success
  type: str
  sample: postgresql
ticket:
  description: The help-desk ticket.
  returned: success
  type: str
  sample: MDA-2026-0117
target:
  description: What was restored to.
  returned: success
  type: str
  sample: database contabilidad on /run/postgresql
kept:
  description: The name under which what was there is kept; null when nothing was.
  returned: success
  type: str
  sample: contabilidad__replaced_20261122T171503Z
removed:
  description: What restores of this target had replaced, and is kept no longer (see O(keep_replaced_days)). In check
    mode, what would be removed of what is there already.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name under which it was kept.
      type: str
      sample: contabilidad__replaced_20261001T171503Z
    since:
      description: When it was replaced (UTC).
      type: str
      sample: 20261001T171503Z
    bytes:
      description: Its size, as its engine measures it.
      type: int
      sample: 734003200
checks:
  description: The comparisons of the restored data with what the set says, each with C(name), C(passed) and
    C(detail). Empty in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - name: row counts
      passed: true
      detail: 41 tables, 1250000 rows
remarks:
  description: What the operator should know, though the restore is complete.
  returned: success
  type: list
  elements: str
  sample: []
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 31.7
details:
  description: Everything that was found wrong, one line each.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._restore_operations import (
    RESTORE_ARGUMENTS,
    describe_restore,
    make_restore,
)
from ansible_collections.infitulua.backup.plugins.module_utils._restoring import restore
from ansible_collections.infitulua.backup.plugins.module_utils.engines._registry import (
    DATABASE_ENGINES,
    target_arguments,
)
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import medium_argument


def main() -> None:
    """Runs the module."""
    engines = DATABASE_ENGINES
    module = AnsibleModule(
        argument_spec={
            **RESTORE_ARGUMENTS,
            "medium": {**medium_argument(), "required": True},
            "target": {"type": "dict", "required": True, "options": target_arguments(engines)},
        },
        mutually_exclusive=[("set", "source"), ("set", "host"), ("set", "at")],
        required_together=[("host", "source")],
        required_one_of=[("set", "source")],
        supports_check_mode=True,
    )
    try:
        with interruptible("restore", on=module.params["set"] or module.params["source"]):
            result = restore(make_restore(module.params, engines=engines), check_mode=module.check_mode)
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details)
    for remark in result.warnings:
        module.warn(remark)
    module.exit_json(changed=True, **describe_restore(result))


if __name__ == "__main__":
    main()
