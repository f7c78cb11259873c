#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Allow the systems computer to fetch and deliver sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_access
short_description: Allow the systems computer to fetch and deliver sets over SSH, and nothing else
version_added: 0.1.0
description:
  - Writes an account's C(authorized_keys). Each key can only run rsync, in one directory and one direction. Root owns
    the file and the account's home, so that the account cannot change what its keys may do.
  - Reads this host's public SSH keys, over the connection of this module, for the systems computer's C(known_hosts).
  - The account itself must exist; see M(ansible.builtin.user).
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
attributes:
  check_mode:
    support: full
    details:
      - Before the first run, the systems computer has no keys and there is no account; check mode does not fail
        because of that. The differences show C((made by the first run\)) in their place.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  user:
    description: The account.
    type: str
    required: true
  home:
    description: Its home directory, which will belong to root.
    type: path
    required: true
  pull_public_key:
    description:
      - The public key that may read O(pull_directory). Without it, nothing can be fetched.
      - Empty in check mode where M(infitulua.backup.host_keys) would make it; otherwise that is refused.
    type: str
  pull_directory:
    description: The directory that may be read with rsync.
    type: path
  delivery_public_key:
    description: The public key that may write to O(delivery_directory); empty as O(pull_public_key) may be.
    type: str
    required: true
  delivery_directory:
    description: The directory that may be written to with rsync.
    type: path
    required: true
seealso:
  - module: infitulua.backup.host_keys
"""

EXAMPLES = r"""
- name: Allow the systems computer to connect
  infitulua.backup.host_access:
    user: infitulua-backup
    home: /var/lib/infitulua-backup/home
    pull_public_key: "{{ hostvars['computador-sistemas'].keys.ssh_public_keys.pull }}"
    pull_directory: /var/backups/infitulua
    delivery_public_key: "{{ hostvars['computador-sistemas'].keys.ssh_public_keys.delivery }}"
    delivery_directory: /var/lib/infitulua-backup/restore
  register: access
"""

RETURN = r"""
host_keys:
  description: This host's public SSH keys, each as C(type key).
  returned: success
  type: list
  elements: str
  sample: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample"]
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

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer, carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.access import (
    Entry,
    host_keys,
    provide,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.changes import Changes


def _provide(module: AnsibleModule) -> Answer:
    given = module.params
    entries = [Entry("delivery", given["delivery_public_key"].strip(), "-wo", given["delivery_directory"])]
    if given["pull_directory"] is not None:
        entries.insert(0, Entry("pull", (given["pull_public_key"] or "").strip(), "-ro", given["pull_directory"]))
    changes = Changes(check_mode=module.check_mode)
    provide(entries, user=given["user"], home=given["home"], changes=changes)
    return Answer({"changed": changes.changed, "diff": changes.diff, "host_keys": host_keys()})


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "user": {"type": "str", "required": True},
            "home": {"type": "path", "required": True},
            "pull_public_key": {"type": "str", "no_log": False},
            "pull_directory": {"type": "path"},
            "delivery_public_key": {"type": "str", "required": True, "no_log": False},
            "delivery_directory": {"type": "path", "required": True},
        },
        required_together=[("pull_public_key", "pull_directory")],
        supports_check_mode=True,
    )
    carry_out(module, "allow the systems computer to connect", on=module.params["user"], work=lambda: _provide(module))


if __name__ == "__main__":
    main()
