# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes in comes out: every row, type, program, account and right of a MySQL database."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.source import MariadbSource
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, ProcessFailed
from development.services._process import ServiceFailedError
from development.services.mysql import MysqlServer
from tests.integration.mysql.conftest import running_server
from tests.integration.mysql.support import (
    Site,
    accounts,
    create_everything,
    drop_all,
    engine,
    fingerprint,
    leftovers,
    numbers,
    restore_by_hand,
)


@pytest.mark.parametrize("jobs", [1, 2])
def test_everything_comes_back(server: MysqlServer, site: Site, many_streams: None, jobs: int) -> None:
    create_everything(server, "contabilidad ñ")
    before = fingerprint(server, "contabilidad ñ")
    dumped = site.dump(engine(server, "contabilidad ñ"), jobs=jobs)
    assert dumped.description is not None
    assert dumped.description.warnings == []
    facts = dumped.description.engine_facts
    assert set(facts["position"]) >= {"file", "offset"}
    # With several jobs a table is cut up, others share a stream.
    assert (len(facts["streams"]) > 2) == (jobs > 1)
    drop_all(server)

    restored = site.restore(engine(server, "contabilidad ñ"), dumped.set_id)

    assert restored.kept is None
    assert fingerprint(server, "contabilidad ñ") == before
    assert leftovers(server) == []
    # What the accounts may do, they may do again; the role that has nothing to do with the database is not in the set.
    assert accounts(server) == ["app@localhost", "lectura@%"]
    rights = server.sql("SHOW GRANTS FOR app@localhost; SHOW CREATE USER app@localhost")
    assert "GRANT EXECUTE ON PROCEDURE `contabilidad ñ`.`cerrar`" in rights
    assert "GRANT `lectura`@`%` TO `app`@`localhost`" in rights
    assert "DEFAULT ROLE `lectura`@`%`" in rights
    argv = [str(server.installation.client), "--no-defaults", f"--socket={server.socket}", "-uapp", "-psecreto de app"]
    subprocess.run([*argv, "-e", "SELECT * FROM asiento LIMIT 1", "contabilidad ñ"], check=True, capture_output=True)
    # And the programs work.
    server.sql("INSERT INTO asiento (cuenta, fecha, texto) VALUES ('1', '2026-02-03', 'DISPARADOR')", "contabilidad ñ")
    assert server.sql("SELECT texto FROM asiento WHERE id >= 5000", "contabilidad ñ") == "visto; DISPARADOR"
    assert server.sql("SELECT `otro modo`()", "contabilidad ñ") == "\\\\4"


def test_what_is_replaced_is_kept_under_a_dated_name(server: MysqlServer, site: Site) -> None:
    create_everything(server, "mi_conta")
    before = fingerprint(server, "mi_conta")
    dumped = site.dump(engine(server, "mi_conta"))
    server.sql("DELETE FROM partes; CREATE TABLE despues (i int); DROP VIEW con_unicode", "mi_conta")
    # A table that a view's name has in the set, and the other way round.
    server.sql("DROP TABLE vacia; CREATE VIEW vacia AS SELECT 1 AS i; CREATE TABLE con_unicode (i int)", "mi_conta")
    server.sql("CREATE TRIGGER nuevo BEFORE INSERT ON despues FOR EACH ROW SET NEW.i = 1", "mi_conta")
    server.sql("ALTER DATABASE mi_conta CHARACTER SET latin1")
    spoiled, rights = fingerprint(server, "mi_conta"), server.sql("SHOW GRANTS FOR app@localhost")

    restored = site.restore(engine(server, "mi_conta"), dumped.set_id, replace=True)

    assert restored.kept is not None
    assert restored.kept.startswith("mi_conta__replaced_2")
    assert fingerprint(server, "mi_conta") == before
    assert sorted(server.sql("SHOW GRANTS FOR app@localhost").splitlines()) == sorted(rights.splitlines())
    kept = fingerprint(server, restored.kept)
    # Events would go on working there, so they are not; that is told.
    assert kept.pop("event") == ""
    assert any("activa" in warning and "limpieza" in warning for warning in restored.warnings)
    spoiled.pop("event")
    # What makes those is kept as well.
    assert "table infitulua_programs" in kept
    del kept["table infitulua_programs"], kept["rows infitulua_programs"]
    # Nor are views whose function the definer may not execute there.
    for name in ("view z_base", "view a_sobre_z"):
        kept.pop(name, None)
        spoiled.pop(name)
    assert kept == spoiled
    assert leftovers(server) == []


