#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the limits of a host's key to the cloud."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_trial
short_description: Test that a key to the cloud is refused what it must not do, and keep the evidence
version_added: 0.1.0
description:
  - Tries with the key that is installed on this host everything that such a key must and must not be able to do, and
    fails if it can do more or less, naming what.
  - No attempt touches a set. Each is made on an object that was never stored, with bytes whose digest is wrong, so that
    the store does not keep them, or on the small object C(.probe) of a host's part of the bucket.
  - A server's key may put objects below the server's own name. It must be refused listing objects and versions,
    reading, deleting, destroying a version, replacing an object with C(If-None-Match), writing outside its part, ending
    a lock early (with and without C(BypassGovernanceRetention)) and putting a legal hold off.
  - The systems computer's key may list and read, and ask how the bucket protects copies; all else is refused. Its
    retention key may list, set locks and destroy versions that no lock protects; it must be refused the rest, and also
    to destroy a version that is locked.
  - What was tried, when, and what the store answered is added to a record on this host, whether the key passed or not,
    C(trials/<16 hexadecimal digits of the bucket>/<rights>.jsonl) in O(medium.state_directory), one line for each.
  - In a bucket with Object Lock, the test locks C(.probe) until the next day, if the key may set locks.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
attributes:
  check_mode:
    support: full
    details: It tries nothing.
  diff_mode:
    support: none
    details: It changes nothing but its record.
  idempotent:
    support: full
    details: Each trial adds a line to the record.
options:
  medium:
    description: The bucket, with O(medium.type=s3).
  rights:
    description: What the key must be able to do; it must not be able to do anything else.
    type: str
    required: true
    choices: [put_only, read_only, retention]
  host:
    description: The name of the server below whose part of the bucket the key is tried; anywhere when not given.
      Without it and without O(medium.prefix), writing outside cannot be tried.
    type: str
  without_lock:
    description: With O(rights=read_only), why copies may be stored in a bucket without versions or Object Lock, in
      words. Without it, a key to such a bucket is refused, and also one that may not ask the bucket. It is recorded.
    type: str
    default: ""
  every_days:
    description: Do nothing if a key of this kind passed a trial on this host in the last so many days.
    type: int
    default: 0
seealso:
  - module: infitulua.backup.cloud_credentials
  - module: infitulua.backup.medium_info
"""

EXAMPLES = r"""
- name: Test weekly what whoever steals this server's key could do
  infitulua.backup.cloud_trial:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      credentials_file: /etc/infitulua-backup/cloud_credentials
      profile: infitulua-backup
    host: "{{ inventory_hostname }}"
    rights: put_only
    every_days: 7
"""

RETURN = r"""
trial:
  description: What was tried; null if nothing was, because of check mode or O(every_days).
  returned: success
  type: dict
  contains:
    rights:
      description: As O(rights).
      type: str
      sample: put_only
    host:
      description: As O(host).
      type: str
      sample: srv-financiero
    medium:
      description: The bucket in a few words.
      type: str
      sample: bucket infitulua-backup at https://s3.example.org
    tried:
      description: When, UTC.
      type: str
      sample: "2026-11-22T03:00:00Z"
    accepted:
      description: Whether it can do what it must, and was refused what it must not do. The record has also those that
        were not accepted.
      type: bool
      sample: true
    protection:
      description: With O(rights=read_only), C(versioning), C(object_lock), C(default_mode) and C(default_days) of the
        bucket, as M(infitulua.backup.medium_info) returns them, and O(without_lock); otherwise null.
      type: dict
      sample: {"versioning": true, "object_lock": true, "default_mode": "COMPLIANCE", "default_days": 14,
               "without_lock": ""}
    attempts:
      description: Each with C(what), such as V(read), C(allowed) (null if it could not be tried) and C(answer), the
        HTTP status and the code of the store's answer, or why it could not be tried.
      type: list
      elements: dict
      sample: [{"what": "read", "allowed": false, "answer": "403 AccessDenied"}]
last_trial:
  description: When a key of this kind last passed a trial on this host, UTC; null if never.
  returned: success
  type: str
  sample: "2026-11-22T03:00:00Z"
details:
  description: What was tried, and the store's answers.
  returned: failure
  type: list
  elements: str
  sample: ["read: 200", "list: 403 AccessDenied"]
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.cloud.trial_call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "try a cloud key",
        on=params["medium"]["type"],
        work=lambda: call(params, check_mode=module.check_mode),
    )


if __name__ == "__main__":
    main()
