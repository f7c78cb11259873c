#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create the database account that makes backups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_account
short_description: Create the database account that makes backups, with only the privileges that it needs
version_added: 0.1.0
description:
  - Creates an account on a PostgreSQL, MariaDB or MySQL server with which M(infitulua.backup.database_dump) can back up
    O(databases), and which cannot change any row of them.
  - The account has exactly the privileges that a complete dump needs. Any others are revoked or, with O(exact=false),
    reported.
  - Then the module logs in as the account to each of its databases, if that is possible from this host.
  - B(PostgreSQL) (14 or newer). The role may log in, is a member of C(pg_read_all_data), may connect to the databases,
    and may read their large objects, which that predefined role does not cover. Access to large objects that are
    created later is granted when this module is run again; until then, dumps of that database fail, naming one of them.
  - C(pg_read_all_data) can read every table, including the password hashes of the roles (C(pg_authid)). The account
    also has the privileges of C(PUBLIC); if these allow it to create objects in a schema, there is a warning.
  - PostgreSQL 13 has no such role, and is refused. Back it up as its superuser through the local socket
    (O(infitulua.backup.database_dump#module:sources[].login_os_user=postgres)).
  - B(MariaDB). The account holds C(SELECT), C(SHOW VIEW), C(TRIGGER) and C(EVENT) on each database, and C(RELOAD) and
    C(BINLOG MONITOR) on the server. MariaDB has no privilege to see triggers and events that does not also allow
    creating and dropping them; those that the account created would run with its own privileges, and so could not
    change any row either.
  - B(MySQL) (8.0.20 or newer). The account holds C(SELECT), C(SHOW VIEW), C(TRIGGER) and C(EVENT) on each database, and
    C(FLUSH_TABLES) (before 8.0.23, C(RELOAD)), C(BACKUP_ADMIN), C(SHOW_ROUTINE) and C(REPLICATION CLIENT) on the
    server. The same holds for triggers and events as for MariaDB. If the server has the plugin C(clone),
    C(BACKUP_ADMIN) allows the account to copy the whole server to another one, and to read it there.
  - The module refuses, and does not change, an account that owns objects (PostgreSQL), that is one of the server's own,
    or that the module itself uses to log in.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
attributes:
  check_mode:
    support: full
    details: A login as the account is tried only if nothing would be changed.
  diff_mode:
    support: full
    details: Shows what the account may do before and after, never a password.
  idempotent:
    support: full
requirements:
  - for PostgreSQL, C(psql), C(pg_dump), C(pg_dumpall) and C(pg_restore)
  - for MariaDB, C(mariadb) 10.11.8, 11.4.2 or newer
  - for MySQL, its own C(mysql) of 8.0 or newer
options:
  engine:
    description: The kind of server.
    type: str
    choices: [mariadb, mysql, postgresql]
    required: true
  name:
    description: The account's name. With O(authentication=local), also the name of the operating-system user.
    type: str
    required: true
  databases:
    description:
      - The databases to back up, by names and patterns (V(*) for all except the server's own), as in
        O(infitulua.backup.database_dump#module:sources[].databases). Each must match at least one database.
      - Access to databases that are created later is granted when this module is run again.
    type: list
    elements: str
    required: true
  authentication:
    description:
      - V(local) needs no password. The operating system identifies the user that connects to the server's socket, by
        C(peer) in PostgreSQL (C(pg_hba.conf) must allow it, as those of Debian and Red Hat do), C(unix_socket) in
        MariaDB, or C(auth_socket) in MySQL (the server must have that plugin, as Ubuntu's has).
      - V(password) is for connections over the network. The server is sent a hash of O(password), never the password
        itself; C(scram-sha-256) in PostgreSQL, C(mysql_native_password) in MariaDB, C(caching_sha2_password) in MySQL.
    type: str
    choices: [local, password]
    default: local
  password:
    description: The account's password. Only with O(authentication=password), which requires it.
    type: str
  exact:
    description:
      - Whether to revoke privileges that the account has and does not need.
      - With V(false), the account keeps them, and they are returned as RV(superfluous). Needed privileges that it
        already has by a pattern of names (C(web\_%), MariaDB and MySQL) are then not granted again; if granting the
        others would hide privileges that it has by that pattern, the module refuses.
    type: bool
    default: true
  bypass_row_security:
    description:
      - Whether the account may see rows that row security policies hide (C(BYPASSRLS), V(postgresql)).
      - A dump must see every row, so without it a database with row security is refused.
    type: bool
  from_host:
    description: The host from which it may connect (V(mariadb), V(mysql)); when not given, V(localhost); V(%) means any
      host.
    type: str
  nontransactional_tables:
    description: As in M(infitulua.backup.database_dump). With V(lock), the account may also lock tables (V(mariadb),
      V(mysql)).
    type: str
    choices: [lock, refuse]
  read_accounts:
    description:
      - Whether sets hold the accounts that use a database, with their password hashes (V(mariadb), V(mysql)); V(true)
        when not given. This requires reading the database C(mysql).
      - With V(false), it may read only the definitions of routines, and a restore creates no accounts.
    type: bool
  show_databases:
    description: Whether it may see the names of all databases (V(mariadb), V(mysql)). M(infitulua.backup.database_info)
      needs this to find databases that are not backed up, and patterns of databases need it to find new ones.
    type: bool
  login_host:
    description: The server's host name or address; the local socket when not given.
    type: str
  login_port:
    description: The server's port; 3306 or 5432 when not given.
    type: int
  login_user:
    description: The administrator that creates the account; in PostgreSQL, a superuser.
    type: str
  login_password:
    description: The administrator's password. It is handed to the client in memory, never in its arguments or
      environment.
    type: str
  login_unix_socket:
    description: The directory of the server's socket (V(postgresql)), or the socket itself (V(mariadb), V(mysql)).
    type: path
  login_os_user:
    description: Run the client as this operating-system user, by which the server identifies the administrator.
      Requires root.
    type: str
  ssl_mode:
    description:
      - How the connection is encrypted and checked, as libpq's C(sslmode).
      - V(allow) is for V(postgresql) only, V(prefer) for V(postgresql) and V(mysql); for V(mariadb), V(verify-ca) has
        the same effect as V(verify-full).
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
  ca_cert:
    description: The file with the certificate authorities to trust.
    type: path
  client_directory:
    description: The directory of the client programs; when not given, the newest that are installed.
    type: path
seealso:
  - module: infitulua.backup.database_dump
  - module: infitulua.backup.database_info
  - name: Predefined roles
    description: What C(pg_read_all_data) may do.
    link: https://www.postgresql.org/docs/current/predefined-roles.html
"""

EXAMPLES = r"""
- name: Create the role that backs up accounting, for the operating-system user of the same name
  infitulua.backup.database_account:
    engine: postgresql
    name: copias
    databases: [contabilidad, nomina]
    login_unix_socket: /run/postgresql
    login_os_user: postgres

- name: Create the account that backs up the treasury over the network
  infitulua.backup.database_account:
    engine: mariadb
    name: copias
    databases: [tesoreria]
    authentication: password
    password: "{{ vault_copias_password }}"
    from_host: 10.0.0.7
    login_unix_socket: /run/mysqld/mysqld.sock
"""

RETURN = r"""
account:
  description: The account in a few words.
  returned: success
  type: str
  sample: role copias on /run/postgresql
rights:
  description: Its attributes and privileges, or in check mode those that it would have.
  returned: success
  type: list
  elements: str
  sample: [CONNECT on DATABASE contabilidad, INHERIT, LOGIN, member of pg_read_all_data, role copias]
given:
  description: Those that are new.
  returned: success
  type: list
  elements: str
  sample: [CONNECT on DATABASE contabilidad]
taken:
  description: Those that were revoked.
  returned: success
  type: list
  elements: str
  sample: [CREATEDB, "INSERT on TABLE public.asiento of database contabilidad"]
superfluous:
  description: Privileges that it has and does not need; empty with O(exact=true).
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.account.operation import (
    ACCOUNT_ARGUMENTS,
    apply_account,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer, carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ACCOUNT_ARGUMENTS, supports_check_mode=True)

    def work() -> Answer:
        report = apply_account(module.params, check_mode=module.check_mode)
        return Answer(report.result(), [f"{report.account}: {warning}" for warning in report.warnings])

    carry_out(module, "make an account", on=module.params["name"], work=work)


if __name__ == "__main__":
    main()
