#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a medium."""

from __future__ import annotations

DOCUMENTATION = r"""
module: medium_info
short_description: Look at a medium, and try what this host may do with it
version_added: 0.1.0
description:
  - Tells whether a medium is there and how much fits on it, and, with O(probe=true), what this host may do with it,
    found by really trying.
  - A server's key to the cloud should be able to write and nothing else; this is how to know.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
  - infitulua.backup.medium
options:
  probe:
    description:
      - Whether to try to list, read, write and delete.
      - On a directory, a small file is written, read back and removed. In a bucket, one small object C(.probe) is put
        once and stays, since
        whoever may only put cannot remove it.
    type: bool
    default: false
  host:
    description: Try below this host's part of the medium, where rights are given by host.
    type: str
seealso:
  - module: infitulua.backup.set_info
"""

EXAMPLES = r"""
- name: Try what this server may do in the cloud
  infitulua.backup.medium_info:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup
    host: "{{ inventory_hostname }}"
    probe: true
  register: cloud

- name: Refuse a key that can do more than write
  ansible.builtin.assert:
    that:
      - cloud.access.write
      - not cloud.access.read
      - not cloud.access.list
      - not cloud.access.delete
"""

RETURN = r"""
medium:
  description: The medium in a few words.
  returned: success
  type: str
  sample: directory /srv/backup/vault
free_bytes:
  description: How many bytes can still be stored; null where the medium has no such bound.
  returned: success
  type: int
  sample: 107374182400
access:
  description:
    - What this host may do, C(list), C(read), C(write) and C(delete), each true or false; null for what cannot be
      tried without leaving traces.
  returned: with O(probe=true)
  type: dict
  sample: {"list": false, "read": false, "write": true, "delete": false}
"""

import dataclasses

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import make_medium, medium_argument


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "medium": {**medium_argument(), "required": True},
            "probe": {"type": "bool", "default": False},
            "host": {"type": "str"},
        },
        supports_check_mode=True,
    )
    result: dict[str, object] = {}
    try:
        with make_medium(module.params["medium"]) as medium:
            result.update(medium=medium.describe(), free_bytes=medium.free_bytes())
            if module.params["probe"]:
                result["access"] = dataclasses.asdict(medium.probe(host=module.params["host"]))
    except BackupError as error:
        module.fail_json(msg=error.message, details=error.details)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
