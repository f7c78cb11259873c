# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set says of its SQLite databases, checked before anything believes it."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

from .set_files import files_of

SHAPE: t.Any = dict


def check(description: Description) -> None:
    """Check that a set says of its databases what this engine writes.

    :raises SetInvalid: when it does not.
    """
    files_of(description)
