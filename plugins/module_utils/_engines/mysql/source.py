# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MySQL database as a source."""

from __future__ import annotations

from ..mysql_family.source import FamilySource
from .dialect import MYSQL
from .dump import Dump


class MysqlSource(FamilySource):
    """One MySQL database."""

    name = MYSQL.name
    dialect = MYSQL
    dump_type = Dump
