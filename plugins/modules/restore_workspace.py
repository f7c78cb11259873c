#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create and remove what one restore needs on a host, and clean up after interrupted ones."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_workspace
short_description: Create and remove the directories and one-time key of a restore
version_added: 0.1.0
description:
  - For a restore, a set is delivered to the server, re-encrypted to a key that exists for this restore only. This
    module creates the directories and the key, and removes them afterwards.
  - It also removes the workspaces of interrupted restores, whose run was killed, whose host went down, or whose
    connection was lost.
  - Whether a run is still active can be determined only on the host where Ansible runs it. The workspace of a run on
    another host is removed after O(unknown_hours).
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: An existing workspace is refused, because it belongs to another restore.
options:
  state:
    description:
      - V(present) creates the workspace O(name), V(absent) removes it, and V(swept) only removes those of interrupted
        restores.
      - V(received) moves the delivered set from the restore's directory in the last of O(directories) to C(delivered)
        in the restore's directory in the first one, which is out of reach of the account that receives deliveries, and
        checks that it is what was sent.
    type: str
    choices: [present, received, absent, swept]
    default: present
  set:
    description: With O(state=received), the id of the set that was delivered.
    type: str
  tag_manifest_sha256:
    description: With O(state=received), the SHA-256 of the tag manifest that was sent, as returned by
      M(infitulua.backup.set_copy).
    type: str
  name:
    description: The restore's name, C(restore-<UTC time>-<number>).
    type: str
  run:
    description: This run, from the lookup P(infitulua.backup.this_run#lookup).
    type: dict
    required: true
  directories:
    description:
      - Existing directories, in each of which a directory O(name) with mode 0700 is created for the restore.
      - The first one also records which run it belongs to.
      - Required except with O(state=swept).
    type: list
    elements: dict
    suboptions:
      path:
        description: The directory.
        type: path
        required: true
      owner:
        description: The user and group that own the restore's directory.
        type: str
  key_directory:
    description:
      - The directory for the one-time keys, C(<name>/identity). It should be in memory (C(/run)), so that no key is
        ever written to a disk. It is created if missing.
      - Without it, no key is created.
    type: path
  drill_directory:
    description:
      - The work directory of drills on this host. What interrupted drills have left there is removed together with the
        workspaces of interrupted restores.
      - It need not exist.
    type: path
  spool_directory:
    description:
      - The O(infitulua.backup.set_copy#module:spool) of deliveries from this host. What interrupted deliveries have
        left there is removed together with the workspaces of interrupted restores.
      - It need not exist.
    type: path
  unknown_hours:
    description: The age in hours at which a workspace is removed if it cannot be determined whether its run is still
      active.
    type: float
    default: 24
  sweep:
    description:
      - Whether to remove the workspaces of interrupted restores as well.
      - If one cannot be removed, there is a warning or, with O(state=swept), a failure.
    type: bool
    default: true
seealso:
  - module: infitulua.backup.database_restore
  - module: infitulua.backup.files_restore
  - plugin: infitulua.backup.this_run
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Create the directories and the key for one restore
  infitulua.backup.restore_workspace:
    name: restore-20261122T171503Z-4711
    directories:
      - path: /var/lib/infitulua-backup
      - path: /var/lib/infitulua-backup/restore
        owner: infitulua-backup
    key_directory: /run/infitulua-backup
    run: "{{ lookup('infitulua.backup.this_run') }}"
  register: workspace

- name: Take over the delivered set
  infitulua.backup.restore_workspace:
    state: received
    name: restore-20261122T171503Z-4711
    directories:
      - path: /var/lib/infitulua-backup
      - path: /var/lib/infitulua-backup/restore
    set: "{{ delivery.sets[0].id }}"
    tag_manifest_sha256: "{{ delivery.sets[0].tag_manifest_sha256 }}"
    run: "{{ lookup('infitulua.backup.this_run') }}"
    sweep: false

- name: Remove it
  infitulua.backup.restore_workspace:
    state: absent
    name: restore-20261122T171503Z-4711
    directories:
      - path: /var/lib/infitulua-backup
      - path: /var/lib/infitulua-backup/restore
    key_directory: /run/infitulua-backup
    run: "{{ lookup('infitulua.backup.this_run') }}"
"""

RETURN = r"""
recipient:
  description: The public part of the one-time key; null if none was created, and in check mode.
  returned: success
  type: str
  sample: age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq
delivered:
  description: With O(state=received), the directory that the set is in, a directory medium; null otherwise.
  returned: success
  type: str
  sample: /var/lib/infitulua-backup/restore-20261122T171503Z-4711/delivered
removed:
  description: The workspaces of interrupted restores, and the directories of interrupted deliveries and drills, that
    were removed or, in check mode, would be.
  returned: success
  type: list
  elements: str
  sample: [restore-20261121T171503Z-815]
not_removed:
  description: Why others could not be removed.
  returned: success
  type: list
  elements: str
  sample: []
details:
  description: Further lines.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.workspace_call import ARGUMENTS, call


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[
            ("state", "present", ["name", "directories"]),
            ("state", "received", ["name", "directories", "set", "tag_manifest_sha256"]),
            ("state", "absent", ["name", "directories"]),
        ],
        supports_check_mode=True,
    )
    params = module.params
    on = params["name"] or "interrupted restores"
    carry_out(module, "prepare a restore", on=on, work=lambda: call(params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
