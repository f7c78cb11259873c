# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the PostgreSQL engine decides without a server."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql import _dump as postgresql_dump
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._catalogue import Table
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._check import check_sequences
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._client import (
    Client,
    Connection,
    advice,
    choose_client,
    choose_for_restore,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._create import (
    creation_statement,
    derived_name,
    property_statements,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._roles import Roles

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
    with pytest.raises(Refused, match=r"needs version 19 or newer, and here is 18\.1 .*postgresql-client-19"):
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
    "comment": "it's",
    "has_access_list": True,
    "access": [
        {"grantee": None, "privilege": "CONNECT", "grantable": False},
        {"grantee": "x", "privilege": "CREATE TO evil; --", "grantable": False},
    ],
    "settings": [
        {"role": None, "name": "search_path", "value": 'a, "b c"'},
        {"role": "r", "name": "work_mem", "value": "1'; DROP"},
        {"role": None, "name": "session_preload_libraries", "value": "/tmp/evil.so"},
        {"role": None, "name": "x TO y; DROP TABLE z; --", "value": "1"},
    ],
}


def test_a_database_is_made_like_the_one_that_was_dumped() -> None:
    assert creation_statement(FACTS, "n", major=17) == (
        'CREATE DATABASE "n" OWNER "the ""boss""" TEMPLATE template0 ENCODING \'UTF8\' LC_COLLATE \'es_CO.UTF-8\''
        " LC_CTYPE 'es_CO.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'es-CO'"
    )


def test_nothing_from_a_set_escapes_its_quotes() -> None:
    warnings: list[str] = []
    assert property_statements(FACTS, "n", warnings=warnings) == [
        "COMMENT ON DATABASE \"n\" IS 'it''s'",
        'REVOKE ALL ON DATABASE "n" FROM PUBLIC, "the ""boss"""',
        'GRANT CONNECT ON DATABASE "n" TO PUBLIC',
        'SELECT set_config(\'search_path\', \'a, "b c"\', false); ALTER DATABASE "n" SET "search_path" FROM CURRENT',
        'ALTER ROLE "r" IN DATABASE "n" SET "work_mem" TO \'1\'\'; DROP\'',
    ]
    assert len(warnings) == 2


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
