#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install a host's key to the cloud."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_credentials
short_description: Install an access key for the cloud, and prove what it can do
version_added: 0.1.0
description:
  - Writes an access key to a shared credentials file that only its owner can read. The module manages the whole file.
  - Then it tests the key. A server's key must be able to put objects, but not to list, read or delete any, so that an
    attacker on the server can neither read nor destroy copies that have left it. The systems computer's key must be
    able to list and read, but not to write or delete. Any other key is refused.
  - It does not create buckets, keys or policies, and never shows the secret key.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
attributes:
  check_mode:
    support: full
    details: It predicts the file, and does not test the key.
  diff_mode:
    support: full
    details: The secret key is not shown.
  idempotent:
    support: full
    details: The test leaves one small object, C(.probe), in the bucket.
options:
  medium:
    description: The bucket, with O(medium.type=s3); O(medium.credentials_file) and O(medium.profile) are required.
  access_key:
    description: The access key id.
    type: str
    required: true
  secret_key:
    description: The secret access key, from a file encrypted with ansible-vault.
    type: str
    required: true
  rights:
    description: What the key must be able to do; it must not be able to do anything else.
    type: str
    required: true
    choices: [put_only, read_only]
  host:
    description: The name of the server below whose part of the bucket the key is tried; anywhere when not given.
    type: str
  directory_mode:
    description: The mode of the directory that holds the credentials file, in octal digits.
    type: str
    default: "0755"
seealso:
  - module: infitulua.backup.medium_info
"""

EXAMPLES = r"""
- name: Install this server's put-only key
  infitulua.backup.cloud_credentials:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      credentials_file: /etc/infitulua-backup/cloud_credentials
      profile: infitulua-backup
    host: "{{ inventory_hostname }}"
    access_key: "{{ backup_cloud_access_key }}"
    secret_key: "{{ backup_cloud_secret_key }}"
    rights: put_only
"""

RETURN = r"""
access:
  description: What the key can do, C(list), C(read), C(write) and C(delete), each true or false; null in check mode.
  returned: success
  type: dict
  sample: {"list": false, "read": false, "write": true, "delete": false}
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

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer, carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.changes import Changes
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.credentials import (
    RIGHTS,
    Credentials,
    prove,
)


def _install(module: AnsibleModule) -> Answer:
    given = module.params
    options = given["medium"]
    if options["type"] != "s3" or not options["credentials_file"] or not options["profile"]:
        raise Refused(
            "install the cloud key",
            on=options["type"],
            why="it has no credentials file and profile",
            next_step="Give a medium of type s3, with credentials_file and profile.",
        )
    changes = Changes(check_mode=module.check_mode)
    key = Credentials(given["access_key"], given["secret_key"], options["credentials_file"], options["profile"])
    key.install(changes, directory_mode=given["directory_mode"])
    access = None
    if not module.check_mode:
        with make_medium(options) as medium:
            access = prove(medium, RIGHTS[given["rights"]], host=given["host"] or None)
    return Answer({"changed": changes.changed, "diff": changes.diff, "access": access})


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "medium": {**medium_argument(), "required": True},
            "access_key": {"type": "str", "required": True, "no_log": False},
            "secret_key": {"type": "str", "required": True, "no_log": True},
            "rights": {"type": "str", "required": True, "choices": ["put_only", "read_only"]},
            "host": {"type": "str"},
            "directory_mode": {"type": "str", "default": "0755"},
        },
        supports_check_mode=True,
    )
    carry_out(module, "install the cloud key", on=module.params["medium"]["type"], work=lambda: _install(module))


if __name__ == "__main__":
    main()
