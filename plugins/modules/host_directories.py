#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare the directories that hold sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_directories
short_description: Create, correct and test the directories that hold sets
version_added: 0.1.0
description:
  - Creates each directory with its owner, group and mode, or corrects these.
  - Checks that the directory's volume is mounted and has enough free space, and writes, flushes, reads and removes a
    small file there.
  - Missing parent directories are created with the same owner, group and mode. Nothing is created if the volume is not
    mounted.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
attributes:
  check_mode:
    support: full
    details: Nothing is written, so directories are not tested.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  directories:
    description: The directories, in the order of creation.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The directory.
        type: path
        required: true
      owner:
        description: Its owner; when not given, an existing directory keeps its owner, and a new one belongs to the user
          that runs the module.
        type: str
      group:
        description: Its group; when not given, as for the owner.
        type: str
      mode:
        description: Its mode, in octal digits.
        type: str
        default: "0700"
      require_mount:
        description: The directory or one above it that must be a mount point, so that a backup never fills the system
          disk.
        type: path
      minimum_free_bytes:
        description: The free space that is required, in bytes.
        type: int
        default: 0
      probe:
        description: Whether to write, flush, read and remove a small file.
        type: bool
        default: true
seealso:
  - module: infitulua.backup.medium_info
  - module: infitulua.backup.host_access
"""

EXAMPLES = r"""
- name: Prepare a server's disk
  infitulua.backup.host_directories:
    directories:
      - path: /var/lib/infitulua-backup
        mode: "0711"
        probe: false
      - path: /var/backups/infitulua
        group: infitulua-backup
        mode: "2750"
        require_mount: /var/backups
        minimum_free_bytes: 1073741824
"""

RETURN = r"""
directories:
  description: Each directory, with C(path) and C(free_bytes); null if check mode did not create it.
  returned: success
  type: list
  elements: dict
  sample: [{"path": "/var/backups/infitulua", "free_bytes": 107374182400}]
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
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.changes import Changes
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.directories import (
    Directory,
    provide,
)


def _provide(module: AnsibleModule) -> Answer:
    changes = Changes(check_mode=module.check_mode)
    found = provide([Directory(**entry) for entry in module.params["directories"]], changes)
    return Answer({"changed": changes.changed, "diff": changes.diff, "directories": found})


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "owner": {"type": "str"},
                    "group": {"type": "str"},
                    "mode": {"type": "str", "default": "0700"},
                    "require_mount": {"type": "path"},
                    "minimum_free_bytes": {"type": "int", "default": 0},
                    "probe": {"type": "bool", "default": True},
                },
            },
        },
        supports_check_mode=True,
    )
    carry_out(module, "prepare directories", on="this host", work=lambda: _provide(module))


if __name__ == "__main__":
    main()
