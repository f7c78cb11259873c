#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backs file trees up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_archive
short_description: Back file trees up, each source as a verified-by-construction set
version_added: 0.1.0
description:
  - Archives the file trees of each source of O(sources) with GNU tar into a new set on a directory medium,
    compressed, encrypted, hashed
    and brought to the disk in one pass. Owners, modes, ACLs, extended attributes, sparse files, hard links and names
    of any bytes are kept.
  - Sockets and device nodes are left out. Files that change or vanish while they are read do not fail the run. Both
    are listed in the
    set's warnings.
  - A set that holds nothing, or far less than the last good one of its source on the medium, is written and marked as
    suspect. That is a failure. Such a set is never taken for the newest, copied only where it is named, and no set is
    compared with it. O(accept) says that the source is right.
  - A set appears complete or not at all. One source that fails does not stop the others; the module then fails at the
    end, naming each
    failure, and returns what succeeded.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.dump
  - infitulua.backup.medium
attributes:
  check_mode:
    support: full
    details: What a new set would hold, and so whether it would be suspect, is found by the run only.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: With O(run_id) a second call changes nothing; without it every call writes new sets.
requirements:
  - GNU C(tar), C(zstd), and C(age) unless O(encryption=none)
options:
  sources:
    description: The groups of file trees to back up.
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
          - A set that holds less than this fraction of what the last set of the source holds is suspect.
          - What counts are files and their bytes, and the stored size where both are compressed alike.
          - With V(0), only a source that held something and holds nothing now is suspect.
        type: float
        default: 0.5
      paths:
        description: The directories and files of the source, absolute. Each must exist.
        type: list
        elements: path
        required: true
      exclude:
        description:
          - Patterns of what is left out, with C(*), C(?) and C([…]).
          - A pattern with a slash is compared with the whole path, one without with the name alone. What is below an
            excluded directory is
            left out with it.
        type: list
        elements: str
      one_file_system:
        description: Whether to stay on the file system of each path; other file systems mounted below it are left out.
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
  description: One entry for each source that has its set, with the same fields as M(infitulua.backup.database_dump)
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
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._dump_operations import (
    DUMP_ARGUMENTS,
    SOURCE_ARGUMENTS,
    dump_sources,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._priority import stand_back
from ansible_collections.infitulua.backup.plugins.module_utils.engines._registry import source_arguments
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import medium_argument


def main() -> None:
    """Runs the module."""
    source = {**SOURCE_ARGUMENTS, **source_arguments(["files"])}
    module = AnsibleModule(
        argument_spec={
            **DUMP_ARGUMENTS,
            "medium": {**medium_argument(), "required": True},
            "sources": {"type": "list", "elements": "dict", "required": True, "options": source},
        },
        supports_check_mode=True,
    )
    try:
        with interruptible("back file trees up", on=module.params["host"]):
            stand_back(module.params)
            report = dump_sources(module.params, check_mode=module.check_mode)
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details, sets=[], failures=[])
    for warning in report.all_warnings():
        module.warn(warning)
    if report.failures:
        module.fail_json(msg=report.message, **report.result())
    module.exit_json(**report.result())


if __name__ == "__main__":
    main()
