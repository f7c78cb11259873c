#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List databases, and those that no source covers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_info
short_description: List the databases of servers, when each was last backed up, and which no source covers
version_added: 0.1.0
description:
  - Lists the databases of every server that has a source in O(sources), and of every PostgreSQL, MariaDB and MySQL
    server on this host whose socket is in a usual place.
  - RV(unprotected) are those that no source covers. They do not include the servers' own databases and templates, the
    database C(postgres) if it is empty, and databases that a restore creates beside another or keeps.
  - Through the sockets of this host, it logs in without a password, to PostgreSQL as the operating-system user that
    owns the socket, to MariaDB and MySQL as the user that runs the module. A socket that belongs to an ordinary user is
    not trusted.
  - A server that cannot be queried, or that shows this account only some of its databases, is listed in RV(unknown);
    this is not a failure.
  - A server that is reached in several ways is listed once.
  - SQLite files are not searched for; those in O(sources) are listed.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
  - infitulua.backup.medium
requirements:
  - for PostgreSQL, C(psql), C(pg_dump), C(pg_dumpall) and C(pg_restore)
  - for MariaDB, C(mariadb) 10.11.8, 11.4.2 or newer
  - for MySQL 8.0.20 and newer, its own C(mysql) of 8.0 or newer
options:
  host:
    description: The server's name in set ids, usually V(inventory_hostname).
    type: str
    required: true
  sources:
    description: The databases that are backed up, as in M(infitulua.backup.database_dump).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The source's name in set ids.
        type: str
        required: true
      series:
        description: The records series (TRD code) of the source. Ignored here.
        type: str
        default: ''
      minimum_fraction:
        description: When a set is suspect. Ignored here.
        type: float
        default: 0.5
      engine:
        description: How the database is dumped.
        type: str
        choices: [mariadb, mysql, postgresql, sqlite]
        required: true
      database:
        description: The database's name.
        type: str
      databases:
        description: Names and patterns of databases.
        type: list
        elements: str
      except_databases:
        description: Names and patterns of databases that are left out, and so are not covered by this source.
        type: list
        elements: str
      login_host:
        description: The server's host name or address; the local socket when not given.
        type: str
      login_port:
        description: The server's port.
        type: int
      login_user:
        description: The database user.
        type: str
      login_password:
        description: The database user's password.
        type: str
      login_unix_socket:
        description: The server's socket, or its directory.
        type: path
      login_os_user:
        description: Run the database client as this operating-system user.
        type: str
      ssl_mode:
        description: How the connection is encrypted and checked.
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
      ca_cert:
        description: The file with the certificate authorities to trust.
        type: path
      client_directory:
        description: The directory of the client programs.
        type: path
      content_digest:
        description: Whether a dump computes digests of the tables. Ignored here.
        type: bool
      nontransactional_tables:
        description: What a dump does about such tables. Ignored here.
        type: str
        choices: [lock, refuse]
      path:
        description: The database file (V(sqlite)).
        type: path
      attached:
        description: The database files that are attached to it (V(sqlite)) and backed up with it.
        type: list
        elements: path
      scratch_directory:
        description: Where a dump makes its copy. Ignored here.
        type: path
  local:
    description: Whether to look for servers on this host by their sockets.
    type: bool
    default: true
  ignore:
    description: What is left unprotected, or unknown, intentionally.
    type: list
    elements: dict
    default: []
    suboptions:
      database:
        description: The database's name, or a pattern. With V(*), servers that cannot be queried are ignored too.
        type: str
        default: '*'
      server:
        description: The server, as in RV(databases) or RV(unknown), or a pattern.
        type: str
        default: '*'
      engine:
        description: Only databases of this engine.
        type: str
        choices: [mariadb, mysql, postgresql]
      reason:
        description: Why it needs no backup.
        type: str
        required: true
seealso:
  - module: infitulua.backup.database_dump
  - module: infitulua.backup.database_account
  - module: infitulua.backup.set_info
