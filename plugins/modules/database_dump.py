#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backs databases up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_dump
short_description: Back databases up, each as a verified-by-construction set
version_added: 0.1.0
description:
  - Dumps each database of O(sources) into a new set on a directory medium, compressed, encrypted, hashed and brought
    to the disk
    in one pass. Plaintext never touches a disk of the medium.
  - A set that holds nothing, or far less than the last good one of its source on the medium, is written and marked as
    suspect. That is a failure. Such a set is never taken for the newest, copied only where it is named, and no set is
    compared with it. O(accept) says that the source is right.
  - A set appears complete or not at all. One source that fails does not stop the others; the module then fails at the
    end, naming each
    failure, and returns what succeeded.
  - One entry of O(sources) may stand for many databases of a server, or for all. Each of them is a source, with sets of
    its own; what is new on the server today is in today's run.
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
    details: What a new set would hold, and so whether it would be suspect, is found by the run only.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(run_id) a second call changes nothing; without it every call writes new sets.
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
          - With O(sources[].databases), each database is a source with this name, a dot, and its own name, in which
            whatever is no letter, digit, C(_) or C(-) is written as a dot and two hexadecimal digits for each byte of
            its UTF-8. With V(servidor), the database C(Año 1) is the source C(servidor.A.c3.b1o.201).
        type: str
        required: true
      series:
        description: The records series (TRD code) of the source, which decides how long its sets are kept.
        type: str
        default: ''
      minimum_fraction:
        description:
          - A set that holds less than this fraction of what the last set of the source holds is suspect.
          - What counts are rows, for V(sqlite) the bytes of the pages in use, and the stored size where both are
            compressed alike.
          - With V(0), only a source that held something and holds nothing now is suspect.
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
          - A pattern means no database that the server made for itself (C(template0), C(template1), C(mysql),
            C(information_schema), C(performance_schema), C(sys)), and none that a restore makes beside another or keeps
            (C(…__restoring), C(…__swapping), C(…__replaced_…)).
          - A name that is not on the server, and a pattern that finds nothing, is a failure of the entry, beside the
            databases that were found.
          - PostgreSQL is asked through its database C(postgres), or where there is none, C(template1).
        type: list
        elements: str
      except_databases:
        description: Names and patterns of databases that O(sources[].databases) does not mean.
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
          - Run the database's client as this operating-system user, for servers that authenticate local users by
            their name.
          - Only root can. The set itself is written by the user that runs the module.
        type: str
      ssl_mode:
        description:
          - How the connection is encrypted and checked (V(mariadb), V(mysql), V(postgresql)), as libpq's C(sslmode).
          - V(allow) is for V(postgresql) only, V(prefer) for V(postgresql) and V(mysql); for V(mariadb), V(verify-ca)
            is as V(verify-full).
          - MySQL sends a password over a connection without TLS only where V(disable) says that the network is trusted.
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
      ca_cert:
        description: The file with the certificate authorities to trust (V(mariadb), V(mysql), V(postgresql)).
        type: path
      client_directory:
        description: The directory of the client programs (V(mariadb), V(mysql), V(postgresql)); when not given, the one
          that is installed, or of several the one that suits the server.
        type: path
      content_digest:
        description:
          - Whether to digest what each table holds, in the dump's own snapshot. Every restore and every drill of the
            set then compares what it restored with that, value by value, and not only by the number of rows.
          - For V(mariadb) and V(mysql) the rows are digested as they pass into the set, at about a third of the dump's
            processor time more. V(postgresql) reads every row once more, for about as much processor time again as the
            dump; V(sqlite) reads every row once more, about half a second for every million values. With any of them a
            drill or a restore reads every row once more.
          - The digests are in C(backup.json), which is not encrypted. Who guesses all that a table holds can see there
            that the guess is right, and whoever sees two sets, which tables are the same in both.
        type: bool
      nontransactional_tables:
        description:
          - What to do about tables of engines that know no transactions, such as MyISAM, for which no snapshot holds
            (V(mariadb), V(mysql)).
          - V(refuse), which is what happens when it is not given, ends with a message that names them.
          - V(lock) holds back whoever writes to them while they are read, which happens first.
        type: str
        choices: [lock, refuse]
      path:
        description:
          - The database file (V(sqlite)).
          - One in WAL mode is read where it is, and its writers go on. Its write-ahead log cannot be brought into the
            database meanwhile, and grows by what is written until the dump has ended. An application that asks for a
            checkpoint that waits for readers (C(FULL), C(RESTART), C(TRUNCATE)) waits for the dump as for any other
            reader, its own writers with it, for as long as its busy timeout says. Where somebody still reads an older
            moment of the database, a copy is made as of any other.
          - A database in another mode is copied first. Writers go on between the steps of the copy; where they write
            all the time, they are held off for at most 30 seconds.
          - What is stored is checked at the same time (C(PRAGMA integrity_check)), and only a whole database becomes a
            set.
          - A database that an application attaches to another is dumped with it where O(sources[].attached) names it.
            The file does not tell that it is attached, not even while somebody has both open; as a source of its own it
            is dumped at a moment of its own.
          - The one trace of a transaction over several databases is the journal of one that died while it was
            committed, in a mode other than WAL. It is refused with the names of those databases that
            O(sources[].attached) does not name, and left as it is for SQLite to undo in all of them.
        type: path
      attached:
        description:
          - Other database files that the application attaches (C(ATTACH DATABASE)) and changes in the same transactions
            (V(sqlite)). All are dumped in one moment into one set, and come back together.
          - For the moment the write locks of all are held, for as long as it takes to begin reading. One that somebody
            holds is waited for, for at most 30 seconds. The user that dumps must be able to write to the files.
          - Those in WAL mode are then read as a single one is. Those in another mode are copied while nobody can commit
            to them, all together for at most 30 seconds; a database that takes longer is for WAL mode.
          - A transaction over several files is in all of them in the set, or in none. Of one that dies while it is
            committed SQLite keeps that promise in the live files too only where none of them is in WAL mode.
          - A file that is missing or damaged fails the dump. One that is named twice, also by a link, is refused.
          - The set's counts are of all together, and O(sources[].minimum_fraction) is a fraction of these.
        type: list
        elements: path
      scratch_directory:
        description:
          - Where the consistent copy of a SQLite database is made, as a file without a name (V(sqlite)). A database in
            WAL mode mostly needs none.
          - The database's own directory when not given, for each attached database its own.
        type: path
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
  description: One entry for each source that has its set.
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
      description: How long it took; 0 for a set that was there.
      type: float
      sample: 12.4
    accepted:
      description: Why the set would be suspect, had O(accept) not named its source; null otherwise.
      type: str
    warnings:
      description: What the operator should know, though the set is complete.
      type: list
      elements: str
      sample: []
