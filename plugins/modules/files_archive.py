#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up directory trees."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_archive
short_description: Back up directory trees, each source into a set of its own
version_added: 0.1.0
description:
  - Archives the directory trees of each source of O(sources) with GNU tar into a new set on a directory medium,
    compressed, encrypted, hashed and flushed to disk in one pass. Owners, modes, ACLs, extended attributes, sparse
    files, hard links and file names in any encoding are preserved.
  - Sockets and device nodes are left out, and files may change or disappear while they are read. Neither makes the run
    fail; both are listed in the set's warnings.
  - A set that holds nothing, or far less than the last good one of its source on the medium, is written, marked as
    suspect, and reported as a failure. A suspect set is never taken for the newest, is copied only if it is named, and
    later sets are not compared with it. Name the source in O(accept) if its content is right as it is.
  - Each set names its predecessors, so that no clock decides which set of a source is the newest. Its id contains the
    current time, made later than the time of the previous set if necessary. A previous set whose date is more than five
    minutes in the future is not counted; it is returned as RV(dated_after_now), and the dump continues.
  - A set appears complete or not at all. A source that fails does not stop the others; at the end the module fails,
    naming each failure, and also returns what succeeded.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.dump
  - infitulua.backup.medium
attributes:
  check_mode:
    support: full
    details: Whether a new set would be suspect cannot be predicted, because its content is known only after a real run.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(run_id), a second call with the same value changes nothing; without it, every call writes new sets.
requirements:
  - GNU C(tar), C(zstd), and C(age) unless O(encryption=none)
options:
  sources:
    description: The groups of directory trees to back up.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The source's name in set ids.
        type: str
        required: true
      series:
        description: The records series (TRD code) of the source, which decides how long its sets are kept.
        type: str
        default: ''
      minimum_fraction:
        description:
          - A new set that holds less than this fraction of what the previous set of the source holds is suspect.
          - Compared are the numbers of files and bytes, and the stored sizes if both sets have the same compression.
          - With V(0), a set is suspect only if it is empty and the previous one was not.
        type: float
        default: 0.5
      paths:
        description: The directories and files of the source, absolute. Each must exist.
        type: list
        elements: path
        required: true
      exclude:
        description:
          - Patterns of what to leave out, with C(*), C(?) and C([…]).
          - A pattern with a slash is compared with the whole path, a pattern without a slash with the name alone.
            Everything below an excluded directory is left out too.
          - Here and in O(sources[].paths), names can be written as messages show them. V(\\\\) is a backslash, V(\\xHH)
            the byte with this hexadecimal value, which is never a wildcard.
        type: list
        elements: str
      one_file_system:
        description: Whether to stay on the file system of each path, and leave out other file systems mounted below it.
        type: bool
seealso:
  - module: infitulua.backup.files_restore
  - module: infitulua.backup.set_verify
  - module: infitulua.backup.set_copy
"""

EXAMPLES = r"""
- name: Back up the users' documents
  infitulua.backup.files_archive:
    host: "{{ inventory_hostname }}"
    medium:
      type: directory
      path: /var/backups/infitulua
    recipients_file: /etc/infitulua-backup/recipients
    sources:
      - name: datos-usuarios
        series: "400.8.1"
        paths:
          - /srv/usuarios
          - /etc/samba
        exclude:
          - "*.tmp"
          - /srv/usuarios/papelera
"""

RETURN = r"""
sets:
  description: One entry for each source that was backed up, with the same fields as M(infitulua.backup.database_dump)
    returns.
  returned: always
  type: list
  elements: dict
  sample:
    - id: srv-archivos/datos-usuarios/20261122T030000Z
      source: datos-usuarios
      subject: srv-archivos/datos-usuarios
      engine: files
      series: "400.8.1"
      changed: true
      path: /var/backups/infitulua/srv-archivos/datos-usuarios/20261122T030000Z
      bytes: 73400320
      source_bytes: 524288000
      seconds: 12.4
      accepted: null
      warnings: []
failures:
  description:
    - One entry for each source that has no set, or whose set is suspect; each with C(source), C(message), C(details),
      and C(changed), whether a set was written.
    - C(suspect) is the id of the suspect set, and null where there is no set.
  returned: always
  type: list
  elements: dict
  sample: []
remarks:
  description: Remarks about the list of sources, apart from the warnings of each set.
  returned: when the sources could be looked at
  type: list
  elements: str
  sample: []
dated_after_now:
  description:
    - The ids of the sources' sets on the medium that are dated more than five minutes in the future.
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

from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.files import ARGUMENTS, NOTHING, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    carry_out(
        module,
        "back up directory trees",
        on=params["host"],
        work=lambda: call(params, check_mode=module.check_mode),
        nothing=NOTHING,
    )


if __name__ == "__main__":
    main()
