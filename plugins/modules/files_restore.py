#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore directory trees."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_restore
short_description: Restore directory trees from a set beside the live ones, then swap them
version_added: 0.1.0
description:
  - Restores a set that M(infitulua.backup.files_archive) wrote. No member of the archive can reach outside the target.
  - Before anything is changed, every byte of the set is verified, decryption is tried, and the target is examined. The
    set is then restored beside the target, checked, and put in its place by renaming. The replaced data is kept under a
    name with the date.
  - A restore that fails leaves the target exactly as it was.
  - Single files can be restored too (O(target.only)), into a separate directory.
  - A restore without a help-desk ticket is refused.
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
    details: Each run restores again. A target that holds data is refused or, with O(replace=true), replaced.
requirements:
  - GNU C(tar), C(zstd), and C(age) for encrypted sets
options:
  target:
    description: Where to restore to.
    type: dict
    required: true
    suboptions:
      directory:
        description: The directory to restore below; V(/) restores to the original paths.
        type: path
        required: true
      paths:
        description:
          - Restore only these of the set's paths, absolute as they were archived; when not given, all of them.
          - As in O(target.only), a name can be written as messages show it.
        type: list
        elements: str
      only:
        description:
          - Restore only what matches these patterns, with the directories that lead to it. A directory includes
            everything in it.
          - V(/srv/usuarios/ana/carta.odt) and V(/srv/usuarios/ana/*.odt) match whole paths, as they were archived;
            V(carta.odt) and V(*.odt) match names in any directory.
          - V(*) matches any characters, including slashes, V(?) one character, and V([…]) one of the characters in it.
            A pattern also matches the name or path that is literally the same.
          - A name can be written as messages and C(backup.json) show it. V(\\\\) is a backslash, V(\\xHH) the byte with
            this hexadecimal value, which is never a wildcard; so V(\\x2a) is an asterisk.
          - Each pattern must match something. A hard link includes the file that holds its content.
          - The selected files never replace the whole tree, so O(target.directory) must not exist yet.
        type: list
        elements: str
seealso:
  - module: infitulua.backup.files_archive
  - module: infitulua.backup.set_info
  - module: infitulua.backup.set_verify
"""

EXAMPLES = r"""
- name: Restore the users' documents into a separate directory
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

- name: Restore the letters that Ana has lost, into a separate directory
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
  description: The name under which the replaced data is kept; null if nothing was replaced.
  returned: success
  type: str
  sample: /srv/usuarios__replaced_20261122T171503Z
removed:
  description: Replaced data of earlier restores of this target that was removed (see O(keep_replaced_days)). In check
    mode, what would be removed.
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
      description: Its size, as measured by its engine.
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
left_out:
  description: Objects of the set that could not be created, each with C(kind), C(name) and C(why). In check mode, those
    that the dump already recorded as not restorable.
  returned: success
  type: list
  elements: dict
  sample: []
remarks:
  description: Remarks for the operator; the restore is complete nevertheless.
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
  description: Everything that was found wrong, one item per line.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.call import CONDITIONS
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.files import ARGUMENTS, call


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, **CONDITIONS, supports_check_mode=True)
    params = module.params
    on = params["set"] or params["source"]
    carry_out(module, "restore", on=on, work=lambda: call(params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
