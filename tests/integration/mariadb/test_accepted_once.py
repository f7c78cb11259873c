# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server of MariaDB once took, it takes again: by the module and by hand, whatever its settings say today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import settings as mariadb_settings
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import streams
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import restoring
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.conftest import SMALL_STREAM
from tests.integration.mariadb.support import Site, engine, fingerprint, global_settings, restore_by_hand

#: What somebody may have set for good, to the opposite of what a set needs.
HOSTILE = {
    "sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,PAD_CHAR_TO_FULL_LENGTH,"
    "NO_UNSIGNED_SUBTRACTION,ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,IGNORE_SPACE'",
    "time_zone": "'+05:30'",
    # Not of an administrator, but of the account that a restore makes for itself.
    "init_connect": "\"SET NAMES latin1, time_zone = '+09:00', sql_mode = 'STRICT_ALL_TABLES'\"",
    "character_set_client": "latin1",
    "character_set_results": "latin1",
    "collation_connection": "latin1_spanish_ci",
    "collation_server": "latin1_bin",
    "old_mode": "'NO_DUP_KEY_WARNINGS_WITH_IGNORE,ZERO_DATE_TIME_CAST'",
    "innodb_strict_mode": "1",
    "innodb_compression_default": "1",
    "foreign_key_checks": "1",
    "check_constraint_checks": "1",
    "unique_checks": "0",
    "sql_select_limit": "1",
    "max_join_size": "1",
    "sql_safe_updates": "1",
    "sql_auto_is_null": "1",
    "sql_quote_show_create": "0",
    "sql_notes": "0",
    "max_error_count": "0",
    "autocommit": "0",
    "completion_type": "'RELEASE'",
    "tx_read_only": "1",
    "tx_isolation": "'READ-UNCOMMITTED'",
    "auto_increment_increment": "10",
    "auto_increment_offset": "5",
    "div_precision_increment": "0",
    "default_week_format": "7",
    "lc_time_names": "'es_ES'",
    "default_storage_engine": "Aria",
    "default_regex_flags": "'EXTENDED'",
    "group_concat_max_len": "4",
    "max_statement_time": "0.001",
    "system_versioning_asof": "'2001-01-01 00:00:00'",
    "explicit_defaults_for_timestamp": "0",
}
OLD = (
    # Sizes, formats and options that a strict server refuses.
    "SET SESSION innodb_strict_mode = 0, sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00';"
    f"CREATE TABLE ancha ({', '.join(f'c{number} varchar(60)' for number in range(150))}) CHARSET latin1;"
    "INSERT INTO ancha (c0, c149) VALUES ('x', 'ñ');"
    "CREATE TABLE fija (i int PRIMARY KEY) ROW_FORMAT=FIXED; INSERT INTO fija VALUES (1);"
    "CREATE TABLE bloque (i int PRIMARY KEY) ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=8; INSERT INTO bloque VALUES (1);"
    "CREATE TABLE siete (i int PRIMARY KEY) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=7; INSERT INTO siete VALUES (1);"
    # Days that are none, in rows and as defaults.
    "CREATE TABLE dias (d date DEFAULT '2008-02-31', dt datetime DEFAULT '2008-02-31 00:00:00', z date DEFAULT"
    " '0000-00-00', m date NOT NULL DEFAULT '2026-02-00', ts timestamp DEFAULT '0000-00-00 00:00:00');"
    "INSERT INTO dias () VALUES (); "
    "INSERT INTO dias VALUES ('2010-04-31', '2011-06-31 10:00:00', '2026-00-00', '0000-00-00', '2026-01-01');"
    # Limits that a value was cut to, and generated columns that lose something.
    "CREATE TABLE limites (f1 float(30, 0), f2 float(5, 2), d decimal(4, 2), u tinyint unsigned);"
    "INSERT INTO limites VALUES (1e30, 1e30, 1e9, -5), (-2e30, -1e9, -1e9, 900), (1e29, 0.001, 0.5, 1);"
    "CREATE TABLE calculada (id int PRIMARY KEY, t varchar(20), a char(3) AS (CAST(t AS char(3))) STORED, b int AS (t)"
    " STORED, c date AS (CAST(t AS date)) STORED, d varchar(3) AS (t) STORED, e decimal(4, 2) AS (id * 1000) STORED,"
    " f bit(4) AS (id) STORED, g int AS (t) VIRTUAL, h decimal(20, 8) AS (id / 7) STORED, KEY (b), KEY (g));"
    "INSERT INTO calculada (id, t) VALUES (1, 'Bedoya'), (99, '7 pesos'), (0, '2026-02-31'), (3, NULL);"
    # Bytes that are no characters as a default; a geometry that is none.
    "CREATE TABLE bytes (i int PRIMARY KEY, a binary(4) DEFAULT x'3f91450a', b varbinary(9) DEFAULT x'275c9100',"
    " c varbinary(9) DEFAULT 'ñ''\\\\'); INSERT INTO bytes (i) VALUES (1);"
    "CREATE TABLE lugar (i int, p point NOT NULL, g geometry); INSERT IGNORE INTO lugar VALUES (1, NULL, NULL);"
    # Members that are none; a counter with a zero, that goes on at a number of its own.
    "CREATE TABLE miembro (id int PRIMARY KEY AUTO_INCREMENT, e enum('a', '', 'b'), s set('x', 'y'))"
    " AUTO_INCREMENT=107; INSERT INTO miembro VALUES (0, 'nada', 'x'), (7, '', 'z'), (-3, 'b', '');"
    # Rows that a check, a foreign key or a period forbids.
    "CREATE TABLE madre (id int PRIMARY KEY); SET SESSION foreign_key_checks = 0, check_constraint_checks = 0;"
    "CREATE TABLE hija (id int PRIMARY KEY, m int, CONSTRAINT c CHECK (id > 0), FOREIGN KEY (m) REFERENCES madre (id));"
    "INSERT INTO hija VALUES (-1, 5), (2, NULL);"
    # What is not shown, and what is not InnoDB's.
    "CREATE TABLE oculta (a int INVISIBLE DEFAULT (1 + 1), b int, c timestamp NOT NULL DEFAULT current_timestamp(),"
    " PRIMARY KEY (b)); INSERT INTO oculta (a, b, c) VALUES (9, 1, '2026-01-01');"
    "CREATE TABLE aria (a char(5), b text, KEY (a)) ENGINE=Aria PAGE_CHECKSUM=1 TRANSACTIONAL=0;"
    "INSERT INTO aria VALUES ('x  ', 'y');"
    "CREATE TABLE historia (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING; INSERT INTO historia VALUES (1, 1);"
    "UPDATE historia SET v = 2; DELETE FROM historia; INSERT INTO historia VALUES (2, 2);"
    "CREATE SEQUENCE turno START 5 INCREMENT 3 MAXVALUE 50 CYCLE NOCACHE; SELECT NEXTVAL(turno);"
)


