# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have kept of a MariaDB database."""

from __future__ import annotations

from ..mysql_family.kept import FamilyKept
from .dialect import MARIADB


class MariadbKept(FamilyKept):
    """What restores of one MariaDB database have kept."""

    dialect = MARIADB
