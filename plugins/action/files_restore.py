# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the progress of the module of the same name."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.plugin_utils._progress_action import ProgressAction


class ActionModule(ProgressAction):
    """Run the module and show its progress."""
