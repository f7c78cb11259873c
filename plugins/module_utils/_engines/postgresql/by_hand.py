# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands to restore a PostgreSQL set by hand: with a key and PostgreSQL's own programs, and nothing of ours."""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets import filters

from . import fixed_settings as fixed
from .client import quote_conninfo
from .create import access_statements, creation_statement, limit_statements
from .parts import GLOBALS, SCHEMA, SETTINGS
from .properties import PROPERTIES

# There is no such schema: it only tells which functions were given a path.
_MARK = "infitulua_by_hand"
# A statement about each function that is neither the server's nor an extension's; without single quotes, for the shell.
# No event trigger sees it.
_EACH_FUNCTION = """\
SET session_replication_role = replica; DO {do} DECLARE f regprocedure; BEGIN \
FOR f IN SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang \
WHERE l.lanname NOT IN ($$c$$, $$internal$$) AND p.prokind <> $$a$$ \
AND p.pronamespace::regnamespace::text NOT IN ($$pg_catalog$$, $$information_schema$$) \
AND NOT EXISTS (SELECT FROM pg_depend d \
WHERE d.classid = $$pg_proc$$::regclass AND d.objid = p.oid AND d.deptype = $$e$$) \
AND {condition} LOOP EXECUTE format($$ALTER ROUTINE %s {change}$$, f{value}); END LOOP; END {do}"""
_HAS_PATH = "EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE $${pattern}$$)"


def commands(
    facts: t.Mapping[str, t.Any],
    settings: t.Mapping[str, str],
    paths: t.Mapping[str, str],
    data: t.Sequence[str],
    own_path: str,
) -> list[str]:
    """Return the commands. PG* variables name the server.

    :param settings: of every session.
    :param paths: of the files of the parts, in the set.
    :param data: the parts with rows.
    :param own_path: the database's own search_path.
    """
    name = facts["database"]["name"]
    # A name with = or : in it would be read as a connection string.
    plain = re.fullmatch(r"[\w.-]+", name, re.ASCII)
    target = shlex.quote(f"--dbname={name if plain else f'dbname={quote_conninfo(name)}'}")
    # It goes on after an error: what cannot be made costs itself, and is counted at the end.
    restore = f"pg_restore {target}"
    # Statements of roles only, and no backslash: so psql has nothing to execute on this host.
    roles = "grep -aE '^(CREATE ROLE|ALTER ROLE|GRANT|COMMENT ON ROLE) ' | grep -av '\\\\'"
    roles += " | psql --no-psqlrc --dbname=postgres"
    create = shlex.quote(creation_statement(facts["database"], name, major=None))
    found = [
        "# PGHOST, PGPORT and PGUSER say which server; a superuser is needed. Roles that exist are reported and kept.",
        "# So that values and definitions are read as they were written, whatever the server, database or role sets:",
        fixed.by_hand(settings),
        f"{filters.by_hand(paths[GLOBALS])} | {roles}",
        f"psql --no-psqlrc --dbname=postgres --command={create}",
        *([] if facts["public_schema"] else [f"psql --no-psqlrc {target} --command='DROP SCHEMA public'"]),
        f"{filters.by_hand(paths[SCHEMA])} | {restore} --section=pre-data",
        *_give_path(facts, target, own_path),
        "# What the database's expressions were computed under; leave out what the server does not know:",
        fixed.by_hand(facts["expression_settings"], more=True),
        *(f"{filters.by_hand(paths[part])} | {restore}" for part in data),
        f"{filters.by_hand(paths[SCHEMA])} | {restore} --section=post-data",
        *_take_path(facts, target),
    ]
    # Where nothing is set there is nothing to find, which grep would call a failure.
    statements = "ALTER DATABASE|ALTER ROLE|COMMENT ON DATABASE|SELECT pg_catalog.set_config"
    properties = f"LC_ALL=C sed -E '/^({statements})/!d; /\\\\/d'"
    properties += f" | psql --no-psqlrc {target}"
    found.append(f"{filters.by_hand(paths[PROPERTIES])} | {properties}")
    for statement in access_statements(facts["database"], name) + limit_statements(facts["database"], name):
        found.append(f"psql --no-psqlrc {target} --command={shlex.quote(statement)}")
    found.append(f"# How the server was set up, for reading only: {filters.by_hand(paths[SETTINGS])}")
    return found


def _give_path(facts: t.Mapping[str, t.Any], target: str, own_path: str) -> list[str]:
    """Return what gives each function without a path the database's own: pg_restore empties that of its session.

    Without it, what is computed by functions that name no schemas could not be, and tables would come without rows.
    """
    if not facts["objects"].get("functions"):
        return []
    path = ", ".join(filter(None, [own_path, _MARK]))
    # A name that ended its quotes would be more than a name.
    quotes = _quotes("path", path)
    give = _EACH_FUNCTION.format(
        do=_quotes("do", path),
        condition="NOT " + _HAS_PATH.format(pattern="search\\_path=%"),
        change="SET search_path = %s",
        value=f", {quotes}{path}{quotes}",
    )
    return [
        "# Until the rows are there, functions look for names without a schema in the database's own search_path:",
        f"psql --no-psqlrc {target} --command={shlex.quote(give)}",
    ]


def _take_path(facts: t.Mapping[str, t.Any], target: str) -> list[str]:
    if not facts["objects"].get("functions"):
        return []
    take = _EACH_FUNCTION.format(
        do="$do$", condition=_HAS_PATH.format(pattern=f"search\\_path=%{_MARK}"), change="RESET search_path", value=""
    )
    return [f"psql --no-psqlrc {target} --command={shlex.quote(take)}"]


def _quotes(tag: str, text: str) -> str:
    """Return dollar quotes that do not end within a text (PostgreSQL manual, "Dollar-Quoted String Constants")."""
    while f"${tag}$" in text:
        tag += "_"
    return f"${tag}$"