"""

EXAMPLES = r"""
- name: List the databases of this host, and those that no source covers
  infitulua.backup.database_info:
    host: "{{ inventory_hostname }}"
    medium:
      type: directory
      path: /var/backups/infitulua
    sources: "{{ backup_databases }}"
    ignore:
      - database: prueba_*
        reason: test data, recreated every night
  register: found

- name: List databases that were last backed up more than a day ago
  ansible.builtin.debug:
    msg: "{{ found.databases | selectattr('last_backup') | selectattr('last_backup.age_seconds', 'gt', 86400)
      | map(attribute='name') }}"
"""

RETURN = r"""
databases:
  description: Every database of every server, and every file of a source.
  returned: success
  type: list
  elements: dict
  contains:
    engine:
      description: The engine that can back it up.
      type: str
      sample: postgresql
    server:
      description: The server in a few words; null for a file.
      type: str
      sample: /run/postgresql:5432
    name:
      description: The database's name, or the file's path.
      type: str
      sample: contabilidad
    version:
      description: The server's version; null for a file.
      type: str
      sample: 17.2 (Debian 17.2-1)
    bytes:
      description: Its size, as measured by its engine; null if this account may not see it, or it cannot be told.
      type: int
      sample: 524288000
    encoding:
      description: Its character set.
      type: str
      sample: UTF8
    collation:
      description: Its collation.
      type: str
      sample: es_CO.UTF-8
    owner:
      description: The role that owns it; null if databases of this engine have no owner.
      type: str
      sample: contabilidad
    kind:
      description:
        - V(user) for an ordinary database; V(system) for one of the server's own; V(template) (PostgreSQL);
          V(restoring) for one that a restore is creating, or left behind when it was killed; V(replaced) for one that a
          restore has replaced and kept.
      type: str
      sample: user
    source:
      description: The source that backs it up; null if there is none.
      type: str
      sample: contabilidad
    last_backup:
      description: The newest set of that source on the medium that can be read and is not suspect, with C(id), C(time)
        (UTC), C(age_seconds) and C(path); null if there is none. If a newer one cannot be read, there is a warning.
      type: dict
      sample: {"id": "srv-financiero/contabilidad/20261122T030000Z", "time": "20261122T030000Z", "age_seconds": 32400,
        "path": "/var/backups/infitulua/srv-financiero/contabilidad/20261122T030000Z"}
unprotected:
  description: The databases that no source covers, each with C(engine), C(server), C(name) and C(bytes).
  returned: success
  type: list
  elements: dict
  sample: [{"engine": "mariadb", "server": "/run/mysqld/mysqld.sock", "name": "tienda", "bytes": 1048576}]
replaced:
  description:
    - The replaced databases that restores have kept and that still exist.
    - Each has C(engine), C(server), C(name), C(bytes), C(database) (its former name) and C(since) (when it was
      replaced).
  returned: success
  type: list
  elements: dict
  sample: [{"engine": "postgresql", "server": "/run/postgresql:5432", "name": "nomina__replaced_20261120T101500Z",
    "bytes": 8388608, "database": "nomina", "since": "20261120T101500Z"}]
ignored:
  description: The databases that O(ignore) keeps out of RV(unprotected), each with C(reason).
  returned: success
  type: list
  elements: dict
  sample: [{"engine": "postgresql", "server": "/run/postgresql:5432", "name": "prueba_1", "bytes": 8388608, "reason":
    "test data, recreated every night"}]
unknown:
  description: The servers that could not be queried, each with C(engine), C(server), C(why) and C(message).
  returned: success
  type: list
  elements: dict
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.discover.operation import (
    INFO_ARGUMENTS,
    survey,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer, carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=INFO_ARGUMENTS, supports_check_mode=True)

    def work() -> Answer:
        report = survey(module.params)
        return Answer({"changed": False, **report.result()}, report.warnings)

    carry_out(module, "list databases", on=module.params["host"], work=work)


if __name__ == "__main__":
    main()
