#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create and install the keys of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_keys
short_description: Create a host's keys once, and install the public keys of others
version_added: 0.1.0
description:
  - Manages one directory of keys, so that a server can write backups that it cannot read, and the systems computer can
    authenticate hosts and the signers of sets.
  - Private keys are created where there are none, completely or not at all. They are never overwritten, copied or
    shown.
  - The escrow recipient is the director's public key; its private key is on no host. The module refuses a private key
    in its place, a missing key, and the operational key.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
attributes:
  check_mode:
    support: full
    details: Before the first run, the operational recipient and the keys of signers are shown as
      C((made by the first run\)).
  diff_mode:
    support: full
    details: For a private key, it shows only that it is created.
  idempotent:
    support: full
options:
  path:
    description: The directory of the keys; it is created if missing.
    type: path
    required: true
  mode:
    description: Its mode, in octal digits.
    type: str
    default: "0755"
  host:
    description: The host's name, for the comments of its keys.
    type: str
    required: true
  apart_from:
    description: Directories that must not contain O(path) nor be inside it, such as those where sets are stored.
    type: list
    elements: path
    default: []
  identity:
    description:
      - Whether to keep the operational identity (age private key), C(operational.identity), here. Only the systems
        computer has one.
      - The module proves that it can decrypt what is encrypted to the recipients.
    type: bool
    default: false
  recipients:
    description: Whether to write the file C(recipients), with the public keys that sets are encrypted to.
    type: bool
    default: false
  operational_recipient:
    description: The public key of the systems computer's operational identity, for O(recipients) on a server.
    type: str
    default: ""
  escrow_recipient:
    description: The director's public key, for O(recipients).
    type: str
    default: ""
  signing:
    description: Whether to create the key C(signing_key), with which the host signs its sets.
    type: bool
    default: false
  ssh_keys:
    description: The names of the SSH key pairs to create, C(<name>_key) and C(<name>_key.pub).
    type: list
    elements: str
    default: []
  signers:
    description:
      - Servers that sign their sets. They are added to the file C(allowed_signers), so that a set is accepted only if
        the server that its id names has signed it.
      - Existing entries stay, because older sets must still be verified. So does what was added to them by hand, such
        as C(valid-before), but not comments on lines of their own.
    type: list
    elements: dict
    suboptions:
      host:
        description: The server's name in set ids.
        type: str
        required: true
      key:
        description: Its signing public key; empty in check mode where it would be made.
        type: str
        required: true
  known_hosts:
    description:
      - Hosts that are reached over SSH; their keys replace those that the file C(known_hosts) has for them.
      - Entries of other hosts stay, because these may just be down today.
    type: list
    elements: dict
    suboptions:
      host:
        description: The name or address by which the host is reached.
        type: str
        required: true
      port:
        description: The port of its SSH server.
        type: int
        default: 22
      keys:
        description: Its public host keys, each as C(type key).
        type: list
        elements: str
        required: true
seealso:
  - module: infitulua.backup.host_access
"""

EXAMPLES = r"""
- name: Create the systems computer's keys
  infitulua.backup.host_keys:
    path: /etc/infitulua-backup
    mode: "0700"
    host: "{{ inventory_hostname }}"
    apart_from: [/srv/backup]
    identity: true
    recipients: true
    escrow_recipient: age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq
    ssh_keys: [pull, delivery]
  register: keys

- name: Give a server the recipients and a signing key
  infitulua.backup.host_keys:
    path: /etc/infitulua-backup
    host: "{{ inventory_hostname }}"
    recipients: true
    operational_recipient: "{{ hostvars['computador-sistemas'].keys.operational_recipient }}"
    escrow_recipient: age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq
    signing: true
"""

RETURN = r"""
operational_recipient:
  description: The public key of the operational identity; empty if it is neither here nor given, and if check mode did
    not create it.
  returned: success
  type: str
  sample: age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq
signing_public_key:
  description: The public key that the host signs with; empty if it does not sign, and if check mode did not create it.
  returned: success
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample
ssh_public_keys:
  description: The public key of each of O(ssh_keys), by name; empty if check mode did not create it.
  returned: success
  type: dict
  sample: {"pull": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample"}
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

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer, carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.changes import Changes
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.keys import Wanted, provide
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.public_keys import (
    KnownHost,
    is_private,
)

_WITHHELD = "a PRIVATE KEY, withheld"


def _provide(module: AnsibleModule) -> Answer:
    given = module.params
    if is_private(given["escrow_recipient"]):
        given["escrow_recipient"] = _WITHHELD  # The answer repeats what was given.
    wanted = Wanted(
        path=given["path"],
        mode=given["mode"],
        host=given["host"],
        apart_from=tuple(given["apart_from"]),
        identity=given["identity"],
        recipients=given["recipients"],
        operational=given["operational_recipient"].strip(),
        escrow=given["escrow_recipient"],
        signing=given["signing"],
        ssh_keys=tuple(given["ssh_keys"]),
        signers=None
        if given["signers"] is None
        else tuple((entry["host"], entry["key"]) for entry in given["signers"]),
        known_hosts=None
        if given["known_hosts"] is None
        else tuple(KnownHost(**entry) for entry in given["known_hosts"]),
    )
    changes = Changes(check_mode=module.check_mode)
    public = provide(wanted, changes)
    return Answer({"changed": changes.changed, "diff": changes.diff, **public})


class _UnloggedModule(AnsibleModule):
    """A module that logs no invocation on the host: somebody may have taken a private key for a public one."""

    def _log_invocation(self) -> None:
        """Log nothing."""


def main() -> None:
    """Run the module."""
    module = _UnloggedModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "mode": {"type": "str", "default": "0755"},
            "host": {"type": "str", "required": True},
            "apart_from": {"type": "list", "elements": "path", "default": []},
            "identity": {"type": "bool", "default": False},
            "recipients": {"type": "bool", "default": False},
            "operational_recipient": {"type": "str", "default": ""},
            "escrow_recipient": {"type": "str", "default": ""},
            "signing": {"type": "bool", "default": False},
            "ssh_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "signers": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "host": {"type": "str", "required": True},
                    "key": {"type": "str", "required": True, "no_log": False},
                },
            },
            "known_hosts": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "host": {"type": "str", "required": True},
                    "port": {"type": "int", "default": 22},
                    "keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
                },
            },
        },
        supports_check_mode=True,
    )
    carry_out(module, "provide keys", on=module.params["path"], work=lambda: _provide(module))


if __name__ == "__main__":
    main()
