# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for MySQL, before it is needed."""

from __future__ import annotations

from ..mysql_family.options import ACCOUNT_OPTIONS, SOURCE_ARGUMENTS, TARGET_ARGUMENTS
from ..registration import ServerRegistration


class Mysql(ServerRegistration):
    """MySQL."""

    name = "mysql"
    source_arguments = SOURCE_ARGUMENTS
    target_arguments = TARGET_ARGUMENTS
    account_options = ACCOUNT_OPTIONS
