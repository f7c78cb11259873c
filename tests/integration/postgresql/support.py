# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the PostgreSQL tests share: a place for sets, dumps and restores through the core, and what a database holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import SourceEngine, TargetEngine
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.registration import Postgresql
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import restoring
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import Encryption, Filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.postgresql import PostgresqlServer
from tests.integration.both_sides import PostgresqlDatabase

HERE = Path(__file__).resolve().parent
EVERYTHING = HERE / "everything.sql"
ROLES = ("app_login", '"app reader"', "app_owner")


def engine(server: PostgresqlServer, database: str, **changes: t.Any) -> PostgresqlDatabase:
    """The engine, bound to a database of a server over TCP with its password."""
    options: dict[str, t.Any] = dict.fromkeys([*Postgresql.source_arguments, *Postgresql.target_arguments])
    options.update(
        database=database,
        login_host=server.host,
        login_port=server.port,
        login_user=server.user,
        login_password=server.password,
        client_directory=str(server.bin),
    )
    options.update(changes)
    return PostgresqlDatabase(options)


class Site:
    """A directory medium and the keys to it."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        # Some programs run as the database's own user, who must get this far.
        root.chmod(0o755)
        self.root = root
        self.medium = DirectoryMedium(path=str(root))
        self.identity = root.parent / f"{root.name}.identity"
        subprocess.run(["age-keygen", "-o", str(self.identity)], check=True, capture_output=True)
        answer = subprocess.run(["age-keygen", "-y", str(self.identity)], check=True, capture_output=True, text=True)
        self.recipient = answer.stdout.strip()

    def dump(self, engine: SourceEngine, *, source: str = "db", jobs: int = 2, **changes: t.Any) -> dumping.DumpResult:
        """Dumps into a new set."""
        request = dumping.DumpRequest(
            host="srv-pruebas",
            source=source,
            engine=engine,
            medium=changes.pop("medium", self.medium),
            series="400.8",
            organization="INFITULUÁ E.I.C.E.",
            filters=Filters(Encryption("age", (self.recipient,)), 1),
            jobs=jobs,
            **changes,
        )
        return dumping.dump(request)

    def restore(self, engine: TargetEngine, set_id: SetId | None, **changes: t.Any) -> restoring.RestoreResult:
        """Restores a set."""
        return restoring.restore(self._restore_request(engine, set_id, changes))

    def predict(self, engine: TargetEngine, set_id: SetId | None, **changes: t.Any) -> restoring.RestoreResult:
        """What a restore of a set would do."""
        return restoring.restore(self._restore_request(engine, set_id, changes), check_mode=True)

    def _restore_request(
        self, engine: TargetEngine, set_id: SetId | None, changes: dict[str, t.Any]
    ) -> restoring.RestoreRequest:
        assert set_id is not None
        options: dict[str, t.Any] = {"identity_files": (str(self.identity),), "ticket": "MESA-1234", **changes}
        return restoring.RestoreRequest(medium=self.medium, set_id=set_id, engine=engine, **options)

    def path(self, set_id: SetId | None) -> Path:
        """A set's directory."""
        assert set_id is not None
        return Path(self.medium.path(set_id))

    def describe(self, set_id: SetId | None) -> Description:
        """What a set says of itself."""
        assert set_id is not None
        return read_description(set_id, self.medium.contents(set_id))

    def files(self) -> list[str]:
        """Every file on the medium that could hold a set or a part of one."""
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.is_file() and path.name not in (".lock", ".progress.json")
        )


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def create_everything(server: PostgresqlServer, database: str, *, icu: bool = True) -> None:
    """Makes the database with everything in it, and its roles. Not every server can use ICU's collations."""
    server.psql(f"CREATE DATABASE {identifier(database)}")
    script = EVERYTHING.read_text(encoding="utf-8").replace(':"database"', identifier(database))
    if not icu:
        script = script.replace("provider = icu, locale = 'es-u-kn-true'", "provider = libc, locale = 'C.UTF-8'")
    server.psql(script, database)


