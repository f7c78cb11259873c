# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading JSON that may be hostile: within bounds, and only of the shape that is expected.

A shape is a type; a tuple of shapes, one of which must fit; a dict of name to shape, all of which must be there but for
those that are :class:`Maybe`; a list with one shape, that of each entry; or one of the classes below.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import typing as t

# How deep lists and objects may be nested, how many values there may be, how many digits a number may have.
MAX_DEPTH = 32
MAX_VALUES = 4_000_000
MAX_DIGITS = 40
# A number of bytes, rows or files. More is no disk's.
MAX_COUNT = 2**63 - 1

# Half of a pair: what this collection writes holds characters as they are, and none of these escapes.
_SURROGATE = re.compile(r"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")
NOTHING = type(None)


@dataclasses.dataclass(frozen=True)
class Named:
    """A dict with any names.

    :param shape: of each value.
    """

    shape: t.Any


@dataclasses.dataclass(frozen=True)
class Exactly:
    """A dict that has no other names than these.

    :param shape: a dict of name to shape.
    """

    shape: dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Maybe:
    """An entry of a dict that may be missing."""

    shape: t.Any


@dataclasses.dataclass(frozen=True)
class Text:
    """A text.

    :param most: characters.
    :param pattern: the whole of it must match; None: anything.
    """

    most: int = 4096
    pattern: str | None = None


@dataclasses.dataclass(frozen=True)
class Count:
    """A whole number that is not negative, and not absurd."""

    most: int = MAX_COUNT


@dataclasses.dataclass(frozen=True)
class Seconds:
    """A length of time."""


@dataclasses.dataclass(frozen=True)
class Many:
    """A list.

    :param shape: of each entry.
    :param most: entries.
    """

    shape: t.Any
    most: int


def load(text: str) -> t.Any:
    """Return the value of a JSON text.

    :raises ValueError: when it is not JSON, holds a name twice, an invalid number or half a character, or is
        nested deeper or has more values than anything that this collection writes.
    """
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES} values")
    if _SURROGATE.search(text) is not None:
        raise ValueError("it holds half a character (a surrogate)")
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_int=_whole, parse_float=_finite, parse_constant=_no_number
        )
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    _check_depth(value)
    return value


def misfit(value: t.Any, shape: t.Any, path: str = "") -> str | None:
    """Where a value is not of a shape, as a path below ``path``; None: it is."""
    if isinstance(shape, Exactly):
        more = sorted(set(value) - set(shape.shape)) if isinstance(value, dict) else []
        return f"{path}.{more[0]}" if more else _misfit_in_dict(value, shape.shape, path)
    if isinstance(shape, (dict, Named)):
        return _misfit_in_dict(value, shape, path)
    if isinstance(shape, (list, Many)):
        inner, most = (shape.shape, shape.most) if isinstance(shape, Many) else (shape[0], MAX_VALUES)
        if not isinstance(value, list) or len(value) > most:
            return path
        found = (misfit(entry, inner, f"{path}[{number}]") for number, entry in enumerate(value))
        return next((wrong for wrong in found if wrong is not None), None)
    if isinstance(shape, tuple):
        wrong = [misfit(value, inner, path) for inner in shape]
        return None if None in wrong else wrong[-1]
    return None if _fits(value, shape) else path


def _misfit_in_dict(value: t.Any, shape: dict[str, t.Any] | Named, path: str) -> str | None:
    if not isinstance(value, dict):
        return path
    at = f"{path}." if path else ""
    if isinstance(shape, Named):
        found = (misfit(entry, shape.shape, f"{at}{name}") for name, entry in value.items())
        return next((wrong for wrong in found if wrong is not None), None)
    for name, inner in shape.items():
        if name not in value:
            if isinstance(inner, Maybe):
                continue
            return f"{at}{name}"
        wrong = misfit(value[name], inner.shape if isinstance(inner, Maybe) else inner, f"{at}{name}")
        if wrong is not None:
            return wrong
    return None


def _fits(value: t.Any, shape: t.Any) -> bool:
    if isinstance(shape, Text):
        if not isinstance(value, str) or len(value) > shape.most:
            return False
        return shape.pattern is None or re.fullmatch(shape.pattern, value) is not None
    if isinstance(value, bool):  # JSON's true is no number.
        return shape is bool
    if isinstance(shape, Count):
        return isinstance(value, int) and 0 <= value <= shape.most
    if isinstance(shape, Seconds):
        return isinstance(value, (int, float)) and 0 <= value <= MAX_COUNT
    return isinstance(value, shape)


def _once(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _value in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"it has {twice[:100]!r} twice")
    return values


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it has a number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits) if len(digits) <= 100 else math.inf
    if not math.isfinite(number):
        raise ValueError(f"it has a number that is none: {digits[:40]}")
    return number


def _no_number(word: str) -> t.NoReturn:
    raise ValueError(f"it has a number that is none: {word}")


def _check_depth(value: t.Any) -> None:
    level = [value]
    for _depth in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
