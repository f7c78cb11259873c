# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving tables into a schema of their own, in the database where they were restored."""

from __future__ import annotations

import itertools
import typing as t

from . import catalogue
from .session import Session, quote_identifier, quote_literal

_PARENTS = """
SELECT i.inhrelid::regclass::text AS child, i.inhparent::regclass::text AS parent, p.relkind = 'p' AS partitioned
FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
WHERE i.inhrelid IN ({oids}) AND i.inhparent NOT IN ({oids}) ORDER BY 1, 2
"""
_FOREIGN_KEYS = """
SELECT o.conrelid::regclass::text AS table, quote_ident(o.conname) AS name, o.confrelid::regclass::text AS referred
FROM pg_constraint o WHERE o.contype = 'f' AND o.conparentid = 0
AND o.conrelid IN ({oids}) AND o.confrelid NOT IN ({oids}) ORDER BY 1, 2
"""
# Defaults that take from a sequence which does not go along: no chosen table's column owns it.
_DEFAULTS = """
SELECT DISTINCT a.adrelid::regclass::text AS table, quote_ident(c.attname) AS column,
    d.refobjid::regclass::text AS sequence
FROM pg_attrdef a JOIN pg_attribute c ON c.attrelid = a.adrelid AND c.attnum = a.adnum
JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
WHERE a.adrelid IN ({oids}) AND s.oid NOT IN ({owned}) ORDER BY 1, 2
"""
_OWNED = """
SELECT s.oid::bigint AS oid, format('%I.%I', n.nspname, s.relname) AS name, quote_ident(s.relname) AS relation
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype IN ('a', 'i')
WHERE s.relkind = 'S' AND d.refobjid IN ({oids})
"""


def has_schema(session: Session, name: str) -> bool:
    """Whether the session's database has a schema of this name."""
    return bool(session.value(f"SELECT 1 AS value FROM pg_namespace WHERE nspname = {quote_literal(name)}"))


def oids_of(tables: t.Sequence[catalogue.Table]) -> str:
    """Return the OIDs of tables as an SQL list, which is never empty."""
    return ", ".join(str(table.oid) for table in tables) or "0"


def move_tables(
    session: Session, chosen: t.Sequence[catalogue.Table], into: str, warnings: list[str]
) -> dict[str, str]:
    """Move tables into a new schema, having cut what ties them to others.

    :param session: in a transaction.
    :param into: the schema's name.
    :param warnings: gets what was cut.
    :returns: the sequences that went along: name in the new schema, as SQL writes it, to the old name.
    """
    oids = oids_of(chosen)
    quoted = quote_identifier(into)
    for row in session.rows(_PARENTS.format(oids=oids)):
        if row["partitioned"]:
            session.execute(f"ALTER TABLE {row['parent']} DETACH PARTITION {row['child']}")
        else:
            session.execute(f"ALTER TABLE {row['child']} NO INHERIT {row['parent']}")
        warnings.append(f"{row['child']} was part of {row['parent']}, and is now a table of its own")
    for row in session.rows(_FOREIGN_KEYS.format(oids=oids)):
        session.execute(f"ALTER TABLE {row['table']} DROP CONSTRAINT {row['name']}")
        warnings.append(
            f"The foreign key {row['name']} of {row['table']} was left out: {row['referred']} was not chosen"
        )
    owned = session.rows(_OWNED.format(oids=oids))
    others = ", ".join(str(row["oid"]) for row in owned) or "0"
    for row in session.rows(_DEFAULTS.format(oids=oids, owned=others)):
        session.execute(f"ALTER TABLE {row['table']} ALTER COLUMN {row['column']} DROP DEFAULT")
        warnings.append(
            f"The default of {row['table']}.{row['column']} was left out: {row['sequence']} is not the table's"
        )
    if has_schema(session, into):
        # The set's own schema of this name: only the live database must not have one.
        taken = {row["name"] for row in session.rows("SELECT nspname AS name FROM pg_namespace")}
        free = next(name for name in map("set_{}".format, itertools.count()) if name not in taken)
        session.execute(f"ALTER SCHEMA {quoted} RENAME TO {free}")
    session.execute(f"CREATE SCHEMA {quoted}")
    written = session.value(f"SELECT quote_ident({quote_literal(into)}) AS value")
    for row in session.rows(f"SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.oid IN ({oids})"):
        session.execute(f"ALTER TABLE {row['name']} SET SCHEMA {quoted}", action="move a table into its schema")
    return {f"{written}.{row['relation']}": row["name"] for row in owned}