def test_a_set_is_restored_by_hand_with_the_commands_it_prints(
    server: MysqlServer, site: Site, many_streams: None, tmp_path: Path
) -> None:
    create_everything(server, "conta")
    before = fingerprint(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    drop_all(server)
    restore_by_hand(server, site, dumped.set_id, tmp_path)
    assert fingerprint(server, "conta") == before


def test_a_dump_under_writes_is_one_moment(server: MysqlServer, site: Site, many_streams: None) -> None:
    """Money moves between two tables all the time, and never is any of it missing or there twice."""
    server.sql("CREATE DATABASE banco")
    for table in ("ahorro", "corriente"):
        server.sql(
            f"SET cte_max_recursion_depth = 20000; CREATE TABLE {table} (id int PRIMARY KEY, saldo bigint, r text);"
            f"INSERT INTO {table} SELECT seq, 1000, REPEAT('x', 300) FROM {numbers(20000)}",
            "banco",
        )
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
        dumped = [site.dump(engine(server, "banco")) for _time in range(2)]
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
    assert len(moved) == 2


def test_nobody_alters_a_table_while_it_is_dumped(server: MysqlServer, site: Site) -> None:
    server.sql("CREATE DATABASE libro; SET cte_max_recursion_depth = 100000")
    server.sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(500))", "libro")
    server.sql(
        f"SET cte_max_recursion_depth = 200000; INSERT INTO t SELECT seq, REPEAT('v', 400) FROM {numbers(150000)}",
        "libro",
    )
    result: list[object] = []
    dumping = threading.Thread(target=lambda: result.append(site.dump(engine(server, "libro"))))
    dumping.start()
    query = (
        "SELECT COUNT(*) FROM performance_schema.processlist WHERE INFO LIKE 'SELECT%FROM%libro%t%' AND USER = 'dba'"
    )
    end = time.monotonic() + 20
    while server.sql(query) == "0" and time.monotonic() < end:
        time.sleep(0.02)
    server.sql("ALTER TABLE t ADD COLUMN w int DEFAULT 3", "libro")
    dumping.join()
    (dumped,) = result
    site.restore(engine(server, "libro2"), dumped.set_id)  # type: ignore[attr-defined]
    assert server.sql("SELECT COUNT(*) FROM t", "libro2") == "150000"
    assert "`w`" not in server.sql("SHOW CREATE TABLE t", "libro2")


def test_what_servers_settings_get_wrong(server: MysqlServer, site: Site) -> None:
    """Each of these would come back changed, or not at all."""
    server.sql(
        "CREATE DATABASE cuenta; SET SESSION restrict_fk_on_non_standard_key = OFF; USE cuenta;"
        # A key that is not unique is referred to; a table has no key at all.
        "CREATE TABLE p (id int PRIMARY KEY, k int, KEY (k)); CREATE TABLE h (k int, FOREIGN KEY (k) REFERENCES p (k));"
        "INSERT INTO p VALUES (1, 5), (2, 5); INSERT INTO h VALUES (5);"
        # A line that a client could take for its command, and an apostrophe in a comment.
        "CREATE TABLE d (d date, ts timestamp NOT NULL, n int);"
        "DELIMITER $$\nCREATE PROCEDURE separa() BEGIN\n-- it's\n# it's\n"
        "SELECT 1 AS\n delimiter ;\nSELECT ';';\nEND$$\n"
        "DELIMITER ;\n"
        # A day that is none, and a time that must not follow the clock.
        "SET sql_mode = 'ALLOW_INVALID_DATES'; INSERT INTO d VALUES ('2026-02-31', '2026-01-01 12:00:00', 1);"
    )
    before = fingerprint(server, "cuenta")
    wrong = {
        "sql_select_limit": "1",
        "sql_quote_show_create": "0",
        "sql_require_primary_key": "1",
        "sql_generate_invisible_primary_key": "1",
        "sql_safe_updates": "1",
    }
    server.sql("".join(f"SET GLOBAL {name} = {value};" for name, value in wrong.items()))
    try:
        dumped = site.dump(engine(server, "cuenta"))
        site.restore(engine(server, "cuenta"), dumped.set_id, replace=True)
    finally:
        server.sql("".join(f"SET GLOBAL {name} = DEFAULT;" for name in wrong))
    assert fingerprint(server, "cuenta") == before


