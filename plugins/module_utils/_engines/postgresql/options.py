# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of sources and targets that are PostgreSQL."""

from __future__ import annotations

import typing as t

from ..content_digest import CONTENT_DIGEST_ARGUMENT
from ..server.options import LOGIN_ARGUMENTS

NAME = "postgresql"
# Who may use what is restored: those that the set names, or nobody but its owner.
KEEP, NONE = "keep", "none"
SOURCE_ARGUMENTS: dict[str, dict[str, t.Any]] = {**LOGIN_ARGUMENTS, **CONTENT_DIGEST_ARGUMENT}
TARGET_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **LOGIN_ARGUMENTS,
    "owner": {"type": "str"},
    "access": {"type": "str", "choices": [KEEP, NONE]},
    "tables": {"type": "list", "elements": "str"},
    "schemas": {"type": "list", "elements": "str"},
    "into_schema": {"type": "str"},
}
