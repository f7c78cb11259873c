# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator should do next about what a database's programs print."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed


class Advice:
    """The next steps of one engine.

    :param table: pairs of a regular expression, searched for in a message, and what to do then; the first that fits.
    :param common: what engines agree about; where nothing of the table fits.
    """

    def __init__(self, table: t.Sequence[tuple[str, str]], common: Advice | None = None) -> None:
        self._table: list[tuple[str, str]] = [*table, *(common._table if common else ())]

    def next_step(self, text: str, otherwise: str) -> str:
        """Return what to do about an error message."""
        return next((advice for pattern, advice in self._table if re.search(pattern, text)), otherwise)

    @contextlib.contextmanager
    def giving(self) -> t.Iterator[None]:
        """Give the failures of the engine's programs a next step that fits their message.

        :raises ProcessFailed: what was raised within, with that step.
        """
        try:
            yield
        except ProcessFailed as error:
            raise error.with_next_step(self.next_step(error.why, error.next_step)) from error
