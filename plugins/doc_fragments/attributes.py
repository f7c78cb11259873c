# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what every module supports."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Predicts what a run would change, runs every preliminary check, and changes nothing.
  diff_mode:
    description: Shows the sets, or the target, before and after.
  idempotent:
    description: A second run with nothing to do changes nothing.
  platform:
    description: The operating systems it runs on.
    platforms: posix
    support: full
"""

    # For modules that only read.
    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: N/A
    description: Changes nothing.
  idempotent:
    support: full
    description: Changes nothing.
  platform:
    description: The operating systems it runs on.
    platforms: posix
    support: full
"""
