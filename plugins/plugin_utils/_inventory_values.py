# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What values a variable of the inventory may have."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._system.bandwidth import Timetable

ANY, WHOLE, NUMBER, TRUTH, PATH = "any", "whole", "number", "truth", "path"
BANDWIDTH, SENTENCE = "bandwidth", "sentence"
# "yes", or a name, says nothing of why.
_WORDS_OF_A_SENTENCE = 3
# As Ansible's filter "bool" takes them: whatever else is written is false to it.
_TRUTHS = {"yes", "no", "true", "false", "on", "off", "1", "0"}


@dataclasses.dataclass(frozen=True)
class Values:
    """The values that one variable may have.

    :param kind: ``any``; ``whole`` or ``number``; ``truth``, true or false in any of Ansible's spellings; ``path``, an
        absolute path; ``bandwidth``, a rate or a timetable of rates; ``sentence``, words that say why.
    :param choices: one of these words, and nothing else.
    :param may_be_empty: whether any empty value, such as 0 or false, stands for none.
    :param least: the least number.
    :param most: the greatest number.
    """

    kind: str = ANY
    choices: tuple[str, ...] = ()
    may_be_empty: bool = False
    least: float | None = None
    most: float | None = None

    @property
    def are_limited(self) -> bool:
        """Whether there is a value that the variable may not have."""
        return self.kind != ANY or bool(self.choices)

    def allow(self, value: t.Any) -> bool:
        """Whether the variable may have this value; a text that stands for a number or a truth value is one."""
        if self.may_be_empty and not value:
            return True
        if self.choices:
            return str(value) in self.choices
        if self.kind == TRUTH:
            return str(value).lower() in _TRUTHS
        if self.kind == PATH:
            return not isinstance(value, (bool, t.Mapping, list)) and str(value).startswith(("/", "~", "$"))
        if self.kind == BANDWIDTH:
            return _is_bandwidth(value)
        if self.kind == SENTENCE:
            return isinstance(value, str) and len(value.split()) >= _WORDS_OF_A_SENTENCE
        if self.kind in (WHOLE, NUMBER):
            return self._allow_number(value)
        return True

    def _allow_number(self, value: t.Any) -> bool:
        if isinstance(value, bool):
            return False
        try:
            number = (int(value) if isinstance(value, int) else int(str(value))) if self.kind == WHOLE else float(value)
        except (TypeError, ValueError, OverflowError):
            return False
        if not math.isfinite(number):
            return False
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)


def _is_bandwidth(value: t.Any) -> bool:
    try:
        Timetable(str(value))
    except ValueError:
        return False
    return True


def one_of(*choices: str) -> Values:
    """Return one of these words."""
    return Values(choices=choices)


def whole(least: int, most: int | None = None, *, may_be_empty: bool = False) -> Values:
    """Return a whole number from ``least`` to ``most``."""
    return Values(WHOLE, least=least, most=most, may_be_empty=may_be_empty)


def number(least: float) -> Values:
    """Return a number of at least ``least``."""
    return Values(NUMBER, least=least)
