# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role that backs up: it dumps everything, writes nothing, and holds nothing that it does not need."""

from __future__ import annotations

import os
import subprocess
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.account.operation import (
    ACCOUNT_ARGUMENTS,
    AccountReport,
    apply_account,
)
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import (
    Site,
    create_everything,
    databases,
    differences,
    drop_everything,
    engine,
    fingerprint,
)

# An operating-system user that every Debian has.
ACCOUNT = "backup"
# Each of these is too much. (Anybody may make a large object of his own; that is the server's way.)
TOO_MUCH = """
CREATE SCHEMA e;
CREATE TABLE e.t (a int, b int);
CREATE SEQUENCE e.s;
CREATE FUNCTION e.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE e.p() LANGUAGE sql AS 'SELECT 1';
CREATE TYPE e.y AS ENUM ('a');
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE ROLE dueno;
GRANT USAGE ON SCHEMA e TO dueno;
GRANT SELECT ON e.t TO dueno WITH GRANT OPTION;
SET ROLE dueno;
GRANT SELECT ON e.t TO backup;
RESET ROLE;
GRANT ALL ON e.t TO backup WITH GRANT OPTION;
GRANT UPDATE (a), SELECT (b) ON e.t TO backup;
GRANT ALL ON SEQUENCE e.s TO backup;
GRANT EXECUTE ON FUNCTION e.f TO backup;
GRANT EXECUTE ON PROCEDURE e.p TO backup;
GRANT USAGE ON TYPE e.y TO backup;
GRANT USAGE ON FOREIGN DATA WRAPPER w TO backup;
GRANT USAGE ON FOREIGN SERVER s TO backup;
GRANT ALL ON SCHEMA e TO backup;
GRANT USAGE ON LANGUAGE sql TO backup;
ALTER DEFAULT PRIVILEGES IN SCHEMA e GRANT INSERT ON TABLES TO backup;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO backup;
GRANT CREATE, TEMPORARY ON DATABASE otra TO backup;
GRANT CONNECT ON DATABASE postgres TO backup;
GRANT SET ON PARAMETER log_statement TO backup;
GRANT CREATE ON TABLESPACE pg_default TO backup;
SELECT lo_from_bytea(7, 'x');
GRANT ALL ON LARGE OBJECT 7 TO backup WITH GRANT OPTION;
ALTER ROLE backup CREATEDB CREATEROLE REPLICATION PASSWORD 'x';
GRANT pg_write_all_data, pg_execute_server_program TO backup;
GRANT pg_monitor, pg_read_all_data TO backup WITH ADMIN OPTION;
"""
FORBIDDEN = (
    "INSERT INTO contable.padre VALUES (9)",
    "UPDATE contable.padre SET a = 9",
    "DELETE FROM contable.padre",
    "TRUNCATE contable.padre",
    "DROP TABLE contable.padre",
    "CREATE TABLE contable.nueva (a int)",
    "CREATE TABLE public.nueva (a int)",
    "CREATE TEMPORARY TABLE nueva (a int)",
    "CREATE SCHEMA nuevo",
    "CREATE DATABASE nueva",
    "CREATE ROLE nuevo",
    "ALTER ROLE app_login PASSWORD 'x'",
    "SELECT nextval('contable.sin_usar')",
    "SELECT lo_put(424242, 0, 'x')",
    "SELECT lo_unlink(424242)",
    "COPY contable.padre FROM PROGRAM 'id'",
    "COPY contable.padre TO PROGRAM 'cat'",
    "COPY contable.padre TO '/tmp/x'",
    "SELECT pg_read_file('/etc/passwd')",
    "SET ROLE app_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "GRANT pg_read_all_data TO app_login",
)


def request(server: PostgresqlServer, **changes: t.Any) -> dict[str, t.Any]:
    """The options of the module, through the socket as the server's superuser."""
    params = {name: spec.get("default") for name, spec in ACCOUNT_ARGUMENTS.items()}
    params.update(
        engine="postgresql",
        name=ACCOUNT,
        databases=["libro", "otra"],
        bypass_row_security=True,
        login_unix_socket=str(server.socket),
        login_port=server.port,
        login_user="postgres",
        client_directory=str(server.bin),
    )
    params.update(changes)
    return params


