# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that nobody thought of, for MariaDB and MySQL: what hypothesis makes of types, defaults, options, modes."""

from __future__ import annotations

import dataclasses
import typing as t

from hypothesis import strategies as st

from development.services._process import ServiceFailedError
from development.services.mariadb import MariadbServer
from development.services.mysql import MysqlServer

# No tabs and line breaks: the tests' own client prints names in lines.
_CHARACTERS = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs", "Cc", "Zl", "Zp"])
_ODD = st.sampled_from(["a`b", "select", "a.b", "ñ\\n", "'", '"', "a b", "x--y", "#x", "%", "_", "/*", "$1", "Ñandú"])
NAMES = st.one_of(_ODD, st.text(_CHARACTERS, min_size=1, max_size=9).map(lambda name: f"{name}."))
#: Of another column, what a generated one may be; most lose something.
_GENERATED = (
    *("char(3) AS (CAST({} AS char(3)))", "int AS ({})", "date AS ({})", "decimal(4, 2) AS ({} * 1e3)"),
    *("bit(3) AS (LENGTH({}))", "varchar(2) AS ({})", "tinyint AS (LENGTH({}) * 100)", "decimal(20, 9) AS ({} / 7)"),
)
#: From what they are made: numbers and texts that every server compares and converts alike.
_BASES = ("int", "bigint", "varchar(20)", "decimal(9,2)")
MODES = ("", "ALLOW_INVALID_DATES", "ALLOW_INVALID_DATES,NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,PIPES_AS_CONCAT")


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return "`" + name.replace("`", "``") + "`"


@dataclasses.dataclass(frozen=True)
class TableOfChance:
    """One table: what makes it and what fills it, each a statement, in a mode of its own.

    :param views: what makes views of it, and may then take away what they show.
    """

    mode: str
    creation: str
    rows: tuple[str, ...]
    views: tuple[str, ...]

    def statements(self) -> str:
        """SQL that makes and fills it; a server may refuse it."""
        mode = f"SET sql_mode = '{self.mode}', time_zone = '+00:00'"
        # What is refused is left away: what was taken is to come back.
        filling = f"SET sql_mode = '{self.mode},NO_AUTO_VALUE_ON_ZERO'"
        return ";\n".join([mode, self.creation, filling, *self.rows, *self.views]) + ";\n"


@st.composite
def tables(
    draw: st.DrawFn, types: t.Mapping[str, st.SearchStrategy[str]], options: t.Sequence[str], checks: str
) -> TableOfChance:
    """One table.

    :param types: the declaration of a column to the literals of its values.
    :param options: of tables, of which some are drawn.
    :param checks: the statement after which checks and foreign keys are not asked.
    """
    names = draw(st.lists(NAMES, min_size=2, max_size=6, unique_by=str.lower))
    kinds = [draw(st.sampled_from(_BASES)), *(draw(st.sampled_from(sorted(types))) for _name in names[2:])]
    literals: dict[str, st.SearchStrategy[str]] = {
        "int": st.integers(-9, 9**9).map(str),
        "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
        "varchar(20)": st.sampled_from(["'7 pesos'", "'2026-02-31'", "''", "'ñandú'", "'1e3'", "'NULL'"]),
        "decimal(9,2)": st.sampled_from(["0.00", "-1234567.89", "99.95"]),
        **types,
    }
    declared = []
    for name, kind in zip(names[1:], kinds):
        default = draw(st.one_of(st.none(), literals[kind])) if draw(st.booleans()) else None
        said = "" if default is None else f" DEFAULT ({default})"
        declared.append(f"{quoted(name)} {kind}{draw(st.sampled_from(['', ' NOT NULL', ' INVISIBLE']))}{said}")
    counter = draw(st.sampled_from(["int PRIMARY KEY AUTO_INCREMENT", "bigint unsigned UNIQUE", "int, CHECK ({} > 5)"]))
    declared.insert(0, f"{quoted(names[0])} {counter.format(quoted(names[0]))}")
    for number in range(draw(st.integers(0, 2))):
        how = draw(st.sampled_from(_GENERATED)).format(quoted(names[1]))
        declared.append(f"{quoted(f'g{number}')} {how} {draw(st.sampled_from(['STORED', 'VIRTUAL']))}")
    chosen = " ".join(draw(st.lists(st.sampled_from(list(options)), max_size=2, unique=True)))
    row = st.tuples(st.integers(0, 9).map(str), *(st.one_of(st.just("NULL"), literals[kind]) for kind in kinds))
    rows = draw(st.lists(row, max_size=5))
    table = quoted(draw(NAMES))
    columns = ", ".join(map(quoted, names))
    views = []
    for name in draw(st.lists(NAMES.map(lambda name: f"v {name}"), max_size=2, unique_by=str.lower)):
        shown = ", ".join(map(quoted, draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))))
        views.append(f"CREATE VIEW {quoted(name)} AS SELECT {shown} FROM {table}")
    if draw(st.booleans()):
        views.append(f"ALTER TABLE {table} DROP COLUMN {quoted(names[-1])}")
    return TableOfChance(
        draw(st.sampled_from(MODES)),
        f"CREATE TABLE {table} ({', '.join(declared)}) {chosen}",
        (checks, *(f"INSERT IGNORE INTO {table} ({columns}) VALUES ({', '.join(values)})" for values in rows)),
        tuple(views),
    )


def broken_views(server: MariadbServer | MysqlServer, database: str) -> set[str]:
    """The views of which the server says, when it is asked for their columns, that they do not resolve."""
    lines = server.sql(f"SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{database}'")
    # In batch mode the client doubles backslashes.
    names = [line.replace("\\\\", "\\") for line in lines.splitlines()]
    broken = set()
    for name in names:
        try:
            server.sql(f"SELECT * FROM {quoted(name)} LIMIT 0", database)
        except ServiceFailedError:
            broken.add(name)
    return broken


def subsets(settings: t.Mapping[str, str]) -> st.SearchStrategy[dict[str, str]]:
    """Some of a server's settings."""
    names = st.lists(st.sampled_from(sorted(settings)), max_size=12, unique=True)
    return names.map(lambda chosen: {name: settings[name] for name in chosen})
