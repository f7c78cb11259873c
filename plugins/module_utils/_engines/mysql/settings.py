# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a MySQL session that change what is read, made or written (see ``mysql_family.settings``)."""

from __future__ import annotations

from ..mysql_family.settings import COMMON, LOADING_COMMON, Setting

SETTINGS = (
    *COMMON,
    Setting("collation_connection", "utf8mb4_0900_ai_ci", "the collation of texts in statements"),
    Setting("default_tmp_storage_engine", "InnoDB", "the engine of what is made without one"),
    Setting("transaction_read_only", "0", "nothing can be written"),
    Setting("max_execution_time", "0", "a SELECT that takes longer is ended"),
    Setting("explicit_defaults_for_timestamp", "1", "the first TIMESTAMP of a table follows the clock"),
    Setting("information_schema_stats_expiry", "0", "sizes of tables are those of a day ago"),
    Setting("print_identified_with_as_hex", "1", "hashes of passwords that are no text", "!80017"),
    Setting(
        "show_gipk_in_create_table_and_information_schema",
        "1",
        "the key that the server made of itself is a column as any other",
        "!80030",
    ),
    Setting("restrict_fk_on_non_standard_key", "0", "tables of older servers refer to what is not unique", "!80400"),
)
LOADING = LOADING_COMMON
#: What only an account with a right can set, and so is set only where the server says otherwise.
CHANGING = (
    Setting("sql_require_primary_key", "OFF", "tables without a primary key are refused"),
    Setting("sql_generate_invisible_primary_key", "OFF", "tables without a primary key get one", "!80030"),
)
#: The same; but without the right, most tables can be made all the same.
REFUSING = (
    Setting("innodb_strict_mode", "OFF", "tables of a size, a format or options that were taken once are refused"),
)
#: What restores by hand, as an administrator, begin with.
BY_HAND = (*SETTINGS, *LOADING, *CHANGING, *REFUSING)