def test_every_setting_of_a_session_is_said_otherwise(server1011: MariadbServer) -> None:
    """By the server that is used here, of what it lets be said and could change a value."""
    settings = [*mariadb_settings.SETTINGS, *mariadb_settings.LOADING]
    names = {setting.name for setting in settings}
    waiting = {name for name in names if "timeout" in name}
    same = {"character_set_filesystem", "sql_big_selects", "sql_if_exists", "alter_algorithm", "note_verbosity"}
    assert names - waiting - same <= set(HOSTILE)
    assert len(names) == len(settings)
    assert all(setting.why for setting in settings)


def test_what_was_accepted_once_is_accepted_again(server: MariadbServer, site: Site, tmp_path: Path) -> None:
    """By the module and by hand, where the server says the opposite of all that matters."""
    server.sql("CREATE DATABASE vieja COLLATE latin1_spanish_ci COMMENT 'de \\'antes\\''")
    server.sql(OLD, "vieja")
    before = fingerprint(server, "vieja")
    with global_settings(server, HOSTILE):
        options = {"nontransactional_tables": "lock", "content_digest": True}
        dumped = site.dump(engine(server, "vieja", **options))
        restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert (restored.left_out, restored.warnings) == ([], [])
    assert fingerprint(server, "copia") == before
    server.sql("DROP DATABASE vieja")
    with global_settings(server, HOSTILE):
        restore_by_hand(server, site, dumped.set_id, tmp_path)
    assert fingerprint(server, "vieja") == before


