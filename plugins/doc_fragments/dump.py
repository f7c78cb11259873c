# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of every module that writes new sets."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  host:
    description: The server's name in set ids, usually V(inventory_hostname).
    type: str
    required: true
  organization:
    description: The organization that owns the data; written to each set's C(bag-info.txt).
    type: str
    default: ''
  encryption:
    description:
      - V(age) encrypts every payload stream to the recipients before it reaches a disk.
      - V(none) writes it unencrypted.
    type: str
    choices: [age, none]
    default: age
  recipients:
    description:
      - Public keys to encrypt to, V(age1…) or V(ssh-ed25519 …).
      - Each of the matching private keys can decrypt the set; this host needs none of them.
    type: list
    elements: str
    default: []
  recipients_file:
    description: A file with further recipients, one per line; empty lines and lines that start with C(#) are ignored.
    type: path
  compression_level:
    description: The level of zstd, V(1) (fastest) to V(19) (smallest).
    type: int
    default: 3
    choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
  jobs:
    description: How many payload streams of one source are written in parallel.
    type: int
    default: 2
  concurrency:
    description:
      - How many sources are backed up at the same time, in the order of the list, each in its own process.
      - Each of them writes O(jobs) streams. A dump waits while the running ones may still need the free space of the
        medium.
    type: int
    default: 1
  nice:
    description:
      - The niceness of the module and each program that it starts, from V(0) (normal priority) to V(19) (lowest
        priority). It never raises the priority that the module was started with.
      - Without O(io_class), Linux derives the I/O priority from it.
      - It does not affect the database server, which works for a dump at its own priority.
    type: int
    default: 10
  io_class:
    description:
      - The I/O scheduling class, as set by C(ionice), of the module and each program that it starts.
      - V(idle) uses the disk only when no other process needs it. Whether this has an effect depends on the disk's I/O
        scheduler.
    type: str
    choices: [best-effort, idle]
  io_priority:
    description: The priority within O(io_class=best-effort), V(0) (highest) to V(7) (lowest).
    type: int
  run_id:
    description:
      - The name of this run. A source that already has a complete set of the same run is not backed up again.
      - If that set is suspect, the source fails again, and no further set is written.
      - Without it, every call writes new sets.
    type: str
  accept:
    description:
      - Names of sources whose content the operator confirms to be right, however little it is.
      - Their sets are not suspect. A set that otherwise would be is marked as accepted, and the next sets are compared
        with it.
      - Names that are not among O(sources) are ignored.
    type: list
    elements: str
    default: []
  signing_key_file:
    description:
      - An OpenSSH private key without a passphrase, to sign each set with.
      - Without it, sets are not signed.
    type: path
  status_file:
    description:
      - Where progress is written as JSON, about once a second.
      - With several sources, it shows how many are done, and in C(under_way) the progress of each one that is being
        backed up.
    type: path
"""
