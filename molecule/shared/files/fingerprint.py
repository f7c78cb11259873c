# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print, as JSON, what a server of a scenario holds: databases with all their content, files with all they have.

Each entry has a kind: ``database`` is a database as its own client dumps it, which a newer version words otherwise;
``data`` is what it holds in words that no version changes; ``file`` is one file of a tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import subprocess
from pathlib import Path


def sha256(data: bytes) -> str:
    """The hash of some bytes."""
    return hashlib.sha256(data).hexdigest()


def as_postgres(*argv: str) -> bytes:
    """What a command prints that the database's administrator runs."""
    return subprocess.run(["runuser", "-u", "postgres", "--", *argv], capture_output=True, check=True, cwd="/").stdout


def attributes(path: bytes) -> dict[str, str]:
    """The extended attributes of a file, ACLs among them."""
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names}


def rows(database: str, query: str) -> list[list[str]]:
    """What a query answers, as the database's administrator."""
    answer = as_postgres("psql", "-XAtF", "\x1f", "-d", database, "-c", query).decode()
    return [line.split("\x1f") for line in answer.splitlines()]


def postgresql(database: str) -> dict[str, str]:
    """A database as SQL: every object, grant, comment, sequence and large object, and each table's rows in order."""
    dump = as_postgres("pg_dump", "--format=plain", "-b", database)
    lines = [line for line in dump.splitlines() if not line.startswith((b"\\restrict", b"\\unrestrict"))]
    return {f"database {database}": sha256(b"\n".join(lines)), f"database {database}, lines": str(len(lines))}


POSTGRESQL_QUESTIONS = {
    # Not the owner's own rights, to which PostgreSQL 17 adds one.
    "relations": "SELECT c.oid::regclass, relkind, relowner::regrole, (SELECT array_agg(grantee::regrole || ' may '"
    " || privilege_type ORDER BY grantee, privilege_type) FROM aclexplode(relacl) WHERE grantee <> relowner)"
    " FROM pg_class c WHERE relnamespace = 'public'::regnamespace",
    "constraints": "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace AND contype <> 'n'",
    "sequences": "SELECT sequencename, last_value FROM pg_sequences",
    "comments": "SELECT objoid::regclass, description FROM pg_description WHERE classoid = 'pg_class'::regclass"
    " AND objoid::regclass::text !~ '^(pg_|information_schema)'",
    "large objects": "SELECT loid, pageno, md5(data) FROM pg_largeobject",
    "encoding": "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = current_database()",
}


def postgresql_data(database: str) -> dict[str, str]:
    """What a database holds, asked for in SQL: rows of tables and views, and what the catalogue says of both."""
    found = {}
    for name, question in POSTGRESQL_QUESTIONS.items():
        found[f"database {database}, {name}"] = sha256(repr(sorted(rows(database, question))).encode())
    relations = (
        "SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
    )
    for [relation] in rows(database, relations):
        copy = ["psql", "-Xqd", database, "-c", f"COPY (SELECT * FROM {relation}) TO STDOUT"]  # noqa: S608
        content = sorted(as_postgres(*copy).splitlines())
        found[f"database {database}, {relation}"] = f"{len(content)} rows, {sha256(repr(content).encode())}"
    return found


def mariadb(database: str) -> dict[str, str]:
    """A database as SQL, with its programs."""
    argv = ["mariadb-dump", "--skip-dump-date", "--routines", "--events", "--hex-blob", database]
    return {f"database {database}": sha256(subprocess.run(argv, capture_output=True, check=True).stdout)}


def mariadb_data(database: str) -> dict[str, str]:
    """What a database holds: each table's rows with their history, a sequence, its accounts' rights."""
    # mariadb-dump writes a FLOAT with six digits only, and not all of a sequence.
    found = {}
    questions = {
        # The end of what holds still is the last moment that the server's release knows.
        "rates": "SELECT id, nombre, CAST(tasa AS DOUBLE), row_start, IF(row_end >= '2038-01-19', '', row_end)"
        " FROM empleado FOR SYSTEM_TIME ALL ORDER BY 1, 4",
        "sums": "CHECKSUM TABLE pago",
        "net": "SELECT * FROM netos ORDER BY 1",
        "sequence": "SELECT next_not_cached_value FROM consecutivo",
        "rights": "SHOW GRANTS FOR liquidador@localhost",
    }
    for name, question in questions.items():
        answer = subprocess.run(
            ["mariadb", "--batch", "--skip-column-names", "-D", database, "-e", question],
            capture_output=True,
            check=True,
        )
        found[f"database {database}, {name}"] = sha256(answer.stdout)
    return found


def sqlite(path: str) -> dict[str, str]:
    """A SQLite database as SQL."""
    connection = sqlite3.connect(path)
    return {f"database {path}": sha256("\n".join(connection.iterdump()).encode())}


def files(root: str) -> dict[str, str]:
    """Every file of a tree: kind, mode, owner, group, time, size, links, attributes, content."""
    found = {}
    first: dict[int, str] = {}
    for directory, subdirectories, names in os.walk(os.fsencode(root)):
        for path in [directory, *(os.path.join(directory, name) for name in names)]:
            status = os.lstat(path)
            name = ascii(path)
            facts: list[object] = [stat.filemode(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns]
            facts.append(attributes(path))
            if stat.S_ISREG(status.st_mode):
                facts += [status.st_size, status.st_nlink, sha256(Path(os.fsdecode(path)).read_bytes())]
                facts += [first.setdefault(status.st_ino, name), status.st_blocks * 512 < status.st_size]
            elif stat.S_ISLNK(status.st_mode):
                facts += [os.fsdecode(os.readlink(path))]
            found[f"file {name}"] = repr(facts)
        subdirectories.sort()
    return found


def main() -> None:
    """Entry point."""
    found: dict[str, dict[str, str]] = {}

    def add(kind: str, entries: dict[str, str]) -> None:
        found.update({name: {"kind": kind, "value": value} for name, value in entries.items()})

    add("file", files("/srv/usuarios"))
    query = "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1"
    for database in as_postgres("psql", "-XAtc", query).decode().split():
        if database != "postgres":
            add("database", postgresql(database))
            add("data", postgresql_data(database))
    for database in ("nomina", "tesoreria"):
        if os.path.isdir(f"/var/lib/mysql/{database}"):
            add("database", mariadb(database))
            add("data", mariadb_data(database))
    if os.path.exists("/srv/mesa/mesa.db"):
        add("data", sqlite("/srv/mesa/mesa.db"))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
