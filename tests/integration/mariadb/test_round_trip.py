# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes in comes out: every row, type, program, account and right of a MariaDB database."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, Refused
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.conftest import running_server
from tests.integration.mariadb.support import (
    Site,
    accounts,
    create_everything,
    databases,
    drop_all,
    engine,
    fingerprint,
    leftovers,
    restore_by_hand,
)


def lose_everything(server: MariadbServer) -> None:
    """The database, and the accounts that it needs."""
    drop_all(server)


def test_a_database_that_was_emptied_is_suspect(server: MariadbServer, site: Site) -> None:
    server.sql("CREATE DATABASE vaciada")
    for table in ("a", "b"):
        server.sql(f"CREATE TABLE {table} AS SELECT seq FROM seq_1_to_30", "vaciada")
    full = site.dump(engine(server, "vaciada"))
    for table in ("a", "b"):
        server.sql(f"TRUNCATE {table}", "vaciada")
    emptied = site.dump(engine(server, "vaciada"))
    assert (full.suspect, emptied.suspect) == (None, f"it holds no rows, and {full.set_id} holds 60")


@pytest.mark.parametrize("jobs", [1, 2])
def test_everything_comes_back(server: MariadbServer, site: Site, many_streams: None, jobs: int) -> None:
    create_everything(server, "contabilidad ñ")
    before, owners = fingerprint(server, "contabilidad ñ"), accounts(server)
    dumped = site.dump(engine(server, "contabilidad ñ"), jobs=jobs)
    assert dumped.description is not None
    assert dumped.description.warnings == []
    streams = dumped.description.engine_facts["streams"]
    # With several jobs a table is cut up, others share a stream.
    assert (len(streams) > 2) == (jobs > 1)
    lose_everything(server)

    restored = site.restore(engine(server, "contabilidad ñ"), dumped.set_id)

    assert restored.kept is None
    assert fingerprint(server, "contabilidad ñ") == before
    assert accounts(server) == owners
    assert leftovers(server) == []
    # What the accounts may do, they may do again; and the programs work.
    assert "GRANT EXECUTE ON PROCEDURE `contabilidad ñ`.`cerrar`" in server.sql("SHOW GRANTS FOR app@localhost")
    server.sql("INSERT INTO asiento (cuenta, fecha, texto) VALUES ('1', '2026-02-03', 'DISPARADOR')", "contabilidad ñ")
    assert server.sql("SELECT texto FROM asiento WHERE id >= 5000", "contabilidad ñ") == "visto; DISPARADOR"
    server.sql("INSERT INTO con_consecutivo (v) VALUES ('tres')", "contabilidad ñ")
    assert server.sql("SELECT MAX(id) - MIN(id) FROM con_consecutivo", "contabilidad ñ") >= "20"


