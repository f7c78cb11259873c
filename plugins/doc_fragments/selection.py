# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that choose among the sets of a medium."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  sets:
    description:
      - Exactly these sets, by id (V(host/source/time)). Each must exist.
      - An empty list selects no sets, not all of them.
    type: list
    elements: str
  host:
    description: Only sets of this host.
    type: str
  source:
    description: Only sets of this source.
    type: str
  newest:
    description:
      - Only the newest set of each source that can be read, is not suspect and is not dated in the future.
      - The newest set is the one that was made last. This does not depend on clocks, because sets name their
        predecessors.
    type: bool
    default: false
  at:
    description: Only sets whose time, by the clock of their server, is not later than this (UTC, V(20261122T030000Z)).
    type: str
"""
