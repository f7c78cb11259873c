# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a confined process is asked of a SQLite database, besides restoring it."""

from __future__ import annotations

import typing as t

from ..base import RestoreWork, TargetEngine
from .target import SqliteTarget

TARGET = SqliteTarget


def answer(target: TargetEngine, work: RestoreWork, order: t.Mapping[str, t.Any]) -> t.Any:
    """Carry out an order that is specific to this engine.

    :raises KeyError: when it is not one of this engine's.
    """
    del work
    if order["do"] == "ask" and isinstance(target, SqliteTarget):
        return target.ask(order["query"])
    raise KeyError(order["do"])