def test_rows_of_a_history_that_were_at_no_moment_are_told(server: MariadbServer, site: Site) -> None:
    """They ended as they began, or before, where a clock was turned back; no server takes such rows from anybody."""
    server.sql("CREATE DATABASE pasado")
    period = "s timestamp(6) GENERATED ALWAYS AS ROW START, e timestamp(6) GENERATED ALWAYS AS ROW END"
    server.sql(
        "SET time_zone = '+00:00'; CREATE TABLE madre (id int PRIMARY KEY); INSERT INTO madre VALUES (1), (2);"
        "CREATE TABLE hija (id int PRIMARY KEY, m int, FOREIGN KEY (m) REFERENCES madre (id) ON DELETE CASCADE)"
        " WITH SYSTEM VERSIONING;"
        f"CREATE TABLE propia (id int PRIMARY KEY, {period}, PERIOD FOR SYSTEM_TIME (s, e)) ENGINE=Aria WITH SYSTEM"
        " VERSIONING;"
        "SET timestamp = UNIX_TIMESTAMP('2020-01-03'); INSERT INTO hija VALUES (1, 1), (2, 2), (3, 2);"
        "INSERT INTO propia (id) VALUES (1), (2); DELETE FROM propia WHERE id = 1;"
        "SET timestamp = UNIX_TIMESTAMP('2020-01-02'); DELETE FROM madre WHERE id = 1;"
        "SET timestamp = UNIX_TIMESTAMP('2020-01-09'); DELETE FROM hija WHERE id = 2; DELETE FROM propia",
        "pasado",
    )
    dumped = site.dump(engine(server, "pasado", content_digest=True, nontransactional_tables="lock"))
    assert dumped.description is not None
    told = [(entry["kind"], entry["name"], entry["why"][:2]) for entry in dumped.description.unrestorable]
    assert sorted(told) == [("rows of", "hija", "1 "), ("rows of", "propia", "1 ")]
    assert dumped.description.engine_facts["row_counts"] == {"hija": 2, "madre": 1, "propia": 1}
    assert dumped.set_id is not None
    request = restoring.RestoreRequest(
        medium=site.medium,
        set_id=dumped.set_id,
        engine=engine(server, "copia"),
        identity_files=(str(site.identity),),
        ticket="MESA-1234",
    )
    predicted = restoring.restore(request, check_mode=True)
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert [entry.name for entry in restored.left_out] == [entry.name for entry in predicted.left_out]
    assert sorted(entry.name for entry in restored.left_out) == ["hija", "propia"]
    for table in ("hija", "propia"):
        moment = f"SELECT * FROM {table} FOR SYSTEM_TIME AS OF '2020-01-05'"
        assert server.sql(moment, "copia") == server.sql(moment, "pasado") != ""
    assert server.sql("SELECT id FROM hija FOR SYSTEM_TIME ALL ORDER BY 1", "copia") == "2\n3"
    with pytest.raises(Refused, match="rows of hija"):
        site.restore(engine(server, "otra"), dumped.set_id, strict=True)


def test_a_history_by_transaction_numbers_costs_no_row_of_today(
    server: MariadbServer, site: Site, tmp_path: Path
) -> None:
    server.sql("CREATE DATABASE pasado")
    period = "s bigint unsigned GENERATED ALWAYS AS ROW START, e bigint unsigned GENERATED ALWAYS AS ROW END"
    server.sql(
        f"CREATE TABLE numerada (id int PRIMARY KEY, v int, {period}, PERIOD FOR SYSTEM_TIME (s, e)) ENGINE=InnoDB"
        " WITH SYSTEM VERSIONING;"
        "INSERT INTO numerada (id, v) VALUES (1, 1), (2, 2), (3, 3); UPDATE numerada SET v = 7 WHERE id > 1;"
        "CREATE TABLE sin_pasado LIKE numerada; INSERT INTO sin_pasado (id, v) VALUES (1, 1)",
        "pasado",
    )
    dumped = site.dump(engine(server, "pasado", content_digest=True))
    assert dumped.description is not None
    (told,) = dumped.description.unrestorable
    assert (told["kind"], told["name"], told["why"][:2]) == ("rows of", "numerada", "2 ")
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert [entry.name for entry in restored.left_out] == ["numerada"]
    server.sql("DROP DATABASE pasado")
    restore_by_hand(server, site, dumped.set_id, tmp_path)
    for name in ("copia", "pasado"):
        today = server.sql("SELECT id, v FROM numerada ORDER BY 1; SELECT id, v FROM sin_pasado", name)
        assert today == "1\t1\n2\t7\n3\t7\n1\t1"
        assert "AS ROW START" in server.sql("SHOW CREATE TABLE numerada", name)


