# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MariaDB database as a target."""

from __future__ import annotations

from ..mysql_family.target import FamilyTarget
from .dialect import MARIADB
from .kept import MariadbKept
from .partial_restore import SelectedRestoration
from .restore import Restoration


class MariadbTarget(FamilyTarget):
    """One MariaDB database."""

    name = MARIADB.name
    dialect = MARIADB
    restoration = Restoration
    partial_restoration = SelectedRestoration
    kept = MariadbKept
