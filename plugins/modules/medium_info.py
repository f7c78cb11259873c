#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examine a medium."""

from __future__ import annotations

DOCUMENTATION = r"""
module: medium_info
short_description: Examine a medium, and test what this host may do with it
version_added: 0.1.0
description:
  - Reports whether a medium is available, how much free space it has and, with O(probe=true), what this host may do
    with it, by actually trying.
  - With O(abilities=true), it reports what the object store behind a bucket can do, which uploads depend on.
  - A server's key to the cloud should be able to write and nothing else; this module can check that.
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
        once and stays, because a put-only key cannot remove it.
    type: bool
    default: false
  abilities:
    description:
      - Whether to report what an object store can do, as far as this host's key may try it.
      - It is tried once, before the first upload or here, kept in a file in O(medium.state_directory), and tried again
        after 30 days, with O(probe=true), and when the store contradicts it.
      - How large a part or an object may be is not tried. Uploads stay within the limits of S3, parts of 16 MiB and
        more, at most 10,000 of them.
    type: bool
    default: false
  host:
    description: The host below whose part of the medium to try, if permissions are given by host.
    type: str
seealso:
  - module: infitulua.backup.set_info
"""

EXAMPLES = r"""
- name: Test what this server may do in the cloud
  infitulua.backup.medium_info:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup
    host: "{{ inventory_hostname }}"
    probe: true
  register: cloud

- name: Show what the store can do
  infitulua.backup.medium_info:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup
    host: "{{ inventory_hostname }}"
    abilities: true

- name: Refuse a key that can do more than write
  ansible.builtin.assert:
    that:
      - cloud.access.write
      - not cloud.access.read
      - not cloud.access.list
      - not cloud.access.delete
      - not cloud.access.delete_versions
"""

RETURN = r"""
medium:
  description: The medium in a few words.
  returned: success
  type: str
  sample: directory /srv/backup/vault
free_bytes:
  description: The free space in bytes; null if the medium has no such limit.
  returned: success
  type: int
  sample: 107374182400
access:
  description:
    - What this host may do, C(list), C(read), C(write), C(delete), C(list_versions) and
      C(delete_versions), each true or false; null for
      what cannot be tried without leaving something behind, and for versions where there are none.
  returned: with O(probe=true)
  type: dict
  sample: {"list": false, "read": false, "write": true, "delete": false, "list_versions": false,
           "delete_versions": false}
abilities:
  description: What the store can do. Null for a medium that is no bucket; of a bucket, each is null that the key may
    not try.
  returned: with O(abilities=true)
  type: dict
  contains:
    found:
      description: When it was tried, UTC.
      type: str
      sample: "2026-11-22T03:00:00Z"
    versioning:
      description: Whether the bucket keeps versions.
      type: bool
      sample: true
    object_lock:
      description: Whether the bucket has Object Lock.
      type: bool
      sample: true
    default_mode:
      description: With which mode the bucket locks what is stored; null also if it does not.
      type: str
      sample: COMPLIANCE
    default_days:
      description: For how many days; null also if it does not.
      type: int
      sample: 14
    lock_modes:
      description: The modes with which an object can be locked as it is put. Null also if the store checks digests
        before modes.
      type: list
      elements: str
      sample: [COMPLIANCE, GOVERNANCE]
    object_retention:
      description: Whether an object that is stored can be locked. Null also if C(.probe) is locked for longer.
      type: bool
      sample: true
    conditional_put:
      description: Whether the store refuses to replace an object with C(If-None-Match). If not, nothing is uploaded.
      type: bool
      sample: true
    whole_checksum:
      description: Whether an upload in parts can have a CRC32 of the whole object. If not, each part has its own.
      type: bool
      sample: true
    multipart_checksums:
      description: By algorithm, the kinds of checksums of uploads in parts that the store takes, and whose parts it
        checks.
      type: dict
      sample: {"CRC32": ["FULL_OBJECT", "COMPOSITE"], "SHA256": ["COMPOSITE"]}
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.probe.call import ARGUMENTS, call


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(module, "look at a medium", on=params["medium"]["type"], work=lambda: call(params))


if __name__ == "__main__":
    main()
