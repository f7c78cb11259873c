#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up databases."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_dump
short_description: Back up databases, each into a set of its own
version_added: 0.1.0
description:
  - Dumps each database of O(sources) into a new set on a directory medium, compressed, encrypted, hashed and flushed to
    disk in one pass. Plaintext is never written to the medium.
  - A set that holds nothing, or far less than the last good one of its source on the medium, is written, marked as
    suspect, and reported as a failure. A suspect set is never taken for the newest, is copied only if it is named, and
    later sets are not compared with it. Name the source in O(accept) if its content is right as it is.
  - Each set names its predecessors, so that no clock decides which set of a source is the newest. Its id contains the
    current time, made later than the time of the previous set if necessary. A previous set whose date is more than five
    minutes in the future is not counted; it is returned as RV(dated_after_now), and the dump continues.
  - A set appears complete or not at all. A source that fails does not stop the others; at the end the module fails,
    naming each failure, and also returns what succeeded.
  - One entry of O(sources) can cover several or all databases of a server (O(sources[].databases)). Each of them is a
    source with sets of its own, and databases that are new on the server are included.
  - Two runs on the same source at the same time are refused.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.dump
  - infitulua.backup.medium
attributes:
  check_mode:
    support: full
    details: Whether a new set would be suspect cannot be predicted, because its content is known only after a real run.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(run_id), a second call with the same value changes nothing; without it, every call writes new sets.
requirements:
  - C(zstd), and C(age) unless O(encryption=none)
  - for PostgreSQL, C(psql), C(pg_dump) and C(pg_dumpall) not older than the server
  - for MariaDB, C(mariadb) 10.11.8, 11.4.2 or newer
  - for MySQL 8.0.20 and newer, its own C(mysql) of 8.0 or newer