def test_what_is_replaced_is_kept_under_a_dated_name(server: MariadbServer, site: Site) -> None:
    create_everything(server, "conta")
    before = fingerprint(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    server.sql("DELETE FROM partes; CREATE TABLE despues (i int); DROP VIEW con_unicode", "conta")
    server.sql("CREATE TRIGGER nuevo BEFORE INSERT ON despues FOR EACH ROW SET NEW.i = 1", "conta")
    spoiled, rights = fingerprint(server, "conta"), server.sql("SHOW GRANTS FOR app@localhost")

    restored = site.restore(engine(server, "conta"), dumped.set_id, replace=True)

    assert restored.kept is not None
    assert restored.kept.startswith("conta__replaced_2")
    assert fingerprint(server, "conta") == before
    assert server.sql("SHOW GRANTS FOR app@localhost") == rights
    kept = fingerprint(server, restored.kept)
    # Events would go on working there, so they are not; that is told.
    assert kept.pop("event") == ""
    # Nor are views whose function the definer may not execute there.
    assert any("limpieza" in warning and "z_base" in warning for warning in restored.warnings)
    spoiled.pop("event")
    # What makes those is kept as well.
    assert "table infitulua_programs" in kept
    del kept["table infitulua_programs"], kept["rows infitulua_programs"]
    # The server keeps the name of a sequence's database in a default, and names the function of a view in full.
    for name in ("table con_consecutivo", "view z_base", "view a_sobre_z"):
        kept.pop(name, None)
        spoiled.pop(name)
    assert kept == spoiled
    assert leftovers(server) == []


def test_a_restore_under_another_name_leaves_the_live_one_alone(server: MariadbServer, site: Site) -> None:
    create_everything(server, "conta")
    before = fingerprint(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    server.sql("DELETE FROM tipos", "conta")
    site.restore(engine(server, "otra_conta"), dumped.set_id)
    copy = fingerprint(server, "otra_conta")
    assert server.sql("SELECT COUNT(*) FROM tipos", "conta") == "0"
    assert {name for name in before if copy[name] != before[name]} == set()


def test_a_dump_of_10_11_restores_into_11_8(site: Site) -> None:
    old, new = running_server("10.11"), running_server("11.8")
    for server in (old, new):
        drop_all(server)
    create_everything(old, "traslado")
    before = fingerprint(old, "traslado")
    dumped = site.dump(engine(old, "traslado"))
    site.restore(engine(new, "traslado"), dumped.set_id)
    after = fingerprint(new, "traslado")
    # Where a row is so still, the newer server's end of all times stands: see below.
    rows = {name for name in before if name.startswith("rows ") and name != "rows historia_explicita"}
    assert {name: after[name] for name in rows} == {name: before[name] for name in rows}
    assert set(after) == set(before)
    for table in ("historia", "historia_explicita"):
        current = f"SELECT id, v FROM {table}"
        past = f"SELECT id, v FROM {table} FOR SYSTEM_TIME ALL ORDER BY 1, 2"
        assert old.sql(current, "traslado") == new.sql(current, "traslado") != ""
        assert old.sql(past, "traslado") == new.sql(past, "traslado")
    # And not the other way round.
    newer = site.dump(engine(new, "traslado"), source="nuevo")
    with pytest.raises(Refused, match=r"taken from MariaDB 11\.8\.\d+ and the server is 10\.11"):
        site.restore(engine(old, "traslado2"), newer.set_id)
    drop_all(old)
    drop_all(new)


def test_a_set_is_restored_by_hand_with_the_commands_it_prints(
    server: MariadbServer, site: Site, many_streams: None, tmp_path: Path
) -> None:
    create_everything(server, "conta")
    before = fingerprint(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    lose_everything(server)
    restore_by_hand(server, site, dumped.set_id, tmp_path)
    assert fingerprint(server, "conta") == before


def test_a_dump_under_writes_is_one_moment(server: MariadbServer, site: Site, many_streams: None) -> None:
    """Money moves between two tables all the time, and never is any of it missing or there twice."""
    server.sql("CREATE DATABASE banco")
    for table in ("ahorro", "corriente"):
        server.sql(f"CREATE TABLE {table} (id int PRIMARY KEY, saldo bigint, relleno text)", "banco")
        server.sql(f"INSERT INTO {table} SELECT seq, 1000, REPEAT('x', 300) FROM seq_1_to_20000", "banco")
    server.sql(
        "CREATE PROCEDURE mover(n int) BEGIN DECLARE i int DEFAULT 0; DECLARE a, c int; WHILE i < n DO"
        " SET a = 1 + FLOOR(RAND() * 20000), c = 1 + FLOOR(RAND() * 20000); START TRANSACTION;"
        " UPDATE ahorro SET saldo = saldo - 7 WHERE id = a; UPDATE corriente SET saldo = saldo + 7 WHERE id = c;"
        " COMMIT; SET i = i + 1;"
        " END WHILE; END".join(("DELIMITER //\n", "//\n")),
        "banco",
    )
    stop = threading.Event()

    def move() -> None:
        while not stop.is_set():
            server.sql("CALL mover(200)", "banco")

    movers = [threading.Thread(target=move) for _mover in range(2)]
    for mover in movers:
        mover.start()
    try:
        time.sleep(0.5)
        dumped = [site.dump(engine(server, "banco")) for _time in range(3)]
    finally:
        stop.set()
        for mover in movers:
            mover.join()
    moved = set()
    for one in dumped:
        site.restore(engine(server, "banco_restaurado"), one.set_id, replace=True)
        total, part = server.sql(
            "SELECT (SELECT SUM(saldo) FROM ahorro) + (SELECT SUM(saldo) FROM corriente),"
            " (SELECT SUM(saldo) FROM ahorro)",
            "banco_restaurado",
        ).split("\t")
        assert total == "40000000"
        moved.add(part)
    # It was in motion.
    assert len(moved) == 3


def test_nobody_alters_a_table_while_it_is_dumped(server1011: MariadbServer, site: Site) -> None:
    server1011.sql("CREATE DATABASE libro")
    server1011.sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(500))", "libro")
    server1011.sql("INSERT INTO t SELECT seq, REPEAT('v', 400) FROM seq_1_to_200000", "libro")
    result: list[object] = []
    dumping = threading.Thread(target=lambda: result.append(site.dump(engine(server1011, "libro"))))
    dumping.start()
    reading = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT `id`, %'"
    while dumping.is_alive() and server1011.sql(reading) == "0":
        time.sleep(0.02)
    server1011.sql("ALTER TABLE t ADD COLUMN w int DEFAULT 3", "libro")
    dumping.join()
    (dumped,) = result
    server1011.sql("DROP DATABASE libro")
    site.restore(engine(server1011, "libro"), dumped.set_id)  # type: ignore[attr-defined]
    assert server1011.sql("SELECT COUNT(*) FROM t", "libro") == "200000"


def test_a_value_that_the_server_would_cut_off_ends_the_dump(site: Site) -> None:
    with MariadbServer("10.11", settings={"max-allowed-packet": "1M"}) as server:
        server.sql("CREATE DATABASE grande")
        server.sql("CREATE TABLE t (b longblob)", "grande")
        # It begins like an enclosure, so it needs two bytes more than it may have.
        server.sql("INSERT INTO t VALUES (CONCAT(x'01', REPEAT('b', 1048575)))", "grande")
        with pytest.raises(ProcessFailed, match="a value is larger than max_allowed_packet"):
            site.dump(engine(server, "grande"))
        assert site.medium.sets() == []


TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["NULL", "N", "\\N", "\x01", "\x01NULL\x01", "\x01\x01", "", "\t", "\n", "\\", "\x00", "NULL\x00"]),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
)
NUMBERS = st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXTS, st.one_of(st.none(), st.binary(max_size=60)), NUMBERS), min_size=1, max_size=60))
def test_whatever_is_in_a_row(
    server1011: MariadbServer, site: Site, rows: list[tuple[str | None, bytes | None, float | None]]
) -> None:
    server1011.sql("CREATE OR REPLACE DATABASE azar")
    server1011.sql("CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, a text, b blob, c float)", "azar")
    values = ", ".join(
        "({}, {}, {})".format(
            "NULL" if text is None else f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)",
            "NULL" if data is None else f"x'{data.hex()}'",
            "NULL" if number is None else repr(number),
        )
        for text, data, number in rows
    )
    server1011.sql(f"INSERT INTO t (a, b, c) VALUES {values}", "azar")
    before = fingerprint(server1011, "azar")
    dumped = site.dump(engine(server1011, "azar"))
    site.restore(engine(server1011, "azar_copia"), dumped.set_id, replace=True)
    assert fingerprint(server1011, "azar_copia") == before


