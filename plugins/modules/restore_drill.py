#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores sets for trial."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_drill
short_description: Prove that sets can be restored, by restoring them into throw-away instances
version_added: 0.1.0
description:
  - Restores each chosen set, from whatever medium, into an instance that exists for this only, checks what came out,
    and measures how long it took.
    Then nothing of it is left, whatever happened.
  - Whatever handles a set's content may be taken over by it. It runs as an unprivileged user, confined by bubblewrap(1)
    to its own files and the system's libraries, without network and without any program that it does not need. A
    PostgreSQL set is restored into a server of the major version that it was taken from, on a socket of its own; a
    SQLite set into a file, a set of files into a directory, by a process that is handed plain streams. Verifying,
    decrypting and decompressing stay with the module, so that no key, no set and nothing of the module's memory is
    within reach of what is restored.
  - The checks are those of every restore (row counts against the snapshot, objects, constraints, indexes, content
    digests where the set has them, the engine's own integrity check; for files the entries by type and their bytes),
    C(pg_amcheck) where it is installed, C(CHECK TABLE), each restored file against the archive (content, mode, time of
    modification, links), and the O(queries).
  - Owners of files are not restored in a drill, since only root can give files away. They stand in the archive, of
    which every byte has been verified.
  - Every drill is written down in O(record_directory), one line of JSON in C(<host>/<source>.jsonl).
  - One set that fails does not stop the others; the module then fails at the end, naming each.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.selection
attributes:
  check_mode:
    support: full
    details: It says which sets would be drilled, and drills none.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: With O(again=false) a set whose very content has passed before is left out.
options:
  policy:
    description:
      - V(every_set) drills every chosen set.
      - V(newest) drills the newest chosen set of each source.
      - V(interval) drills the newest chosen set of each source that no set of has passed a drill within
        O(interval_days).
      - V(full_interval) drills every chosen set that has not itself passed a drill within O(interval_days). With the
        default of 7 that is a full round each week.
    type: str
    choices: [every_set, newest, interval, full_interval]
    default: every_set
  interval_days:
    description:
      - In which interval each source has to be drilled, days.
      - Sources that were not are returned as RV(overdue), whatever the policy.
    type: int
    default: 7
  again:
    description: Whether sets whose very content has passed a drill are drilled again.
    type: bool
    default: true
  budget_minutes:
    description:
      - After so many minutes no further drill begins; the sets that are left are returned as RV(left_out).
      - The source whose last passed drill is the oldest comes first, and of its sets the one whose own is, so that
        each has its turn.
    type: float
  identity_file:
    description: The age identity that reads the sets.
    type: path
  allowed_signers_file:
    description: Demand that each set is signed by its host, whose public key stands in this file (see ssh-keygen(1),
      ALLOWED SIGNERS).
    type: path
  work_directory:
    description:
      - Below it lies what is restored, as long as the drill lasts, B(decrypted). It must be there, on a disk that may
        hold the institution's data, with room for the largest source and its indexes.
      - O(user) must be able to get through to it. For PostgreSQL its path may not be longer than 60 characters.
    type: path
    required: true
  record_directory:
    description: Where drills are written down. Its parent must be there.
    type: path
    default: /var/lib/infitulua-backup/drills
  user:
    description:
      - The operating-system user that throw-away servers, their clients, and whatever restores SQLite databases and
        files run as where the module runs as root.
      - While a drill lasts, what is restored belongs to this user, mode 0700. A user of its own, that no other service
        runs as, keeps it from those too.
    type: str
    default: nobody
  programs_directory:
    description: Where the database server's programs are, if not where the distribution puts them.
    type: path
  queries:
    description:
      - Questions to the restored databases, each with the answer that is right.
      - They come from the inventory, never from a set.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the query checks, in words.
        type: str
        required: true
      query:
        description:
          - One statement in SQL that changes nothing.
          - Databases that are attached to a SQLite database have the base name of their file without its extension
            (C(SELECT … FROM inventario.equipo)). Where that is C(main), C(temp), another one's, or not
            printable, the name is C(attached) and the number in the source's list (C(attached1)).
        type: str
        required: true
      expected:
        description: The answer, a line per row, columns separated by V(|), NULL as nothing.
        type: str
        required: true
      host:
        description: Only for sets of this host.
        type: str
      source:
        description: Only for sets of this source.
        type: str
  max_seconds:
    description: A drill that takes longer is ended, seconds; it counts as not done. Waiting for the room that another
      drill takes does not count.
    type: int
    default: 3600
  max_bytes:
    description: A drill that takes more room is ended, bytes; it counts as not done. Without it, what is free is the
      limit.
    type: int
  max_memory_bytes:
    description: Address space that each process of a drill may take, bytes.
    type: int
    default: 8589934592
  max_cpu_seconds:
    description: A drill whose processes together take more seconds of processor time is ended; it counts as not done.
    type: int
  max_processors:
    description: How many processors a drill may use, with everything that it starts. Drills side by side use different
      ones while there are enough. Without it, all of them, at a low priority.
    type: int
  concurrency:
    description:
      - How many drills run at a time.
      - One that would not fit into O(work_directory) beside those that are at work, of this run or of another, waits
        for them; so it does while less than 512 MiB of memory are available.
    type: int
    default: 1
  jobs:
    description: How many streams of one set are restored at a time.
    type: int
    default: 2
  set_aside:
    description:
      - Whether a set that failed is moved to C(.rejected) below the medium's root (directory media), where nothing
        lists it and somebody can look at it.
      - A set whose drill was not done stays where it is. A drill is not done, and the set not to blame, where this host
        lacks a program, room, memory, time or processor time, or something was killed.
    type: bool
    default: false
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
requirements:
  - bubblewrap
  - the PostgreSQL server programs of the set's major version, for sets of PostgreSQL
seealso:
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
    identity_file: /etc/infitulua-backup/operational_identity
    work_directory: /var/lib/infitulua-backup/drill
    again: false
    set_aside: true
    queries:
      - name: The ledger balances
        source: contabilidad
        query: SELECT sum(debe) - sum(haber) FROM asiento
        expected: "0"

- name: Could last March be restored from the cloud?
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
    identity_file: /etc/infitulua-backup/operational_identity
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
        - V(passed), V(failed) (the set cannot be restored, or is not what it says), or V(not_done) (this host could not
          try it, and nothing is known of the set).
      type: str
      sample: passed
    drilled:
      description: When it ended, UTC.
      type: str
      sample: "2026-11-22T03:40:00Z"
    medium:
      description: Where the set lay.
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
      description: Names the exact content.
      type: str
      sample: 4f1c0c7a35b1a3a6d6b0f7b4b7a5a3c1c3f0a9f0f1b4f0f9f0c1d2e3f4a5b6c7
    seconds:
      description: How long the whole drill took.
      type: float
      sample: 41.2
    restore_seconds:
      description: How long it took from reading the set to checked data, the recovery time that was really reached
        (RTO). Comparing files with their archive is not part of it.
      type: float
      sample: 36.9
    source_bytes:
      description: Size of the source when it was dumped.
      type: int
      sample: 2000000000
    bytes_per_second:
      description: Source bytes by RV(sets[].restore_seconds).
      type: int
      sample: 54200542
    age_seconds:
      description: Age of the data, which is what would be lost if the source were lost now (RPO).
      type: int
      sample: 2400
    checks:
      description: C(name), C(passed) and C(detail) of each check.
      type: list
      elements: dict
      sample: [{name: row counts, passed: true, detail: 42799 rows in 12 tables}]
    warnings:
      description: What the operator should know, though the drill passed.
      type: list
      elements: str
      sample: []
    message:
      description: Why it did not pass.
      type: str
      sample: null
    details:
      description: Everything that was found wrong, one line each.
      type: list
      elements: str
      sample: []
failures:
  description: The drills that did not pass, failed ones and those that were not done.
  returned: always
  type: list
  elements: dict
  contains: *drill
left_out:
  description: Chosen sets that were not drilled, each with C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: [{id: srv-financiero/contabilidad/20261121T030000Z, reason: not the newest of its source}]
overdue:
  description: Sources of the chosen sets that no set of passed a drill within O(interval_days), each with C(source) and
    C(last_passed) (UTC, or null).
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
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._drill_operations import DRILL_ARGUMENTS, drill_sets
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._parameters import SELECTION_ARGUMENTS, make_selection
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import make_medium, medium_argument


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            **SELECTION_ARGUMENTS,
            **DRILL_ARGUMENTS,
            "medium": {**medium_argument(), "required": True},
        },
        supports_check_mode=True,
    )
    nothing: dict[str, list[object]] = {"sets": [], "failures": [], "left_out": [], "overdue": [], "planned": []}
    try:
        with make_medium(module.params["medium"]) as medium, interruptible("drill sets", on=medium.describe()):
            report = drill_sets(
                module.params,
                medium,
                make_selection(module.params),
                check_mode=module.check_mode,
            )
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details, **nothing)
    for entry in report.overdue:
        module.warn(f"No set of {entry['source']} has passed a drill within {module.params['interval_days']} days")
    if report.failures:
        module.fail_json(msg=report.message, **report.result())
    module.exit_json(**report.result())


if __name__ == "__main__":
    main()
