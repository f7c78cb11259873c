# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sets of MariaDB and MySQL say of their sources."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

from ..facts import check_shape, malformed

# What the parts of a set that hold rows are called, followed by a number.
ROWS = "rows-"


def check(
    description: Description, shape: t.Mapping[str, t.Any], wrong: t.Mapping[str, t.Callable[[t.Any], bool]]
) -> None:
    """Check that a set says of its source what an engine of the family writes.

    :param shape: of its facts.
    :param wrong: fact to what says that it is not as the product's engine writes it, though it has its shape.
    :raises SetInvalid: when it does not.
    """
    check_shape(description.engine_facts, shape, on=description.id)
    facts = description.engine_facts
    for name, value in facts.items():
        if name in shape and not all(map(_can_be_said, _texts(value))):
            raise malformed(f"engine_facts.{name}", on=description.id)
    own = {name: is_wrong(facts.get(name)) for name, is_wrong in wrong.items()}
    for name, is_wrong in {**_invalid_facts(description), **own}.items():
        if is_wrong:
            raise malformed(f"engine_facts.{name}", on=description.id)


def _invalid_facts(description: Description) -> dict[str, bool]:
    """Return which facts are not as these engines write them, though they have their shape."""
    facts = description.engine_facts
    parts = [file.part for file in description.payload if file.part.startswith(ROWS)]
    named = {table for tables in facts["streams"].values() for table in tables}
    return {
        "version": not re.fullmatch(r"\d+\.\d+\.\d+", facts["version"]),
        "token": not re.fullmatch(r"[0-9a-f]{32}", facts["token"]),
        "streams": sorted(parts) != sorted(facts["streams"]),
        "tables": not named <= set(facts["tables"])
        or any(len(column) != 2 for columns in facts["tables"].values() for column in columns),
        "references": any(len(entry) != 2 for entry in facts["references"]),
        "elsewhere": not all(isinstance(value, str) for pair in _pairs(facts.get("elsewhere", {})) for value in pair),
    }


def _pairs(value: t.Any) -> t.Iterable[tuple[t.Any, t.Any]]:
    """Return the items of a dict; for anything else, one item that no dict of JSON can have."""
    return value.items() if isinstance(value, dict) else [(None, value)]


def _texts(value: t.Any) -> t.Iterator[str]:
    """Yield all texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _can_be_said(text: str) -> bool:
    """Whether a server can have anything of this name, and be told so."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text
