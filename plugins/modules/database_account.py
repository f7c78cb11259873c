#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the account that backs databases up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_account
short_description: Make the database account that backs up, with the rights it needs and no others
version_added: 0.1.0
description:
  - Makes an account of a PostgreSQL, MariaDB or MySQL server that M(infitulua.backup.database_dump) can back the
    databases of O(databases) up with, and that can change no row of them.
  - The account has exactly the rights that a complete dump needs. What else it holds is taken away, or with
    O(exact=false) reported.
  - Then it logs in as the account, to each of its databases, where that can be done from here.
  - B(PostgreSQL) (14 or newer). The role may log in, is a member of C(pg_read_all_data), may connect to the databases,
    and may read the large objects that are in them, which that predefined role does not cover. Large objects that are
    made later are given to it when this is run again; until then its dump of that database fails, naming one.
  - C(pg_read_all_data) reads every table, also the verifiers of the roles' passwords (C(pg_authid)). What everybody may
    do (C(PUBLIC)), the account may do too; where that is to make objects in a schema, a warning says so.
  - PostgreSQL 13 has no such role, and is refused. Back it up as its superuser through the local socket
    (O(infitulua.backup.database_dump#module:sources[].login_os_user=postgres)).
  - B(MariaDB). The account holds C(SELECT), C(SHOW VIEW), C(TRIGGER) and C(EVENT) on each database, and C(RELOAD) and
    C(BINLOG MONITOR) on the server. MariaDB has no lesser right to see triggers and events than to make and drop them;
    what the account made would run with its own rights, and so change no row either.
  - B(MySQL) (8.0.20 or newer). The account holds C(SELECT), C(SHOW VIEW), C(TRIGGER) and C(EVENT) on each database, and
    C(FLUSH_TABLES) (before 8.0.23, C(RELOAD)), C(BACKUP_ADMIN), C(SHOW_ROUTINE) and C(REPLICATION CLIENT) on the
    server. What triggers and events mean is as for MariaDB. Where the server has the plugin C(clone), C(BACKUP_ADMIN)
    lets the account copy all of it to another server, to read it there.
  - An account that owns objects (PostgreSQL), is the server's own, or is the one that is used to log in, is refused and
    left as it is.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
attributes:
  check_mode:
    support: full
    details: Whether the account can log in is tried only where nothing is to be changed.
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
    description: What the server is.
    type: str
    choices: [mariadb, mysql, postgresql]
    required: true
  name:
    description: The account's name. With O(authentication=local), also the name of the operating-system user.
    type: str
    required: true
  databases:
    description:
      - The databases that it backs up, by names and patterns (V(*) for all that hold somebody's data), as in
        O(infitulua.backup.database_dump#module:sources[].databases). Each must find one.
      - A database that is made later is given to it when this is run again.
    type: list
    elements: str
    required: true
  authentication:
    description:
      - V(local) needs no password. The operating system says who connects, through the server's socket; C(peer) in
        PostgreSQL, where C(pg_hba.conf) must have it (as Debian's and Red Hat's have), C(unix_socket) in MariaDB,
        C(auth_socket) in MySQL, which must have that plugin (as Ubuntu's has).
      - V(password) is for connections over the network. The server is given a verifier of O(password), never the
        password; C(scram-sha-256) in PostgreSQL, C(mysql_native_password) in MariaDB, C(caching_sha2_password) in
        MySQL.
    type: str
    choices: [local, password]
    default: local
  password:
    description: The account's password. Only with O(authentication=password), which requires it.
    type: str
  exact:
    description:
      - Whether to take away what the account holds and does not need.
      - With V(false) it keeps it, and it is returned as RV(superfluous). What it needs and has by a pattern of names
        (C(web\_%), MariaDB and MySQL) it is then not given again; where giving the rest would hide other rights that it
        has by that pattern, it is refused.
    type: bool
    default: true
  bypass_row_security:
    description:
      - Whether the account may see the rows that policies hide (C(BYPASSRLS), V(postgresql)).
      - A dump must see every row. So where it is not V(true), a database with row security is refused.
    type: bool
  from_host:
    description: From which host it may connect (V(mariadb), V(mysql)), V(localhost) when not given; V(%) for any.
    type: str
  nontransactional_tables:
    description: As in M(infitulua.backup.database_dump). With V(lock) it may also lock tables (V(mariadb), V(mysql)).
    type: str
    choices: [lock, refuse]
  read_accounts:
    description:
      - Whether sets hold the accounts that use a database, with their password hashes (V(mariadb), V(mysql)); V(true)
        when not given. It needs to read the database C(mysql).
      - With V(false) it may only read how routines are made, and a restore makes no accounts.
    type: bool
  show_databases:
    description: Whether it may know the names of all databases (V(mariadb), V(mysql)), which
      M(infitulua.backup.database_info) needs to tell those that nobody backs up, and patterns of databases to find new
      ones.
    type: bool
  login_host:
    description: The server's host name or address; the local socket when not given.
    type: str
  login_port:
    description: The server's port; 3306 or 5432 when not given.
    type: int
  login_user:
    description: The administrator to make the account as, in PostgreSQL a superuser.
    type: str
  login_password:
    description: The administrator's password. It is handed to the client in memory, never in its arguments or
      environment.
    type: str
  login_unix_socket:
    description: The directory of the server's socket (V(postgresql)), or the socket itself (V(mariadb), V(mysql)).
    type: path
  login_os_user:
    description: Run the client as this operating-system user, as whom the server knows the administrator. Only root
      can.
    type: str
  ssl_mode:
    description:
      - How the connection is encrypted and checked, as libpq's C(sslmode).
      - V(allow) is for V(postgresql) only, V(prefer) for V(postgresql) and V(mysql); for V(mariadb), V(verify-ca) is as
        V(verify-full).
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
- name: Make the role that backs up accounting, for the operating-system user of its name
  infitulua.backup.database_account:
    engine: postgresql
    name: copias
    databases: [contabilidad, nomina]
    login_unix_socket: /run/postgresql
    login_os_user: postgres

- name: Make the account that backs up the treasury over the network
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
  description: What it is and may do, or in check mode would.
  returned: success
  type: list
  elements: str
  sample: [CONNECT on DATABASE contabilidad, INHERIT, LOGIN, member of pg_read_all_data, role copias]
given:
  description: What of that is new.
  returned: success
  type: list
  elements: str
  sample: [CONNECT on DATABASE contabilidad]
taken:
  description: What it could do before and cannot do any more.
  returned: success
  type: list
  elements: str
  sample: [CREATEDB, "INSERT on TABLE public.asiento of database contabilidad"]
superfluous:
  description: What it may do and need not; with O(exact=true) there is nothing of that.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._account_operations import ACCOUNT_ARGUMENTS, settle
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(argument_spec=ACCOUNT_ARGUMENTS, supports_check_mode=True)
    try:
        with interruptible("make an account", on=module.params["name"]):
            report = settle(module.params, check_mode=module.check_mode)
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details)
    for warning in report.warnings:
        module.warn(f"{report.account}: {warning}")
    module.exit_json(**report.result())


if __name__ == "__main__":
    main()
