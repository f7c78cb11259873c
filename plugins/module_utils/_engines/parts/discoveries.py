# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Ansible send the engines' code that lists a server's databases with every module that imports this."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:  # Never loaded from here, but sent: Ansible reads import statements (see ``Registration``).
    from ..mariadb import discovery as _mariadb_discovery
    from ..mysql import discovery as _mysql_discovery
    from ..postgresql import discovery as _postgresql_discovery

    PARTS = (_mariadb_discovery, _mysql_discovery, _postgresql_discovery)

#: The engines that are sent.
NAMES = ["mariadb", "mysql", "postgresql"]