def done(server: PostgresqlServer, **changes: t.Any) -> AccountReport:
    """Checks, runs, and runs again: what was predicted is done, and then there is nothing to do."""
    params = request(server, **changes)
    predicted = apply_account(params, check_mode=True)
    report = apply_account(params, check_mode=False)
    assert (predicted.before, predicted.after, predicted.changed) == (report.before, report.after, report.changed)
    again = apply_account(params, check_mode=False)
    assert not again.changed
    assert again.before == again.after == report.after
    return report


@pytest.fixture
def books(server: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server that knows a local user by its name, with a database of everything and another one."""
    if os.geteuid() != 0:
        pytest.skip("only root can run the client as another user")
    drop_everything(server, *databases(server))
    rules = server.data / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    rules.write_text(f"local all {ACCOUNT} peer\n{before}", encoding="utf-8")
    server.psql("SELECT pg_reload_conf()")
    for path in (server.directory, server.socket):
        path.chmod(0o755)
    create_everything(server, "libro")
    server.psql("CREATE DATABASE otra")
    yield server
    drop_everything(server, *databases(server))
    server.psql(f"DROP OWNED BY {ACCOUNT}; DROP ROLE {ACCOUNT}" if account_exists(server) else "SELECT 1")
    rules.write_text(before, encoding="utf-8")
    server.psql("SELECT pg_reload_conf()")


def account_exists(server: PostgresqlServer) -> bool:
    """Whether the role is there."""
    return server.psql(f"SELECT 1 FROM pg_roles WHERE rolname = '{ACCOUNT}'") == "1"


def errors_as_account(server: PostgresqlServer, *statements: str) -> list[str]:
    """Runs statements as the account, whatever becomes of each; the errors."""
    answer = subprocess.run(
        [server.program("psql"), "-X", "-q", "-f", "-"],
        input="".join(f"{statement};\n" for statement in statements),
        env={**server.environment("libro"), "PGUSER": ACCOUNT},
        user=ACCOUNT,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in answer.stderr.splitlines() if "ERROR:" in line]


def test_it_dumps_everything_and_writes_nothing(books: PostgresqlServer, site: Site) -> None:
    report = done(books)
    assert report.changed
    assert "a password" not in report.after
    before = fingerprint(books, "libro")

    errors = errors_as_account(books, *FORBIDDEN)
    assert len(errors) == len(FORBIDDEN), errors
    for error in errors:
        assert any(word in error for word in ("permission denied", "must be", "must have")), error
    assert differences(before, fingerprint(books, "libro")) == {}

    dumped = site.dump(
        engine(
            books,
            "libro",
            login_host=None,
            login_password=None,
            login_unix_socket=str(books.socket),
            login_user=ACCOUNT,
            login_os_user=ACCOUNT,
        )
    )
    books.psql("DROP DATABASE libro")
    site.restore(engine(books, "libro"), dumped.set_id)
    # Whoever restores what the account was granted gives it back too: it is part of the database.
    assert differences(before, fingerprint(books, "libro")) == {}


def test_what_is_too_much_is_told_or_taken(books: PostgresqlServer) -> None:
    needed = done(books).after
    books.psql(TOO_MUCH, "otra")
    kept = apply_account(request(books, exact=False), check_mode=False)
    assert len(kept.superfluous) > 30
    assert set(kept.superfluous) == set(kept.after) - set(needed) - {"SELECT on the large objects of database otra"}

    report = done(books)

    assert set(kept.superfluous) == set(report.result()["taken"])
    assert set(report.after) == {*needed, "SELECT on the large objects of database otra"}
    assert report.superfluous == []
    held = books.psql(f"SELECT count(*) FROM pg_shdepend WHERE refobjid = '{ACCOUNT}'::regrole", "otra")
    # Two databases, the three large objects.
    assert held == "5"


def test_all_databases_are_meant_by_a_pattern(books: PostgresqlServer) -> None:
    report = done(books, databases=["otr*", "libro"])
    assert {"CONNECT on DATABASE libro", "CONNECT on DATABASE otra"} <= set(report.after)
    with pytest.raises(NotFound, match=r"none for ninguna\*"):
        apply_account(request(books, databases=["libro", "ninguna*"]), check_mode=False)


def test_large_objects_made_later_are_found(books: PostgresqlServer) -> None:
    done(books)
    books.psql("SELECT lo_from_bytea(424299, 'otro')", "libro")
    assert done(books).result()["given"] == ["SELECT on the large objects of database libro"]
    assert errors_as_account(books, "SELECT lo_get(424299)") == []


def test_a_password_is_given_and_taken_as_libpq_prepares_it(books: PostgresqlServer) -> None:
    changes: dict[str, t.Any] = {"authentication": "password", "login_unix_socket": None, "login_host": books.host}
    changes.update(login_user=books.user, login_password=books.password, databases=["otra"])
    # What SASLprep changes, what it refuses, and what it leaves; each time the account logs in.
    for password in ("\u2168\u00a0\u00ad cuatro", "\u0627 mixed a", "clave ñ'\\: \"x"):
        report = apply_account(request(books, password=password, **changes), check_mode=False)
        assert "the password that was given" in report.after
    assert report.result()["taken"] == ["another password"]
    assert not apply_account(request(books, password=password, **changes), check_mode=False).changed
    assert done(books, databases=["otra"]).result()["taken"] == ["a password"]


REFUSED: tuple[tuple[dict[str, t.Any], type[BackupError], str], ...] = (
    ({"name": "postgres", "login_user": "dba"}, Refused, "must remain its superuser"),
    ({"name": "postgres"}, Refused, "the administrator's own role"),
    ({"name": "pg_monitor"}, Refused, "one of the server's own"),
    ({"login_user": "app_login"}, Refused, "not a superuser"),
    ({"name": "app_owner"}, Refused, "it owns objects, in: the server itself, libro"),
    ({"databases": ["libro", "ninguna"]}, NotFound, "no database ninguna"),
    ({"databases": []}, Refused, "no database was named"),
    ({"bypass_row_security": None}, Refused, "policies hide rows of database libro.*secretos"),
    ({"password": "x"}, Refused, "with authentication local there is none"),
    ({"authentication": "password"}, Refused, "none was given"),
    ({"login_host": "127.0.0.1", "login_unix_socket": None}, Refused, "the server's own host only"),
    ({"read_accounts": True}, Refused, "the engine postgresql does not take it"),
)


def test_what_cannot_be_is_refused_and_nothing_changed(books: PostgresqlServer) -> None:
    roles = books.psql("SELECT array_agg(r ORDER BY rolname) FROM pg_authid r")
    for changes, kind, why in REFUSED:
        with pytest.raises(kind, match=why):
            apply_account(request(books, **changes), check_mode=False)
    assert books.psql("SELECT array_agg(r ORDER BY rolname) FROM pg_authid r") == roles


def test_what_everybody_may_and_what_no_dump_has_is_told(books: PostgresqlServer) -> None:
    books.psql(
        "GRANT CREATE ON SCHEMA public TO PUBLIC; CREATE USER MAPPING FOR dba SERVER lejos OPTIONS (password 'x');"
        "CREATE SUBSCRIPTION lejana CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false)",
        "libro",
    )
    try:
        warnings = " ".join(apply_account(request(books), check_mode=True).warnings)
    finally:
        books.psql("ALTER SUBSCRIPTION lejana SET (slot_name = NONE)", "libro")
        books.psql("DROP SUBSCRIPTION lejana", "libro")
    assert "Everybody may create objects in the schema public of database libro" in warnings
    assert "user mappings of database libro" in warnings
    assert "subscriptions of database libro" in warnings
