# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have kept of a MySQL database, and whether an interrupted swap may need it."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from ..kept_name import SWAPPING_SUFFIX
from ..mysql_family.kept import FamilyKept
from ..mysql_family.names import derived_name
from .dialect import MYSQL


class MysqlKept(FamilyKept):
    """What restores of one MySQL database have kept."""

    dialect = MYSQL

    def check_live(self) -> None:
        """Check that the database is there and holds something.

        :raises BackupError: when it is not, or is empty; or a swap was interrupted, whose other half may be kept.
        """
        journal = derived_name(self._name, SWAPPING_SUFFIX)
        with self._asking() as session:
            if self.dialect.properties(session, journal) is not None:
                raise Refused(
                    "remove what was replaced",
                    on=self._connection.describe(),
                    why=f"a restore of it was interrupted (its journal is in the database {journal})",
                    next_step="Restore it again with database_restore and replace, then remove what was replaced.",
                )
        super().check_live()