def test_over_tls(site: Site) -> None:
    with_tls, without = running_server(tls=True), running_server()
    drop_all(with_tls)
    drop_all(without)
    for server in (with_tls, without):
        server.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int)")
    assert site.dump(engine(with_tls, "libro", ssl_mode=None)).changed
    ca = str(with_tls.data / "ca.pem")
    assert site.dump(engine(with_tls, "libro", ssl_mode="verify-ca", ca_cert=ca)).changed
    for server, changes, why in (
        (without, {"ssl_mode": "require"}, "ERROR 2026"),
        # Its password would go to whoever says that it is the server.
        (without, {"ssl_mode": None}, "ERROR 2061"),
        (with_tls, {"ssl_mode": "verify-full", "ca_cert": ca}, "ERROR 2026"),
    ):
        # What the server knows already it need not be told again.
        server.sql("FLUSH PRIVILEGES")
        with pytest.raises(ProcessFailed, match=why):
            site.dump(engine(server, "libro", **changes))
    drop_all(with_tls)


def test_tables_that_refer_to_another_database(server: MysqlServer, site: Site) -> None:
    server.sql("CREATE DATABASE maestro_a; CREATE TABLE maestro_a.cliente (id int PRIMARY KEY)")
    server.sql("INSERT INTO maestro_a.cliente VALUES (1); CREATE DATABASE ventas")
    server.sql(
        "CREATE TABLE f (id int PRIMARY KEY, c int, FOREIGN KEY (c) REFERENCES maestro_a.cliente (id));"
        "INSERT INTO f VALUES (1, 1)",
        "ventas",
    )
    before = fingerprint(server, "ventas")
    dumped = site.dump(engine(server, "ventas"))
    assert dumped.description is not None
    assert "refer to other databases, which are not in the set: maestro_a.cliente" in dumped.description.warnings[0]
    restored = site.restore(engine(server, "ventas"), dumped.set_id, replace=True)
    assert fingerprint(server, "ventas") == before
    with pytest.raises(ServiceFailedError, match="foreign key constraint fails"):
        server.sql("INSERT INTO f VALUES (2, 2)", "ventas")
    assert not [warning for warning in restored.warnings if "not here" in warning]
    # Where that database is missing, this one can be had all the same; the operator is told what that means.
    server.sql(f"DROP DATABASE ventas; DROP DATABASE {restored.kept}; DROP DATABASE maestro_a")
    restored = site.restore(engine(server, "ventas"), dumped.set_id)
    assert "databases that are not here" in restored.warnings[0]
    assert restored.warnings[0].endswith("maestro_a")
    assert server.sql("SELECT * FROM f", "ventas") == "1\t1"
    assert leftovers(server) == []


def test_routines_and_events_keep_the_collation_that_their_database_had(server: MysqlServer, site: Site) -> None:
    """And the database has its own in the end, as what is replaced has."""
    server.sql("CREATE DATABASE libro CHARACTER SET latin1; CREATE TABLE libro.t (i int)")
    server.sql(
        "CREATE FUNCTION vieja(a varchar(9)) RETURNS varchar(60) DETERMINISTIC RETURN COLLATION(a);"
        "CREATE EVENT noche ON SCHEDULE EVERY 1 DAY STARTS '2099-01-01' DISABLE DO DELETE FROM t;"
        "CREATE TRIGGER cada BEFORE INSERT ON t FOR EACH ROW SET NEW.i = 1;"
        "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_es_0900_ai_ci;"
        "CREATE FUNCTION nueva(a varchar(9)) RETURNS varchar(60) DETERMINISTIC RETURN COLLATION(a)",
        "libro",
    )
    shown = (
        "SELECT ROUTINE_NAME, DATABASE_COLLATION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '{0}'"
        " UNION ALL SELECT EVENT_NAME, DATABASE_COLLATION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{0}'"
        " UNION ALL SELECT '', DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{0}'"
        " ORDER BY 1"
    )
    before = server.sql(shown.format("libro"))
    assert before.count("latin1_swedish_ci") == 2
    dumped = site.dump(engine(server, "libro"))
    restored = site.restore(engine(server, "libro"), dumped.set_id, replace=True)
    assert server.sql(shown.format("libro")) == before
    assert server.sql("SELECT vieja('x'), nueva('x')", "libro") == "latin1_swedish_ci\tutf8mb4_es_0900_ai_ci"
    assert server.sql("SELECT vieja('x'), nueva('x')", str(restored.kept)) == "latin1_swedish_ci\tutf8mb4_es_0900_ai_ci"
    assert server.sql("SELECT @@collation_database", str(restored.kept)) == "utf8mb4_es_0900_ai_ci"


