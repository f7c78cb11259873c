#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare a bucket for copies."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_bucket
short_description: Create a bucket for copies, protect it, and give each host an identity of its own
version_added: 0.1.0
description:
  - Creates the bucket with Object Lock if there is none, and corrects its settings.
  - The bucket keeps versions, and locks what is stored by default (O(lock_days)). Nothing in it is public, and only TLS
    is accepted, where the store evaluates C(aws:SecureTransport). What is stored is encrypted at rest; another
    encryption that the bucket has stays, and the keys that it needs (KMS) must be granted by hand. Uploads that were
    never completed, and delete markers that hide nothing, are removed.
  - Other statements of the bucket's policy and other lifecycle rules stay as they are.
  - Each setting is read, written only if it differs, and read again. A default lock that is longer stays. A setting
    that the store does not offer, or does not keep, is returned in RV(not_offered); only versions and Object Lock are
    indispensable.
  - Generates the policies of the identities. Each server may only put objects below its own name; the reader of the
    systems computer may only list and read; its retention identity may only list, make locks longer, and delete
    versions that no lock protects. If the store has an IAM API (as AWS, Ceph and SeaweedFS have), it also creates these
    identities and gives each its policy. It creates no keys.
  - The key in O(medium) is the administrator's. It is used in this run only and is not stored.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Each setting and each identity that differs.
  idempotent:
    support: full
options:
  lock_days:
    description:
      - For how many days what is stored is locked, if whoever stores it says nothing. With it, the servers' identities
        get no right to set locks, so a stolen key cannot lock anything for longer.
      - When not given, the bucket's default stays as it is, and servers may set locks, as O(medium.retain_days) needs.
    type: int
  lock_mode:
    description: The mode of that lock. In V(compliance) mode nobody can shorten it, not even the administrator.
    type: str
    choices: [compliance, governance]
    default: compliance
  abort_uploads_days:
    description: After how many days the parts of an upload that was never completed are removed.
    type: int
    default: 7
  adopt:
    description:
      - Whether a bucket that exists without Object Lock gets it. It cannot be turned off again, and with O(lock_days)
        it locks whatever anybody stores there.
    type: bool
    default: false
  servers:
    description: The names of the servers that store sets in it.
    type: list
    elements: str
    default: []
  identities:
    description: Whether to create the identities. V(auto) does if the store has an IAM API that the administrator may
      use, V(print) only returns their policies.
    type: str
    choices: [auto, apply, print]
    default: auto
  identity_prefix:
    description: What the names of the identities begin with.
    type: str
    default: infitulua-backup-
seealso:
  - module: infitulua.backup.cloud_credentials
  - module: infitulua.backup.medium_info
"""

EXAMPLES = r"""
- name: Prepare the bucket with the administrator's key, which is in no file of the inventory
  infitulua.backup.cloud_bucket:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-copias
      access_key: "{{ administrator_access_key }}"
      secret_key: "{{ administrator_secret_key }}"
    lock_days: 14
    servers: "{{ groups['servers'] }}"
  register: bucket
"""

RETURN = r"""
settings:
  description: The settings that the bucket has now (or in check mode would have), each as the S3 API gives it.
  returned: success
  type: dict
  sample: {"versioning": "Enabled"}
not_offered:
  description: The names of the settings that the store does not offer, or takes and does not keep.
  returned: success
  type: list
  elements: str
  sample: [public_access_block]
policies:
  description: The policies of the identities, by the names of the identities.
  returned: success
  type: dict
  sample: {}
expiring_rules:
  description: The names of the bucket's lifecycle rules that delete objects or versions by age. They must wait longer
    than any set is kept.
  returned: success
  type: list
  elements: str
  sample: []
identities_applied:
  description: Whether the identities are at the store (or in check mode would be). If not, an administrator must create
    them with RV(policies).
  returned: success
  type: bool
  sample: true
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

from ansible_collections.infitulua.backup.plugins.module_utils._operations.cloud.call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "prepare a bucket",
        on=str(params["medium"]["bucket"] or params["medium"]["type"]),
        work=lambda: call(params, check_mode=module.check_mode),
    )


if __name__ == "__main__":
    main()