def test_what_other_tools_and_settings_get_wrong(server: MariadbServer, site: Site) -> None:
    """Each of these came back changed, or not at all, once."""
    # A table of the database's own name; its views tell it from a column by the order of names.
    server.sql("CREATE DATABASE cuenta; CREATE DATABASE `CUENTA`; CREATE TABLE `CUENTA`.ajena (i int)")
    server.sql(
        "CREATE TABLE cuenta (id int PRIMARY KEY); CREATE TABLE mov (id int PRIMARY KEY, cuenta int, x int);"
        "INSERT INTO cuenta VALUES (1), (2); INSERT INTO mov VALUES (2, 1, 5), (1, 2, 30);"
        "CREATE VIEW s AS SELECT cuenta.id, (SELECT SUM(x) FROM mov WHERE mov.cuenta = cuenta.id) AS s FROM cuenta;"
        # A sequence that was set back.
        "CREATE SEQUENCE q START 100 MINVALUE 1; SELECT NEXTVAL(q); ALTER SEQUENCE q RESTART 20; SELECT NEXTVAL(q);"
        # A role as definer; an account with limits.
        "CREATE ROLE rol; GRANT ALL ON cuenta.* TO rol; CREATE USER app@localhost WITH MAX_USER_CONNECTIONS 10;"
        "GRANT SELECT ON cuenta.* TO app@localhost;"
        "CREATE DEFINER = rol TRIGGER t BEFORE INSERT ON mov FOR EACH ROW SET NEW.x = NEW.x + 1;"
        # A day that is none, and a time that must not follow the clock.
        "SET sql_mode = 'ALLOW_INVALID_DATES'; CREATE TABLE d (d date, ts timestamp NOT NULL, n int);"
        "INSERT INTO d VALUES ('2026-02-31', '2026-01-01 12:00:00', 1);",
        "cuenta",
    )
    before = fingerprint(server, "cuenta")
    server.sql("SET GLOBAL sql_select_limit = 1; SET GLOBAL sql_quote_show_create = 0")
    server.sql("SET GLOBAL explicit_defaults_for_timestamp = 0")
    try:
        dumped = site.dump(engine(server, "cuenta"))
        server.sql("DROP DATABASE cuenta; DROP USER app@localhost; DROP ROLE rol")
        site.restore(engine(server, "cuenta"), dumped.set_id)
    finally:
        server.sql("SET GLOBAL sql_select_limit = DEFAULT; SET GLOBAL sql_quote_show_create = 1")
        server.sql("SET GLOBAL explicit_defaults_for_timestamp = 1")
    assert fingerprint(server, "cuenta") == before
    assert server.sql("SELECT * FROM s ORDER BY 1", "cuenta") == "1\t5\n2\t30"
    # Where it goes on; what a server had reserved for itself in memory may be skipped.
    assert 21 <= int(server.sql("SELECT NEXTVAL(q)", "cuenta")) <= 1020
    assert accounts(server) == ["app@localhost", "rol@"]
    server.sql("INSERT INTO mov VALUES (3, 1, 1)", "cuenta")
    assert set(databases(server)) == {"CUENTA", "cuenta"}