def test_the_engine_of_mariadb_points_to_this_one(server: MysqlServer, site: Site) -> None:
    server.sql("CREATE DATABASE libro")
    options = {"database": "libro", "login_unix_socket": str(server.socket), "login_user": "dba"}
    server.sql(f"CREATE USER dba@localhost IDENTIFIED BY '{server.password}'; GRANT ALL ON *.* TO dba@localhost")
    try:
        with pytest.raises(BackupError, match="engine mysql"):
            site.dump(MariadbSource({**options, "login_password": server.password}))
    finally:
        server.sql("DROP USER dba@localhost")


def test_wide_characters_are_told_from_enclosures_and_the_word_null(server: MysqlServer, site: Site) -> None:
    """Some begin with the byte of the enclosure, or with N in four bytes, in one order of bytes or the other."""
    texts = ["Łódź", "Žižek", "中国", "中文", "Ё", "ā", "\u0101\u0101", "NULL", "", "N", "\x01", "乎丁"]
    wide = ("utf16", "ucs2", "utf16le", "utf32")
    server.sql("CREATE DATABASE ancha CHARACTER SET utf16")
    columns = [f"`Ł中{name}` varchar(9) CHARACTER SET {name} DEFAULT 'Ł中Ё'" for name in wide]
    columns += [f"s{name} set('Łódź', '中国', 'Ё') CHARACTER SET {name}" for name in wide]
    columns += [f"e{name} enum('Łódź', '中国', 'Ё') CHARACTER SET {name}" for name in wide]
    rows = [
        ", ".join(
            [f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)"] * 4 + [str(number % 8)] * 4 + [str(number % 4)] * 4
        )
        for number, text in enumerate(texts)
    ]
    server.sql(
        f"CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, {', '.join(columns)}); SET sql_mode = '';"
        f"INSERT IGNORE INTO t VALUES {', '.join(f'(NULL, {row})' for row in rows)}",
        "ancha",
    )
    before = fingerprint(server, "ancha")
    site.restore(engine(server, "copia"), site.dump(engine(server, "ancha", content_digest=True)).set_id)
    assert fingerprint(server, "copia") == before


TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["NULL", "N", "\\N", "\x01", "\x01NULL\x01", "\x01\x01", "", "\t", "\n", "\\", "\x00", "NULL\x00"]),
    st.sampled_from(["Łódź", "中国", "Ё\u0101", "\u0101\u0101"]),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
)
NUMBERS = st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False))
DOUBLES = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
BITS = st.one_of(st.none(), st.integers(0, 2**64 - 1))
DOCUMENTS = st.one_of(
    st.none(),
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
            st.text(st.characters(exclude_categories=["Cs"])),
        ),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)
CHOICES = st.one_of(st.none(), st.integers(0, 3))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            *(TEXTS, TEXTS, TEXTS, st.one_of(st.none(), st.binary(max_size=60))),
            *(NUMBERS, DOUBLES, BITS, DOCUMENTS, CHOICES),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_is_in_a_row(server: MysqlServer, site: Site, rows: list[tuple[object, ...]]) -> None:
    def literal(value: object) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, bytes):
            return f"x'{value.hex()}'" if value else "''"
        return f"CONVERT(x'{value.encode().hex()}' USING utf8mb4)" if isinstance(value, str) else repr(value)

    def row(values: tuple[object, ...]) -> str:
        *others, document, choice = values
        text = "NULL" if document is None else literal(json.dumps(document))
        return f"({', '.join(map(literal, others))}, {text}, {literal(choice)})"

    server.sql("DROP DATABASE IF EXISTS azar; CREATE DATABASE azar")
    server.sql(
        "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, a text, w text CHARACTER SET utf16,"
        " l text CHARACTER SET utf16le, b blob, c float, d double, e bit(64), f json, g enum('', 'NULL', 'x'));"
        f"SET sql_mode = ''; INSERT INTO t (a, w, l, b, c, d, e, f, g) VALUES {', '.join(map(row, rows))}",
        "azar",
    )
    before = fingerprint(server, "azar")
    dumped = site.dump(engine(server, "azar"))
    site.restore(engine(server, "azar_copia"), dumped.set_id, replace=True)
    assert fingerprint(server, "azar_copia") == before
