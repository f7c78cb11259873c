# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers, databases and roles that write, read and compute values in other ways than one another."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from development.services.postgresql import PostgresqlServer

# With a decimal comma, and a point between thousands.
LOCALE = "es_CO.UTF-8"
# Of a server in Colombia that somebody set up with care.
SERVER = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "array_nulls": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-5",
    "xmloption": "document",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "default_text_search_config": "pg_catalog.spanish",
    "default_transaction_isolation": "serializable",
    "synchronize_seqscans": "on",
    "xmlbinary": "hex",
}
# What each of a server, a database and a role may have been given. Each reads the same text as another value, writes
# the same value as another text, or ends a session.
AWKWARD = {
    "DateStyle": ["ISO, DMY", "German", "Postgres, YMD", "SQL, MDY"],
    "IntervalStyle": ["iso_8601", "sql_standard", "postgres_verbose"],
    "TimeZone": ["Asia/Kathmandu", "America/Bogota", "Pacific/Apia"],
    "array_nulls": ["off"],
    "bytea_output": ["escape"],
    "extra_float_digits": ["-15", "0"],
    "xmloption": ["document"],
    "lc_monetary": [LOCALE],
    "lc_numeric": [LOCALE],
    "lc_time": [LOCALE],
    "standard_conforming_strings": ["off"],
    "backslash_quote": ["off"],
    "transform_null_equals": ["on"],
    "quote_all_identifiers": ["on"],
    "default_transaction_read_only": ["on"],
    "default_transaction_isolation": ["serializable"],
    "row_security": ["on"],
    "search_path": ["pg_temp, azar, public"],
    "client_encoding": ["LATIN1"],
    "gin_fuzzy_search_limit": ["1"],
    "lock_timeout": ["1ms"],
    "default_text_search_config": ["pg_catalog.english"],
    "plpgsql.extra_errors": ["all"],
    "check_function_bodies": ["on"],
    "timezone_abbreviations": ["Australia"],
    "zero_damaged_pages": ["on"],
    "session_replication_role": ["local"],
}


def given(subject: str, settings: dict[str, str]) -> str:
    """SQL that gives a database or a role settings.

    :param subject: such as ``DATABASE azar``.
    """
    return "".join(
        f"ALTER {subject} SET {name} TO {value if name == 'search_path' else repr(value)};\n"
        for name, value in settings.items()
    )


@contextmanager
def with_locale() -> Iterator[str | None]:
    """Makes a locale with a decimal comma that servers started within find; None where this system cannot make it."""
    directory = Path(tempfile.mkdtemp(prefix="locale-"))
    directory.chmod(0o755)
    before = os.environ.get("LOCPATH")
    try:
        made = shutil.which("localedef") is not None and os.path.exists("/usr/share/i18n/locales/es_CO")
        if made:
            argv = ["localedef", "-i", "es_CO", "-f", "UTF-8", str(directory / LOCALE)]
            subprocess.run(argv, check=False, capture_output=True)
            for path in Path("/usr/lib/locale").glob("C.*"):
                shutil.copytree(path, directory / path.name)
            os.environ["LOCPATH"] = str(directory)
        yield LOCALE if (directory / LOCALE / "LC_MONETARY").exists() else None
    finally:
        if before is None:
            os.environ.pop("LOCPATH", None)
        else:
            os.environ["LOCPATH"] = before
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def differing_servers() -> Iterator[tuple[PostgresqlServer, PostgresqlServer]]:
    """A server of PostgreSQL 15 as :data:`SERVER` says, and one of 17 as it comes; both know the locale, if any can."""
    with with_locale() as locale:
        settings = {**SERVER, **({"lc_monetary": locale, "lc_numeric": locale, "lc_time": locale} if locale else {})}
        with PostgresqlServer(15, shared_buffers="32MB") as old, PostgresqlServer(17, shared_buffers="32MB") as new:
            old.psql("".join(f"ALTER SYSTEM SET {name} = '{value}';" for name, value in settings.items()))
            old.psql("SELECT pg_reload_conf()")
            yield old, new
