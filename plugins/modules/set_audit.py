#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit the copies in an object store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: set_audit
short_description: Audit the copies of sets in an object store
version_added: 0.1.0
description:
  - Determines which sets of a trusted medium, such as the vault, an object store really holds.
  - Every byte of a set that was not audited before is read from the store, and compared with the manifests and with the
    content on the trusted medium. With O(medium.allowed_signers_file), the signature is checked too.
  - For a set that passes, a receipt is written on this host (to C(receipts) below O(medium.state_directory)), bound to
    the set's content and to the version of each of its objects.
  - A set with a receipt is not read again as long as those versions exist and O(reread_days) do not ask for it. Every
    other set is audited each time, whatever the outcome of earlier audits.
  - A copy that is found damaged loses its receipt. It is RV(missing), and once the set was stored again, the other copy
    of it in the store is used.
  - Modules that read the store on this host use exactly the object versions that the receipts name, whatever else is in
    the store.
  - Other objects are reported. Objects beside a set, or newer versions of its objects, do no harm and are remarks.
    Objects that take the place of a set, or look like a set, are failures that name the server whose key put them
    there.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.selection
attributes:
  check_mode:
    support: full
    details: It reads only the tag files, not the payload, reads nothing again, and writes no receipt.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  reference:
    description:
      - The directory of the vault, which determines the sets that the store must hold and their content.
      - The sets are selected among those of the vault.
      - Sets that M(infitulua.backup.set_prune) has removed from it, and that were audited before, are not reported.
    type: path
    required: true
  reread_days:
    description:
      - Read again the sets that were last read so many days ago or longer, or less than a day before that, those first
        that have lain longest.
      - Run daily, every byte in the store is so read at least once in so many days, as far as the budget allows.
    type: int
  budget_minutes:
    description: After so many minutes, no other set is read again. The first one always is, and what was never read
      is always read.
    type: float
  budget_bytes:
    description: Once so many bytes were read again (V(50G), for example), no other set is. The first one always is, and
      what was never read is always read.
    type: bytes
  drill_record_directory:
    description: The record of drills of M(infitulua.backup.restore_drill), to return RV(drill_due).
    type: path
  drill_days:
    description: A source is to be restored for trial from the store at least once in so many days.
    type: int
    default: 30
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
seealso:
  - module: infitulua.backup.set_copy
  - module: infitulua.backup.set_verify
"""

EXAMPLES = r"""
- name: Check which sets of the vault the cloud holds, and read those that have not been audited yet
  infitulua.backup.set_audit:
    medium:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup
      allowed_signers_file: /etc/infitulua-backup/allowed_signers
    reference: /srv/backup/vault
    host: srv-financiero
    reread_days: 30
    budget_minutes: 60
  register: audit

- name: Store again what the cloud lacks
  infitulua.backup.set_copy:
    origin:
      type: directory
      path: /var/backups/infitulua
    destination:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup
    sets: "{{ audit.missing }}"
    anew: true
    verify: false
  delegate_to: srv-financiero
"""

RETURN = r"""
sets:
  description: The sets that the store holds undamaged, as a receipt confirms (or in check mode would confirm).
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The set's id.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    changed:
      description: Whether its receipt is new.
      type: bool
      sample: true
    audited:
      description: When it was read from the store, UTC.
      type: str
      sample: "2026-11-22T03:50:00Z"
    signed:
      description: Whether a signature was required then and found good.
      type: bool
      sample: true
    tag_manifest_sha256:
      description: The SHA-256 of the set's tag manifest, which identifies its exact content.
      type: str
      sample: 4f1c0c7a35b1a3a6d6b0f7b4b7a5a3c1c3f0a9f0f1b4f0f9f0c1d2e3f4a5b6c7
    place:
      description: The common prefix of the keys of its objects.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z/
    locked_until:
      description: Until when all of its objects are locked (Object Lock), UTC, as was last seen; null if one of them is
        not, or the key may not read it.
      type: str
      sample: "2027-12-01T05:00:00Z"
    reread:
      description: Whether it had been read before and was read again.
      type: bool
      sample: false
    bytes:
      description: How many bytes were read and hashed, if it was read.
      type: int
      sample: 73402100
    seconds:
      description: How long that took.
      type: float
      sample: 2.1
missing:
  description: The ids of the sets on the trusted medium of which the store holds no good copy.
  returned: always
  type: list
  elements: str
  sample: []
remarks:
  description: Other objects in the store that do no harm, each with C(id) (empty if it belongs to no set) and
    C(message).
  returned: always
  type: list
  elements: dict
  sample: []
lost:
  description: The ids of the sets that were audited in the store before, are undamaged there as far as their receipts
    say, and have disappeared from the trusted medium although M(infitulua.backup.set_prune) has not removed them. Not
    determined with O(sets).
  returned: always
  type: list
  elements: str
  sample: []
left_out:
  description: The sets that were to be read again and for which the budget was too small, oldest first.
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
drill_due:
  description:
    - Of each source of which no set in this store has passed a drill for O(drill_days), the id of the newest set that
      was audited there. The days of a source begin with its first drill on any medium.
    - Empty without O(drill_record_directory).
  returned: always
  type: list
  elements: str
  sample: []
keeps_versions:
  description:
    - Whether the object that was stored last has a version.
    - If not, the bucket keeps none, or the key may not list them. Without versions, whoever has a server's key can
      replace what is stored.
    - Null if the bucket holds nothing of this host.
  returned: success
  type: bool
  sample: true
last_trial:
  description: When M(infitulua.backup.cloud_trial) last tested this host's key to the store and accepted
    it, UTC; null if never.
  returned: success
  type: str
  sample: "2026-11-22T03:00:00Z"
failures:
  description: What is wrong in the store, each with the set's C(id), C(message) and C(details).
  returned: always
  type: list
  elements: dict
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.audit.call import ARGUMENTS, NOTHING, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "audit sets",
        on=params["medium"]["type"],
        work=lambda: call(params, check_mode=module.check_mode),
        nothing=NOTHING,
    )


if __name__ == "__main__":
    main()
