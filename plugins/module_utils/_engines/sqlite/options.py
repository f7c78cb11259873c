# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of sources and targets that are SQLite databases."""

from __future__ import annotations

import typing as t

from ..content_digest import CONTENT_DIGEST_ARGUMENT

NAME = "sqlite"
SOURCE_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "path": {"type": "path"},
    "attached": {"type": "list", "elements": "path"},
    "scratch_directory": {"type": "path"},
    **CONTENT_DIGEST_ARGUMENT,
}
TARGET_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "path": {"type": "path"},
    "attached": {"type": "list", "elements": "path"},
}
