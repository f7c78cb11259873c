#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: set_copy
short_description: Copy or move sets between any two media
version_added: 0.1.0
description:
  - Copies the selected sets from one medium to any other. Storing sets in the vault or in the cloud and fetching them
    for a restore are all done by this module.
  - A damaged set is not copied. A copy appears complete or not at all, and is read back from the destination. A set
    that the destination already holds is skipped; a different set with the same id is an error, and is never
    overwritten.
  - A suspect set, which holds far less than the previous one, is copied only if O(sets) names it.
  - A set that fails does not stop the others; at the end the module fails, naming each failure.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium.origin
  - infitulua.backup.medium.destination
  - infitulua.backup.selection
attributes:
  check_mode:
    support: full
    details:
      - Everything that is checked before copying is checked.
      - The payload is not read, so a damaged set is found only in a real run.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  except_sets:
    description: Sets (by id) to leave out, for instance because they are already stored elsewhere.
    type: list
    elements: str
    default: []
  except_those_in:
    description:
      - The directory of a medium on this host, such as the vault. The sets that it holds are left out too, and those
        that M(infitulua.backup.set_prune) has removed from it.
      - It is listed first, and returned as RV(excepted) even if O(origin) cannot be reached.
    type: path
  only_fit:
    description:
      - Whether to skip those of O(sets) that O(origin) does not hold (RV(absent)) or that are suspect (RV(left_out)).
        Otherwise missing sets are an error, and suspect sets are copied because they were named.
    type: bool
    default: false
  list_destination:
    description: Whether to return what O(destination) holds afterwards as RV(destination), which saves a second call.
    type: bool
    default: false
  drill_record_directory:
    description: The record of drills for the two lists, as in M(infitulua.backup.set_info).
    type: path
  move:
    description:
      - Whether to remove the set from its origin once its copy is verified.
      - Refused when origin and destination are the same place.
      - Between two directories on the same file system, the set is renamed.
    type: bool
    default: false
  verify:
    description:
      - Whether to read the copy back from the destination.
      - A destination to which this host may only write cannot be read back. The receiving end has then checked each
        object's checksum, and RV(sets[].verified) is false.
    type: bool
    default: true
  require_verified:
    description: Whether to copy only sets that have passed M(infitulua.backup.set_verify) on the origin, a directory
      medium; any other set is a failure.
    type: bool
    default: false
  identity_file:
    description: With O(recipients), the file with the age identity (private key) that decrypts the sets.
    type: path
  recipients:
    description:
      - Re-encrypt the copies to these public keys only.
      - This is how a set is delivered to a server for one restore, encrypted to a key that was made for that restore.
      - A set that does not come from a directory on this host is first fetched into O(spool) and verified there; a copy
        that goes to another host is prepared there too. Nothing is ever decrypted on a disk.
      - Only native age public keys (C(age1) and 58 characters) are accepted, because for other types age may run a
        plugin program.
      - The copy has different content, so it carries no signature of the set's host.
      - With O(allowed_signers_file), the original must be signed.
      - It cannot be used with O(move). An existing copy at the destination that is encrypted to other keys is an error.
    type: list
    elements: str
  verify_origin:
    description:
      - With O(recipients) and an O(origin) that is a directory, whether to read every byte of the original and compare
        it with the manifests before it is re-encrypted, even if it was verified earlier. Fetched sets always are.
      - This proves, in the same call, that the delivered set is undamaged now.
    type: bool
    default: false
  anew:
    description:
      - For sets of which M(infitulua.backup.set_audit) has found no good copy in the destination, an object store.
      - Each is stored even if this host has a record of having stored it. If other objects are in its place, it is
        stored under another prefix beside them, as C(docs/set-format.md) describes.
      - Every run with this option stores the sets again.
    type: bool
    default: false
  spool:
    description:
      - An existing directory for sets that are copied between two remote media, and for deliveries (O(recipients));
        when not given, the system's temporary directory.
      - It needs free space for two copies of the largest set.
    type: path
  sweep:
    description: Whether to remove first what killed runs have left in O(spool). It is returned as RV(removed).
    type: bool
    default: true
  allowed_signers_file:
    description: Require that each set is signed by its host, whose public key is in this file (see ssh-keygen(1),
      ALLOWED SIGNERS).
    type: path
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
seealso:
  - module: infitulua.backup.set_info
  - module: infitulua.backup.set_verify
  - module: infitulua.backup.set_audit
"""

EXAMPLES = r"""
- name: Pull a server's new sets to the systems computer
  infitulua.backup.set_copy:
    origin:
      type: ssh
      ssh_host: srv-financiero.example.org
      ssh_user: backup-pull
      ssh_key_file: /etc/infitulua-backup/pull_key
      ssh_known_hosts_file: /etc/infitulua-backup/known_hosts
    destination:
      type: directory
      path: /srv/backup/incoming
    host: srv-financiero

