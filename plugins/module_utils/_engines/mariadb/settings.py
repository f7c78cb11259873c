# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of MariaDB's sessions that decide what values are (see ``mysql_family.settings``)."""

from __future__ import annotations

from ..mysql_family.settings import COMMON, LOADING_COMMON, Setting

SETTINGS = (
    *COMMON,
    Setting("collation_connection", "utf8mb4_general_ci", "the collation of texts in statements"),
    Setting("character_set_filesystem", "binary", "the names of files"),
    Setting("old_mode", "'UTF8_IS_UTF8MB3'", "what the name utf8 means; whether duplicates are warned of"),
    Setting("max_error_count", "64", "warnings of a load are counted, but none is kept"),
    Setting("innodb_strict_mode", "0", "tables of a size, a format or options that were taken once are refused"),
    Setting("innodb_compression_default", "0", "tables are made compressed"),
    Setting("tx_read_only", "0", "nothing can be written"),
    Setting("system_versioning_asof", "DEFAULT", "rows are those of a day in the past"),
    Setting("sql_if_exists", "0", "what is missing is passed over"),
    Setting("alter_algorithm", "'DEFAULT'", "an ALTER TABLE that needs another way is refused"),
    Setting("default_regex_flags", "''", "what REGEXP finds in a generated column"),
    Setting("max_statement_time", "0", "a statement that takes longer is ended"),
    Setting("idle_transaction_timeout", "0", "a session whose snapshot waits for the others is ended"),
    Setting("idle_readonly_transaction_timeout", "0", "the same"),
    Setting("idle_write_transaction_timeout", "0", "the same"),
    Setting("explicit_defaults_for_timestamp", "1", "the first TIMESTAMP of a table follows the clock", "M!100804"),
    Setting("note_verbosity", "'basic'", "notes of a load are warnings that are told", "M!101106"),
)
LOADING = (
    *LOADING_COMMON,
    Setting("check_constraint_checks", "0", "rows from before a check was made, or while it was not asked"),
)
#: What lets a table's history be loaded.
HISTORY = (Setting("system_versioning_insert_history", "1", "the times of a row's versions are now"),)
