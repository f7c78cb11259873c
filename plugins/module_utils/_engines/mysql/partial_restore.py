# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring some tables of a MySQL database into a database of their own, beside the live one."""

from __future__ import annotations

from ..mysql_family.partial_restore import PartialRestoration
from .restore import Restoration


class SelectedRestoration(PartialRestoration, Restoration):
    """One restore of some tables into MySQL."""