def test_a_history_by_transaction_numbers_that_no_column_tells_of(server1011: MariadbServer, site: Site) -> None:
    """The columns of its period were dropped, but what they held is there."""
    server = server1011
    server.sql("CREATE DATABASE pasado")
    server.sql(
        "CREATE TABLE t (x int, s bigint unsigned GENERATED ALWAYS AS ROW START, e bigint unsigned GENERATED ALWAYS AS"
        " ROW END, PERIOD FOR SYSTEM_TIME (s, e)) ENGINE=InnoDB WITH SYSTEM VERSIONING; INSERT INTO t (x) VALUES (1);"
        "UPDATE t SET x = 2; SET system_versioning_alter_history = KEEP; ALTER TABLE t DROP COLUMN s, DROP COLUMN e",
        "pasado",
    )
    assert server.sql("SELECT row_start FROM t LIMIT 1", "pasado").isdigit()
    dumped = site.dump(engine(server, "pasado", content_digest=True))
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert [entry.name for entry in restored.left_out] == ["t"]
    assert server.sql("SELECT x FROM t", "copia") == "2"


def test_a_counter_that_may_be_null_may_be_so_again(server: MariadbServer, site: Site, tmp_path: Path) -> None:
    """The server's own text of such a table makes another one, in which NULL counts on."""
    server.sql("CREATE DATABASE turnos")
    server.sql(
        "SET system_versioning_alter_history = KEEP;"
        "CREATE TABLE suelta (id int AUTO_INCREMENT NULL INVISIBLE COMMENT '` int(11) AUTO_INCREMENT', a int,"
        " UNIQUE (id)); INSERT INTO suelta (id, a) VALUES (NULL, 1), (0, 2), (NULL, 3);"
        "CREATE TABLE debida (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY); INSERT INTO debida VALUES (0);"
        "CREATE TABLE contada (a int) WITH SYSTEM VERSIONING; INSERT INTO contada VALUES (1), (2), (3);"
        "DELETE FROM contada WHERE a < 3; ALTER TABLE contada ADD COLUMN b int AUTO_INCREMENT NULL UNIQUE;"
        "INSERT INTO contada (a) VALUES (8)",
        "turnos",
    )

    def held(name: str) -> dict[str, str]:
        """What the database holds; where its counter goes on, the server moves by what it reserved for each NULL."""
        found = fingerprint(server, name)
        return {**found, "table suelta": re.sub(r" AUTO_INCREMENT=\d+", "", found["table suelta"])}

    before = held("turnos")
    dumped = site.dump(engine(server, "turnos", content_digest=True))
    assert site.restore(engine(server, "copia"), dumped.set_id).left_out == []
    server.sql("DROP DATABASE turnos")
    restore_by_hand(server, site, dumped.set_id, tmp_path)
    for name in ("copia", "turnos"):
        assert held(name) == before
        server.sql("INSERT INTO suelta (id, a) VALUES (NULL, 4)", name)
        assert server.sql("SELECT COUNT(*) FROM suelta WHERE id IS NULL", name) == "3"


def test_tables_that_are_made_with_another_engine_are_told(server1011: MariadbServer, site: Site) -> None:
    server = server1011
    server.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int COMMENT '\n) ENGINE=Aria') ENGINE=MyISAM")
    server.sql("CREATE TABLE libro.u (i int); INSERT INTO libro.t VALUES (1)")
    dumped = site.dump(engine(server, "libro", nontransactional_tables="lock"))
    with global_settings(server, {"enforce_storage_engine": "InnoDB"}):
        restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert "The server made tables with another engine: t (InnoDB instead of MyISAM)" in restored.warnings
    assert server.sql("SELECT * FROM t", "copia") == "1"


