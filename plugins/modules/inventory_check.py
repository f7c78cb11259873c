#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the inventory. The action of the same name does it, on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: inventory_check
short_description: Find errors in an inventory of backups
version_added: 0.1.0
description:
  - Finds missing groups, C(backup_*) variables that the collection does not know, and keys of sources that no engine
    knows, and suggests the most similar known name for each. It fails if it finds any.
  - The playbooks use it before each step, because a misspelt name could leave a source without a backup.
  - It runs on the control node and connects to no host.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
options:
  language:
    description: The language of its messages.
    type: str
    choices: [es, en]
    default: es
  limited_to:
    description:
      - The hosts that a run is limited to (C(--limit)).
      - If none of them is a server, that is found, too, because the run would do nothing.
    type: list
    elements: str
seealso:
  - module: infitulua.backup.set_info
"""

EXAMPLES = r"""
- name: Refuse an inventory with a misspelt variable
  infitulua.backup.inventory_check:
    language: en
  run_once: true
"""

RETURN = r"""
problems:
  description: Sentences, each of which says what is wrong, where, and what to do about it.
  returned: always
  type: list
  elements: str
  sample: []
"""