options:
  sources:
    description: The databases to back up.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The source's name in set ids.
          - With O(sources[].databases), each database is a source named after this entry and the database, joined by a
            dot. Characters of the database's name other than letters, digits, C(_) and C(-) are written as a dot and
            two hexadecimal digits for each byte of their UTF-8 encoding. With the name V(servidor), the database C(Año
            1) is the source C(servidor.A.c3.b1o.201).
        type: str
        required: true
      series:
        description: The records series (TRD code) of the source, which decides how long its sets are kept.
        type: str
        default: ''
      minimum_fraction:
        description:
          - A new set that holds less than this fraction of what the previous set of the source holds is suspect.
          - Compared are the numbers of rows (for V(sqlite), the bytes of the pages in use), and the stored sizes if
            both sets have the same compression.
          - With V(0), a set is suspect only if it is empty and the previous one was not.
        type: float
        default: 0.5
      engine:
        description: How the database is dumped.
        type: str
        choices: [mariadb, mysql, postgresql, sqlite]
        required: true
      database:
        description: The database's name (V(mariadb), V(mysql), V(postgresql)). Either this or O(sources[].databases).
        type: str
      databases:
        description:
          - Names and patterns, with C(*), C(?) and C([…]), of databases of the server (V(mariadb), V(mysql),
            V(postgresql)). V(*) means all.
          - Patterns do not match the server's own databases (C(template0), C(template1), C(mysql),
            C(information_schema), C(performance_schema), C(sys)), nor those that a restore creates beside another or
            keeps (C(…__restoring), C(…__swapping), C(…__replaced_…)).
          - A name that the server does not have, or a pattern that matches nothing, is reported as a failure of the
            entry; the databases that were found are still backed up.
          - For PostgreSQL, the list is read from the database C(postgres), or, if there is none, C(template1).
        type: list
        elements: str
      except_databases:
        description: Names and patterns of databases to exclude from O(sources[].databases).
        type: list
        elements: str
      login_host:
        description: The server's host name or address (V(mariadb), V(mysql), V(postgresql)); the local socket
          when not given.
        type: str
      login_port:
        description: The server's port (V(mariadb), V(mysql), V(postgresql)); 3306 or 5432 when not given.
        type: int
      login_user:
        description: The database user (V(mariadb), V(mysql), V(postgresql)).
        type: str
      login_password:
        description: The database user's password (V(mariadb), V(mysql), V(postgresql)). It is handed to the
          client in memory, never in its arguments or environment.
        type: str
      login_unix_socket:
        description: The directory of the server's socket (V(postgresql)), or the socket itself (V(mariadb), V(mysql)).
        type: path
      login_os_user:
        description:
          - Run the database client as this operating-system user, for servers that authenticate local users by name.
          - Requires root. The set itself is written by the user that runs the module.
        type: str
      ssl_mode:
        description:
          - How the connection is encrypted and checked (V(mariadb), V(mysql), V(postgresql)), as libpq's C(sslmode).
          - V(allow) is for V(postgresql) only, V(prefer) for V(postgresql) and V(mysql); for V(mariadb), V(verify-ca)
            has the same effect as V(verify-full).
          - Over a connection without TLS, a MySQL password is sent only with V(disable), which declares the network
            trusted.
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
      ca_cert:
        description: The file with the certificate authorities to trust (V(mariadb), V(mysql), V(postgresql)).
        type: path
      client_directory:
        description: The directory of the client programs (V(mariadb), V(mysql), V(postgresql)); when not given, the
          installed version that best suits the server.
        type: path
      content_digest:
        description:
          - Whether to compute a digest of each table's content in the dump's own snapshot. Every restore and drill of
            the set then compares the restored values with it, and not only the number of rows.
          - For V(mariadb) and V(mysql) the digest is computed while rows are written to the set, which adds about a
            third to the dump's CPU time. V(postgresql) reads every row a second time, which about doubles the CPU time;
            V(sqlite) reads every row a second time, about half a second per million values. With every engine, a drill
            or a restore reads every row once more.
          - The digests are in C(backup.json), which is not encrypted. Anybody who can read it can confirm a guess of a
            table's whole content, and can see from two sets which tables did not change.
        type: bool
      nontransactional_tables:
        description:
          - What to do about tables of non-transactional storage engines, such as MyISAM, which a snapshot does not
            cover (V(mariadb), V(mysql)).
          - Tables whose rows are stored elsewhere (FEDERATED, CONNECT, SPIDER, MERGE, BLACKHOLE and any other storage
            engine that is not known to keep its rows in the server's own files) are neither read nor locked. The set
            contains only their definitions, and a warning names them.
          - V(refuse), the behaviour when not given, fails and names them.
          - V(lock) locks them against writes while they are read, before all other tables.
        type: str
        choices: [lock, refuse]
      path:
        description:
          - The database file (V(sqlite)).
          - A database in WAL mode is read in place while its writers continue. Until the dump has ended, its
            write-ahead log cannot be checkpointed and grows. An application that requests a checkpoint that waits for
            readers (C(FULL), C(RESTART), C(TRUNCATE)) waits for the dump as for any other reader, up to its busy
            timeout, and so do its writers. If somebody is still reading an older snapshot of the database, it is copied
            first, like a database in another mode.
          - A database in another mode is copied first. Writers can continue between the steps of the copy; if they
            write all the time, they are blocked for at most 30 seconds.
          - The data is checked while it is stored (C(PRAGMA integrity_check)), and a damaged database does not become a
            set. A missing tokenizer, collation, function or virtual-table module of the application, or the syntax of a
            newer SQLite, does not count as damage. A warning names each object that could not be examined for that
            reason; it is dumped in full all the same.
          - A database that an application attaches to another is dumped with it only if O(sources[].attached) names it,
            because nothing in the files shows that they belong together. If it is a source of its own, it is dumped
            separately, at another moment.
          - If a transaction over several databases was interrupted during its commit, in a mode other than WAL, its
            journal names all of them. The dump is then refused, naming the databases that O(sources[].attached) lacks,
            and the journal is left for SQLite to roll back.
        type: path
      attached:
        description:
          - Other database files that the application attaches (C(ATTACH DATABASE)) and changes in the same transactions
            (V(sqlite)). All are dumped in one consistent state into one set, and are restored together.
          - The write locks of all files are held until reading begins. If another process holds one, the dump waits for
            at most 30 seconds. The dumping user must be able to write to the files.
          - Files in WAL mode are then read in place. Files in another mode are copied while nobody can commit to them,
            for at most 30 seconds altogether; use WAL mode for databases that take longer.
          - In the set, a transaction over several files is complete in all of them or absent from all. For a
            transaction interrupted during its commit, SQLite itself guarantees this in the live files only if none of
            them is in WAL mode.
          - A file that is missing or damaged fails the dump. One that is named twice, also by a link, is refused.
          - The set's counts, and so O(sources[].minimum_fraction), apply to all files together.
        type: list
        elements: path
      scratch_directory:
        description:
          - The directory for the temporary copy of a SQLite database, an unnamed file (V(sqlite)). A database in WAL
            mode usually needs no copy.
          - When not given, the directory of each database.
        type: path
  survey:
    description:
      - Also look for databases that no source covers, once the sources have been backed up. What is found is returned
        as RV(survey).
      - A mapping with C(local) and C(ignore), as M(infitulua.backup.database_info) takes them.
      - The module does not fail because of that, not even if the mapping is wrong.
    type: dict
seealso:
  - module: infitulua.backup.database_restore
  - module: infitulua.backup.set_verify
  - module: infitulua.backup.set_copy
  - name: RFC 8493
    description: The BagIt file packaging format, which a set is.
    link: https://www.rfc-editor.org/rfc/rfc8493
"""

EXAMPLES = r"""
- name: Back up the accounting database, the help desk's, and the cash desk's with those that it changes together
  infitulua.backup.database_dump:
    host: "{{ inventory_hostname }}"
    organization: INFITULUÁ E.I.C.E.
    medium:
      type: directory
      path: /var/backups/infitulua
    recipients_file: /etc/infitulua-backup/recipients
    run_id: daily-20261122
    sources:
      - name: contabilidad
        series: "400.8"
        engine: postgresql
        database: contabilidad
        login_unix_socket: /run/postgresql
        login_os_user: postgres
      - name: mesa-de-ayuda
        series: "400.8"
        engine: sqlite
        path: /srv/helpdesk/helpdesk.db
      - name: caja
        series: "400.8"
        engine: sqlite
        path: /srv/caja/caja.db
        attached: [/srv/caja/libro.db, /srv/caja/terceros.db]
  register: dump

- name: Back up every database of a server, three at a time, and leave one out
  infitulua.backup.database_dump:
    host: "{{ inventory_hostname }}"
    medium:
      type: directory
      path: /var/backups/infitulua
    recipients_file: /etc/infitulua-backup/recipients
    concurrency: 3
    nice: 19
    io_class: idle
    sources:
      - name: tesoreria
        series: "400.8"
        engine: mariadb
        databases: ['*']
        except_databases: [pruebas_*]
        login_unix_socket: /run/mysqld/mysqld.sock

- name: Show where the sets are
  ansible.builtin.debug:
    msg: "{{ dump.sets | map(attribute='path') }}"
"""

RETURN = r"""
sets:
  description: One entry for each source that was backed up.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The set's id; null in check mode when a new set would be written.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    source:
      description: The source's name.
      type: str
      sample: contabilidad
    subject:
      description: The host and the source.
      type: str
      sample: srv-financiero/contabilidad
    engine:
      description: The engine that wrote it.
      type: str
      sample: postgresql
    series:
      description: The records series (TRD code).
      type: str
      sample: "400.8"
    changed:
      description: Whether the set is (or in check mode would be) new.
      type: bool
      sample: true
    path:
      description: The set's directory; null in check mode when a new set would be written.
      type: str
      sample: /var/backups/infitulua/srv-financiero/contabilidad/20261122T030000Z
    bytes:
      description: Stored size of the payload, bytes.
      type: int
      sample: 73400320
    source_bytes:
      description: Size of the source, bytes, as its engine measures it.
      type: int
      sample: 524288000
    seconds:
      description: How long it took; 0 for a set that existed already.
      type: float
      sample: 12.4
    accepted:
      description: Why the set would be suspect if O(accept) did not name its source; null otherwise.
      type: str
    warnings:
      description: Warnings for the operator; the set is complete nevertheless.
      type: list
      elements: str
      sample: []
failures:
  description:
    - One entry for each source that has no set, or whose set is suspect; each with C(source), C(message), C(details),
      and C(changed), whether a set was written.
    - Whatever makes an entry for several databases incomplete is reported under the entry's own name.
    - C(suspect) is the id of the suspect set, and null where there is no set.
  returned: always
  type: list
  elements: dict
  sample: []
gone:
  description:
    - Sources of an entry with O(sources[].databases) that have sets on the medium, but whose database no longer exists
      on the server. There is a warning for each; their sets are kept.
  returned: always
  type: list
  elements: dict
  contains:
    source:
      description: The source's name.
      type: str
      sample: servidor.nomina
    entry:
      description: The entry's name.
      type: str
      sample: servidor
    database:
      description: The name that the database had.
      type: str
      sample: nomina
    newest:
      description: The id of the source's newest set.
      type: str
      sample: srv-financiero/servidor.nomina/20261122T030000Z
survey:
  description:
    - What no source covers.
    - It has C(unprotected), C(unknown) and C(ignored) as M(infitulua.backup.database_info) returns them, or C(msg), why
      it could not be looked for.
  returned: with O(survey), if any source could be looked at
  type: dict
  sample: {"unprotected": [{"engine": "mariadb", "server": "/run/mysqld/mysqld.sock", "name": "tienda", "bytes": 1024}],
    "unknown": [], "ignored": []}
remarks:
  description: Remarks about the list of sources, apart from the warnings of each set.
  returned: when the sources could be looked at
  type: list
  elements: str
  sample: []
dated_after_now:
  description:
    - The ids of the sources' sets on the medium that are dated more than five minutes in the future.
    - Either a clock was wrong when they were made, or this host's clock is wrong now. Such a set is never the newest of
      its source.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.databases import (
    ARGUMENTS,
    NOTHING,
    call,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "back up databases",
        on=params["host"],
        work=lambda: call(params, check_mode=module.check_mode),
        nothing=NOTHING,
    )


if __name__ == "__main__":
    main()
