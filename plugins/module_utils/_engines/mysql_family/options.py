# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that sources and targets of MariaDB and MySQL have."""

from __future__ import annotations

import typing as t

from ..content_digest import CONTENT_DIGEST_ARGUMENT
from ..server.options import LOCK, LOGIN_ARGUMENTS, REFUSE

# What to do with tables that no snapshot holds for.
SOURCE_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **LOGIN_ARGUMENTS,
    "nontransactional_tables": {"type": "str", "choices": [LOCK, REFUSE]},
    **CONTENT_DIGEST_ARGUMENT,
}
TARGET_ARGUMENTS: dict[str, dict[str, t.Any]] = {**LOGIN_ARGUMENTS, "tables": {"type": "list", "elements": "str"}}
ACCOUNT_OPTIONS = ("from_host", "nontransactional_tables", "read_accounts", "show_databases")
