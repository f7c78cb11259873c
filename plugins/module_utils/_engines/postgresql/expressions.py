# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that a database's expressions were computed under, and restoring the rows under the same.

A check constraint such as ``day = moment::date`` holds in the time zone of the database's users, and perhaps in no
other; a materialized view with ``to_tsvector(text)`` is made with the database's own text search configuration.
"""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from .fixed_settings import COMPUTING
from .session import Session, quote_literal

# As a session of the database's users begins: what the login that asks has been given for itself does not count.
_SETTINGS = """
WITH given AS (
    SELECT s.setdatabase, s.setrole, lower(split_part(line, '=', 1)) AS name,
        substr(line, strpos(line, '=') + 1) AS value
    FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS line
), own AS (
    SELECT g.name FROM given g JOIN pg_roles r ON r.oid = g.setrole LEFT JOIN pg_database b ON b.oid = g.setdatabase
    WHERE r.rolname = session_user AND (g.setdatabase = 0 OR b.datname = current_database())
), of_database AS (
    SELECT g.name, g.value FROM given g JOIN pg_database b ON b.oid = g.setdatabase
    WHERE g.setrole = 0 AND b.datname = current_database()
)
SELECT p.name, CASE WHEN lower(p.name) IN (SELECT name FROM own) THEN coalesce(d.value, {of_server})
    ELSE p.reset_val END AS value
FROM pg_settings p LEFT JOIN of_database d ON d.name = lower(p.name) WHERE p.name IN ({names}) ORDER BY p.name
"""
# For superusers only.
_OF_SERVER = """(
    SELECT f.setting FROM pg_file_settings f WHERE lower(f.name) = lower(p.name) AND f.applied
    ORDER BY f.seqno DESC LIMIT 1
)"""


def read(session: Session) -> dict[str, str]:
    """Name to value. A setting of which only the login's own value is to be had is left out."""
    of_server = _OF_SERVER if session.superuser else "NULL"
    query = _SETTINGS.format(names=", ".join(map(quote_literal, COMPUTING)), of_server=of_server)
    rows = session.rows(query, action="read the database's settings")
    return {row["name"]: row["value"] for row in rows if row["value"] is not None}


def accepted(open_session: t.Callable[[], Session], wanted: t.Mapping[str, str], warnings: list[str]) -> dict[str, str]:
    """Those settings that a database takes: it may lack a locale, a time zone, a text search configuration.

    :param open_session: a session of the database that is being restored.
    :param wanted: what a set says; of other settings nothing is taken.
    :param warnings: gets a line for each that it does not take.
    """
    asked = {name: wanted[name] for name in COMPUTING if name in wanted}
    if not asked or _takes(open_session, asked):
        return asked
    found = {}
    for name, value in asked.items():
        if _takes(open_session, {name: value}):
            found[name] = value
        else:
            warnings.append(
                f"This server does not know {name} = {value!r}, which the database had: look at check constraints and"
                " materialized views that depend on it"
            )
    return found


def _takes(open_session: t.Callable[[], Session], values: t.Mapping[str, str]) -> bool:
    calls = ", ".join(
        f"set_config({quote_literal(name)}, {quote_literal(value)}, false)" for name, value in values.items()
    )
    with open_session() as session:
        try:
            session.execute(f"SELECT {calls}", action="set what expressions depend on")
        except ProcessFailed:
            if session.cancelled:
                raise
            return False
    return True
