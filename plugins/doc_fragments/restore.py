# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of every module that restores."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  ticket:
    description: The number of the help-desk ticket that asks for the restore. Without one nothing is restored.
    type: str
    required: true
  set:
    description:
      - The id of the set to restore (V(host/source/time)).
      - Without it, the newest set of O(host) and O(source), not after O(at), that is not suspect.
      - A set that is suspect, since it holds far less than the one before, is restored only where it is named here.
    type: str
  host:
    description: The host of the set, when O(set) is not given.
    type: str
  source:
    description: The source of the set, when O(set) is not given.
    type: str
  at:
    description: The latest time the set may have (UTC, V(20261122T030000Z)), when O(set) is not given.
    type: str
  identity_file:
    description: The file with the age identity (private key) to decrypt with. Sets written unencrypted need none.
    type: path
  replace:
    description:
      - Whether a target that exists and holds data may be replaced.
      - What is replaced is kept under a dated name.
    type: bool
    default: false
  keep_replaced_days:
    description:
      - For how many days what restores of this target have replaced is kept. For ever when not given.
      - When the restore is complete and checked, what earlier restores of the same target replaced longer ago is
        removed; with V(0) what this one replaced, too.
      - What somebody uses stays. M(infitulua.backup.replaced_prune) lists and removes them without a restore.
    type: int
  jobs:
    description: How many payload streams are restored at a time.
    type: int
    default: 2
  spool:
    description: An existing directory for a set that comes from another host or the cloud; the system's temporary
      directory when not given.
    type: path
  allowed_signers_file:
    description:
      - Demand that the set is signed by its host, whose public key stands in this file (see ssh-keygen(1), ALLOWED
        SIGNERS).
    type: path
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
"""