failures:
  description:
    - One entry for each source that has no set, or whose set is suspect; each with C(source), C(message), C(details),
      and C(changed), whether a set was written.
    - What keeps an entry of several databases from being complete is under the entry's own name.
    - C(suspect) is the id of the suspect set, and null where there is no set.
  returned: always
  type: list
  elements: dict
  sample: []
gone:
  description:
    - Sources of an entry with O(sources[].databases) that have sets on the medium, and whose database the server has no
      longer. Each is warned of; their sets are kept.
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
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._dump_operations import (
    DUMP_ARGUMENTS,
    SOURCE_ARGUMENTS,
    dump_sources,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._priority import stand_back
from ansible_collections.infitulua.backup.plugins.module_utils._sources import MANY_ARGUMENTS
from ansible_collections.infitulua.backup.plugins.module_utils.engines._registry import (
    DATABASE_ENGINES,
    source_arguments,
)
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import medium_argument


def main() -> None:
    """Runs the module."""
    source = {
        **SOURCE_ARGUMENTS,
        "engine": {"type": "str", "choices": DATABASE_ENGINES, "required": True},
        **source_arguments(DATABASE_ENGINES),
        **MANY_ARGUMENTS,
    }
    module = AnsibleModule(
        argument_spec={
            **DUMP_ARGUMENTS,
            "medium": {**medium_argument(), "required": True},
            "sources": {"type": "list", "elements": "dict", "required": True, "options": source},
        },
        supports_check_mode=True,
    )
    try:
        with interruptible("back databases up", on=module.params["host"]):
            stand_back(module.params)
            report = dump_sources(module.params, check_mode=module.check_mode)
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details, sets=[], failures=[], gone=[])
    for warning in report.all_warnings():
        module.warn(warning)
    result = {**report.result(), "gone": report.gone_sources()}
    if report.failures:
        module.fail_json(msg=report.message, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
