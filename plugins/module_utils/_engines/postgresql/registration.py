# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for PostgreSQL, before it is needed."""

from __future__ import annotations

import typing as t

from ..discovery import FoundDatabase
from ..registration import ServerRegistration
from .options import NAME, SOURCE_ARGUMENTS, TARGET_ARGUMENTS


class Postgresql(ServerRegistration):
    """PostgreSQL."""

    name = NAME
    source_arguments = SOURCE_ARGUMENTS
    target_arguments = TARGET_ARGUMENTS
    account_options = ("bypass_row_security",)

    @classmethod
    def is_unused(cls, options: t.Mapping[str, t.Any], database: FoundDatabase) -> bool:
        """Whether it is the database ``postgres``, which clients connect to by default, and holds nothing."""
        return bool(cls._module("discovery").is_unused(options, database))
