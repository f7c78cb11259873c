# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Ansible send the code that finds and removes replaced data with every module that imports this."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:  # Never loaded from here, but sent: Ansible reads import statements (see ``Registration``).
    from ..files import kept as _files_kept
    from ..mariadb import kept as _mariadb_kept
    from ..mysql import kept as _mysql_kept
    from ..postgresql import kept as _postgresql_kept
    from ..sqlite import kept as _sqlite_kept
    from . import discoveries as _discoveries

    PARTS = (_files_kept, _mariadb_kept, _mysql_kept, _postgresql_kept, _sqlite_kept, _discoveries)

#: The engines that are sent.
NAMES = ["files", "mariadb", "mysql", "postgresql", "sqlite"]
