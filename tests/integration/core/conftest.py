# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same fixtures as the unit tests of the core."""

from __future__ import annotations

from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils.conftest import (
    keys,
    medium,
    other_disk,
    small_disk,
    vault,
)

__all__ = ["keys", "medium", "other_disk", "small_disk", "vault"]
