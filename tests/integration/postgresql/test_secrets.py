# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A password is seen by nobody: not in the process table, not in an environment, not in a file, not in a log."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site, databases, drop_everything, engine


class Watcher(threading.Thread):
    """Looks again and again into the argument lists and environments of all processes.

    :param words: what must not be there.
    """

    def __init__(self, *words: str) -> None:
        super().__init__(daemon=True)
        self.words = [word.encode() for word in words]
        self.found: list[str] = []
        self.programs: set[str] = set()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        text = (process / name).read_bytes()
                        if name == "cmdline":
                            self.programs.add(os.path.basename(text.split(b"\0")[0]).decode("utf-8", "replace"))
                        self.found += [f"{process / name}: {text[:200]!r}" for word in self.words if word in text]

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


@pytest.fixture
def canary(server: PostgresqlServer) -> Iterator[str]:
    """The password, with all that is special in a password file, of a superuser."""
    drop_everything(server, *databases(server))
    password = f"canario:\\{secrets.token_hex(12)}'\" ñ"
    quoted = password.replace("'", "''")
    server.psql(f"CREATE ROLE guardia SUPERUSER LOGIN PASSWORD '{quoted}'")
    server.psql("CREATE ROLE contadora LOGIN PASSWORD 'otra'; CREATE DATABASE libro OWNER contadora")
    server.psql("CREATE TABLE asiento AS SELECT i, md5(i::text) AS texto FROM generate_series(1, 300000) i", "libro")
    server.psql("ALTER SYSTEM SET log_statement = 'all'")
    server.psql("SELECT pg_reload_conf()")
    yield password
    server.psql("ALTER SYSTEM RESET log_statement")
    server.psql("SELECT pg_reload_conf()")
    drop_everything(server, *databases(server))
    server.psql("DROP ROLE IF EXISTS contadora; DROP ROLE guardia")


@pytest.mark.parametrize("os_user", [None, "postgres"])
def test_no_trace_of_a_password(
    server: PostgresqlServer, canary: str, site: Site, monkeypatch: pytest.MonkeyPatch, os_user: str | None
) -> None:
    if os_user is not None and os.geteuid() != 0:
        pytest.skip("only root can run the client as another user")
    # What somebody left in the environment must not lead anywhere else.
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    verifier = server.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'contadora'")
    log = server.directory / "postgresql.log"
    start = log.stat().st_size
    options = {"login_user": "guardia", "login_password": canary, "login_os_user": os_user}
    marked = canary.split("\\")[1][:24]

    with Watcher(marked, verifier) as watcher:
        dumped = site.dump(engine(server, "libro", **options))
        server.psql("DROP DATABASE libro")
        server.psql("DROP ROLE contadora")
        restored = site.restore(engine(server, "libro", **options), dumped.set_id)

    assert watcher.found == []
    assert {"psql", "pg_dump", "pg_restore"} <= watcher.programs  # Others may end between two of its looks.
    assert server.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'contadora'") == verifier
    for path in site.root.rglob("*"):
        if path.is_file():
            assert marked.encode() not in path.read_bytes(), path
            assert verifier.encode() not in path.read_bytes(), path
    with open(log, "rb") as stream:
        stream.seek(start)
        text = stream.read()
    assert b"statement:" in text
    assert marked.encode() not in text
    assert verifier.encode() not in text
    assert marked not in repr((dumped, restored))


