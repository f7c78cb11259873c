# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring some tables of a MySQL database into a database of their own, beside the live one."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._selection import Selection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._restore import Restoration


class SelectedRestoration(Selection, Restoration):
    """One restore of some tables into MySQL."""
