# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a session that change what is read, made or written: the one list of them, with the reasons.

Every session of a dump, a restore, a digest and a drill begins with it, and so does every command that restores by
hand: whatever the server, the account or ``init_connect`` says, the same set gives the same values.

Not in the list: what only says how fast something is done, how much is logged, or what a session needs a right to set.
"""

from __future__ import annotations

import dataclasses
import typing as t

# How long a statement waits for what another session has locked, seconds.
LOCK_WAIT_SECONDS = 60
_WEEK_SECONDS = 604800
_DAY_SECONDS = 86400
_NO_LIMIT = "18446744073709551615"
# The sql_mode in which rows are read and written and tables are made. A 0 in a counter stays 0; a set does not choose
# where its tables lie; and without strictness, and with invalid days, what a server once took is taken again.
SQL_MODE = "NO_AUTO_VALUE_ON_ZERO,NO_DIR_IN_CREATE,ALLOW_INVALID_DATES"


@dataclasses.dataclass(frozen=True)
class Setting:
    """One system variable.

    :param value: as SQL.
    :param why: what another value would change.
    :param since: the first version that lets a session set it, as executable comments say it; None: all.
    """

    name: str
    value: str
    why: str
    since: str | None = None


#: What both products have; the others are in ``settings`` of each.
COMMON = (
    Setting("sql_mode", f"'{SQL_MODE}'", "what rows and tables are accepted, and what is made of the others"),
    Setting("time_zone", "'+00:00'", "which moment a TIMESTAMP is"),
    Setting("character_set_client", "utf8mb4", "the characters of every statement"),
    Setting("character_set_results", "utf8mb4", "the characters of every answer"),
    Setting("innodb_lock_wait_timeout", str(LOCK_WAIT_SECONDS), "how long rows that others hold are waited for"),
    Setting("lock_wait_timeout", str(LOCK_WAIT_SECONDS), "how long tables that others hold are waited for"),
    Setting("wait_timeout", str(_WEEK_SECONDS), "a session that waits for the others is ended"),
    Setting("net_read_timeout", str(_DAY_SECONDS), "a load whose set comes slowly is ended"),
    Setting("net_write_timeout", str(_DAY_SECONDS), "a dump to a slow medium is ended"),
    Setting("sql_select_limit", _NO_LIMIT, "a SELECT gives no more rows than this"),
    Setting("max_join_size", _NO_LIMIT, "a SELECT that may look at more rows is refused"),
    Setting("sql_big_selects", "1", "the same"),
    Setting("sql_safe_updates", "0", "the same"),
    Setting("sql_auto_is_null", "0", "a condition IS NULL finds the row that was inserted last"),
    Setting("sql_quote_show_create", "1", "names in definitions without quotes"),
    Setting("sql_notes", "1", "notes of a load are warnings that are told"),
    Setting("autocommit", "1", "what was loaded is lost with its session"),
    Setting("completion_type", "'NO_CHAIN'", "the connection ends with a transaction, or begins another"),
    Setting("auto_increment_increment", "1", "where the counter of a table stands after its rows were loaded"),
    Setting("auto_increment_offset", "1", "the same"),
    Setting("div_precision_increment", "4", "the digits of a quotient in a generated column"),
    Setting("default_week_format", "0", "WEEK() in a generated column"),
    Setting("lc_time_names", "'en_US'", "names of days and months in a generated column"),
    Setting("default_storage_engine", "InnoDB", "the engine of what is made without one"),
)
#: What lets the rows of a set be loaded as they were: what they obeyed there is not asked again. Without unique_checks
#: the server would sort them in its temporary files, for which there may be no room, and save no more than a tenth.
LOADING_COMMON = (
    Setting("foreign_key_checks", "0", "tables refer to others that come later, rows to what was never there"),
    Setting("unique_checks", "1", "see above"),
)
#: Of a restore's own loads: who alters a table waits for those of its other rows, and loads that come then wait for
#: that. Nobody else uses the database beside.
PATIENT = (Setting("lock_wait_timeout", str(_DAY_SECONDS), "a load is waited for only so long"),)


def statement(settings: t.Iterable[Setting]) -> str:
    """Return the statement that gives a session its settings, for servers of every version."""
    everywhere = []
    later = []
    for setting in settings:
        if setting.since is None:
            everywhere.append(f"{setting.name} = {setting.value}")
        else:
            later.append(f" /*{setting.since} , {setting.name} = {setting.value} */")
    return f"SET SESSION {', '.join(everywhere)}{''.join(later)}"
