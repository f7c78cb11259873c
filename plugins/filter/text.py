# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over text."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_line


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters."""
        return {"printable": _printable}


def _printable(value: t.Any) -> str:
    return printable_line(str(value))
