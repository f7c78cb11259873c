# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps rows out of a table, set aside while they are loaded, and put back.

The definitions never leave the server: they wait in a temporary table, and the server makes statements of them.
"""

from __future__ import annotations

import typing as t

from ..base import LeftOut
from .own_path import OwnPath
from .session import Session, quote_literal

# Of the server or its host, and of no constraint: resources, intervention, system, internal.
_ENVIRONMENT = "left(SQLSTATE, 2) IN ('53', '57', '58', 'XX') AND SQLSTATE <> '58P01'"
_PREPARE = """
CREATE TEMPORARY TABLE set_aside (
    position serial, statement text, subject text, name text, owner name, definition text, comment text, outcome text,
    state text
)
"""
# Constraints of parents come before what their children have besides: each is dropped where it was defined.
_DROP = """
DO $set_aside$
DECLARE
    entry record;
    done boolean;
BEGIN
    LOOP
        done := true;
        FOR entry IN
            WITH RECURSIVE related(oid) AS (
                SELECT unnest(ARRAY[{oids}]::oid[])
              UNION
                SELECT i.inhparent FROM pg_inherits i JOIN related r ON r.oid = i.inhrelid
            ), used(oid) AS (
                SELECT a.atttypid FROM pg_attribute a JOIN related r ON r.oid = a.attrelid
                WHERE a.attnum > 0 AND NOT a.attisdropped
              UNION
                SELECT unnest(ARRAY[y.typbasetype, y.typelem]) FROM pg_type y JOIN used u ON u.oid = y.oid
            )
            SELECT 'TABLE' AS kind, o.conrelid::regclass::text AS subject, c.relowner AS owner, o.oid, o.conname
            FROM pg_constraint o JOIN related r ON r.oid = o.conrelid JOIN pg_class c ON c.oid = o.conrelid
            WHERE o.contype = 'c' AND o.coninhcount = 0
          UNION ALL
            SELECT 'DOMAIN', format_type(o.contypid, NULL), y.typowner, o.oid, o.conname
            FROM pg_constraint o JOIN used u ON u.oid = o.contypid JOIN pg_type y ON y.oid = o.contypid
            WHERE o.contype = 'c'
        LOOP
            INSERT INTO pg_temp.set_aside (statement, subject, name, owner, definition, comment) VALUES (
                format('ALTER %s %s ADD CONSTRAINT %I %s', entry.kind, entry.subject, entry.conname,
                    pg_get_constraintdef(entry.oid)),
                format('%s %s', entry.kind, entry.subject), entry.conname, pg_get_userbyid(entry.owner),
                pg_get_constraintdef(entry.oid), obj_description(entry.oid, 'pg_constraint'));
            EXECUTE format('ALTER %s %s DROP CONSTRAINT %I', entry.kind, entry.subject, entry.conname);
            done := false;
        END LOOP;
        EXIT WHEN done;
    END LOOP;
END
$set_aside$
"""
# Each is tried as it is, in the database's own path as the owner, and at last without looking at the rows. While that
# path is in force, nothing is computed whose schema is not named.
_PUT_BACK = """
DO $set_aside$
DECLARE
    entry record;
    attempt text;
    making text;
    becoming text;
    trusted boolean;
    result text;
    code text;
BEGIN
    FOR entry IN SELECT * FROM pg_temp.set_aside ORDER BY position DESC LOOP
        result := NULL;
        code := NULL;
        trusted := NOT (entry.owner = ANY ({superusers}::text[]));
        FOREACH attempt IN ARRAY {attempts}::text[] LOOP
            CONTINUE WHEN attempt = 'own' AND NOT ({safe} OR ({owners} AND trusted));
            making := entry.statement || CASE WHEN attempt = 'unchecked' AND entry.definition !~ 'NOT VALID$'
                THEN ' NOT VALID' ELSE '' END;
            becoming := CASE WHEN attempt = 'own' AND {owners} AND trusted
                THEN format('SET LOCAL ROLE %I', entry.owner) END;
            BEGIN
                IF becoming IS NOT NULL THEN
                    EXECUTE becoming;
                END IF;
                IF attempt = 'own' THEN
                    PERFORM pg_catalog.set_config('search_path', {path}, true);
                END IF;
                EXECUTE making;
                PERFORM pg_catalog.set_config('search_path', '', true);
                SET LOCAL ROLE NONE;
                result := attempt;
                EXIT;
            EXCEPTION WHEN OTHERS THEN
                IF {environment} THEN
                    RAISE;
                END IF;
                code := coalesce(code, SQLSTATE);
            END;
        END LOOP;
        IF result IS NOT NULL AND entry.comment IS NOT NULL THEN
            EXECUTE format('COMMENT ON CONSTRAINT %I ON %s IS %L', entry.name,
                replace(entry.subject, 'TABLE ', ''), entry.comment);
        END IF;
        UPDATE pg_temp.set_aside a SET outcome = coalesce(result, 'missing'), state = code
        WHERE a.position = entry.position;
    END LOOP;
END
$set_aside$
"""
# Those that children inherit too.
_UNCHECKED = """
SELECT format('%I on %s', o.conname,
    CASE WHEN o.conrelid <> 0 THEN o.conrelid::regclass::text ELSE o.contypid::regtype::text END) AS name
