#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drill sets: restore them for trial."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_drill
short_description: Prove that sets can be restored by restoring them into throw-away instances
version_added: 0.1.0
description:
  - Restores each selected set, from any medium, into a temporary instance, checks the result, and measures the time.
    Everything that it created is removed afterwards, even if the drill fails.
  - A process that reads the content of a set could be taken over by it. It therefore runs as an unprivileged user,
    confined by bubblewrap(1) to its own files and the system's libraries, without network access and without any
    program that it does not need. A PostgreSQL set is restored into a server of the major version that it was taken
    from, on a socket of its own; a SQLite set into a file and a set of files into a directory, by a process that
    receives decrypted streams. The module itself verifies, decrypts and decompresses, so that keys, sets and the
    module's memory are out of reach of the restored data.
  - The checks are those of every restore (row counts against the snapshot, objects, constraints, indexes, content
    digests where the set has them, the engine's own integrity check; for files, the numbers of entries by type and of
    bytes), C(pg_amcheck) where it is installed, C(CHECK TABLE), each restored file against the archive (content, mode,
    modification time, links), and the O(queries).
  - Owners of files are not restored in a drill, because that requires root. They are in the archive, every byte of
    which has been verified.
  - Every drill is recorded in O(record_directory), as one line of JSON in C(<host>/<source>.jsonl).
  - A set that fails does not stop the others; at the end the module fails, naming each failure.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.selection
attributes:
  check_mode:
    support: full
    details: It reports which sets would be drilled, and drills none.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: With O(again=false), a set whose exact content has passed a drill is left out.
