#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: set_verify
short_description: Verify sets by reading every byte
version_added: 0.1.0
description:
  - Reads every byte of the selected sets in place and compares it with the manifests, and checks that each set's id
    matches its path. With O(allowed_signers_file), it checks the signature too.
  - It needs no key and decompresses nothing, because manifests have the hashes of the stored bytes.
  - On a directory medium, it records beside the sets which content passed; M(infitulua.backup.set_copy) can require
    this.
  - A set that fails does not stop the others; at the end the module fails, naming everything that is wrong.
  - Reading is retried a few times before a set is reported as unreadable. Such a set fails, but it stays where it is
    and keeps its record of an earlier verification, because only a set whose content was read and is wrong counts as
    damaged.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.selection
attributes:
  check_mode:
    support: full
    details: It reads every byte too, but records nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  allowed_signers_file:
    description: Require that each set is signed by its host, whose public key is in this file (see ssh-keygen(1),
      ALLOWED SIGNERS).
    type: path
  set_aside:
    description:
      - Whether to move a set that failed to C(.rejected) below the medium's root (directory media only), where it is
        not listed but can be examined. A good copy can then take its place.
      - A set that merely could not be read is not moved.
    type: bool
    default: false
  reread_days:
    description:
      - Verify only the sets that were last read so many days ago or longer, or less than a day before that, those first
        that have lain longest (directory media only).
      - A set that was never verified on this medium counts as read when it was made, and one whose files were touched
        since it was verified as never read.
      - Run daily, every byte is so read again at least once in so many days, as far as the budget allows.
    type: int
  budget_minutes:
    description: After so many minutes, no other set is begun. The first one always is.
    type: float
  budget_bytes:
    description: Once so many bytes were read (V(50G), for example), no other set is begun. The first one always is.
    type: bytes
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
seealso:
  - module: infitulua.backup.set_info
  - module: infitulua.backup.set_copy
  - name: RFC 8493
    description: The BagIt file packaging format, which a set is.
    link: https://www.rfc-editor.org/rfc/rfc8493
"""

EXAMPLES = r"""
- name: Verify everything that came in today
  infitulua.backup.set_verify:
    medium:
      type: directory
      path: /srv/backup/incoming
    allowed_signers_file: /etc/infitulua-backup/allowed_signers

- name: Read again what has lain in the vault for a month, for at most one hour
  infitulua.backup.set_verify:
    medium:
      type: directory
      path: /srv/backup/vault
    reread_days: 30
    budget_minutes: 60
    set_aside: true

- name: Read the newest sets back from the cloud
  infitulua.backup.set_verify:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup-reader
    newest: true
"""

RETURN = r"""
sets:
  description: The sets that passed.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The set's id.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    verified:
      description: When, UTC.
      type: str
      sample: "2026-11-22T03:20:00Z"
    bytes:
      description: How many bytes were read and hashed.
      type: int
      sample: 73402100
    seconds:
      description: How long it took.
      type: float
      sample: 0.3
    tag_manifest_sha256:
      description: The SHA-256 of the set's tag manifest, which identifies its exact content.
      type: str
      sample: 4f1c0c7a35b1a3a6d6b0f7b4b7a5a3c1c3f0a9f0f1b4f0f9f0c1d2e3f4a5b6c7
    signed:
      description: Whether a signature was required and found good.
      type: bool
      sample: true
    engine:
      description: The engine that wrote it.
      type: str
      sample: postgresql
    series:
      description: The records series (TRD code).
      type: str
      sample: "400.8"
    changed:
      description: Whether this content had not been verified here before.
      type: bool
      sample: true
    remembered:
      description:
        - Whether it was recorded that this content passed (or in check mode would be).
        - Only directory media that are writable here can record it.
      type: bool
      sample: true
failures:
  description:
    - The sets that did not pass, each with C(id), C(message) and C(details) (every finding).
    - With O(newest), also sets in an object store that cannot be taken for the newest because they cannot be read or
      are not proven to come from their server.
  returned: always
  type: list
  elements: dict
  sample: []
left_out:
  description: The sets that were to be read and for which the budget was too small, oldest first.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The set's id.
      type: str
      sample: srv-financiero/contabilidad/20261022T030000Z
    last_read:
      description: When it was last read whole, UTC; null if that is not known.
      type: str
      sample: "2026-10-22T03:50:00Z"
    overdue:
      description: Whether that is more than O(reread_days) ago.
      type: bool
      sample: false
dated_after_now:
  description:
    - The ids of the sets on the medium, of the requested host and source, that are dated more than five minutes in the
      future.
    - Either a clock was wrong when they were made, or this host's clock is wrong now. Such a set is never the newest of
      its source.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify.call import ARGUMENTS, NOTHING, call


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "verify sets",
        on=params["medium"]["type"],
        work=lambda: call(params, check_mode=module.check_mode),
        nothing=NOTHING,
    )


if __name__ == "__main__":
    main()