FROM pg_constraint o WHERE NOT o.convalidated AND o.conname IN (
    SELECT a.name FROM pg_temp.set_aside a WHERE a.outcome = 'unchecked' AND a.definition !~ 'NOT VALID$')
"""
_GENERATED = """
WITH RECURSIVE related(oid, part) AS (
    SELECT oid, oid FROM unnest(ARRAY[{oids}]::oid[]) AS u(oid)
  UNION
    SELECT i.inhparent, r.part FROM pg_inherits i JOIN related r ON r.oid = i.inhrelid
)
SELECT DISTINCT r.oid::regclass::text AS table, quote_ident(a.attname) AS column, a.attname AS plain,
    a.attnotnull AS needed
FROM related r JOIN pg_attribute a ON a.attrelid = r.oid
WHERE a.attgenerated = 's' AND NOT a.attisdropped AND a.attnum > 0 AND a.attinhcount = 0 ORDER BY 1, 2
"""
_HOLDING = """
WITH RECURSIVE related(oid) AS (
    SELECT {table}::regclass::oid
  UNION
    SELECT i.inhrelid FROM pg_inherits i JOIN related r ON r.oid = i.inhparent
)
SELECT format('%I.%I', n.nspname, c.relname) AS name FROM related r JOIN pg_class c ON c.oid = r.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
"""


class SetAside:
    """The CHECK constraints of some tables, and of the domains that they use.

    :param session: in the database being restored, for as long as the constraints are aside.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        session.execute(_PREPARE)

    def drop_checks(self, oids: t.Sequence[int]) -> None:
        """Set the constraints of these tables aside, those that they inherit too."""
        self._session.execute(
            _DROP.format(oids=_joined(oids)), action="set constraints aside while the rows are loaded"
        )

    def leave_out(self, oids: t.Sequence[int]) -> tuple[list[LeftOut], dict[str, set[str]]]:
        """Rid tables that have their rows of what would keep these out of another database.

        :returns: as :meth:`drop_expressions`.
        """
        self.drop_checks(oids)
        left, columns = self.drop_expressions(
            oids,
            why="its expression could not be computed for the rows; the column is an ordinary one, with the values that"
            " it had",
        )
        names = self._session.rows(
            "SELECT quote_ident(name) || ' on ' || substr(subject, strpos(subject, ' ') + 1) AS name"
            " FROM pg_temp.set_aside ORDER BY position"
        )
        why = "it needs the search_path of the database, or the rows of other tables"
        return [*(LeftOut("check constraint", row["name"], why) for row in names), *left], columns

    def drop_expressions(self, oids: t.Sequence[int], why: str) -> tuple[list[LeftOut], dict[str, set[str]]]:
        """Make ordinary columns of those that are computed from others.

        :param why: what is told of them.
        :returns: what is left out by that, and table to such columns.
        """
        left: list[LeftOut] = []
        columns: dict[str, set[str]] = {}
        for row in self._session.rows(_GENERATED.format(oids=_joined(oids))):
            alter = f"ALTER TABLE {row['table']} ALTER COLUMN {row['column']}"
            if row["needed"]:
                self._session.execute(f"{alter} DROP NOT NULL")
            self._session.execute(f"{alter} DROP EXPRESSION", action="take the expression off a column")
            left.append(LeftOut("generated column", f"{row['table']}.{row['column']}", why))
            for holding in self._session.rows(_HOLDING.format(table=quote_literal(row["table"]))):
                columns.setdefault(holding["name"], set()).add(row["plain"])
        return left, columns

    def put_back(self, own: OwnPath | None) -> tuple[list[LeftOut], set[str]]:
        """Make the constraints again, the last one first.

        :returns: what could not be made as it was, and the constraints that are there without having been validated.
        """
        attempts = ["plain", *(["own"] if own is not None else []), "unchecked"]
        self._session.execute(
            _PUT_BACK.format(
                attempts=_array(attempts),
                superusers=_array(sorted(own.superusers) if own is not None else []),
                safe="true" if own is not None and own.safe else "false",
                owners="true" if own is not None and own.owners else "false",
                path=quote_literal(own.text if own is not None else ""),
                environment=_ENVIRONMENT,
            ),
            action="put constraints back",
        )
        left: list[LeftOut] = []
        for row in self._session.rows(
            "SELECT quote_ident(name) AS name, outcome, state, split_part(subject, ' ', 1) AS kind,"
            " substr(subject, strpos(subject, ' ') + 1) AS subject, definition ~ 'NOT VALID$' AS was_unchecked"
            " FROM pg_temp.set_aside ORDER BY position"
        ):
            name = f"{row['name']} on {row['subject']}"
            if row["outcome"] == "missing":
                left.append(LeftOut("check constraint", name, f"the server refused it (SQLSTATE {row['state']})"))
            elif row["outcome"] == "unchecked" and not row["was_unchecked"]:
                why = f"it is there, but could not be validated against the rows (SQLSTATE {row['state']}): NOT VALID"
                left.append(LeftOut("check constraint", name, why))
        return left, {row["name"] for row in self._session.rows(_UNCHECKED)}


def _joined(oids: t.Sequence[int]) -> str:
    return ", ".join(map(str, oids))


def _array(values: t.Sequence[str]) -> str:
    return f"ARRAY[{', '.join(map(quote_literal, values))}]"