def test_a_default_whose_sequence_is_gone_costs_itself_only(server: MariadbServer, site: Site, tmp_path: Path) -> None:
    server.sql("CREATE DATABASE turnos; CREATE SEQUENCE turnos.vive; CREATE SEQUENCE turnos.`mu``erta`")
    server.sql(
        "CREATE TABLE t (a int NOT NULL DEFAULT NEXTVAL(`mu``erta`) COMMENT ' DEFAULT nextval(`x`)',"
        " b int DEFAULT NEXTVAL(vive)); INSERT INTO t VALUES (); DROP SEQUENCE `mu``erta`",
        "turnos",
    )
    dumped = site.dump(engine(server, "turnos"))
    assert dumped.description is not None
    (told,) = dumped.description.unrestorable
    assert (told["kind"], told["name"]) == ("default", "t.a")
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert [entry.describe() for entry in restored.left_out] == [
        "default t.a: it takes from the sequence mu`erta, which is gone"
    ]
    server.sql("DROP DATABASE turnos")
    restore_by_hand(server, site, dumped.set_id, tmp_path)
    for name in ("copia", "turnos"):
        shown = server.sql("SHOW CREATE TABLE t", name)
        assert f"`b` int(11) DEFAULT nextval(`{name}`.`vive`)" in shown
        assert "`a` int(11) NOT NULL COMMENT ' DEFAULT nextval(`x`)'" in shown
        assert server.sql("INSERT INTO t (a) VALUES (9); SELECT COUNT(*) FROM t", name) == "2"