- name: Move verified sets into the vault
  infitulua.backup.set_copy:
    origin:
      type: directory
      path: /srv/backup/incoming
    destination:
      type: directory
      path: /srv/backup/vault
    move: true
    require_verified: true

- name: Deliver one set from the cloud to a server that restores it with a key of its own
  infitulua.backup.set_copy:
    origin:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup
    destination:
      type: ssh
      ssh_host: srv-financiero.example.org
      ssh_user: infitulua-backup
      ssh_key_file: /etc/infitulua-backup/delivery_key
      ssh_known_hosts_file: /etc/infitulua-backup/known_hosts
      ssh_remote_path: restore-20261122T171503Z-4711
    sets: [srv-financiero/contabilidad/20261122T030000Z]
    identity_file: /etc/infitulua-backup/operational.identity
    recipients: ["{{ workspace.recipient }}"]
    allowed_signers_file: /etc/infitulua-backup/allowed_signers
    spool: /srv/backup/delivery

- name: Store the newest sets in the cloud
  infitulua.backup.set_copy:
    origin:
      type: directory
      path: /var/backups/infitulua
    destination:
      type: s3
      endpoint_url: https://s3.example.org
      bucket: infitulua-backup
      profile: infitulua-backup
    newest: true
"""

RETURN = r"""
sets:
  description: The selected sets that the destination now holds (or in check mode would hold).
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The set's id.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    changed:
      description: Whether the set was (or in check mode would be) copied or moved.
      type: bool
      sample: true
    bytes:
      description: How many bytes were stored; 0 if the set was already there.
      type: int
      sample: 73402100
    seconds:
      description: How long it took.
      type: float
      sample: 2.1
    verified:
      description: Whether the copy was read back from the destination.
      type: bool
      sample: true
    path:
      description: The copy's directory, on a directory medium.
      type: str
      sample: /srv/backup/vault/srv-financiero/contabilidad/20261122T030000Z
    tag_manifest_sha256:
      description:
        - The SHA-256 of the copy's tag manifest, which identifies its exact content.
        - Null in check mode, and for a set that O(destination), another host, already held encrypted to O(recipients);
          whether this host sent it cannot be known.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
removed:
  description: What killed runs had left in O(spool) and was removed or, in check mode, would be.
  returned: always
  type: list
  elements: str
  sample: []
left_out:
  description: The selected sets that were not copied because they are suspect, each with C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: []
absent:
  description: With O(only_fit), the ids in O(sets) that O(origin) does not hold.
  returned: always
  type: list
  elements: str
  sample: []
excepted:
  description:
    - What M(infitulua.backup.set_info) returns for O(except_those_in), O(host) and O(source).
    - A set there that cannot be read is not left out.
    - It has C(sets), C(failures), C(dated_after_now) and C(removed_sets), as RV(destination) has.
  returned: with O(except_those_in), if it can be listed
  type: dict
  sample: {"sets": [], "failures": [], "dated_after_now": [], "removed_sets": []}
last_trial:
  description: When M(infitulua.backup.cloud_trial) last tested this host's key to the object store O(destination) and
    accepted it, UTC; null if never, or for another kind of medium.
  returned: success
  type: str
  sample: "2026-11-22T03:00:00Z"
destination:
  description:
    - What M(infitulua.backup.set_info) would now return for O(destination), O(host) and O(source); in check mode,
      without the sets that would be copied.
  returned: with O(list_destination)
  type: dict
  contains:
    sets:
      description: The sets, as M(infitulua.backup.set_info) returns them.
      type: list
      elements: dict
      sample: []
    failures:
      description: The sets whose C(backup.json) cannot be read, each with C(id), C(message) and C(details).
      type: list
      elements: dict
      sample: []
    dated_after_now:
      description: The ids of those that are dated more than five minutes in the future.
      type: list
      elements: str
      sample: []
    removed_sets:
      description:
        - The sets that M(infitulua.backup.set_prune) removed from it in the last 90 days and that are not there again,
          each with C(id), C(tag_manifest_sha256), C(rule) and C(removed) (UTC).
        - Only of directory media.
      type: list
      elements: dict
      sample: []
failures:
  description:
    - The sets that could not be copied, each with C(id), C(message) and C(details).
    - With O(newest), also sets in an object store that cannot be taken for the newest because they cannot be read or
      are not proven to come from their server.
  returned: always
  type: list
  elements: dict
  sample: []
dated_after_now:
  description:
    - The ids of the sets on O(origin), of the requested host and source, that are dated more than five minutes in the
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

from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.call import ARGUMENTS, NOTHING, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, required_together=[("identity_file", "recipients")], supports_check_mode=True
    )
    params = module.params
    carry_out(
        module,
        "copy sets",
        on=params["destination"]["type"],
        work=lambda: call(params, check_mode=module.check_mode),
        nothing=NOTHING,
    )


if __name__ == "__main__":
    main()
