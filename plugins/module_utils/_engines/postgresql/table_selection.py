# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tables of a database are restored, and the schema that they are put into."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from .create import NAME_BYTES

_PART = r'("(?:[^"]|"")+"|[^".]+)'
_TABLE_NAME = re.compile(rf"{_PART}\.{_PART}")
_SCHEMA_NAME = re.compile(_PART)
_SHOWN = 20


def parse_table(text: str) -> tuple[str, str] | None:
    """Return schema and name of a table as SQL writes them; None: it is no such thing."""
    found = _TABLE_NAME.fullmatch(text.strip())
    return (_plain(found.group(1)), _plain(found.group(2))) if found else None


def _plain(part: str) -> str:
    if part.startswith('"'):
        return part[1:-1].replace('""', '"')
    # As PostgreSQL does: only the letters of ASCII.
    return "".join(character.lower() if character.isascii() else character for character in part.strip())


@dataclasses.dataclass(frozen=True)
class TableSelection:
    """Which tables, and the schema that they are put into.

    :param tables: schema and name.
    :param schemas: all of whose tables are meant.
    """

    tables: tuple[tuple[str, str], ...]
    schemas: tuple[str, ...]
    into: str

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> TableSelection | None:
        """Return what a target's options ask for; None: the whole database.

        :raises Refused: when they do not fit together.
        """
        tables, schemas, into = (options.get(name) for name in ("tables", "schemas", "into_schema"))
        if not (tables or schemas or into):
            return None
        database = str(options.get("database"))
        if not (into and (tables or schemas)):
            raise _refused(
                database,
                "tables or schemas, and into_schema, belong together, and one of them was not given",
                "Say which tables (tables, schemas) and the new schema that they are put into (into_schema).",
            )
        if options.get("owner") is not None or options.get("access") is not None:
            raise _refused(
                database,
                "single tables belong to whoever restores them, so owner and access say nothing",
                "Leave owner and access out, and give the tables away afterwards (ALTER TABLE … OWNER TO, GRANT).",
            )
        parsed = [(text, parse_table(text)) for text in tables or ()]
        wrong = [text for text, name in parsed if name is None]
        wrong += [text for text in schemas or () if not _SCHEMA_NAME.fullmatch(text.strip())]
        if wrong:
            raise _refused(
                database,
                f"these are no names: {', '.join(wrong)}",
                'Write schema.table as SQL does, with double quotes where it needs them: ventas."Línea 1".',
            )
        size = len(into.encode("utf-8"))
        if size > NAME_BYTES or into.startswith("pg_") or into in ("public", "information_schema") or "\0" in into:
            raise _refused(
                database,
                f"{into} cannot be the name of a new schema",
                f"Choose another name, of at most {NAME_BYTES} bytes, that does not begin with pg_.",
            )
        names = tuple(dict.fromkeys(name for _text, name in parsed if name is not None))
        return cls(names, tuple(dict.fromkeys(_plain(text.strip()) for text in schemas or ())), into)

    def describe(self) -> str:
        """In a few words."""
        shown = [f"{schema}.{name}" for schema, name in self.tables] + [f"{schema}.*" for schema in self.schemas]
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        return ", ".join(shown[:_SHOWN]) + more


def _refused(database: str, why: str, next_step: str) -> Refused:
    return Refused("restore tables", on=f"database {database}", why=why, next_step=next_step)
