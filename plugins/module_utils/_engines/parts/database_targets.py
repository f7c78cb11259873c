# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Ansible send the engines' code that restores databases with every module that imports this."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:  # Never loaded from here, but sent: Ansible reads import statements (see ``Registration``).
    from ..mariadb import target as _mariadb_target
    from ..mysql import target as _mysql_target
    from ..postgresql import target as _postgresql_target
    from ..sqlite import target as _sqlite_target

    PARTS = (_mariadb_target, _mysql_target, _postgresql_target, _sqlite_target)

#: The engines that are sent.
NAMES = ["mariadb", "mysql", "postgresql", "sqlite"]
