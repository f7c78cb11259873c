# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of sources and targets that are directories and files."""

from __future__ import annotations

import typing as t

NAME = "files"
SOURCE_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "paths": {"type": "list", "elements": "path", "required": True},
    "exclude": {"type": "list", "elements": "str"},
    "one_file_system": {"type": "bool"},
}
TARGET_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "directory": {"type": "path", "required": True},
    "paths": {"type": "list", "elements": "str"},
    "only": {"type": "list", "elements": "str"},
}
