#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: set_info
short_description: List the sets of a medium
version_added: 0.1.0
description:
  - Lists the complete sets of a medium with what their C(backup.json) says.
  - It reads no payload; use M(infitulua.backup.set_verify) to know that a set is whole.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
  - infitulua.backup.medium
  - infitulua.backup.selection
options:
  drill_record_directory:
    description:
      - Where the drills of this host are written down; each set is returned with its last one.
      - Without it, drills are not looked at.
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

- name: Name the sets that nobody has verified
  ansible.builtin.debug:
    msg: "{{ vault.sets | selectattr('verified', 'none') | map(attribute='id') }}"
"""

RETURN = r"""
sets:
  description: The sets, oldest first within a source.
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
      description: The moment of the backup, UTC.
      type: str
      sample: 20261122T030000Z
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
      description: The run that wrote it; null when it had no name.
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
      description: How much it holds, by unit, as its engine counts.
      type: dict
      sample: {"rows": 8000}
    suspect:
      description:
        - Why it may not hold what its source should have given; null when it is not suspect.
        - A suspect set never passes for the newest of its source, and whoever removes old sets must not count it.
      type: str
      sample: it holds no rows, and srv-financiero/contabilidad/20261121T030000Z holds 8000
    accepted:
      description: Why it would be suspect, had its operator not accepted it when it was written; null otherwise.
      type: str
    warnings:
      description: What the operator should know, though the set is complete.
      type: list
      elements: str
      sample: []
    restore_by_hand:
      description: The commands that restore it without this collection, run from within the set's directory.
      type: list
      elements: str
      sample: ["sha256sum -c --quiet manifest-sha256.txt"]
    reencrypted:
      description: Whether it is a copy that was encrypted anew for one delivery.
      type: bool
      sample: false
    path:
      description: The set's directory, on a directory medium.
      type: str
      sample: /srv/backup/vault/srv-financiero/contabilidad/20261122T030000Z
    verified:
      description: When exactly this content was last verified here, UTC (directory media); null when it was not.
      type: str
      sample: "2026-11-22T03:20:00Z"
    drill:
      description: The last drill of exactly this content that was carried out, as M(infitulua.backup.restore_drill)
        returns it; null when there was none. Only with O(drill_record_directory).
      type: dict
      sample: {"outcome": "passed", "drilled": "2026-11-22T03:40:00Z", "restore_seconds": 36.9}
failures:
  description: The sets whose C(backup.json) cannot be read, each with C(id), C(message) and C(details).
  returned: always
  type: list
  elements: dict
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._parameters import SELECTION_ARGUMENTS, make_selection
from ansible_collections.infitulua.backup.plugins.module_utils._set_operations import list_sets
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import make_medium, medium_argument


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            **SELECTION_ARGUMENTS,
            "medium": {**medium_argument(), "required": True},
            "drill_record_directory": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        with make_medium(module.params["medium"]) as medium:
            report = list_sets(
                medium, make_selection(module.params), drill_record=module.params["drill_record_directory"]
            )
    except BackupError as error:
        module.fail_json(msg=error.message, details=error.details, sets=[], failures=[])
    for entry in report.failures:
        module.warn(entry["message"])
    module.exit_json(**report.result())


if __name__ == "__main__":
    main()
