# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Ansible send the code that restores files with every module that imports this."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:  # Never loaded from here, but sent: Ansible reads import statements (see ``Registration``).
    from ..files import target as _files_target

    PARTS = (_files_target,)

#: The engines that are sent.
NAMES = ["files"]