@pytest.mark.timeout(120)
def test_many_small_tables_in_one_stream(server1011: MariadbServer, site: Site) -> None:
    """Their statements, and their rows, are more than a pipe holds."""
    columns = ", ".join(f"una_columna_de_nombre_largo_{number} varchar(50) DEFAULT 'valor'" for number in range(12))
    server1011.sql("CREATE DATABASE muchas")
    server1011.sql(
        "".join(
            f"CREATE TABLE tabla_{number} (id int PRIMARY KEY, {columns});"
            f"INSERT INTO tabla_{number} (id) SELECT seq FROM seq_1_to_200;"
            for number in range(120)
        ),
        "muchas",
    )
    dumped = site.dump(engine(server1011, "muchas"), jobs=1)
    site.restore(engine(server1011, "copia_de_muchas"), dumped.set_id)
    assert server1011.sql("CHECKSUM TABLE tabla_0, tabla_119", "copia_de_muchas").replace("copia_de_", "") == (
        server1011.sql("CHECKSUM TABLE tabla_0, tabla_119", "muchas")
    )


def test_a_waiting_writer_does_not_hold_up_a_dump_that_locks(server: MariadbServer, site: Site) -> None:
    server.sql("CREATE DATABASE vieja; CREATE TABLE vieja.m (id int PRIMARY KEY) ENGINE=MyISAM")
    server.sql("INSERT INTO m SELECT seq FROM seq_1_to_100000", "vieja")
    stop = threading.Event()

    def write() -> None:
        number = 1_000_000
        while not stop.is_set():
            number += 1
            server.sql(f"INSERT INTO vieja.m VALUES ({number})")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        started = time.monotonic()
        for _time in range(3):
            assert site.dump(engine(server, "vieja", nontransactional_tables="lock")).changed
        assert time.monotonic() - started < 30
    finally:
        stop.set()
        writer.join()