def drop_everything(server: PostgresqlServer, *databases: str) -> None:
    """Removes databases and the roles that own what was in them."""
    for database in databases:
        server.psql(f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE)")
    for role in ROLES:
        server.psql(f"DROP ROLE IF EXISTS {role}")


def databases(server: PostgresqlServer) -> set[str]:
    """The server's databases, without its own and those that tests copy."""
    return set(
        server.psql(
            "SELECT datname FROM pg_database WHERE datname !~ '^template' AND datname <> 'postgres'"
        ).splitlines()
    )


_FINGERPRINTS = {
    "constraints": "SELECT conrelid::regclass, contypid::regtype, conname, convalidated, condeferrable, condeferred,"
    " pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace::regnamespace::text !~ 'pg_|information_schema'",
    "indexes": "SELECT indexrelid::regclass, indisvalid, indisclustered, pg_get_indexdef(indexrelid) FROM pg_index"
    " JOIN pg_class c ON c.oid = indrelid WHERE relnamespace::regnamespace::text !~ '^pg_|information_schema'",
    "owners and grants": "SELECT relkind, oid::regclass, relowner::regrole, relpersistence, relrowsecurity,"
    " relforcerowsecurity, relreplident, reloptions, relispopulated, relacl::text[] FROM pg_class"
    " WHERE relnamespace::regnamespace::text !~ '^pg_|information_schema'",
    "columns": "SELECT attrelid::regclass, attname, atttypid::regtype, atttypmod, attnotnull, attidentity,"
    " attgenerated, attstorage, attcollation::regcollation, attacl, pg_get_expr(adbin, adrelid) FROM pg_attribute"
    " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum JOIN pg_class c ON c.oid = attrelid"
    " WHERE attnum > 0 AND NOT attisdropped AND relnamespace::regnamespace::text !~ '^pg_|information_schema'",
    "functions": "SELECT oid::regprocedure, proowner::regrole, proacl, prokind, prosrc, prosecdef, proconfig"
    " FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^pg_|information_schema'",
    "triggers": "SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger"
    " WHERE NOT tgisinternal",
    "policies": "SELECT polrelid::regclass, polname, (SELECT array_agg(r::regrole::text ORDER BY r::regrole::text)"
    " FROM unnest(polroles) r), pg_get_expr(polqual, polrelid) FROM pg_policy",
    "default privileges": "SELECT defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl"
    " FROM pg_default_acl",
    "large objects": "SELECT oid, lomowner::regrole, lomacl, md5(lo_get(oid)) FROM pg_largeobject_metadata",
    "extensions": "SELECT extname, extversion, extnamespace::regnamespace FROM pg_extension",
    "comments": "SELECT classoid::regclass, pg_describe_object(classoid, objoid, objsubid), description"
    " FROM pg_description WHERE objoid >= 16384",
    "schemas": "SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'",
    "event triggers": "SELECT evtname, evtevent, evttags, evtenabled FROM pg_event_trigger",
    "publications": "SELECT pubname, puballtables, prrelid::regclass FROM pg_publication LEFT JOIN pg_publication_rel r"
    " ON r.prpubid = pg_publication.oid",
    # ALTER TYPE … OWNER TO leaves a range's multirange behind: PostgreSQL's own gap, so those are left out.
    "types": "SELECT oid::regtype, typtype, typowner::regrole, typacl, typdefault FROM pg_type"
    " WHERE typname !~ 'multirange' AND typnamespace::regnamespace::text !~ '^pg_|information_schema'",
    "enumerations": "SELECT enumtypid::regtype, enumlabel,"
    " row_number() OVER (PARTITION BY enumtypid ORDER BY enumsortorder) FROM pg_enum",
    "database": "SELECT datdba::regrole, pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit,"
    " datallowconn, shobj_description(oid, 'pg_database'),"
    " (SELECT array_agg(a ORDER BY a) FROM unnest(datacl::text[]) a)"
    " FROM pg_database WHERE datname = current_database()",
    "database settings": "SELECT setrole, setconfig FROM pg_db_role_setting"
    " WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "roles": "SELECT r.rolname, r.rolcanlogin, r.rolconnlimit, r.rolpassword, s.setconfig, shobj_description(r.oid,"
    " 'pg_authid'), (SELECT array_agg(m.roleid::regrole) FROM pg_auth_members m WHERE m.member = r.oid)"
    " FROM pg_authid r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0"
    " WHERE r.rolname ~ '^app'",
}


def fingerprint(server: PostgresqlServer, database: str) -> dict[str, t.Any]:
    """What a database holds, each row and each object of it, in a form in which two databases can be compared."""
    found: dict[str, t.Any] = {}
    for name, query in _FINGERPRINTS.items():
        if name == "database settings":
            query = query.replace("setrole,", "setrole::regrole,")
        rows = server.psql(f"SET search_path = ''; SELECT q::text FROM ({query}) q", database).split("\n")
        found[name] = sorted(rows)
    relations = server.psql(
        "SELECT relkind::text || format('%I.%I', nspname, relname) FROM pg_class"
        " JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'm', 'S')"
        " AND nspname !~ '^pg_' AND nspname <> 'information_schema'",
        database,
    )
    for line in relations.splitlines():
        kind, name = line[0], line[1:]
        if kind == "S":
            query = f"SELECT last_value, is_called FROM {name}"
        elif name.endswith(".sin_llenar"):
            continue
        else:
            query = (
                f"SELECT count(*), md5(string_agg(q::text, E'\\n' ORDER BY q::text COLLATE \"C\")) FROM ONLY {name} q"
            )
        found[f"content of {name}"] = server.psql(f"SET extra_float_digits = 3; {query}", database)
    argv = [server.program("pg_dump"), "--schema-only", "--create", "--dbname", f"dbname='{database}'"]
    dumped = subprocess.run(argv, env=server.environment(), check=True, capture_output=True, text=True)
    found["pg_dump --create"] = [
        line for line in dumped.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))
    ]
    return found


