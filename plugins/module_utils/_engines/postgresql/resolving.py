# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dump can already know of its restore: definitions that the server itself writes down and does not read back.

Each is only parsed (PREPARE), as pg_restore will have it parsed: without a search_path, then in the database's own. It
is never planned or executed. Parsing computes one thing: literals. Those of an array or a row of domains make the
domains' CHECK functions run, with the rights of whoever has it parsed. So a definition with a literal of a type that
is not the server's own is not looked at, and in the database's own path none with a literal whose type is not written
down. Besides, it all happens in a transaction that only reads, and for a superuser as the owner: neither would hold
alone. That its functions work, only a drill can tell.
"""

from __future__ import annotations

import re
import typing as t

from ..base import LeftOut
from .catalogue import not_of_extension
from .properties import path_text, schemas_of_path
from .session import Session, quote_literal

# How long one definition waits for a table that another session has locked.
_LOCK_WAIT = "2s"
_USER_SCHEMA = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_STATEMENTS = f"""
SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind, c.oid::regclass::text AS name,
    c.relowner AS owner, pg_get_viewdef(c.oid) AS statement
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND {_USER_SCHEMA} AND {not_of_extension("pg_class", "c.oid")}
UNION ALL
SELECT 'policy', format('%I on %s', p.polname, p.polrelid::regclass), c.relowner,
    format('SELECT %s FROM ONLY %s', e.expression, p.polrelid::regclass)
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid CROSS JOIN LATERAL (VALUES (pg_get_expr(p.polqual, p.polrelid)),
    (pg_get_expr(p.polwithcheck, p.polrelid))) AS e(expression)
WHERE e.expression IS NOT NULL AND {not_of_extension("pg_class", "p.polrelid")}
UNION ALL
SELECT 'index', i.indexrelid::regclass::text, c.relowner,
    format('SELECT %s FROM ONLY %s', e.expression, i.indrelid::regclass)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (VALUES (pg_get_expr(i.indexprs, i.indrelid)), (pg_get_expr(i.indpred, i.indrelid))) AS e(expression)
WHERE i.indisvalid AND e.expression IS NOT NULL AND {_USER_SCHEMA} AND {not_of_extension("pg_class", "c.oid")}
"""
# A literal whose type has a schema, or a name in quotes. Without a search_path the server writes a schema before each
# type that is not its own.
_FOREIGN = r"""'::\s*("|[^\s,()]*\.)"""
# Names in quotes, and literals of the server's own types: an apostrophe that is in neither begins another literal. In
# the database's own path one without a type could become whatever a function of the owner's takes.
_NAMES_AND_OWN_LITERALS = r""""([^"]|"")*"|'([^']|'')*'::[a-z_][a-z0-9_]*(?![.a-z0-9_$])"""
# While the database's path is in force, nothing is computed whose schema is not named. Of SQLSTATEs only those of class
# 42 speak of a definition; 42501 is what this user may not do.
_PROBE = """
DO $probe$
DECLARE
    entry record;
    path text;
    failed text;
    preparing text;
    becoming text;
    found jsonb := '[]';
BEGIN
    FOR entry IN {statements} LOOP
        CONTINUE WHEN entry.statement ~ $r${foreign}$r$;
        failed := NULL;
        preparing := 'PREPARE backup_probe AS ' || entry.statement;
        becoming := format('SET LOCAL ROLE %I', pg_get_userbyid(entry.owner));
        FOREACH path IN ARRAY {paths}::text[] LOOP
            IF path <> '' AND regexp_replace(entry.statement, $r${own}$r$, '', 'g') ~ $r$'$r$ THEN
                failed := NULL;
                EXIT;
            END IF;
            BEGIN
                IF {superuser} THEN
                    EXECUTE becoming;
                END IF;
                PERFORM pg_catalog.set_config('search_path', path, true);
                EXECUTE preparing;
                EXECUTE 'DEALLOCATE backup_probe';
                PERFORM pg_catalog.set_config('search_path', '', true);
                SET LOCAL ROLE NONE;
                failed := NULL;
                EXIT;
            EXCEPTION WHEN OTHERS THEN
                failed := coalesce(failed, SQLSTATE);
            END;
        END LOOP;
        IF failed LIKE '42%' AND failed <> '42501' THEN
            found := found || jsonb_build_object('kind', entry.kind, 'name', entry.name, 'state', failed);
        END IF;
    END LOOP;
    PERFORM set_config('backup.probe', found::text, false);
END
$probe$
"""


