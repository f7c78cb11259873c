#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: set_info
short_description: List the sets of a medium
version_added: 0.1.0
description:
  - Lists the complete sets on a medium, with the content of their C(backup.json).
  - It does not read the payload; use M(infitulua.backup.set_verify) to check that a set is undamaged.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
  - infitulua.backup.medium
  - infitulua.backup.medium.further
  - infitulua.backup.selection
options:
  drill_record_directory:
    description:
      - The directory where this host records drills; each set is returned with its last drill.
      - Without it, drills are not returned.
    type: path
seealso:
  - module: infitulua.backup.set_verify
  - module: infitulua.backup.set_copy
  - module: infitulua.backup.restore_drill
"""

EXAMPLES = r"""
- name: List the newest set of every source in the vault
  infitulua.backup.set_info:
    medium:
      type: directory
      path: /srv/backup/vault
    newest: true
  register: vault

- name: Find the newest set of a source in the vault, otherwise in the cloud
  infitulua.backup.set_info:
    medium:
      type: directory
      path: /srv/backup/vault
    further_media:
      - medium:
          type: s3
          endpoint_url: https://s3.example.org
          bucket: infitulua-backup
          profile: infitulua-backup
        only_if_none: true
    host: srv-financiero
    source: contabilidad
    newest: true

- name: List the sets that have not been verified
  ansible.builtin.debug:
    msg: "{{ vault.sets | selectattr('verified', 'none') | map(attribute='id') }}"
"""

RETURN = r"""
sets:
  description: The sets, oldest first within a source, in the order in which they were made.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The set's id.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    host:
      description: The server.
      type: str
      sample: srv-financiero
    source:
      description: The source.
      type: str
      sample: contabilidad
    time:
      description: The time of the backup, UTC, by the clock of its server. It does not decide which set is
        the newest.
      type: str
      sample: 20261122T030000Z
    order:
      description:
        - A sort key that orders the sets of one source as they were made, even across media, whatever the clocks said.
        - It is derived from the predecessors that sets name. Its format may change.
      type: str
      sample: 20261122T030000Z+000000
    newest:
      description: Whether it is the newest of its source among the sets listed. It can then be read, is not suspect and
        is not dated in the future.
      type: bool
      sample: true
    sequence:
      description: One more than the largest number of any set of the source when this one was made.
      type: int
      sample: 412
    predecessors:
      description: The newest sets of the source when this one was made, the newest first.
      type: list
      elements: str
      sample: [srv-financiero/contabilidad/20261121T030000Z]
    engine:
      description: The engine that wrote it.
      type: str
      sample: postgresql
    series:
      description: The records series (TRD code).
      type: str
      sample: "400.8"
    organization:
      description: Whose data it is.
      type: str
      sample: INFITULUÁ E.I.C.E.
    run_id:
      description: The name of the run that wrote it; null if it had none.
      type: str
      sample: daily-20261122
    started:
      description: When the dump began, UTC.
      type: str
      sample: "2026-11-22T03:00:00Z"
    finished:
      description: When the dump ended, UTC.
      type: str
      sample: "2026-11-22T03:00:12Z"
    bytes:
      description: Stored size of the payload, bytes.
      type: int
      sample: 73400320
    source_bytes:
      description: Size of the source when it was dumped, bytes.
      type: int
      sample: 524288000
    encryption:
      description: The method, and the recipients whose keys can read it.
      type: dict
      sample: {"method": "age", "recipients": ["age1…"]}
    versions:
      description: The versions of the programs and servers that took part.
      type: dict
      sample: {"pg_dump": "17.2", "zstd": "1.5.6"}
    content:
      description: How much it holds, by unit, as counted by its engine.
      type: dict
      sample: {"rows": 8000}
    suspect:
      description:
        - Why it may not hold everything that its source should contain; null if it is not suspect.
        - A suspect set is never taken for the newest of its source, and must not be counted when old sets are removed.
      type: str
      sample: it holds no rows, and srv-financiero/contabilidad/20261121T030000Z holds 8000
    accepted:
      description: Why it would be suspect if the operator had not accepted it when it was written; null otherwise.
      type: str
    warnings:
      description: Warnings for the operator; the set is complete nevertheless.
      type: list
      elements: str
      sample: []
    restore_by_hand:
      description: The commands that restore it without this collection, run from within the set's directory.
      type: list
      elements: str
      sample: ["sha256sum -c --quiet manifest-sha256.txt"]
    reencrypted:
      description: Whether it is a copy that was re-encrypted for one delivery.
      type: bool
      sample: false
    path:
      description: The set's directory, on a directory medium.
      type: str
      sample: /srv/backup/vault/srv-financiero/contabilidad/20261122T030000Z
    verified:
      description: When exactly this content was last verified here, UTC (directory media only); null if it was not.
      type: str
      sample: "2026-11-22T03:20:00Z"
    tag_manifest_sha256:
      description: The SHA-256 of the set's tag manifest, which identifies its exact content; null if
        RV(sets[].verified) is.
      type: str
      sample: 4f1c0c7a35b1a3a6d6b0f7b4b7a5a3c1c3f0a9f0f1b4f0f9f0c1d2e3f4a5b6c7
    locked_until:
      description: Until when the medium itself refuses to delete the set (Object Lock), UTC, as was last seen there;
        null if it does not, or that is not known.
      type: str
      sample: null
    drill:
      description: The last drill of exactly this content that passed or failed, as M(infitulua.backup.restore_drill)
        returns it; null when there was none. Only with O(drill_record_directory).
      type: dict
      sample: {"outcome": "passed", "drilled": "2026-11-22T03:40:00Z", "restore_seconds": 36.9}
failures:
  description:
    - The sets whose C(backup.json) cannot be read, each with C(id), C(message) and C(details).
    - Also, once for each source, a set whose drills in O(drill_record_directory) cannot be read; it is in RV(sets)
      nevertheless, and its C(drill) is null.
    - With O(newest), also sets in an object store that cannot be taken for the newest because they are not proven to
      come from their server.
  returned: always
  type: list
  elements: dict
  sample: []
passed_over:
  description:
    - With O(newest), the sets that are newer than the newest of their source but were not taken for it; each with its
      C(id) and a C(reason), which is V(suspect), V(unreadable) or V(dated_after_now).
  returned: always
  type: list
  elements: dict
  sample: [{id: srv-financiero/contabilidad/20261123T030000Z, reason: suspect}]
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
further_media:
  description: What was found on each of O(further_media), in their order.
  returned: always
  type: list
  elements: dict
  contains:
    looked:
      description: Whether it was searched, see O(further_media[].only_if_none).
      type: bool
      sample: true
    sets:
      description: As RV(sets).
      type: list
      elements: dict
      sample: []
    failures:
      description: As RV(failures).
      type: list
      elements: dict
      sample: []
    passed_over:
      description: As RV(passed_over).
      type: list
      elements: dict
      sample: []
    dated_after_now:
      description: As RV(dated_after_now).
      type: list
      elements: str
      sample: []
    msg:
      description: Why the medium cannot be listed, if it cannot. The module does not fail because of that.
      type: str
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.list.call import ARGUMENTS, NOTHING, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "list sets",
        on=params["medium"]["type"],
        work=lambda: call(params, check_mode=module.check_mode),
        nothing=NOTHING,
    )


if __name__ == "__main__":
    main()