def differences(before: dict[str, t.Any], after: dict[str, t.Any]) -> dict[str, t.Any]:
    """Where two fingerprints differ, small enough to read."""
    found: dict[str, t.Any] = {}
    for key in sorted({*before, *after}):
        one, two = before.get(key), after.get(key)
        if one == two:
            continue
        if isinstance(one, list) and isinstance(two, list):
            found[key] = ([line for line in one if line not in two], [line for line in two if line not in one])
        else:
            found[key] = (one, two)
    return found


def leftovers(server: PostgresqlServer) -> list[str]:
    """Databases of unfinished restores, and connections of ours that are still there."""
    found = [name for name in databases(server) if name.endswith("__restoring")]
    sessions = "SELECT query FROM pg_stat_activity WHERE application_name = 'infitulua.backup'"
    return found + [line for line in server.psql(sessions).splitlines() if line]


def restore_by_hand(
    site: Site, server: PostgresqlServer, set_id: SetId | None, *, user: str | None = None, to_the_end: bool = False
) -> subprocess.CompletedProcess[str]:
    """Runs a set's own commands, as an operator does who has nothing of this collection.

    :param user: whom they log in as; None: the tests' superuser.
    :param to_the_end: whether they go on after one that fails.
    """
    directory = site.path(set_id)
    commands = json.loads((directory / "backup.json").read_text(encoding="utf-8"))["restore_by_hand"]
    script = "\n".join(commands).replace("IDENTITY_FILE", str(site.identity))
    return subprocess.run(
        ["bash", *([] if to_the_end else ["-e"]), "-o", "pipefail", "-c", script],
        cwd=directory,
        env={**server.environment(), "PGUSER": user or server.user},
        capture_output=True,
        text=True,
        check=False,
    )


def stub(directory: Path, name: str, script: str) -> str:
    """A program of this name that fails as the script says; returns the PATH that finds it first."""
    directory.mkdir(exist_ok=True)
    path = directory / name
    real = shutil.which(name)
    path.write_text(f"#!/bin/sh\nREAL={real}\n{script}\n")
    path.chmod(0o755)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"
