# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Ansible send the engines' code that creates backup accounts with every module that imports this."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:  # Never loaded from here, but sent: Ansible reads import statements (see ``Registration``).
    from ..mariadb import backup_account as _mariadb_account
    from ..mysql import backup_account as _mysql_account
    from ..postgresql import backup_account as _postgresql_account
    from . import discoveries as _discoveries

    PARTS = (_mariadb_account, _mysql_account, _postgresql_account, _discoveries)

#: The engines that are sent.
NAMES = ["mariadb", "mysql", "postgresql"]
