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
    description: Whose data it is; stands in each set's C(bag-info.txt).
    type: str
    default: ''
  encryption:
    description:
      - V(age) encrypts every payload stream to the recipients before it reaches a disk.
      - V(none) writes it as it is, for whoever says so in words.
    type: str
    choices: [age, none]
    default: age
  recipients:
    description:
      - Public keys to encrypt to, V(age1…) or V(ssh-ed25519 …).
      - Any one of the matching private keys can read the set; this host needs none of them.
    type: list
    elements: str
    default: []
  recipients_file:
    description: A file with further recipients, one a line; empty lines and lines that start with C(#) do not count.
    type: path
  compression_level:
    description: The level of zstd, V(1) (fastest) to V(19) (smallest).
    type: int
    default: 3
    choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
  jobs:
    description: How many payload streams of one source are written at a time.
    type: int
    default: 2
  concurrency:
    description:
      - How many sources are backed up at a time, in the order of the list; each in a process of its own.
      - Each of them writes O(jobs) streams. A dump waits where those under way still need the medium's room.
    type: int
    default: 1
  nice:
    description:
      - How far the module, and each program that it starts, stands back for others where processor time is short, from
        V(0) (not at all) to V(19). It never makes up for what whoever started it has given up already.
      - Where no O(io_class) is given, Linux derives the priority of input and output from it.
      - What a database's server does for a dump, it does with a priority of its own.
    type: int
    default: 10
  io_class:
    description:
      - The class of input and output, as C(ionice) sets it, of the module and each program that it starts.
      - V(idle) is served only when nobody else asks. Whether it counts depends on the disk's scheduler.
    type: str
    choices: [best-effort, idle]
  io_priority:
    description: The priority within O(io_class=best-effort), V(0) (first) to V(7) (last).
    type: int
  run_id:
    description:
      - The name of this run. A source that has a complete set of the same run already is left as it is.
      - Where that set is suspect, the source fails again, and no further set is written.
      - Without it, every call writes new sets.
    type: str
  accept:
    description:
      - Names of sources whose operator says that what they hold now is right, however little it is.
      - Their sets are not suspect; one that would be is marked as accepted, and the next are compared with it.
      - Names of sources that are not among O(sources) do not matter.
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
      - With several sources, it tells how many of them are done, and in C(under_way) how far each of those is that are
        being backed up.
    type: path
"""
