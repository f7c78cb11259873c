#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists what restores have replaced, and removes what has been kept for long enough."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replaced_prune
short_description: List what restores have replaced, and remove what is kept no longer
version_added: 0.1.0
description:
  - A restore keeps what it replaces under a dated name (C(<name>__replaced_<time>)). This module lists those, for each
    target, and removes the ones that have been kept for O(keep_days).
  - Only what has exactly the name that a restore of this very target gives is looked at, never what is itself one of
    O(targets).
  - Nothing is removed unless its target is there, can be opened, and is not empty.
  - What somebody is connected to or has open, or what holds a mount point, stays, and is removed the next time.
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
    description: For how many days what was replaced is kept; V(0) removes all of it. Nothing is removed when not given.
    type: int
  targets:
    description: The databases and trees that restores may have replaced, as they are restored to.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What to call it in the result, usually the name of its source.
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
          as in the sources of M(infitulua.backup.database_dump). A target for each that the server has now.
        type: list
        elements: str
      except_databases:
        description: Names and patterns of databases that O(targets[].databases) does not mean.
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
      path:
        description: The database file (C(sqlite)).
        type: path
      attached:
        description: The database files that are attached to it and were restored together with it (C(sqlite)).
        type: list
        elements: path
      directory:
        description: The directory that the paths were restored below (C(files)); V(/) is the original place.
        type: path
      paths:
        description: The paths (C(files)), absolute as they were archived.
        type: list
        elements: path
seealso:
  - module: infitulua.backup.database_restore
  - module: infitulua.backup.files_restore
"""

EXAMPLES = r"""
- name: List what restores have replaced on this server
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

- name: Remove what was replaced more than a month ago
  infitulua.backup.replaced_prune:
    keep_days: 30
    targets:
      - name: datos-usuarios
        paths: [/srv/usuarios]
"""

RETURN = r"""
replaced:
  description: What restores have kept, oldest first for each target.
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
      description: Its size, as its engine measures it.
      type: int
      sample: 734003200
    in_use:
      description: By whom it is used, which is why it is not removed; null when by nobody that can be seen.
      type: str
      sample: null
    removed:
      description: Whether it was removed, or in check mode would be.
      type: bool
      sample: false
failures:
  description: What could not be looked at or removed.
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._replaced_operations import (
    REPLACED_ARGUMENTS,
    prune_replaced,
)


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=REPLACED_ARGUMENTS, supports_check_mode=True)
    try:
        with interruptible("remove what was replaced", on=f"{len(module.params['targets'])} targets"):
            report = prune_replaced(module.params, check_mode=module.check_mode)
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details)
    if report.failures:
        module.fail_json(msg=report.message, **report.result())
    module.exit_json(**report.result())


if __name__ == "__main__":
    main()
