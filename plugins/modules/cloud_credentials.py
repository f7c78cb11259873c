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
  - Before that, it tests the key; until the test has passed, the host keeps the key that it has.
  - A server's key must be able to put objects, but not to list, read or delete any, so that an attacker on the server
    can neither read nor destroy copies that have left it. The systems computer's key must be able to list and read, but
    not to write or delete; its retention key, to list and to delete versions that no lock protects, but not to read,
    write or hide any. None may end a lock early, or put a legal hold off. Any other key is refused.
  - What was tried and what the store answered is recorded, as M(infitulua.backup.cloud_trial) records it.
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
    details: The test leaves one small object, C(.probe), in the bucket, and a line in the record.
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
    choices: [put_only, read_only, retention]
  host:
    description: The name of the server below whose part of the bucket the key is tried; anywhere when not given.
    type: str
  without_lock:
    description: With O(rights=read_only), why copies may be stored in a bucket without versions or Object Lock, in
      words. Without it, a key to such a bucket is refused, and also one that may not ask the bucket. It is recorded.
    type: str
    default: ""
  directory_mode:
    description: The mode of the directory that holds the credentials file, in octal digits.
    type: str
    default: "0755"
seealso:
  - module: infitulua.backup.cloud_trial
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
trial:
  description: What the key was tried to do, as M(infitulua.backup.cloud_trial) returns it; null in check mode.
  returned: success
  type: dict
  sample: {"rights": "put_only", "accepted": true, "tried": "2026-11-22T03:00:00Z"}
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
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.credentials_call import (
    ARGUMENTS,
    call,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "install the cloud key",
        on=params["medium"]["type"],
        work=lambda: call(params, check_mode=module.check_mode),
    )


if __name__ == "__main__":
    main()
