# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server of MySQL once took, it takes again: by the module and by hand, whatever its settings say today."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import settings as mysql_settings
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import Site, engine, fingerprint, global_settings, restore_by_hand

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
    "innodb_strict_mode": "1",
    "foreign_key_checks": "1",
    "unique_checks": "0",
    "sql_select_limit": "1",
    "max_join_size": "1",
    "sql_big_selects": "0",
    "sql_safe_updates": "1",
    "sql_auto_is_null": "1",
    "sql_quote_show_create": "0",
    "sql_notes": "0",
    "max_error_count": "0",
    "autocommit": "0",
    "completion_type": "'RELEASE'",
    "transaction_read_only": "1",
    "transaction_isolation": "'READ-UNCOMMITTED'",
    "auto_increment_increment": "10",
    "auto_increment_offset": "5",
    "div_precision_increment": "0",
    "default_week_format": "7",
    "lc_time_names": "'es_ES'",
    "default_storage_engine": "MyISAM",
    "default_tmp_storage_engine": "MyISAM",
    "group_concat_max_len": "4",
    "max_execution_time": "1",
    "explicit_defaults_for_timestamp": "0",
    "sql_require_primary_key": "1",
    "sql_generate_invisible_primary_key": "1",
    "show_gipk_in_create_table_and_information_schema": "0",
    "restrict_fk_on_non_standard_key": "1",
    "print_identified_with_as_hex": "0",
    "information_schema_stats_expiry": "9999",
}
OLD = (
    # Sizes, formats and options that a strict server refuses.
    "SET SESSION innodb_strict_mode = 0, sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00';"
    f"CREATE TABLE ancha ({', '.join(f'c{number} char(200)' for number in range(60))}) CHARSET latin1;"
    "INSERT INTO ancha (c0, c59) VALUES ('x', 'ñ');"
    "CREATE TABLE fija (i int PRIMARY KEY) ROW_FORMAT=FIXED; INSERT INTO fija VALUES (1);"
    "CREATE TABLE bloque (i int PRIMARY KEY) ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=8; INSERT INTO bloque VALUES (1);"
    "CREATE TABLE siete (i int PRIMARY KEY) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=7; INSERT INTO siete VALUES (1);"
    # Days that are none, in rows and as defaults.
    "CREATE TABLE dias (d date DEFAULT '2008-02-31', dt datetime DEFAULT '2008-02-31 00:00:00', z date DEFAULT"
    " '0000-00-00', m date NOT NULL DEFAULT '2026-02-00', ts timestamp DEFAULT '0000-00-00 00:00:00');"
    "INSERT INTO dias () VALUES ();"
    "INSERT INTO dias VALUES ('2010-04-31', '2011-06-31 10:00:00', '2026-00-00', '0000-00-00', '2026-01-01');"
    # Limits that a value was cut to, and generated columns that lose something.
    "CREATE TABLE limites (f1 float(30, 0), f2 float(5, 2), d decimal(4, 2), u tinyint unsigned);"
    "INSERT INTO limites VALUES (1e30, 1e30, 1e9, -5), (-2e30, -1e9, -1e9, 900), (1e29, 0.001, 0.5, 1);"
    "CREATE TABLE calculada (id int PRIMARY KEY, t varchar(20), a char(3) AS (CAST(t AS char(3))) STORED, b int AS (t)"
    " STORED, c date AS (CAST(t AS date)) STORED, d varchar(3) AS (t) STORED, e decimal(4, 2) AS (id * 1000) STORED,"
    " f bit(4) AS (id) STORED, g int AS (t) VIRTUAL, h decimal(20, 8) AS (id / 7) STORED, KEY (b), KEY (g));"
    "INSERT INTO calculada (id, t) VALUES (1, 'Bedoya'), (99, '7 pesos'), (0, '2026-02-31'), (3, NULL);"
    # Bytes that are no characters as a default.
    "CREATE TABLE bytes (i int PRIMARY KEY, a binary(4) DEFAULT x'3f91450a', b varbinary(9) DEFAULT x'275c9100',"
    " c varbinary(9) DEFAULT 'ñ''\\\\'); INSERT INTO bytes (i) VALUES (1);"
    # Members that are none; a counter with a zero, that goes on at a number of its own.
    "CREATE TABLE miembro (id int PRIMARY KEY AUTO_INCREMENT, e enum('a', '', 'b'), s set('x', 'y'))"
    " AUTO_INCREMENT=107; INSERT INTO miembro VALUES (0, 'nada', 'x'), (7, '', 'z'), (-3, 'b', '');"
    # Rows that a foreign key forbids, or a check that is not asked.
    "CREATE TABLE madre (id int PRIMARY KEY); SET SESSION foreign_key_checks = 0;"
    "CREATE TABLE hija (id int PRIMARY KEY, m int, CONSTRAINT c CHECK (id > 0) NOT ENFORCED,"
    " FOREIGN KEY (m) REFERENCES madre (id)); INSERT INTO hija VALUES (-1, 5), (2, NULL);"
    # What is not shown, and what is not InnoDB's.
    "CREATE TABLE oculta (a int INVISIBLE DEFAULT (1 + 1), b int, c timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,"
    " PRIMARY KEY (b)); INSERT INTO oculta (a, b, c) VALUES (9, 1, '2026-01-01');"
    "CREATE TABLE isam (a char(5), b text, KEY (a)) ENGINE=MyISAM; INSERT INTO isam VALUES ('x  ', 'y');"
    "SET SESSION sql_generate_invisible_primary_key = 1; CREATE TABLE sola (a int); INSERT INTO sola VALUES (5), (5);"
)


def test_every_setting_of_a_session_is_said_otherwise(server: MysqlServer) -> None:
    """By the server that is used here, of what it lets be said and could change a value."""
    settings = mysql_settings.BY_HAND
    names = {setting.name for setting in settings}
    waiting = {name for name in names if "timeout" in name}
    assert names - waiting <= set(HOSTILE)
    assert len(names) == len(settings)
    assert all(setting.why for setting in settings)


def test_what_was_accepted_once_is_accepted_again(server: MysqlServer, site: Site, tmp_path: Path) -> None:
    """By the module and by hand, where the server says the opposite of all that matters."""
    server.sql("CREATE DATABASE vieja COLLATE latin1_spanish_ci")
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
