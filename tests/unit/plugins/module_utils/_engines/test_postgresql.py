# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the PostgreSQL engine decides without a server."""

from __future__ import annotations

import types

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import dump as postgresql_dump
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import fixed_settings as fixed
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.archive import (
    Failure,
    parse_failures,
    parse_list,
    shown_errors,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.catalogue import Table
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.check import check_sequences
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.client import (
    Client,
    Connection,
    advice,
    choose_client,
    choose_for_restore,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.create import (
    access_statements,
    creation_statement,
    derived_name,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.objects import Objects
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.properties import (
    Properties,
    property_statements,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.roles import Roles
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Outcome

MIB = 1024 * 1024


def table(name: str, size: int, *, oid: int = 1) -> Table:
    return Table(oid, f"public.{name}", "public", name, True, False, size)


def client(version: str) -> Client:
    return Client(f"/usr/lib/postgresql/{version.split('.')[0]}/bin", version)


INSTALLED = [client("18.1"), client("17.2"), client("15.9")]


@pytest.mark.parametrize(("server", "chosen"), [(15, "15.9"), (16, "17.2"), (17, "17.2"), (13, "15.9"), (18, "18.1")])
def test_the_client_of_the_servers_own_version_or_the_next_newer(server: int, chosen: str) -> None:
    assert choose_client(INSTALLED, server, on="x").version == chosen


def test_no_client_is_new_enough() -> None:
    with pytest.raises(Refused, match=r"needs version 19 or newer, but this host has 18\.1 .*postgresql-client-19"):
        choose_client(INSTALLED, 19, on="x")


@pytest.mark.parametrize(
    ("dumped_with", "server", "chosen"),
    [("15.3", 15, "15.9"), ("15.3", 17, "17.2"), ("17.0", 15, "17.2"), ("13.1", 13, "15.9"), ("15.3", None, "15.9")],
)
def test_a_restore_takes_a_client_that_reads_the_set_and_is_near_the_server(
    dumped_with: str, server: int | None, chosen: str
) -> None:
    assert choose_for_restore(INSTALLED, dumped_with, server_major=server).version == chosen


def test_a_set_of_a_newer_client_than_any_is_refused() -> None:
    with pytest.raises(Refused, match=r"pg_dump 19\.0; pg_restore 18\.1 cannot read that"):
        choose_for_restore(INSTALLED, "19.0")


def test_groups_are_even_and_hold_each_table_once() -> None:
    tables = [table(f"t{size}", size * MIB, oid=size) for size in (900, 300, 290, 280, 270, 5, 4, 3, 2, 1)]
    groups = postgresql_dump.plan_groups(tables, 2)
    named = [member.relation for group in groups for member in group]
    assert len(named) == len(set(named))
    assert groups[0] == [tables[0]]
    # One group less than there are streams: the rest is not named, so that nothing can be missed.
    assert len(groups) == 3
    assert all(sum(member.bytes for member in group) > 200 * MIB for group in groups)


@pytest.mark.parametrize(("sizes", "jobs"), [([], 2), ([1, 2, 3], 2), ([1000, 900], 1)])
def test_a_small_database_or_a_single_job_is_one_stream(sizes: list[int], jobs: int) -> None:
    assert postgresql_dump.plan_groups([table(f"t{size}", size * MIB) for size in sizes], jobs) == []


def test_a_pattern_names_exactly_one_table() -> None:
    odd = Table(1, "?", 'a"b.c', "*?|d", True, False, 0)
    assert postgresql_dump.pattern(odd) == '"a""b.c"."*?|d"'


def test_an_odd_database_name_stays_a_name() -> None:
    connection = Connection({"database": "x' host='evil\\", "login_port": 5433})
    assert connection.conninfo() == "port='5433' dbname='x\\' host=\\'evil\\\\'"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"database": "a", "login_host": "h", "login_unix_socket": "/s"},
        {"database": "a", "login_password": "one\ntwo"},
    ],
)
def test_options_that_do_not_fit_together_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(Refused):
        Connection(options)


def test_names_beside_are_never_cut_off_by_the_server() -> None:
    assert derived_name("ledger", "__restoring") == "ledger__restoring"
    one, two = (derived_name("ñ" * 31 + last, "__restoring") for last in "ab")
    assert len(one.encode()) <= 63
    assert one != two
    assert one.endswith("__restoring")


FACTS = {
    "owner": 'the "boss"',
    "encoding": "UTF8",
    "collate": "es_CO.UTF-8",
    "ctype": "es_CO.UTF-8",
    "locale_provider": "i",
    "locale": "es-CO",
    "icu_rules": None,
    "tablespace": "pg_default",
    "has_access_list": True,
    "access": [
        {"grantee": None, "privilege": "CONNECT", "grantable": False},
        {"grantee": "x", "privilege": "CREATE TO evil; --", "grantable": False},
    ],
}

PROPERTIES = Properties(
    "it's\n\\! touch /tmp/evil",
    [
        {"role": None, "name": "search_path", "value": 'a, "b c"'},
        {"role": "r", "name": "work_mem", "value": "1'; DROP"},
        {"role": None, "name": "session_preload_libraries", "value": "/tmp/evil.so"},
        {"role": None, "name": "x TO y; DROP TABLE z; --", "value": "1"},
    ],
)


def test_a_database_is_made_like_the_one_that_was_dumped() -> None:
    assert creation_statement(FACTS, "n", major=17) == (
        'CREATE DATABASE "n" OWNER "the ""boss""" TEMPLATE template0 ENCODING \'UTF8\' LC_COLLATE \'es_CO.UTF-8\''
        " LC_CTYPE 'es_CO.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'es-CO'"
    )


PATH_STATEMENT = (
    "SELECT pg_catalog.set_config('search_path', 'a, \"b c\"', false) IS NULL;"
    ' ALTER DATABASE "n" SET "search_path" FROM CURRENT'
)


def test_nothing_from_a_set_escapes_its_quotes() -> None:
    warnings: list[str] = []
    assert access_statements(FACTS, "n") == [
        'REVOKE ALL ON DATABASE "n" FROM PUBLIC, "the ""boss"""',
        'GRANT CONNECT ON DATABASE "n" TO PUBLIC',
    ]
    assert list(property_statements(PROPERTIES, "n", warnings)) == [
        ("comment", "n", "COMMENT ON DATABASE \"n\" IS U&'it''s!000A!005C!! touch /tmp/evil' UESCAPE '!'"),
        (
            "setting",
            "search_path",
            PATH_STATEMENT,
        ),
        ("setting", "work_mem", 'ALTER ROLE "r" IN DATABASE "n" SET "work_mem" TO \'1\'\'; DROP\''),
    ]
    assert len(warnings) == 2


def test_what_is_set_for_a_database_is_read_as_it_was_written() -> None:
    text = PROPERTIES.to_sql("n")
    assert Properties.parse(text, on="x") == PROPERTIES
    # A grep that takes statements only gives psql nothing to execute on the host.
    assert not [line for line in text.splitlines() if b"\\" in line and not line.startswith(b"-- ")]
    for spoiled in (b"-- {", b'-- {"comment": 1}', b'-- {"role": null, "name": "x", "value": 1}', b"-- 7"):
        with pytest.raises(SetInvalid):
            Properties.parse(spoiled, on="x")


ERRORS = """\
pg_restore: creating FUNCTION "public.f()"
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 12; 1255 1 FUNCTION f() postgres
pg_restore: error: could not execute query: ERROR:  syntax error at or near "Cl4ve"
LINE 1: SELECT 'Cl4ve'
Command was: CREATE FUNCTION f() AS 'Cl4ve';
pg_restore: from TOC entry 13; 1255 1 VIEW v postgres
pg_restore: error: could not execute query: ERROR:  function redondo(numeric, "Mi tipo"[]) does not exist
pg_restore: warning: errors ignored on restore: 2
"""


def test_what_fails_in_parallel_is_found_whatever_is_written_between() -> None:
    """What a line begins with, and the rest of it, are written one after the other."""
    mixed = (
        "pg_restore:pg_restore: from TOC entry 12; 1259 1 INDEX i postgres\n"
        " from TOC entry 13; 2606 1 FK CONSTRAINT t f postgres\n"
        "pg_restore: error: pg_restore: could not execute query: ERROR:  one\n"
        "error: could not execute query: ERROR:  another\n"
        "pg_restore: warning: errors ignored on restore: 2\n"
    )
    failures = parse_failures(Outcome(Command(["pg_restore"]), 1, mixed))
    assert {failure.number for failure in failures} == {"12", "13"}


def test_what_fails_is_told_without_what_it_quotes() -> None:
    command = Command(["pg_restore"], shown_stderr=shown_errors)
    first, second = parse_failures(Outcome(command, 1, ERRORS))
    assert (first.number, second.number) == ("12", "13")
    assert "may quote what is stored" in first.why
    assert second.why == 'function redondo(numeric, "Mi tipo"[]) does not exist'
    assert "Cl4ve" not in Outcome(command, 1, ERRORS).describe()
    [gone] = parse_failures(Outcome(command, 1, "pg_restore: error: connection to server was lost\n"))
    assert gone.environment
    assert "connection to server was lost" in gone.why
    # In whatever language the server says it.
    other = ERRORS.replace('ERROR:  syntax error at or near "Cl4ve"', "FEHLER:  Syntaxfehler bei »Cl4ve«")
    assert "Cl4ve" not in Outcome(command, 1, other).describe()
    # Errors that were counted and not understood are none of an object's.
    [unclear] = parse_failures(Outcome(command, 1, "pg_restore: warning: errors ignored on restore: 1\n"))
    assert unclear.environment
    full = ERRORS.replace('function redondo(numeric, "Mi tipo"[]) does not exist', "could not extend file: No space")
    assert [failure.environment for failure in parse_failures(Outcome(command, 1, full))] == [False, True]


@pytest.mark.parametrize(
    ("said", "english", "environment"),
    [
        ('ERROR:  could not create unique index "u"', True, False),
        ("ERROR:  temporary file size exceeds temp_file_limit (64kB)", True, True),
        ('ERROR:  could not open file "base/5/1": Too many open files in system', True, True),
        ("ERROR:  Out of memory", True, True),
        ("ERROR:  no se pudo extender el archivo «base/5/16390»", False, True),
        ("ERROR:  memoria compartida agotada", False, True),
        # Whatever it says, it cannot be told from a full disk.
        ("FEHLER:  konnte Datei »base/5/16390« nicht erweitern", False, True),
        ("ERREUR:  violación «Cl4ve»", False, True),
    ],
)
def test_a_fault_of_the_server_is_no_objects(said: str, english: bool, environment: bool) -> None:
    """An index that a full disk keeps from being made is not left out: the restore fails."""
    command = Command(["pg_restore"], shown_stderr=shown_errors)
    printed = (
        "pg_restore: from TOC entry 13; 2606 1 CONSTRAINT t t_pkey postgres\n"
        f"pg_restore: error: could not execute query: {said}\npg_restore: warning: errors ignored on restore: 1\n"
    )
    [failure] = parse_failures(Outcome(command, 1, printed), english=english)
    assert failure.environment is environment
    assert "Cl4ve" not in failure.why
    # What takes no room is left out in any language.
    view = printed.replace("2606 1 CONSTRAINT t t_pkey", "1259 1 VIEW public v").replace(said, "FEHLER:  ist nicht da")
    [failure] = parse_failures(Outcome(command, 1, view), english=english)
    assert not failure.environment


def test_options_of_a_session_keep_all_white_space_of_values() -> None:
    assert fixed.options({"a": "b c\td\\e\n"}) == "-c a=b\\ c\\\td\\\\e\\\n"


@pytest.mark.parametrize(
    ("messages", "english"),
    [("C", True), ("C.UTF-8", True), ("POSIX", True), ("en_US.UTF-8", True), ("es_CO.UTF-8", False), ("", False)],
)
def test_a_server_speaks_english_to_superusers_or_by_its_setting(messages: str, english: bool) -> None:
    connection = Connection({"database": "x"})
    connection.learn(150000, superuser=False, messages=messages)
    assert connection.in_english is english
    connection.learn(150000, superuser=True, messages=messages)
    assert connection.in_english


LISTED = """\
10; 1259 1 VIEW s1 orders postgres
11; 0 0 ACL s1 VIEW orders postgres
12; 0 0 ACL s2 TABLE orders postgres
13; 2615 1 SCHEMA - s3 postgres
14; 0 0 COMMENT - SCHEMA s3 postgres
15; 0 0 ACL - SCHEMA s4 postgres
"""


def test_rights_are_told_unless_what_they_are_of_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a table are not hidden by a view of the same name in another schema."""
    entries = parse_list(LISTED)
    objects = Objects(types.SimpleNamespace(entries=lambda *_choice: entries), "archive", 0)  # type: ignore[arg-type]
    monkeypatch.setattr(objects, "_run", lambda *_choice: [Failure(entry.number, "refused") for entry in entries])
    objects.restore([], 1)
    told = [(entry.kind, entry.name) for entry in objects.left_out()]
    assert told == [("view", "s1.orders"), ("acl", "s2.TABLE orders"), ("schema", "s3"), ("acl", "SCHEMA s4")]


GLOBALS = r"""
--
-- PostgreSQL database cluster dump
--
\restrict abc
SET default_transaction_read_only = off;
CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 5 PASSWORD 'SCRAM-SHA-256$4096:a==$b=:c=' VALID UNTIL '2027-01-01 00:00:00+00';
CREATE ROLE "Grupo ""A"" ; x";
ALTER ROLE "Grupo ""A"" ; x" WITH NOSUPERUSER NOLOGIN;
COMMENT ON ROLE app IS 'it''s; $$ \! touch /tmp/pwned';
CREATE ROLE jefe;
ALTER ROLE jefe WITH SUPERUSER INHERIT CREATEROLE LOGIN;
ALTER ROLE app SET search_path TO 'a', 'b c';
ALTER ROLE app SET session_preload_libraries TO '/tmp/evil';
GRANT "Grupo ""A"" ; x" TO app WITH INHERIT TRUE GRANTED BY admin;
GRANT postgres TO app GRANTED BY postgres;
DO $x$ BEGIN EXECUTE 'CREATE ROLE evil SUPERUSER'; END $x$;
ALTER ROLE postgres WITH PASSWORD 'stolen';
\! touch /tmp/pwned
\unrestrict `touch /tmp/pwned`
"""  # noqa: E501


def test_roles_come_back_without_powers_and_nothing_else_is_run() -> None:
    roles = Roles.parse(GLOBALS)
    making, withheld = roles.creation(["app", 'Grupo "A" ; x', "jefe", "absent"])
    assert making == [
        'CREATE ROLE "Grupo ""A"" ; x"',
        'CREATE ROLE "app"',
        'CREATE ROLE "jefe"',
        (
            "ALTER ROLE \"app\" WITH INHERIT LOGIN CONNECTION LIMIT 5 PASSWORD 'SCRAM-SHA-256$4096:a==$b=:c='"
            " VALID UNTIL '2027-01-01 00:00:00+00'"
        ),
        'ALTER ROLE "Grupo ""A"" ; x" WITH NOLOGIN',
        "COMMENT ON ROLE \"app\" IS 'it''s; $$ \\! touch /tmp/pwned'",
        'ALTER ROLE "jefe" WITH INHERIT LOGIN',
        "ALTER ROLE \"app\" SET \"search_path\" TO 'a', 'b c'",
        'GRANT "Grupo ""A"" ; x" TO "app"',
    ]
    assert withheld == [
        'ALTER ROLE "jefe" WITH SUPERUSER CREATEROLE',
        'ALTER ROLE "app" SET "session_preload_libraries" TO \'/tmp/evil\'',
        'GRANT "postgres" TO "app"',
    ]


def test_a_role_that_the_server_has_is_left_alone() -> None:
    making, _withheld = Roles.parse(GLOBALS).creation(["app"])
    assert not [statement for statement in making if '"app"' not in statement]


def sequence(value: int | None, step: int = 1, *, cycle: bool = False) -> dict[str, object]:
    return {"last_value": value, "increment_by": step, "cycle": cycle}


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [
        (sequence(5), sequence(5), True),
        (sequence(5), sequence(9), True),
        (sequence(5), sequence(4), False),
        (sequence(-5, -1), sequence(-9, -1), True),
        (sequence(-5, -1), sequence(-4, -1), False),
        (sequence(None), sequence(None), True),
        (sequence(None), sequence(3), True),
        (sequence(5), sequence(None), False),
        (sequence(90, cycle=True), sequence(2, cycle=True), True),
    ],
)
def test_a_sequence_may_be_ahead_of_the_snapshot_and_never_behind(
    before: dict[str, object], after: dict[str, object], passed: bool
) -> None:
    assert check_sequences({"s": before}, {"s": after}).passed is passed


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('FATAL:  password authentication failed for user "x"', "login_password"),
        ("FATAL:  la autentificación password falló para el usuario «x»", "login_password"),
        ("ERROR:  permiso denegado a la tabla x", "pg_read_all_data"),
        ("FATAL:  no existe la base de datos «x»", "database's name"),
        ("something else", "otherwise"),
    ],
)
def test_messages_are_understood_in_english_and_spanish(message: str, expected: str) -> None:
    assert expected in advice(message, "otherwise")
