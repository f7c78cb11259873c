# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Ansible send the engines' code that dumps databases with every module that imports this."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:  # Never loaded from here, but sent: Ansible reads import statements (see ``Registration``).
    from ..mariadb import source as _mariadb_source
    from ..mysql import source as _mysql_source
    from ..postgresql import source as _postgresql_source
    from ..sqlite import source as _sqlite_source
    from . import discoveries as _discoveries

    PARTS = (_mariadb_source, _mysql_source, _postgresql_source, _sqlite_source, _discoveries)

#: The engines that are sent.
NAMES = ["mariadb", "mysql", "postgresql", "sqlite"]
