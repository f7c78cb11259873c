#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores file trees."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_restore
short_description: Restore file trees from a set, beside the live ones, and swap
version_added: 0.1.0
description:
  - Restores a set that M(infitulua.backup.files_archive) wrote. No member of the archive can reach outside the target.
  - The set is verified to the last byte, decrypted for a trial and compared with the target's state before anything
    is touched.
    It is restored beside the target, checked, and put in its place by rename. What was there is kept under a dated
    name.
  - A restore that fails leaves the target exactly as it was.
  - Some files alone can be restored too (O(target.only)), into a directory of their own.
  - Without a help-desk ticket nothing is restored.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes
  - infitulua.backup.medium
  - infitulua.backup.restore
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: none
    details: A target that holds data is refused, or with O(replace=true) replaced, every time.
requirements:
  - GNU C(tar), C(zstd), and C(age) for encrypted sets
options:
  target:
    description: Where to restore to.
    type: dict
    required: true
    suboptions:
      directory:
        description: The directory to restore below; V(/) is the original place.
        type: path
        required: true
      paths:
        description: Only these of the set's paths, absolute as they were archived; all of them when not given.
        type: list
        elements: path
      only:
        description:
          - Restore only what these patterns mean, with the directories that lead to it; a directory brings all in it.
          - V(/srv/usuarios/ana/carta.odt) and V(/srv/usuarios/ana/*.odt) are whole paths, as they were archived;
            V(carta.odt) and V(*.odt) are names, wherever they are.
          - V(*) stands for any characters, slashes too, V(?) for one, and V([[]) for a bracket.
          - Each of them must mean something. A hard link brings the name along that holds its content.
          - They are never put in the place of the whole tree, so there must be nothing yet at O(target.directory).
        type: list
        elements: str
seealso:
  - module: infitulua.backup.files_archive
  - module: infitulua.backup.set_info
  - module: infitulua.backup.set_verify
"""

EXAMPLES = r"""
- name: Restore the users' documents into a directory of their own
  infitulua.backup.files_restore:
    ticket: MDA-2026-0119
    medium:
      type: directory
      path: /var/lib/infitulua-backup/restore
    host: srv-archivos
    source: datos-usuarios
    identity_file: /etc/infitulua-backup/restore.identity
    target:
      directory: /srv/restaurado

- name: Bring back the letters that Ana has lost, into a directory of their own
  infitulua.backup.files_restore:
    ticket: MDA-2026-0122
    medium:
      type: directory
      path: /var/lib/infitulua-backup/restore
    host: srv-archivos
    source: datos-usuarios
    identity_file: /etc/infitulua-backup/restore.identity
    target:
      directory: /srv/restaurado/MDA-2026-0122
      only:
        - /srv/usuarios/ana/Documentos/*.odt
  register: restored

- name: Put one tree back in its place
  infitulua.backup.files_restore:
    ticket: MDA-2026-0120
    medium:
      type: directory
      path: /var/lib/infitulua-backup/restore
    set: srv-archivos/datos-usuarios/20261122T030000Z
    identity_file: /etc/infitulua-backup/restore.identity
    replace: true
    target:
      directory: /
      paths:
        - /srv/usuarios
"""

RETURN = r"""
set:
  description: The id of the set that was restored.
  returned: success
  type: str
  sample: srv-financiero/contabilidad/20261122T030000Z
engine:
  description: The engine that restored it.
  returned: success
  type: str
  sample: files
ticket:
  description: The help-desk ticket.
  returned: success
  type: str
  sample: MDA-2026-0117
target:
  description: What was restored to.
  returned: success
  type: str
  sample: files under /
kept:
  description: The name under which what was there is kept; null when nothing was.
  returned: success
  type: str
  sample: /srv/usuarios__replaced_20261122T171503Z
removed:
  description: What restores of this target had replaced, and is kept no longer (see O(keep_replaced_days)). In check
    mode, what would be removed of what is there already.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name under which it was kept.
      type: str
      sample: /srv/usuarios__replaced_20261001T171503Z
    since:
      description: When it was replaced (UTC).
      type: str
      sample: 20261001T171503Z
    bytes:
      description: Its size, as its engine measures it.
      type: int
      sample: 734003200
checks:
  description: The comparisons of the restored data with what the set says, each with C(name), C(passed) and
    C(detail). Empty in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - name: row counts
      passed: true
      detail: 41 tables, 1250000 rows
remarks:
  description: What the operator should know, though the restore is complete.
  returned: success
  type: list
  elements: str
  sample: []
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 31.7
details:
  description: Everything that was found wrong, one line each.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._restore_operations import (
    RESTORE_ARGUMENTS,
    describe_restore,
    make_restore,
)
from ansible_collections.infitulua.backup.plugins.module_utils._restoring import restore
from ansible_collections.infitulua.backup.plugins.module_utils.engines._registry import target_arguments
from ansible_collections.infitulua.backup.plugins.module_utils.media._registry import medium_argument


def main() -> None:
    """Runs the module."""
    engines = ["files"]
    module = AnsibleModule(
        argument_spec={
            **RESTORE_ARGUMENTS,
            "medium": {**medium_argument(), "required": True},
            "target": {"type": "dict", "required": True, "options": target_arguments(engines)},
        },
        mutually_exclusive=[("set", "source"), ("set", "host"), ("set", "at")],
        required_together=[("host", "source")],
        required_one_of=[("set", "source")],
        supports_check_mode=True,
    )
    try:
        with interruptible("restore", on=module.params["set"] or module.params["source"]):
            result = restore(make_restore(module.params, engines=engines), check_mode=module.check_mode)
    except (BackupError, Interrupted) as error:
        module.fail_json(msg=error.message, details=error.details)
    for remark in result.warnings:
        module.warn(remark)
    module.exit_json(changed=True, **describe_restore(result))


if __name__ == "__main__":
    main()
