# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring some tables of a MariaDB database (see ``mysql_family.partial_restore``)."""

from __future__ import annotations

from ..base import RestoreWork
from ..mysql_family.partial_restore import PartialRestoration
from .restore import Restoration


class SelectedRestoration(PartialRestoration, Restoration):
    """One restore of some tables into MariaDB, with the sequences that their defaults take from."""

    def _belongings(self, work: RestoreWork) -> list[str]:
        defaults = work.reader.description.engine_facts["sequence_defaults"]
        return [sequence for table, _column, sequence in defaults if table in self._tables]
