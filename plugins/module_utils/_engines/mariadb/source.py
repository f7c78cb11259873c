# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MariaDB database as a source."""

from __future__ import annotations

from ..mysql_family.source import FamilySource
from .dialect import MARIADB
from .dump import Dump


class MariadbSource(FamilySource):
    """One MariaDB database."""

    name = MARIADB.name
    dialect = MARIADB
    dump_type = Dump
