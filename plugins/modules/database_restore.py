#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_restore
short_description: Restore a database from a set beside the live one, then swap them
version_added: 0.1.0
description:
  - Restores a set that M(infitulua.backup.database_dump) wrote.
  - Before anything is changed, every byte of the set is verified, decryption is tried, and the target is examined. The
    set is then restored beside the target, checked, and put in its place by renaming. The replaced data is kept under a
    name with the date.
  - A restore that fails leaves the target exactly as it was.
  - A PostgreSQL object that cannot be created is tried again once the rows are restored, and with the database's own
    search_path; if it still cannot be created, it is left out and named. Rows are always restored. A C(CHECK)
    constraint that cannot be validated is restored as C(NOT VALID), and a generated column that cannot be computed as
    an ordinary, empty column. Subscriptions are never restored, and those of a replaced database are disabled.
  - Single tables can be restored too (O(target.tables)). For PostgreSQL they appear, all or none, in a new schema of
    the live database, where nothing else is changed; for MariaDB and MySQL, in a new database. They belong to the
    restoring user, and have no triggers, rules, policies or privileges, nor foreign keys to tables that were not
    selected.
  - If the database server's disk is on this host, a restore is refused if its free space is less than the compressed
    size of the set. If it is less than the size of the dumped database, which may have contained unused space, there is
    a warning. For single tables and for servers on other hosts, free space is not checked.
  - If a set holds several SQLite files, all of them are restored or none. The files that they replace are kept under
    names with the same date.
  - Single tables of a SQLite database cannot be restored; restore it to another file, and copy the tables from there
    (C(ATTACH DATABASE 'restored.db' AS copia; INSERT INTO t SELECT * FROM copia.t)).
  - A restore without a help-desk ticket is refused.
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
    details: Each run restores again. A target that holds data is refused or, with O(replace=true), replaced.
requirements:
  - C(zstd), and C(age) for encrypted sets
  - for PostgreSQL, C(psql) and C(pg_restore) not older than the client that made the dump
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
        description: The database user (C(mariadb), C(mysql), C(postgresql)); it must be allowed to create databases,
          and missing accounts or roles.
        type: str
      login_password:
        description: The database user's password (C(mariadb), C(mysql), C(postgresql)).
        type: str
      login_unix_socket:
        description: The directory of the server's socket (C(postgresql)), or the socket itself (C(mariadb), C(mysql)).
        type: path
      login_os_user:
        description: Run the database client as this operating-system user (C(mariadb), C(mysql), C(postgresql)).
          Requires root.
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
        description: The directory of the client programs (C(mariadb), C(mysql), C(postgresql)); when not given, the
          installed version that best suits the server.
        type: path
      owner:
        description:
          - The role that becomes the owner of the database and everything in it (sets of the engine C(postgresql)); it
            must exist. When not given, the owners are those that the set names; roles that the server lacks are
            created.
          - Extensions, event triggers, foreign-data wrappers and publications belong to the restoring user.
        type: str
      access:
        description:
          - What to do with the privileges in the set (sets of the engine C(postgresql)). V(keep), the behaviour when
            not given, restores them, and creates the roles that the server lacks.
          - V(none) restores no privileges on the database and its objects, no default privileges, and no settings of
            single roles. Only the owner can then use the restored objects, apart from what PostgreSQL grants to
            everybody.
          - Roles that a policy or a user mapping names are created in any case, because it needs them.
        type: str
        choices: [keep, none]
      path:
        description: The database file (sets of the engine C(sqlite)). As in O(target.attached), V(\\\\) is a backslash
          and V(\\xHH) the byte with this hexadecimal value, the notation that messages use for names.
        type: path
      attached:
        description:
          - Where to restore the databases of the set other than the main one (sets of the engine C(sqlite), see
            O(infitulua.backup.database_dump#module:sources[].attached)); one path for each, in the order of the set.
          - When not given, and O(target.path) is the original path of the main database, they are restored to their
            original paths; otherwise beside the main one, each under its base name.
          - All are restored beside their targets and checked before the first is put in place. They are then renamed
            one after the other. If one rename fails, the earlier ones are undone; if the machine stops in between, the
            next restore first undoes them.
        type: list
        elements: path
      tables:
        description:
          - Restore only these tables.
          - For C(postgresql), V(schema.table) as SQL writes it, with double quotes where necessary. A partitioned table
            includes its partitions; a single partition becomes an ordinary table.
          - For C(mariadb) and C(mysql), the tables' names.
        type: list
        elements: str
      schemas:
        description: Restore only the tables of these schemas (C(postgresql)).
        type: list
        elements: str
      into_schema:
        description: The new schema to restore O(target.tables) and O(target.schemas) into (C(postgresql)). It must not
          exist yet.
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

- name: Restore a copy for the auditors, which only their role can use
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

- name: Replace the damaged database by its newest set
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

- name: Restore two tables into a separate schema, next to the live ones
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

- name: Restore the cash desk and its attached ledger, as of last night, to look at them
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
  description: The name under which the replaced data is kept; null if nothing was replaced.
  returned: success
  type: str
  sample: contabilidad__replaced_20261122T171503Z
removed:
  description: Replaced data of earlier restores of this target that was removed (see O(keep_replaced_days)). In check
    mode, what would be removed.
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
      description: Its size, as measured by its engine.
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
left_out:
  description: Objects of the set that could not be created, each with C(kind), C(name) and C(why). In check mode, those
    that the dump already recorded as not restorable.
  returned: success
  type: list
  elements: dict
  sample: []
remarks:
  description: Remarks for the operator; the restore is complete nevertheless.
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
  description: Everything that was found wrong, one item per line.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.call import CONDITIONS
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.databases import ARGUMENTS, call


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, **CONDITIONS, supports_check_mode=True)
    params = module.params
    on = params["set"] or params["source"]
    carry_out(module, "restore", on=on, work=lambda: call(params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
