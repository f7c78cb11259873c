#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge the copies of each source by the rule 3-2-1-1-0."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_compliance_info
short_description: Judge the copies of each source by the rule 3-2-1-1-0
version_added: 0.1.0
description:
  - For each source of a host, looks for the copies of its newest verified set, and judges them by the rule 3-2-1-1-0.
    Three copies, the live data counted; two kinds of media; one copy off site; one that nobody can delete; and no
    errors. Besides, the set must be no older than the source's RPO.
  - It is judged by what was verified, not by what is configured. A copy counts only if it is exactly that set (the
    SHA-256 of its tag manifest) and, in a directory of this host, M(infitulua.backup.set_verify) or
    M(infitulua.backup.set_copy) has read it and nobody has touched it since; in an object store,
    M(infitulua.backup.set_audit) has read it and its objects are still there. On another host's disk, it was read when
    it was fetched from there.
  - Playbook infitulua.backup.step4_store_media says the same at the end of its report, without this module.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
  - infitulua.backup.medium.compliance
options:
  host:
    description: The host whose sources are judged.
    type: str
    required: true
  sources:
    description:
      - Sources that must have copies, even if no set of them is found.
      - Other sources that have sets on the first medium are judged as well.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The source's name.
        type: str
        required: true
      rpo_hours:
        description: How old its newest verified set may be, in hours. O(rpo_hours) if omitted.
        type: float
  rpo_hours:
    description: How old the newest verified set of a source may be, in hours (recovery point objective).
    type: float
    default: 26
  drill_record_directory:
    description: The record of drills of M(infitulua.backup.restore_drill); a set whose last drill failed is an error.
    type: path
seealso:
  - module: infitulua.backup.set_audit
  - module: infitulua.backup.set_verify
"""

EXAMPLES = r"""
- name: See how the sources of a server stand to the rule 3-2-1-1-0
  infitulua.backup.backup_compliance_info:
    host: srv-financiero
    media:
      - name: vault
        medium: {type: directory, path: /srv/backup/vault}
      - name: cloud
        medium:
          type: s3
          endpoint_url: https://s3.example.org
          bucket: infitulua-backup
          profile: infitulua-backup
          credentials_file: /etc/infitulua-backup/cloud_credentials
        off_site: true
    sources:
      - {name: contabilidad, rpo_hours: 26}
    drill_record_directory: /var/lib/infitulua-backup/drills
  register: compliance

- name: Stop if any source falls short
  ansible.builtin.assert:
    that: compliance.sources | rejectattr('met') | length == 0
"""

RETURN = r"""
sources:
  description: The sources of the host, by name.
  returned: always
  type: list
  elements: dict
  contains:
    source:
      description: The source, C(<host>/<name>).
      type: str
      sample: srv-financiero/contabilidad
    met:
      description: Whether it falls short in nothing.
      type: bool
      sample: true
    short:
      description: In what it falls short, of C(copies), C(kinds), C(off_site), C(immutable), C(errors) and C(age).
      type: list
      elements: str
      sample: []
    id:
      description: The newest verified set; null if there is none.
      type: str
      sample: srv-financiero/contabilidad/20261122T030000Z
    copies:
      description: The number of its copies, the live data counted.
      type: int
      sample: 3
    media:
      description: The names of the media that have it.
      type: list
      elements: str
      sample: [vault, cloud]
    kinds:
      description: The kinds of media, that of the live data counted.
      type: list
      elements: str
      sample: [disk, object store]
    off_site:
      description: How many of the copies are off site.
      type: int
      sample: 1
    immutable_until:
      description: Until when the copy that is locked longest cannot be deleted (UTC); null if none is locked.
      type: str
      sample: "2026-12-06T03:50:00Z"
    errors:
      description: What is wrong with sets of the source on the first medium, or was shown by their last drills.
      type: list
      elements: str
      sample: []
    age_hours:
      description: The age of that set; null if there is none.
      type: float
      sample: 5.5
    rpo_hours:
      description: How old it may be.
      type: float
      sample: 26.0
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.compliance.call import (
    ARGUMENTS,
    NOTHING,
    call,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module, "judge copies by the rule 3-2-1-1-0", on=params["host"], work=lambda: call(params), nothing=NOTHING
    )


if __name__ == "__main__":
    main()
