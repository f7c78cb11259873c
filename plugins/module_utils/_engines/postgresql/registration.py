# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for PostgreSQL, before it is needed."""

from __future__ import annotations

from ..registration import ServerRegistration
from .options import NAME, SOURCE_ARGUMENTS, TARGET_ARGUMENTS


class Postgresql(ServerRegistration):
    """PostgreSQL."""

    name = NAME
    source_arguments = SOURCE_ARGUMENTS
    target_arguments = TARGET_ARGUMENTS
    account_options = ("bypass_row_security",)
