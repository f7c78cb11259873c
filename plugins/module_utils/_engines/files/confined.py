# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a confined process is asked of restored files, besides restoring them."""

from __future__ import annotations

import dataclasses
import typing as t

from ..base import RestoreWork, TargetEngine
from .compare import compare
from .target import FilesTarget

TARGET = FilesTarget


def answer(target: TargetEngine, work: RestoreWork, order: t.Mapping[str, t.Any]) -> t.Any:
    """Carry out an order that is specific to this engine.

    :raises KeyError: when it is not one of this engine's.
    """
    if order["do"] == "compare" and isinstance(target, FilesTarget):
        return [dataclasses.asdict(check) for check in compare(work, target)]
    raise KeyError(order["do"])
