# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pg_dump leaves out because it belongs to an extension: rows of its tables, and changes to what it made.

A restore makes an extension anew by CREATE EXTENSION. Of its tables a set holds the rows that the extension marks
(pg_extension_config_dump), and no index, trigger, rule or column that somebody has put on them.

What an extension made itself bears the number of the transaction that made or updated the extension (xmin); what came
later bears another. After pg_upgrade those numbers say nothing of definitions: then only rows are looked at.
"""

from __future__ import annotations

import typing as t

from ..base import LeftOut
from .catalogue import made_by_others
from .session import Row, Session, quote_literal

ROWS = "rows of an extension's table"
CHANGE = "change to an extension"
KINDS = (ROWS, CHANGE)
_MEMBER = """d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'"""
_EXTENSIONS = f"""
SELECT e.oid::bigint AS oid, e.extname AS name,
    array_agg(DISTINCT d.xmin::text) || e.xmin::text AS made, bool_or(d.xmin::text = e.xmin::text) AS telling
FROM pg_extension e JOIN pg_depend d ON d.refobjid = e.oid AND {_MEMBER}
WHERE e.extname <> 'plpgsql' GROUP BY e.oid, e.extname, e.xmin::text ORDER BY e.extname
"""
# Planning computes what is constant in expressions of indexes: those of a table's owner may be hostile.
_TABLES = f"""
SELECT format('%I.%I', n.nspname, c.relname) AS name, d.refobjid::bigint AS extension,
    e.extcondition[array_position(e.extconfig, c.oid)] AS condition,
    has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid) AS readable,
    NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
    AND NOT EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid AND 'e' = ANY (s.stxkind))
    AND NOT {made_by_others("c")} AS safe
FROM pg_depend d JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_extension e ON e.oid = d.refobjid
WHERE {_MEMBER} AND d.classid = 'pg_class'::regclass AND c.relkind = 'r' ORDER BY name
"""
_ROWS = """
SELECT count(*) AS rows, (SELECT count(*) FROM ONLY {table}) AS total FROM ONLY {table} q
WHERE q.xmin::text <> ALL ({made}) AND q.ctid NOT IN (SELECT ctid FROM ONLY {table} {condition})
"""
# Where the numbers say nothing: the oldest rows are taken for the extension's own.
_OLDEST = "ARRAY(SELECT xmin::text FROM ONLY {table} ORDER BY age(xmin) DESC LIMIT 1)"
_CHANGES = f"""
WITH member AS (SELECT d.classid, d.objid FROM pg_depend d WHERE {_MEMBER} AND d.refobjid = {{extension}})
SELECT 'index ' || i.indexrelid::regclass AS name FROM member m JOIN pg_index i ON i.indrelid = m.objid
JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = 1
WHERE m.classid = 'pg_class'::regclass AND a.xmin::text <> ALL ({{made}})
UNION ALL
SELECT format('trigger %I on %s', g.tgname, g.tgrelid::regclass) FROM member m JOIN pg_trigger g ON g.tgrelid = m.objid
WHERE m.classid = 'pg_class'::regclass AND NOT g.tgisinternal AND g.xmin::text <> ALL ({{made}})
UNION ALL
SELECT CASE WHEN c.relkind IN ('v', 'm') THEN format('view %s, defined anew', c.oid::regclass)
    ELSE format('rule %I on %s', r.rulename, c.oid::regclass) END
FROM member m JOIN pg_rewrite r ON r.ev_class = m.objid JOIN pg_class c ON c.oid = m.objid
WHERE m.classid = 'pg_class'::regclass AND r.xmin::text <> ALL ({{made}})
UNION ALL
SELECT format('column %I of %s', a.attname, a.attrelid::regclass)
    || CASE WHEN EXISTS (SELECT FROM pg_extension e WHERE a.attrelid = ANY (e.extconfig))
    THEN ', with which a restore fails: drop it' ELSE '' END
FROM member m
JOIN pg_attribute a ON a.attrelid = m.objid AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NULL
JOIN pg_class c ON c.oid = m.objid AND c.relkind IN ('r', 'p')
WHERE m.classid = 'pg_class'::regclass AND a.xmin::text <> ALL ({{made}})
UNION ALL
SELECT format('function %s, defined anew', p.oid::regprocedure) FROM member m JOIN pg_proc p ON p.oid = m.objid
WHERE m.classid = 'pg_proc'::regclass AND p.xmin::text <> ALL ({{made}})
    AND p.proacl IS NOT DISTINCT FROM (SELECT v.initprivs FROM pg_init_privs v
        WHERE v.classoid = 'pg_proc'::regclass AND v.objoid = p.oid AND v.objsubid = 0)
ORDER BY 1
"""
_SHOWN = 20


def left_out(session: Session) -> list[LeftOut]:
    """Return what of the extensions in the session's database is in no set."""
    extensions = {row["oid"]: row for row in session.rows(_EXTENSIONS, action="look at the extensions")}
    if not extensions:
        return []
    found = []
    for table in session.rows(_TABLES, action="list the tables of extensions"):
        entry = _rows(session, table, extensions[table["extension"]])
        if entry is not None:
            found.append(entry)
    for extension in extensions.values():
        if extension["telling"]:
            query = _CHANGES.format(extension=extension["oid"], made=_array(extension["made"]))
            names = [row["name"] for row in session.rows(query, action="look for changes to an extension")]
            why = f"what the extension {extension['name']} made is made by it anew, and pg_dump leaves changes out"
            found += [LeftOut(CHANGE, name, why) for name in names[:_SHOWN]]
            if len(names) > _SHOWN:
                found.append(LeftOut(CHANGE, f"and {len(names) - _SHOWN} more of {extension['name']}", why))
    return found


def _rows(session: Session, table: Row, extension: Row) -> LeftOut | None:
    """Return the rows of a table that the set does not hold, and that the extension does not make itself."""
    condition = table["condition"]
    if condition == "":
        return None  # It marks all of them.
    name = extension["name"]
    if not (table["readable"] and table["safe"]):
        why = (
            f"of this table of the extension {name}, pg_dump takes"
            f" {'only those that its filter names' if condition else 'none of them'}; whether there are others was not"
            " looked at"
        )
        return LeftOut(ROWS, table["name"], why)
    made = _array(extension["made"]) if extension["telling"] else _OLDEST.format(table=table["name"])
    query = _ROWS.format(table=table["name"], made=made, condition=condition or "WHERE false")
    (counted,) = session.rows(query, action="count the rows of an extension's table")
    if not counted["rows"]:
        return None
    why = (
        f"of this table of the extension {name}, pg_dump takes"
        f" {'only those that its filter names' if condition else 'none of them'}: {counted['rows']} of its"
        f" {counted['total']} rows are in no set"
    )
    return LeftOut(ROWS, table["name"], why)


def _array(numbers: t.Sequence[str]) -> str:
    return f"ARRAY[{', '.join(map(quote_literal, numbers))}]::text[]"