CANARY = "Cl4ve-Sup3r"
# Every kind of object that can hold a secret, in a database called libro.
EVERY_PLACE = """
CREATE ROLE contadora LOGIN;
ALTER DATABASE libro SET app.jwt_secret TO '§'; ALTER ROLE contadora IN DATABASE libro SET app.token TO '§\\dos';
ALTER DATABASE libro SET search_path TO public, "§"; COMMENT ON DATABASE libro IS '§
\\! touch §';
CREATE FUNCTION f(i int DEFAULT length('§')) RETURNS int IMMUTABLE LANGUAGE plpgsql SET app.x TO '§' AS $$ BEGIN
    IF current_database() <> 'libro' THEN PERFORM '§'; RAISE '§'; END IF; RETURN i; END $$;
COMMENT ON FUNCTION f IS '§';
CREATE FUNCTION rota(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
    IF current_database() <> 'libro' THEN EXECUTE 'SELECT § §'; END IF; RETURN i; END $$;
CREATE TABLE t (i int CHECK (f(i) > 0 AND '§' <> ''), s text DEFAULT '§', g int GENERATED ALWAYS AS (f(i)) STORED);
INSERT INTO t VALUES (1, '§'), (2, '§');
CREATE INDEX por_f ON t (f(i), (s || '§')) WHERE s <> '§';
CREATE INDEX por_rota ON t (rota(i)); CREATE STATISTICS e ON (s || '§'), i FROM t;
CREATE VIEW v AS SELECT '§'::text AS x; CREATE MATERIALIZED VIEW m AS SELECT f(i), '§'::text FROM t;
CREATE RULE r AS ON INSERT TO v DO INSTEAD INSERT INTO t VALUES (1, '§');
CREATE FUNCTION tg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM '§'; RETURN NEW; END $$;
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.s <> '§') EXECUTE FUNCTION tg('§');
CREATE POLICY p ON t USING (s <> '§'); CREATE DOMAIN d AS text DEFAULT '§' CHECK (VALUE <> '§');
CREATE TYPE en AS ENUM ('§'); CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=1 dbname=x password=§'
    PUBLICATION "p" WITH (connect = false);
CREATE FOREIGN DATA WRAPPER w OPTIONS (clave '§'); CREATE SERVER sv FOREIGN DATA WRAPPER w OPTIONS (password '§');
CREATE USER MAPPING FOR contadora SERVER sv OPTIONS (password '§');
CREATE FOREIGN TABLE ft (i int OPTIONS (clave '§')) SERVER sv OPTIONS (password '§');
CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM '§'; END $$;
CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION ev();
SELECT lo_from_bytea(0, '§');
"""


def test_no_secret_of_a_database_outside_its_payload(server: PostgresqlServer, site: Site) -> None:
    """Not in backup.json, not in what a restore by hand is told, not in what a failing restore says."""
    drop_everything(server, *databases(server))
    server.psql("CREATE DATABASE libro")
    try:
        server.psql(EVERY_PLACE.replace("§", CANARY), "libro")
        settings = (
            "SELECT s.setrole::regrole, s.setconfig, shobj_description(b.oid, 'pg_database') FROM pg_database b"
            " JOIN pg_db_role_setting s ON s.setdatabase = b.oid WHERE b.datname = '{}' ORDER BY 1"
        )
        dumped = site.dump(engine(server, "libro", content_digest=True))
        restored = site.restore(engine(server, "copia"), dumped.set_id)
        with pytest.raises(BackupError) as refused:
            site.restore(engine(server, "otra"), dumped.set_id, strict=True)

        assert {entry.kind for entry in restored.left_out} == {
            "subscription",
            "check constraint",
            "generated column",
            "index",
            "rows of materialized view",
        }
        assert CANARY not in repr((dumped, restored, str(refused.value), refused.value.details))
        for path in site.root.rglob("*"):
            if path.is_file():
                assert CANARY.encode() not in path.read_bytes(), path
        assert server.psql(settings.format("copia")) == server.psql(settings.format("libro"))
    finally:
        for database in ("libro", "copia", "otra"):
            if database in databases(server):
                server.psql("DROP EVENT TRIGGER IF EXISTS et", database)
        server.psql("ALTER SUBSCRIPTION sub SET (slot_name = NONE)", "libro")
        server.psql("DROP SUBSCRIPTION sub", "libro")
        drop_everything(server, *databases(server))
        server.psql("DROP ROLE IF EXISTS contadora")
