#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliver sets to a host that drills them, and record the results."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_delivery
short_description: Prepare sets for drills on another host, and record the drills
version_added: 0.1.0
description:
  - If the host that keeps the sets lacks the programs to restore them, another host can drill them. This module runs on
    the host that keeps the sets, before and after the drills.
  - With O(state=delivered), it verifies each set and re-encrypts it to a key that exists for these drills only, so that
    the identity that decrypts all sets never leaves this host. A damaged set has failed its drill and is not delivered.
  - With O(state=recorded), it records the results of the drills. The other host is trusted for the outcome, the checks
    and the times, but not for which content it drilled, because this host knows that itself. If the other host drilled
    anything but the delivered copy, or there is no result, the drill counts as not done, and the set is not at fault.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.medium.destination
attributes:
  check_mode:
    support: none
    details: In check mode, M(infitulua.backup.restore_drill) reports which sets would be drilled.
  diff_mode:
    support: none
  idempotent:
    support: none
options:
  state:
    description: V(delivered) before the drills, V(recorded) after them.
    type: str
    choices: [delivered, recorded]
    required: true
  sets:
    description: The sets to drill, by id; M(infitulua.backup.restore_drill) returns them as C(planned) in check mode.
    type: list
    elements: str
    required: true
  directory:
    description:
      - With O(state=delivered), an existing directory where copies are prepared, and where sets of a medium that is no
        directory are downloaded to. What killed runs have left there is removed first.
      - It needs free space for the sets that are downloaded, and for one copy. A copy goes to O(destination) as soon as
        it is ready, and is removed from here.
    type: path
  budget_minutes:
    description:
      - With O(state=delivered), for how long deliveries and drills together may begin. Deliveries begin in the first
        half of it, in the order of O(sets); the rest is returned as RV(left_out).
      - RV(minutes_left) is for M(infitulua.backup.restore_drill) on the other host.
    type: float
  recipients:
    description: With O(state=delivered), the age public keys (C(age1…)) to encrypt the copies to.
    type: list
    elements: str
    default: []
  identity_file:
    description: The file with the age identity (private key) that decrypts the sets.
    type: path
  allowed_signers_file:
    description: Require that each set is signed by its host, whose public key is in this file (see ssh-keygen(1),
      ALLOWED SIGNERS).
    type: path
  drill_host:
    description: With O(state=recorded), the name of the host that drilled, for the record and for messages.
    type: str
  deliveries:
    description: With O(state=recorded), the RV(deliveries) that this module returned with O(state=delivered).
    type: list
    elements: dict
    default: []
  undelivered:
    description: With O(state=recorded), the RV(undelivered) that this module returned with O(state=delivered).
    type: list
    elements: dict
    default: []
  answers:
    description: With O(state=recorded), the C(sets) and C(failures) that M(infitulua.backup.restore_drill) returned on
      the other host.
    type: list
    elements: raw
    default: []
  damaged:
    description: With O(state=recorded), the sets that were damaged or changed during delivery, each with C(id) and
      C(message).
    type: list
    elements: raw
    default: []
  unbegun:
    description: With O(state=recorded), the C(left_out) that M(infitulua.backup.restore_drill) returned on the other
      host.
    type: list
    elements: raw
    default: []
  left_out:
    description: With O(state=recorded), the sets that were not planned, each with C(id) and C(reason). They are added
      to RV(left_out).
    type: list
    elements: dict
    default: []
  unreachable:
    description: With O(state=recorded), whether the other host could not be reached.
    type: bool
    default: false
  reason:
    description: With O(state=recorded), the reason why there is no result, if known.
    type: str
  interval_days:
    description: As in M(infitulua.backup.restore_drill).
    type: int
    default: 7
  record_directory:
    description: The directory where drills are recorded. Its parent must exist.
    type: path
    default: /var/lib/infitulua-backup/drills
  set_aside:
    description: As in M(infitulua.backup.restore_drill).
    type: bool
    default: false
  status_file:
    description: Where progress is written as JSON, about once a second.
    type: path
seealso:
  - module: infitulua.backup.restore_drill
  - module: infitulua.backup.restore_workspace
"""

EXAMPLES = r"""
- name: Re-encrypt the sets to the key of the host that will drill them
  infitulua.backup.drill_delivery:
    state: delivered
    medium:
      type: directory
      path: /srv/backup/vault
    sets: "{{ plan.planned }}"
    budget_minutes: 60
    directory: /srv/backup/delivery
    destination:
      type: ssh
      ssh_host: drill-host.example.org
      ssh_user: infitulua-backup
      ssh_key_file: /etc/infitulua-backup/delivery_key
      ssh_known_hosts_file: /etc/infitulua-backup/known_hosts
      ssh_remote_path: restore-20261122T171503Z-4711
    recipients: ["{{ workspace.recipient }}"]
    identity_file: /etc/infitulua-backup/operational.identity
  register: delivery

- name: Record the results of the drills
  infitulua.backup.drill_delivery:
    state: recorded
    medium:
      type: directory
      path: /srv/backup/vault
    destination: "{{ where_they_went }}"
    sets: "{{ plan.planned }}"
    drill_host: drill-host
    deliveries: "{{ delivery.deliveries }}"
    undelivered: "{{ delivery.undelivered }}"
    answers: "{{ drilled.sets + drilled.failures }}"
"""

RETURN = r"""
deliveries:
  description: The sets that are ready to be delivered, each with C(id), C(copy) (the SHA-256 of the copy's tag
    manifest), and C(drill) (what is known about its drill so far).
  returned: with O(state=delivered)
  type: list
  elements: dict
  sample: []
undelivered:
  description: The drills, as in RV(failures), of the sets that cannot be delivered.
  returned: with O(state=delivered)
  type: list
  elements: dict
  sample: []
minutes_left:
  description: What is left of O(budget_minutes) for the drills, enough to begin one; null without a budget.
  returned: with O(state=delivered)
  type: float
  sample: 42.5
sets:
  description: The drills that passed, each as M(infitulua.backup.restore_drill) returns it.
  returned: with O(state=recorded)
  type: list
  elements: dict
  sample: []
failures:
  description: The drills that failed or were not done.
  returned: with O(state=recorded)
  type: list
  elements: dict
  sample: []
left_out:
  description: Selected sets that were not delivered for lack of time, or not drilled, each with C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: []
overdue:
  description: Sources of the sets of which no set has passed a drill within O(interval_days), each with C(source) and
    C(last_passed) (UTC, or null).
  returned: with O(state=recorded)
  type: list
  elements: dict
  sample: []
dated_after_now:
  description: Always empty here.
  returned: with O(state=recorded)
  type: list
  elements: str
  sample: []
removed:
  description: With O(state=delivered), what killed deliveries had left in O(directory) and was removed.
  returned: always
  type: list
  elements: str
  sample: []
not_removed:
  description: Why the rest was not.
  returned: always
  type: list
  elements: str
  sample: []
planned:
  description: The sets that were drilled, by id.
  returned: with O(state=recorded)
  type: list
  elements: str
  sample: [srv-financiero/contabilidad/20261122T030000Z]
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

from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.delivery_call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "delivered", ["directory", "recipients"]), ("state", "recorded", ["drill_host"])],
    )
    params = module.params
    carry_out(module, "deliver and record drills", on=params["medium"]["type"], work=lambda: call(params))


if __name__ == "__main__":
    main()
