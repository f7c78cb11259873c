#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: set_copy
short_description: Copy or move sets between any two media
version_added: 0.1.0
description:
  - Copies the chosen sets from one medium to another, whatever the two are; storing in the cloud, storing in the
    vault and fetching for a
    restore are all this.
  - A bad set is not copied. A copy appears complete or not at all, and is read back where it landed. A set that the
    destination holds already
    is left alone; a different one of the same id is an error, never overwritten.
  - A set that is suspect, since it holds far less than the one before, is copied only where O(sets) names it.
  - One set that fails does not stop the others; the module then fails at the end, naming each failure.
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
      - Whatever can be refused before a byte is copied is refused.
      - The payload is not read, so a set that has gone bad is found by the run only.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  except_sets:
    description: Sets (by id) that are left out, for instance because they are stored elsewhere already.
    type: list
    elements: str
    default: []
  move:
    description:
      - Whether the set leaves its origin once its copy is verified.
      - Refused when origin and destination are the same place.
      - Between two directories of one file system it is renamed.
    type: bool
    default: false
  verify:
    description:
      - Whether the copy is read back where it landed.
      - A destination that this host may only write to cannot be read back; each object's checksum was then checked by
        the receiving end, and
        RV(sets[].verified) is false.
    type: bool
    default: true
  require_verified:
    description: Only copy sets that M(infitulua.backup.set_verify) has passed on the origin, a directory medium; any
      other is a failure.
    type: bool
    default: false
  identity_file:
    description: With O(recipients), the file with the age identity (private key) that reads the sets.
    type: path
  recipients:
    description:
      - Encrypt the copies anew, to these public keys only. Both media must be directories of this host.
      - So a set is delivered to a server for one restore, encrypted to a key made for that restore.
      - The copy is another content, so it carries no signature of the set's host.
      - With O(allowed_signers_file) the original must have one.
      - Not together with O(move). A copy of the set at the destination that is encrypted to other keys is an error.
    type: list
    elements: str
  spool:
    description: An existing directory for sets that pass between two remote media; the system's temporary directory
      when not given.
    type: path
  allowed_signers_file:
    description: Demand that each set is signed by its host, whose public key stands in this file (see ssh-keygen(1),
      ALLOWED SIGNERS).
    type: path
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
seealso:
  - module: infitulua.backup.set_info
  - module: infitulua.backup.set_verify
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

- name: Promote what was verified into the vault
  infitulua.backup.set_copy:
    origin:
      type: directory
      path: /srv/backup/incoming
    destination:
      type: directory
      path: /srv/backup/vault
    move: true
    require_verified: true

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
  description: The chosen sets that the destination holds now (or in check mode would).
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The set's id.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    changed:
      description: Whether it was (or would be) copied or moved.
      type: bool
      sample: true
    bytes:
      description: How many bytes were stored; 0 when it was there already.
      type: int
      sample: 73402100
    seconds:
      description: How long it took.
      type: float
      sample: 2.1
    verified:
      description: Whether the copy was read back where it landed.
      type: bool
      sample: true
    path:
      description: The copy's directory, on a directory medium.
      type: str
      sample: /srv/backup/vault/srv-financiero/contabilidad/20261122T030000Z
left_out:
  description: The chosen sets that are suspect and were therefore not copied, each with C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: []
failures:
  description: The sets that could not be copied, each with C(id), C(message) and C(details).
  returned: always
  type: list
  elements: dict
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._copying import CopyOptions
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._parameters import (
    SELECTION_ARGUMENTS,
    make_selection,
    spool_directory,
)
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_operations import (
    CopiesReport,
    Reencryption,
    copy_sets,
)
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import make_medium, medium_argument


def _copy(module: AnsibleModule) -> CopiesReport:
    params = module.params
    with make_medium(params["origin"]) as origin, make_medium(params["destination"]) as destination:
        return copy_sets(
            origin,
            destination,
            make_selection(params),
            except_sets=frozenset(SetId.parse(text) for text in params["except_sets"]),
            options=CopyOptions(
                move=params["move"],
                verify=params["verify"],
                require_verified=params["require_verified"],
                spool=spool_directory(params),
                allowed_signers=params["allowed_signers_file"],
            ),
            reencryption=Reencryption((params["identity_file"],), tuple(params["recipients"]))
            if params["recipients"]
            else None,
            status_file=params["status_file"],
            check_mode=module.check_mode,
        )


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            **SELECTION_ARGUMENTS,
            "origin": {**medium_argument(), "required": True},
            "destination": {**medium_argument(), "required": True},
            "except_sets": {"type": "list", "elements": "str", "default": []},
            "move": {"type": "bool", "default": False},
            "verify": {"type": "bool", "default": True},
            "require_verified": {"type": "bool", "default": False},
            "identity_file": {"type": "path"},
            "recipients": {"type": "list", "elements": "str"},
            "spool": {"type": "path"},
            "allowed_signers_file": {"type": "path"},
            "status_file": {"type": "path"},
        },
        required_together=[("identity_file", "recipients")],
        supports_check_mode=True,
    )
    try:
        with interruptible("copy sets", on=module.params["destination"]["type"]):
            report = _copy(module)
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details, sets=[], failures=[], left_out=[])
    copied = "".join(f"{entry['id']}\n" for entry in report.sets if entry["changed"])
    diff = {"before": "", "after": copied, "before_header": "sets copied", "after_header": "sets copied"}
    if report.failures:
        module.fail_json(msg=report.message, diff=diff, **report.result())
    module.exit_json(diff=diff, **report.result())


if __name__ == "__main__":
    main()
