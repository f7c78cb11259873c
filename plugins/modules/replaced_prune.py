#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List data that restores have replaced, and remove what has expired."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replaced_prune
short_description: List data that restores have replaced, and remove what has expired
version_added: 0.1.0
description:
  - A restore keeps the data that it replaces under a name with the date (C(<name>__replaced_<time>)). This module lists
    such data for each target, and removes what has been kept for O(keep_days).
  - It considers only names that a restore of the same target gives, and never anything that is itself one of
    O(targets).
  - Nothing is removed unless its target exists, can be opened, and is not empty.
  - Data in use (open connections, open files, mount points) is not removed; a later run removes it.
  - Subscriptions and logical replication slots of a PostgreSQL database are removed with it. The publisher of a
    subscription is not notified; drop its slot there by hand.
  - A target that fails does not stop the others.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  keep_days:
    description: For how many days to keep replaced data; V(0) removes all of it. When not given, nothing is removed.
    type: int
  targets:
    description: The databases and directory trees that restores may have replaced, described as targets of a restore.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name to use in the result, usually the name of its source.
        type: str
        required: true
      engine:
        description: The engine that restores it.
        type: str
        choices: [files, mariadb, mysql, postgresql, sqlite]
        default: files
      database:
        description: The database's name (C(mariadb), C(mysql), C(postgresql)).
        type: str
      databases:
        description: Names and patterns of databases of the server instead of one (C(mariadb), C(mysql), C(postgresql)),
          as in the sources of M(infitulua.backup.database_dump). Each matching database that the server has now is a
          target.
        type: list
        elements: str
      except_databases:
        description: Names and patterns of databases to exclude from O(targets[].databases).
        type: list
        elements: str
      login_host:
        description: The server's host name or address (C(mariadb), C(mysql), C(postgresql)); the local socket
          when not given.
        type: str
      login_port:
        description: The server's port (C(mariadb), C(mysql), C(postgresql)); 3306 or 5432 when not given.
        type: int
      login_user:
        description: The database user (C(mariadb), C(mysql), C(postgresql)); it must be able to drop databases.
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
      path:
        description: The database file (C(sqlite)).
        type: path
      attached:
        description: The database files that are attached to it and were restored together with it (C(sqlite)).
        type: list
        elements: path
      directory:
        description: The directory that the paths were restored below (C(files)); V(/) means the original paths.
        type: path
      paths:
        description: The paths (C(files)), absolute as they were archived, or as messages show them.
        type: list
        elements: str
seealso:
  - module: infitulua.backup.database_restore
  - module: infitulua.backup.files_restore
"""

EXAMPLES = r"""
- name: List the data that restores have replaced on this server
  infitulua.backup.replaced_prune:
    targets:
      - name: contabilidad
        engine: postgresql
        database: contabilidad
        login_unix_socket: /run/postgresql
        login_os_user: postgres
      - name: datos-usuarios
        paths: [/srv/usuarios]
  register: kept

- name: Remove data that was replaced more than 30 days ago
  infitulua.backup.replaced_prune:
    keep_days: 30
    targets:
      - name: datos-usuarios
        paths: [/srv/usuarios]
"""

RETURN = r"""
replaced:
  description: The replaced data that was kept, oldest first for each target.
  returned: always
  type: list
  elements: dict
  contains:
    source:
      description: The target's O(targets[].name).
      type: str
      sample: contabilidad
    name:
      description: The name under which it is kept.
      type: str
      sample: contabilidad__replaced_20261122T171503Z
    since:
      description: When it was replaced (UTC).
      type: str
      sample: 20261122T171503Z
    bytes:
      description: Its size, as measured by its engine.
      type: int
      sample: 734003200
    in_use:
      description: Who uses it, so that it is not removed; null if no user was found.
      type: str
      sample: null
    removed:
      description: Whether it was removed, or in check mode would be.
      type: bool
      sample: false
failures:
  description: The targets that could not be examined, and replaced data that could not be removed.
  returned: always
  type: list
  elements: dict
  contains:
    source:
      description: The target's O(targets[].name).
      type: str
      sample: contabilidad
    message:
      description: What failed, on what, why, and what to do next.
      type: str
      sample: "Could not remove what was replaced (database contabilidad on /run/postgresql): …"
    details:
      description: Further lines.
      type: list
      elements: str
      sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer, carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.replaced import (
    REPLACED_ARGUMENTS,
    prune_replaced,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=REPLACED_ARGUMENTS, supports_check_mode=True)

    def work() -> Answer:
        report = prune_replaced(module.params, check_mode=module.check_mode)
        return Answer(report.result(), failure=report.message)

    carry_out(module, "remove what was replaced", on=f"{len(module.params['targets'])} targets", work=work)


if __name__ == "__main__":
    main()
