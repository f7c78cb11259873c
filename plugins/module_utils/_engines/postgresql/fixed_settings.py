# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Session settings that change how values and definitions are written, read or computed, and what we fix them to.

A server, a database and a role can each set any of them. One list serves the sessions of dump, restore, check and
drill, the options of pg_dump, pg_dumpall and pg_restore, and the commands to restore by hand. What is given when a
session starts (PGOPTIONS) or by SET goes before all that ALTER SYSTEM, ALTER DATABASE and ALTER ROLE say.

pg_dump sets for itself: client_encoding (we name it, or a role's would count), DateStyle, IntervalStyle,
extra_float_digits, synchronize_seqscans, row_security, search_path, restrict_nonsystem_relation_kind and the timeouts.
The archives make pg_restore set: client_encoding, standard_conforming_strings, search_path, check_function_bodies,
xmloption, client_min_messages, row_security, default_table_access_method, default_tablespace and the timeouts. Neither
sets lc_monetary, TimeZone, array_nulls or the rest of this list.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting.

    :param value: while anything is dumped, counted, compared or asked; where :attr:`computes` is False also while
        anything is restored.
    :param why: what would go wrong otherwise.
    :param computes: whether it changes what expressions give (check constraints, materialized views, functions) and
        never how the text of a dump is read: then the rows are restored under the value of the database dumped.
    :param since: the first version that knows it, as server_version_num.
    :param superuser: whether only a superuser may set it.
    """

    name: str
    value: str
    why: str
    computes: bool = False
    since: int = 0
    superuser: bool = False


_EXPRESSIONS = "Expressions of check constraints and materialized views depend on it"
_ENDS = "It would end a session that works for long"

SETTINGS = (
    # How values are written and read
    Setting("lc_monetary", "C", "Text of money: decimal comma and point, places after it, thousands separator"),
    Setting("array_nulls", "on", "NULL in the text of an array would be read as the word"),
    Setting("xmloption", "content", "XML that is no whole document could not be read"),
    Setting("standard_conforming_strings", "on", "A backslash in a literal would mean something else"),
    Setting("backslash_quote", "safe_encoding", "Whether a literal ends at a backslash and a quote"),
    Setting("escape_string_warning", "off", "Warnings about literals that are right"),
    Setting("transform_null_equals", "off", "A definition with = NULL would be stored as IS NULL"),
    Setting("quote_all_identifiers", "off", "Names in definitions and facts would be written in two ways"),
    Setting("search_path", "", "Names without a schema could mean another's objects (CVE-2018-1058)"),
    Setting("synchronize_seqscans", "off", "Rows would come in another order each time"),
    # How values are written; what is written so is read whatever these are
    Setting("DateStyle", "ISO, MDY", f"Text of dates and moments. {_EXPRESSIONS}", computes=True),
    Setting("IntervalStyle", "postgres", f"Text of intervals. {_EXPRESSIONS}", computes=True),
    Setting("TimeZone", "UTC", f"Text of moments, which day a moment is on. {_EXPRESSIONS}", computes=True),
    Setting("timezone_abbreviations", "Default", f"What EST or COT means. {_EXPRESSIONS}", computes=True),
    Setting("extra_float_digits", "3", f"Digits of floating-point numbers. {_EXPRESSIONS}", computes=True),
    Setting("bytea_output", "hex", f"Text of binary values. {_EXPRESSIONS}", computes=True),
    Setting("xmlbinary", "base64", f"Binary values within XML. {_EXPRESSIONS}", computes=True),
    Setting("lc_numeric", "C", f"to_char and to_number. {_EXPRESSIONS}", computes=True),
    Setting("lc_time", "C", f"Names of months and days. {_EXPRESSIONS}", computes=True),
    Setting(
        "default_text_search_config",
        "pg_catalog.simple",
        f"to_tsvector with one argument. {_EXPRESSIONS}",
        computes=True,
    ),
    # Who and what a session sees
    Setting("role", "none", "Another role than the one that logged in sees and owns other things"),
    Setting("row_security", "off", "Rows that a policy hides would be missing silently: it is an error now"),
    Setting("gin_fuzzy_search_limit", "0", "A materialized view would get a part of its rows"),
    Setting("constraint_exclusion", "off", "A table would be passed over because of what a constraint claims"),
    Setting("restrict_nonsystem_relation_kind", "", "Materialized views over views could not be filled", since=170000),
    Setting("session_replication_role", "origin", "Triggers and rules would be passed over", superuser=True),
    Setting("zero_damaged_pages", "off", "Rows on damaged pages would be missing silently", superuser=True),
    Setting("ignore_checksum_failure", "off", "Damaged rows would be dumped as if they were sound", superuser=True),
    # Transactions and limits
    Setting("default_transaction_read_only", "off", "Nothing could be restored"),
    Setting("default_transaction_isolation", "read committed", "Parallel jobs of a restore would end one another"),
    Setting("default_transaction_deferrable", "off", "A session would wait for others"),
    Setting("statement_timeout", "0", _ENDS),
    Setting("lock_timeout", "0", _ENDS),
    Setting("idle_in_transaction_session_timeout", "0", _ENDS),
    Setting("idle_session_timeout", "0", _ENDS, since=140000),
    Setting("transaction_timeout", "0", _ENDS, since=170000),
    Setting("temp_file_limit", "-1", "An index, or a view's rows, would be refused for their size", superuser=True),
    Setting("exit_on_error", "off", "It would end a session that goes on after errors, and count on it"),
    # How objects are made
    Setting("default_tablespace", "", "What was in the database's own tablespace would be put elsewhere"),
    Setting("temp_tablespaces", "", "It may name a tablespace that the server has not got"),
    Setting("check_function_bodies", "off", "A function would be refused because of an object that is made later"),
    Setting("plpgsql.extra_errors", "none", "A function would be refused for its style"),
    Setting("createrole_self_grant", "", "Whoever makes a role would become its member", since=160000),
    Setting("icu_validation_level", "warning", "A locale that ICU takes with a warning would be refused", since=160000),
    # What sessions say
    Setting("lc_messages", "C", "Errors in several languages", superuser=True),
    Setting("client_min_messages", "warning", "Notices among the errors"),
    Setting("jit", "off", "No value: compiling our short statements costs more than it gains"),
)

# Looked at, and left as they are.
LEFT_ALONE = {
    "client_encoding": "given to each program by itself, see the client's encoding of sessions and pg_dump",
    "session_authorization": "cannot be fixed without knowing who logs in; only a superuser can have it set",
    "event_triggers": "switched off where rows are restored by a superuser, as session_replication_role before 17",
    "default_table_access_method": "the archives name each table's",
    "default_toast_compression": "changes how a value is stored, never the value; the archives name each column's",
    "lo_compat_privileges": "permits more to whoever may not read a large object, and changes none",
    "password_encryption": "passwords of roles are restored as they are stored",
    "local_preload_libraries": "what it loads cannot be unloaded, and is not part of a set",
    "session_preload_libraries": "as local_preload_libraries; only a superuser can set it",
    "plpgsql.variable_conflict": "part of what a function's author relied on; comes back with the database's settings",
    "plpgsql.extra_warnings": "warnings only",
    "dynamic_library_path": "where the server has its code, which no set can know; a host that lacks it is told",
    "extension_control_path": "as dynamic_library_path",
    "transaction_isolation": "of one transaction; ours say theirs",
    "transaction_read_only": "of one transaction; ours say theirs",
    "transaction_deferrable": "of one transaction; ours say theirs",
    "gin_pending_list_limit": "how an index is kept, not what it finds",
    "vacuum_freeze_min_age": "as all of VACUUM: when old rows are tidied up",
    "debug_parallel_query": "for developers of the server, and another name before 16",
    "enable_seqscan": "as all planner settings: another way to the same rows",
    "work_mem": "as all memory and cost settings: another way to the same rows",
    "log_statement": "as all logging settings: what the server writes into its own log",
}


def applicable(version: int, *, superuser: bool) -> dict[str, str]:
    """Name to fixed value of what a server knows and a user may set.

    :param version: the server's, as server_version_num; 0: not known yet.
    """
    return {
        setting.name: setting.value
        for setting in SETTINGS
        if setting.since <= version and (superuser or not setting.superuser)
    }


def statements(values: t.Mapping[str, str]) -> str:
    """Return SQL that sets them in a session."""
    lines = []
    for name, value in values.items():
        quoted = value.replace("'", "''")
        lines.append(f"SET {name} = '{quoted}';")
    return "\n".join(lines)


def options(values: t.Mapping[str, str]) -> str:
    """Return what PGOPTIONS has to be for a session to start with them."""
    # As the server takes them apart (pg_split_opts): at white space, unless a backslash is before it.
    words = (re.sub(r"([\\ \t\n\v\f\r])", r"\\\1", f"{name}={value}") for name, value in values.items())
    return " ".join(f"-c {word}" for word in words)


def by_hand(values: t.Mapping[str, str], *, more: bool = False) -> str:
    """Return the command of a shell that gives them to every program after it.

    :param more: besides those that it was given before.
    """
    before = '"$PGOPTIONS "' if more else ""
    return f"export PGOPTIONS={before}{shlex.quote(options(values))}"


# Where only a superuser may fix them, a dump by another user has to say that they are on.
HIDING_DAMAGE = ("zero_damaged_pages", "ignore_checksum_failure")
# Those that the rows are restored under as the dumped database had them.
COMPUTING = tuple(setting.name for setting in SETTINGS if setting.computes)
