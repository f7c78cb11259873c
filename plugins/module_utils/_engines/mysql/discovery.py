# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of a MySQL server."""

from __future__ import annotations

import typing as t

from ..discovery import Discovery
from ..mysql_family import discovery
from .dialect import MYSQL


def discover(options: t.Mapping[str, t.Any], *, sizes: bool) -> Discovery:
    """Ask a server for its databases, as the family's ``discover`` does."""
    return discovery.discover(MYSQL, options, sizes=sizes)
