#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare clocks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: clock_info
short_description: Compare a host's clock with others
version_added: 0.1.0
description:
  - Reports the time of a host, how far its clock is ahead of the control node's, and which other clocks differ from it.
  - No clock decides which set of a source is the newest. But the ids of sets contain the time, and a set dated in the
    future is never taken for the newest.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
options:
  reference:
    description:
      - The time of the control node, UTC, in ISO 8601. Ansible evaluates it immediately before the module starts, so
        that the error is at most the time that it takes to reach the host.
    type: str
    required: true
  others:
    description:
      - Other clocks to compare with this host's, as a mapping of names to the C(ahead_seconds) that this module
        returned on those hosts; 0 for the control node itself.
    type: dict
    default: {}
  record_directory:
    description: The directory with this host's record of drills, whose last entries are also compared with its clock.
    type: path
  record_sources:
    description:
      - The sources whose drills count, as a mapping of hosts to lists of their sources. V(name.*) means all sources
        that begin with C(name.).
      - Name only sources that are still drilled. A wrong date in the record of any other source would never be
        corrected.
    type: dict
seealso:
  - module: infitulua.backup.set_info
"""

EXAMPLES = r"""
- name: Read the server's clock
  infitulua.backup.clock_info:
    reference: "{{ now(utc=true).isoformat() }}"
  register: server

- name: Compare it with the systems computer's, and that one with its record
  infitulua.backup.clock_info:
    reference: "{{ now(utc=true).isoformat() }}"
    others:
      server: "{{ server.ahead_seconds }}"
      control_node: 0
    record_directory: /var/lib/infitulua-backup/drills
    record_sources:
      srv-financiero: [contabilidad, usuarios]
  delegate_to: computador-sistemas
  register: clocks
"""

RETURN = r"""
time:
  description: The time by this host's clock, UTC.
  returned: success
  type: str
  sample: "2026-11-22T03:00:00Z"
ahead_seconds:
  description: How far this host's clock is ahead of O(reference), in seconds; negative if it is behind.
  returned: success
  type: float
  sample: 0.4
differences:
  description:
    - The clocks in O(others) that differ from this host's by more than 60 seconds, and, under the name V(record), its
      record of a host's drills if that is more than 60 seconds ahead of its clock.
    - C(clock) is the name, C(seconds) how far it is ahead of this host's clock (negative if it is behind), and
      C(serious) whether the difference is more than 300 seconds. C(host) is the host of the drills.
  returned: success
  type: list
  elements: dict
  sample: [{clock: server, seconds: 34560000, serious: true, host: null}]
record_problems:
  description: The parts of the record of drills that could not be read, and so were not compared.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.compare_clocks.call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_together=[("record_directory", "record_sources")],
        supports_check_mode=True,
    )
    carry_out(module, "compare clocks", on="this host", work=lambda: call(module.params))


if __name__ == "__main__":
    main()
