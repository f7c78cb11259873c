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
    description: The number of the help-desk ticket that requests the restore.
    type: str
    required: true
  set:
    description:
      - The id of the set to restore (V(host/source/time)).
      - Without it, the newest set of O(host) and O(source), not later than O(at), that can be read, is not suspect and
        is not dated in the future.
      - A suspect set, which holds far less than the previous one, is restored only if it is named here.
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
      - Whether to replace a target that exists and holds data.
      - The replaced data is kept under a name with the date.
    type: bool
    default: false
  keep_replaced_days:
    description:
      - For how many days to keep the data that restores of this target have replaced; when not given, for ever.
      - Once the restore is complete and checked, data that earlier restores of the same target replaced longer ago is
        removed; with V(0), also the data that this restore replaced.
      - Data in use is never removed. M(infitulua.backup.replaced_prune) lists and removes such data without a restore.
    type: int
  strict:
    description:
      - Whether to refuse a restore that has to leave out an object of the set, such as a view on a table that no longer
        exists. The target is then left as it was.
      - Without it, everything else is restored, and RV(ignore:left_out) and RV(ignore:remarks) name what was left out.
        Rows and files that the set holds are never left out. Rows that it does not hold, such as the history that
        MariaDB keeps by transaction ID, are named there too, so that such a restore is refused.
    type: bool
    default: false
  max_seconds:
    description:
      - How many seconds the restore may take before the swap. After that time it is stopped, the data restored beside
        the target is removed, and the target is left as it was.
      - When not given, one hour plus one second for each mebibyte of the source. The playbook for step 5 derives it
        from the set's last drill, if there was one.
      - Examining a restored SQLite database evaluates expressions of its schema. This is done in a separate process
        with limited memory and CPU time, without privileges if the restore runs as root, and, if bubblewrap is
        installed, without network and without other files.
    type: int
  jobs:
    description: How many payload streams are restored in parallel.
    type: int
    default: 2
  spool:
    description: An existing directory to download a set to that comes from another host or the cloud; when not given,
      the system's temporary directory.
    type: path
  allowed_signers_file:
    description:
      - Require that the set is signed by its host, whose public key is in this file (see ssh-keygen(1), ALLOWED
        SIGNERS).
    type: path
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
"""