options:
  policy:
    description:
      - V(every_set) drills every selected set.
      - V(newest) drills the newest selected set of each source.
      - V(interval) drills the newest selected set of each source of which no set has passed a drill within
        O(interval_days).
      - V(full_interval) drills every selected set that has not itself passed a drill within O(interval_days). With the
        default of 7, each set is drilled once a week.
      - V(untried) drills every selected set whose exact content has neither passed nor failed a drill yet; drills that
        were not done do not count.
    type: str
    choices: [every_set, newest, interval, full_interval, untried]
    default: every_set
  interval_days:
    description:
      - The interval in which each source has to be drilled, in days.
      - Sources that were not are returned as RV(overdue), regardless of the policy.
    type: int
    default: 7
  again:
    description: Whether sets whose exact content has passed a drill are drilled again.
    type: bool
    default: true
  budget_minutes:
    description:
      - The number of minutes after which no further drill begins; the remaining sets are returned as RV(left_out).
      - The source whose last passed drill is the oldest comes first, and among its sets the one with the oldest passed
        drill, so that all of them are drilled in turn. Where that decides nothing, the order is that of O(sets).
    type: float
  identity_file:
    description: The file with the age identity (private key) that decrypts the sets.
    type: path
  allowed_signers_file:
    description: Require that each set is signed by its host, whose public key is in this file (see ssh-keygen(1),
      ALLOWED SIGNERS).
    type: path
  work_directory:
    description:
      - The directory to restore into. While a drill is running, it contains the restored data B(decrypted). It must
        exist, on a disk that may hold the institution's data, with room for the largest source and its indexes.
      - O(user) must be able to enter it. For PostgreSQL, its path may have at most 60 characters.
    type: path
    required: true
  record:
    description: Whether to record the drills on this host. Use V(false) if another host keeps the record, with
      M(infitulua.backup.drill_delivery).
    type: bool
    default: true
  record_directory:
    description: The directory where drills are recorded. Its parent must exist.
    type: path
    default: /var/lib/infitulua-backup/drills
  user:
    description:
      - If the module runs as root, the operating-system user that runs the throw-away servers, their clients, and the
        processes that restore SQLite databases and files.
      - While a drill is running, the restored data belongs to this user, with mode 0700. Use a dedicated user, so that
        no other service can read it.
    type: str
    default: nobody
  programs_directory:
    description: The directory of the database server's programs, if not the distribution's.
    type: path
  queries:
    description:
      - Queries to run on the restored databases, each with its expected answer.
      - They come from the inventory, never from a set.
      - A set that gives a different answer has failed its drill. If a query cannot be run (a missing table, an error in
        its SQL), the set is not at fault; its drill counts as not done.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: A short description of what the query checks.
        type: str
        required: true
      query:
        description:
          - One SQL statement that changes nothing.
          - Databases attached to a SQLite database are named after their file, without directory and extension
            (C(SELECT … FROM inventario.equipo)). If that name is C(main) or C(temp), not unique, or not printable, the
            name is C(attached) and the number in the source's list (C(attached1)).
        type: str
        required: true
      expected:
        description:
          - The answer, one line per row, columns separated by V(|), NULL written as V(NULL) or as nothing.
          - Values are compared, not text, so V(0) matches C(0.00).
        type: str
        required: true
      host:
        description: Only for sets of this host.
        type: str
      source:
        description: Only for sets of this source.
        type: str
  max_seconds:
    description: The time after which a drill is stopped, in seconds; it then counts as not done. Time spent waiting for
      the disk space of another drill is not included.
    type: int
    default: 3600
  max_bytes:
    description: The disk space above which a drill is stopped, in bytes; it then counts as not done. Without it, the
      limit is the free space.
    type: int
  max_memory_bytes:
    description: The address space that each process of a drill may use, in bytes.
    type: int
    default: 8589934592
  max_cpu_seconds:
    description: The CPU time above which a drill is stopped, of all its processes together, in seconds; it then counts
      as not done.
    type: int
  max_processors:
    description: How many CPUs a drill, with everything that it starts, may use. Concurrent drills use different CPUs
      while there are enough. Without it, a drill uses all of them, at a low priority.
    type: int
  concurrency:
    description:
      - How many drills run at the same time.
      - A drill waits if it would not fit into O(work_directory) beside running drills, of this or another run, or while
        less than 512 MiB of memory are available.
    type: int
    default: 1
  jobs:
    description: How many streams of one set are restored in parallel.
    type: int
    default: 2
  set_aside:
    description:
      - Whether to move a set that failed to C(.rejected) below the medium's root (directory media only), where it is
        not listed but can be examined.
      - A set whose drill was not done stays where it is. A drill counts as not done, and the set is not at fault, if
        this host lacks a program, disk space, memory, time, a library, an extension or a locale that the set needs, or
        if a process was killed.
    type: bool
    default: false
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
requirements:
  - bubblewrap
  - the PostgreSQL server programs of the set's major version, for sets of PostgreSQL
seealso:
  - module: infitulua.backup.drill_delivery
  - module: infitulua.backup.set_verify
  - module: infitulua.backup.database_restore
  - name: bubblewrap
    description: What confines throw-away servers.
    link: https://github.com/containers/bubblewrap
"""

EXAMPLES = r"""
- name: Drill everything new
  infitulua.backup.restore_drill:
    medium:
      type: directory
      path: /srv/backup/incoming
    identity_file: /etc/infitulua-backup/operational.identity
    work_directory: /var/lib/infitulua-backup/drill
    again: false
    set_aside: true
    queries:
      - name: The ledger balances
        source: contabilidad
        query: SELECT sum(debe) - sum(haber) FROM asiento
        expected: "0"

- name: Check that last March could be restored from the cloud
  infitulua.backup.restore_drill:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup
      credentials_file: /etc/infitulua-backup/cloud_credentials
    host: srv-financiero
    source: contabilidad
    at: 20260331T235959Z
    newest: true
    identity_file: /etc/infitulua-backup/operational.identity
    work_directory: /var/lib/infitulua-backup/drill
