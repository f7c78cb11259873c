# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that restore a set without this collection, with a key and the product's own client."""

from __future__ import annotations

import shlex
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets import filters

from .parts import ACCOUNTS, ELSEWHERE, PROGRAMS
from .settings import Setting, statement

BY_HAND = (
    "# ~/.my.cnf says which server and as whom. With --force, what cannot be made is reported and left out;"
    " accounts that exist are reported and kept."
)


def definitions_by_hand(paths: t.Mapping[str, str], client: str, database: str) -> list[str]:
    """Return commands that make what comes after the rows.

    :param paths: part to file.
    :param client: the client as a shell's words.
    :param database: the database as one.
    """
    # Twice: programs need the accounts that they run as, and accounts have rights on programs. What the server does not
    # make is reported, and costs nothing else.
    giving = f"{filters.by_hand(paths[ACCOUNTS])} | {client} --force {database}"
    making = [f"{filters.by_hand(paths[part])} | {client} --force {database}" for part in (ELSEWHERE,) if part in paths]
    programs = f"{filters.by_hand(paths[PROGRAMS])} | {client} --force --show-warnings {database}"
    return [*making, giving, programs, giving]


def client_by_hand(program: str, settings: t.Iterable[Setting]) -> str:
    """Return the client as a shell's words: with the settings that a restore by the module has, and no others."""
    setting = shlex.quote(statement(settings))
    return f"{program} --local-infile=1 --default-character-set=utf8mb4 --init-command={setting}"


def rows_by_hand(
    facts: t.Mapping[str, t.Any], paths: t.Mapping[str, str], client: str, load: t.Callable[..., str]
) -> list[str]:
    """Return commands that load the rows.

    :param paths: part to file.
    :param client: the client as a shell's words, with the database.
    :param load: what makes the statement that loads them.
    """
    commands = []
    for part, tables in facts["streams"].items():
        reading = filters.by_hand(paths[part])
        if len(tables) == 1:
            statement = load(tables[0], facts["tables"][tables[0]], path="/dev/stdin")
            commands.append(f"{reading} | {client} --show-warnings --execute={shlex.quote(statement)}")
            continue
        split = f'$1 == "{facts["token"]}" {{ close(f); f = "{part}-" $2 ".tsv"; printf "" > f; next }}'
        split += " { print > f }"
        commands.append(f"{reading} | LC_ALL=C awk -F '\\t' {shlex.quote(split)}")
        for number, table in enumerate(tables):
            statement = load(table, facts["tables"][table], path=f"{part}-{number}.tsv")
            commands.append(f"{client} --show-warnings --execute={shlex.quote(statement)}")
        commands.append(f"rm {part}-*.tsv")
    return commands