def test_virtual_columns_that_fail_for_a_row_come_after_the_rows(
    server: MariadbServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who inserts a row has them computed; in a stream of several tables, in one of its own, and in several."""
    server.sql("CREATE DATABASE cuotas")
    server.sql(
        "CREATE TABLE a (id int PRIMARY KEY, z int, v int AS (z) VIRTUAL, debe int unsigned,"
        " paga int unsigned, t varchar(60) COMMENT ' VIRTUAL, x',"
        " saldo int AS (debe - paga) VIRTUAL COMMENT 'es, )', ok int AS (id + 1) VIRTUAL, w int,"
        " KEY (t), KEY (v)); CREATE TABLE b (x int unsigned, y int AS (x - 9) VIRTUAL INVISIBLE);"
        "INSERT INTO a (id, debe, paga, t, z) SELECT seq, 1, 3, 'texto', 5 FROM seq_1_to_600;"
        "INSERT INTO b (x) VALUES (12), (1); CREATE TABLE c (i int); INSERT INTO c VALUES (1)",
        "cuotas",
    )
    shown = "SHOW CREATE TABLE a; SHOW CREATE TABLE b; SELECT id, debe, paga, z, v, ok FROM a; SELECT x FROM b"
    before = server.sql(shown, "cuotas")
    for stream_bytes in (streams._STREAM_BYTES, SMALL_STREAM):
        monkeypatch.setattr(streams, "_STREAM_BYTES", stream_bytes)
        options = {"content_digest": True}
        dumped = site.dump(engine(server, "cuotas", **options), source=f"db{stream_bytes}")
        restored = site.restore(engine(server, "copia"), dumped.set_id, replace=True)
        assert server.sql(shown, "copia") == before
        assert restored.left_out == []


def test_defaults_that_compute_with_sequences_take_from_those_of_their_own_database(
    server: MariadbServer, site: Site, tmp_path: Path
) -> None:
    server.sql("CREATE DATABASE turnos; CREATE DATABASE otra; CREATE SEQUENCE otra.s")
    server.sql(
        "CREATE SEQUENCE s START 100; CREATE SEQUENCE r;"
        "CREATE TABLE t (i int PRIMARY KEY, a varchar(20) DEFAULT (CONCAT('nextval(`s`), ', NEXTVAL(s))),"
        " b int DEFAULT (10 + NEXTVAL(s) - NEXTVAL(r)), c int DEFAULT LASTVAL(s),"
        " d int DEFAULT (NEXTVAL(otra.s)));"
        "CREATE TABLE u (i int, e int DEFAULT (NEXTVAL(r) + NEXTVAL(otra.s) + NEXTVAL(otra.s)));"
        "INSERT INTO t (i) VALUES (1)",
        "turnos",
    )
    dumped = site.dump(engine(server, "turnos"))
    assert dumped.description is not None
    assert sorted(told["name"] for told in dumped.description.unrestorable) == ["t.d", "u.e"]
    assert "otra.s, which is in another database" in dumped.description.unrestorable[0]["why"]
    taken = [column for table, column, _sequence in dumped.description.engine_facts["sequence_defaults"]]
    assert taken == ["a", "b", "b", "c"]
    before = server.sql("SHOW CREATE TABLE t", "turnos").replace("DEFAULT nextval(`otra`.`s`)", "DEFAULT NULL")
    site.restore(engine(server, "copia"), dumped.set_id)
    selected = engine(server, "algunas", tables=["t"])
    site.restore(selected, dumped.set_id)
    server.sql("DROP DATABASE turnos")
    restore_by_hand(server, site, dumped.set_id, tmp_path)
    server.sql("DROP DATABASE otra")
    for name in ("copia", "algunas", "turnos"):
        assert server.sql("SHOW CREATE TABLE t", name).replace(f"`{name}`.", "`turnos`.") == before
        server.sql("INSERT INTO t (i) VALUES (2)", name)


def test_warnings_of_what_is_computed_are_no_loss(server: MariadbServer, site: Site) -> None:
    """A server computes some columns of a table that is only read, and warns of it each time."""
    server.sql("CREATE DATABASE libro")
    server.sql(
        "CREATE TABLE t (a int, b date GENERATED ALWAYS AS (1 IN ('x', DATABASE())) VIRTUAL); INSERT INTO t (a)"
        " SELECT seq FROM seq_1_to_2000",
        "libro",
    )
    dumped = site.dump(engine(server, "libro"))
    site.restore(engine(server, "copia"), dumped.set_id)
    assert server.sql("SELECT SUM(a) FROM t", "copia") == "2001000"


def test_a_foreign_key_that_no_server_makes_again_costs_itself_only(
    server: MariadbServer, site: Site, tmp_path: Path
) -> None:
    """What it refers to has lost its index while foreign keys were not checked."""
    server.sql("CREATE DATABASE libro")
    server.sql(
        "CREATE TABLE a (f int NOT NULL, UNIQUE k (f));"
        "CREATE TABLE b (g int COMMENT 'CONSTRAINT `r.1` FOREIGN KEY', h int, k int, UNIQUE k (k),"
        " CONSTRAINT `r.1` FOREIGN KEY (g) REFERENCES a (f), CONSTRAINT `s,``` FOREIGN KEY (h) REFERENCES b (k));"
        "CREATE TABLE c (g int, CONSTRAINT queda FOREIGN KEY (g) REFERENCES b (k));"
        "CREATE TABLE m (p int, x int, KEY (x), PRIMARY KEY (p));"
        "CREATE TABLE n (c int, d int, CONSTRAINT larga FOREIGN KEY (c, d) REFERENCES m (x, p));"
        "CREATE TABLE o (u int NOT NULL, x int, y int, KEY (x), UNIQUE (y), UNIQUE (u));"
        "CREATE TABLE p (c int, d int, CONSTRAINT otra FOREIGN KEY (c, d) REFERENCES o (x, u));"
        "INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1, NULL, 5), (2, 5, 6); INSERT INTO c VALUES (5);"
        "SET foreign_key_checks = 0; ALTER TABLE a DROP KEY k",
        "libro",
    )
    dumped = site.dump(engine(server, "libro"))
    assert dumped.description is not None
    (told,) = dumped.description.unrestorable
    assert (told["kind"], told["name"]) == ("foreign key", "b.r.1")
    before = fingerprint(server, "libro")
    predicted = site.predict(engine(server, "copia"), dumped.set_id)
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert [entry.name for entry in restored.left_out] == [entry.name for entry in predicted.left_out] == ["b.r.1"]
    part = site.restore(engine(server, "parte", tables=["b", "c"]), dumped.set_id)
    assert [entry.name for entry in part.left_out] == ["b.r.1"]
    server.sql("DROP DATABASE libro")
    restore_by_hand(server, site, dumped.set_id, tmp_path)
    for name in ("copia", "libro"):
        after = fingerprint(server, name)
        assert "CONSTRAINT `r.1` FOREIGN KEY (" not in after["table b"]
        assert "CONSTRAINT `s,```" in after["table b"]
        assert {**after, "table b": ""} == {**before, "table b": ""}
