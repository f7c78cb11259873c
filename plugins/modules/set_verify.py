#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies sets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: set_verify
short_description: Verify sets by reading every byte
version_added: 0.1.0
description:
  - Reads every byte of the chosen sets where they lie and compares it with the manifests, and the set's identity with
    its place.
    With O(allowed_signers_file) the signature too.
  - It needs no key and decompresses nothing, since manifests hash the stored bytes.
  - On a directory medium it remembers, beside the sets, which content passed; M(infitulua.backup.set_copy) can demand
    that.
  - One set that fails does not stop the others; the module then fails at the end, naming everything that is wrong.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.selection
attributes:
  check_mode:
    support: full
    details: It reads just as much, and remembers nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  allowed_signers_file:
    description: Demand that each set is signed by its host, whose public key stands in this file (see ssh-keygen(1),
      ALLOWED SIGNERS).
    type: path
  set_aside:
    description:
      - Whether a set that failed is moved to C(.rejected) below the medium's root (directory media), where nothing
        lists it and somebody
        can look at it. A good copy can then take its place.
    type: bool
    default: false
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
      description: The SHA-256 of the set's tag manifest, which names its exact content.
      type: str
      sample: 4f1c0c7a35b1a3a6d6b0f7b4b7a5a3c1c3f0a9f0f1b4f0f9f0c1d2e3f4a5b6c7
    signed:
      description: Whether a signature was demanded and found good.
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
      description: Whether it had not been verified here before.
      type: bool
      sample: true
    remembered:
      description:
        - Whether it is remembered that this content passed (or in check mode would be).
        - Only directory media remember; one that is read-only here cannot.
      type: bool
      sample: true
failures:
  description: The sets that did not pass, each with C(id), C(message) and C(details) (every finding).
  returned: always
  type: list
  elements: dict
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._parameters import SELECTION_ARGUMENTS, make_selection
from ansible_collections.infitulua.backup.plugins.module_utils._set_operations import verify_sets
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import make_medium, medium_argument


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            **SELECTION_ARGUMENTS,
            "medium": {**medium_argument(), "required": True},
            "allowed_signers_file": {"type": "path"},
            "set_aside": {"type": "bool", "default": False},
            "status_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        with make_medium(module.params["medium"]) as medium, interruptible("verify sets", on=medium.describe()):
            report = verify_sets(
                medium,
                make_selection(module.params),
                allowed_signers=module.params["allowed_signers_file"],
                set_aside=module.params["set_aside"],
                status_file=module.params["status_file"],
                check_mode=module.check_mode,
            )
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details, sets=[], failures=[])
    if report.failures:
        module.fail_json(msg=report.message, **report.result())
    module.exit_json(**report.result())


if __name__ == "__main__":
    main()
