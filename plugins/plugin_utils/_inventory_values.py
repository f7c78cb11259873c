# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What values a variable of the inventory may have."""

from __future__ import annotations

import dataclasses
import math
import typing as t

ANY, WHOLE, NUMBER, TRUTH, PATH = "any", "whole", "number", "truth", "path"
_TRUTHS = {"yes", "no", "true", "false", "on", "off", "y", "n", "t", "f", "1", "0"}


@dataclasses.dataclass(frozen=True)
class Values:
    """The values that one variable may have.

    :param kind: ``any``; ``whole`` or ``number``; ``truth``, true or false in any of Ansible's spellings; ``path``, an
        absolute path.
    :param choices: one of these words, and nothing else.
    :param least: the least number.
    :param most: the greatest number.
    """

    kind: str = ANY
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    @property
    def are_limited(self) -> bool:
        """Whether there is a value that the variable may not have."""
        return self.kind != ANY or bool(self.choices)

    def allow(self, value: t.Any) -> bool:
        """Whether the variable may have this value; a text that stands for a number or a truth value is one."""
        if self.choices:
            return value in self.choices
        if self.kind == TRUTH:
            return isinstance(value, bool) or str(value).strip().lower() in _TRUTHS
        if self.kind == PATH:
            return isinstance(value, str) and value.startswith(("/", "~"))
        if self.kind in (WHOLE, NUMBER):
            return self._allow_number(value)
        return True

    def _allow_number(self, value: t.Any) -> bool:
        if isinstance(value, bool):
            return False
        try:
            number = float(value)
        except (TypeError, ValueError):
            return False
        if not math.isfinite(number) or (self.kind == WHOLE and number != int(number)):
            return False
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)


def one_of(*choices: str) -> Values:
    """Return one of these words."""
    return Values(choices=choices)


def whole(least: int, most: int | None = None) -> Values:
    """Return a whole number from ``least`` to ``most``."""
    return Values(WHOLE, least=least, most=most)


def number(least: float) -> Values:
    """Return a number of at least ``least``."""
    return Values(NUMBER, least=least)