"""

RETURN = r"""
sets:
  description: The drills that passed.
  returned: always
  type: list
  elements: dict
  contains: &drill
    id:
      description: The set's id.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    outcome:
      description:
        - V(passed), V(failed) (the set cannot be restored, or does not hold what it says), or V(not_done) (this host
          could not try it, and nothing is known about the set).
      type: str
      sample: passed
    drilled:
      description: When it ended, UTC.
      type: str
      sample: "2026-11-22T03:40:00Z"
    medium:
      description: The medium that the set was on.
      type: str
      sample: directory /srv/backup/incoming
    engine:
      description: The engine that wrote it.
      type: str
      sample: postgresql
    series:
      description: The records series (TRD code).
      type: str
      sample: "400.8"
    tag_manifest_sha256:
      description: The SHA-256 of the set's tag manifest, which identifies its exact content.
      type: str
      sample: 4f1c0c7a35b1a3a6d6b0f7b4b7a5a3c1c3f0a9f0f1b4f0f9f0c1d2e3f4a5b6c7
    seconds:
      description: How long the whole drill took.
      type: float
      sample: 41.2
    restore_seconds:
      description: The time from reading the set until the restored data was checked, which is the recovery time
        actually achieved (RTO). Comparing files with their archive is not included.
      type: float
      sample: 36.9
    source_bytes:
      description: Size of the source when it was dumped.
      type: int
      sample: 2000000000
    bytes_per_second:
      description: Source bytes divided by RV(sets[].restore_seconds).
      type: int
      sample: 54200542
    age_seconds:
      description: The age of the data, which is the period of changes that would be lost if the source were lost now
        (RPO).
      type: int
      sample: 2400
    checks:
      description: C(name), C(passed) and C(detail) of each check.
      type: list
      elements: dict
      sample: [{name: row counts, passed: true, detail: 42799 rows in 12 tables}]
    warnings:
      description: Warnings for the operator; the drill passed nevertheless.
      type: list
      elements: str
      sample: []
    left_out:
      description: Objects that a restore leaves out, and why, of which nothing was known when the set was dumped.
      type: list
      elements: str
      sample: ["check of ledger.entry: function public.rate() does not exist"]
    message:
      description: Why it did not pass.
      type: str
      sample: null
    details:
      description: Everything that was found wrong, one item per line.
      type: list
      elements: str
      sample: []
    drilled_on:
      description: The host that did the drill, if it is not the one that keeps the record.
      type: str
      sample: null
failures:
  description:
    - The drills that failed or were not done.
    - With O(newest), also sets in an object store that cannot be taken for the newest because they cannot be read or
      are not proven to come from their server.
  returned: always
  type: list
  elements: dict
  contains: *drill
left_out:
  description: Selected sets that were not drilled, each with C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: [{id: srv-financiero/contabilidad/20261121T030000Z, reason: not the newest of its source}]
overdue:
  description: Sources of the selected sets of which no set has passed a drill within O(interval_days), each with
    C(source) and C(last_passed) (UTC, or null).
  returned: always
  type: list
  elements: dict
  sample: []
planned:
  description: The sets that were drilled, or in check mode would be, by id.
  returned: always
  type: list
  elements: str
  sample: [srv-financiero/contabilidad/20261122T030000Z]
dated_after_now:
  description:
    - The ids of the sets on the medium, of the requested host and source, that are dated more than five minutes in the
      future.
    - Either a clock was wrong when they were made, or this host's clock is wrong now. Such a set is never the newest of
      its source.
  returned: always
  type: list
  elements: str
  sample: []
removed:
  description: The names of the interrupted drills whose data in O(work_directory) was removed.
  returned: always
  type: list
  elements: str
  sample: [drill-x1y2z3]
not_removed:
  description: Why decrypted data that drills (also interrupted ones) left in O(work_directory) was not removed.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.call import ARGUMENTS, NOTHING, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "drill sets",
        on=params["medium"]["type"],
        work=lambda: call(params, check_mode=module.check_mode),
        nothing=NOTHING,
    )


if __name__ == "__main__":
    main()