def unresolved(session: Session, path: str) -> list[LeftOut]:
    """Return the objects of the session's database whose definitions do not resolve where they are restored.

    Those that could only be found out by running what their owner wrote are taken to resolve.

    :param session: in no transaction.
    :param path: the database's own search_path.
    """
    session.execute(f"SET lock_timeout = '{_LOCK_WAIT}'; SET default_transaction_read_only = on")
    own = path_text(schemas_of_path(session, path))
    probe = _PROBE.format(
        statements=_STATEMENTS,
        paths=f"ARRAY[{', '.join(map(quote_literal, dict.fromkeys(['', own])))}]",
        superuser="true" if session.superuser else "false",
        foreign=_FOREIGN,
        own=_NAMES_AND_OWN_LITERALS,
    )
    session.execute(probe, action="look whether definitions resolve")
    rows: t.Sequence[t.Mapping[str, str]] = session.rows(
        "SELECT * FROM jsonb_to_recordset(current_setting('backup.probe')::jsonb)"
        " AS found(kind text, name text, state text)"
    )
    found = [
        LeftOut(
            row["kind"],
            row["name"],
            "its definition, as the server writes it down, does not resolve without the search_path that it was made in"
            f" (SQLSTATE {row['state']})",
        )
        for row in rows
    ]
    return list(dict.fromkeys(found))


# What is computed while rows are restored or right after, and the functions (in text, without a search_path of their
# own) that it calls.
_COMPUTED = f"""
WITH computed(kind, name, class, object) AS (
    SELECT 'check constraint', format('%I on %s', o.conname, CASE WHEN o.conrelid <> 0 THEN o.conrelid::regclass::text
        ELSE format_type(o.contypid, NULL) END), 'pg_constraint'::regclass, o.oid
    FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace WHERE o.contype = 'c' AND {_USER_SCHEMA}
  UNION ALL
    SELECT 'generated column', format('%s.%I', a.attrelid::regclass, a.attname), 'pg_attrdef'::regclass, f.oid
    FROM pg_attribute a JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum WHERE a.attgenerated = 's'
  UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, 'pg_class'::regclass, i.indexrelid
    FROM pg_index i WHERE i.indisvalid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
  UNION ALL
    SELECT 'materialized view', c.oid::regclass::text, 'pg_rewrite'::regclass, r.oid
    FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid WHERE c.relkind = 'm' AND c.relispopulated
)
SELECT DISTINCT e.kind, e.name, p.oid::regprocedure::text AS function, p.prosrc AS body
FROM computed e JOIN pg_depend d ON d.classid = e.class AND d.objid = e.object AND d.refclassid = 'pg_proc'::regclass
JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_language l ON l.oid = p.prolang
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE l.lanname IN ('sql', 'plpgsql') AND {_USER_SCHEMA} AND to_jsonb(p) ->> 'prosqlbody' IS NULL
    AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s LIKE 'search\\_path=%')
    AND {not_of_extension("pg_proc", "p.oid")}
ORDER BY 1, 2
"""
# Functions and relations that are found nowhere in the database's own path.
_ELSEWHERE = """
WITH named(name, schema, calls) AS (
    SELECT p.proname, n.nspname, true FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  UNION ALL
    SELECT c.relname, n.nspname, false FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
)
SELECT DISTINCT n.name, n.calls FROM named n WHERE NOT n.schema LIKE ANY (ARRAY['pg\\_%', 'information_schema'])
AND NOT EXISTS (SELECT FROM named o WHERE o.name = n.name AND o.calls = n.calls
    AND o.schema IN ({schemas}))
"""
_WORD = r'(?<![\w.$"])(?P<name>"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_CALL = re.compile(rf"{_WORD}\s*\(")
_RELATION = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|ONLY)\s+{_WORD}(?!\s*[.(])", re.IGNORECASE)
_SHOWN = 10


def relying_on_a_path(session: Session, path: str) -> list[str]:
    """Return warnings about functions that compute in a restore and leave the schemas of what they use to search_path.

    Their text is read for names, and neither run nor shown: so it is a guess, and no more than a warning.

    :param path: the database's own search_path, in which a restore tries such things again.
    """
    computed = session.rows(_COMPUTED, action="list what a restore computes")
    if not computed:
        return []
    schemas = ", ".join(map(quote_literal, ["pg_catalog", *schemas_of_path(session, path)]))
    elsewhere = session.rows(_ELSEWHERE.format(schemas=schemas))
    calls = {row["name"] for row in elsewhere if row["calls"]}
    relations = {row["name"] for row in elsewhere if not row["calls"]}
    found = [
        f"{row['kind']} {row['name']} (by {row['function']})"
        for row in computed
        if calls & _names(_CALL, row["body"]) or relations & _names(_RELATION, row["body"])
    ]
    if not found:
        return []
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [
        (
            "A restore may have to leave out, or not to validate, what is computed by functions that name no schemas:"
            f" {', '.join(found[:_SHOWN])}{more}. Set the path for them (ALTER FUNCTION … SET search_path = …), or for"
            " the database"
        )
    ]


def _names(pattern: re.Pattern[str], body: str) -> set[str]:
    found = (match["name"] for match in pattern.finditer(body))
    return {name[1:-1].replace('""', '"') if name.startswith('"') else name.lower() for name in found}
