#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check which database servers' sets this host can drill."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_info
short_description: Check which servers' sets this host can drill
version_added: 0.1.0
description:
  - A drill needs the database server's programs, of the same major version as the set's server (PostgreSQL), or of that
    or a newer version (MariaDB, MySQL). This module checks whether this host has them, before the first drill.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
options:
  servers:
    description: The servers whose sets will be drilled.
    type: list
    elements: dict
    required: true
    suboptions:
      engine:
        description: The engine of its sets.
        type: str
        required: true
        choices: [mariadb, mysql, postgresql, sqlite]
      version:
        description: The server's version, as M(infitulua.backup.database_info) returns it.
        type: str
        required: true
      programs_directory:
        description: The directory of its programs on this host, if not the distribution's.
        type: path
seealso:
  - module: infitulua.backup.restore_drill
  - module: infitulua.backup.database_info
"""

EXAMPLES = r"""
- name: Check whether drills will be possible
  infitulua.backup.drill_info:
    servers:
      - {engine: postgresql, version: "15.8 (Debian 15.8-0+deb12u1)"}
      - {engine: mariadb, version: 11.8.3-MariaDB}
  register: trials
"""

RETURN = r"""
missing:
  description: The servers whose sets this host cannot drill.
  returned: success
  type: list
  elements: dict
  contains:
    engine:
      description: The engine.
      type: str
      sample: postgresql
    version:
      description: The server's version.
      type: str
      sample: 15.8 (Debian 15.8-0+deb12u1)
    message:
      description: What is missing, and what to do.
      type: str
      sample: PostgreSQL 15 is not installed on this host. Install the package postgresql-15 (Debian, Ubuntu).
    packages:
      description: Packages of Debian and Ubuntu that provide it; empty if none is known.
      type: list
      elements: str
      sample: [postgresql-15]
"""

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.programs import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import carry_out


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    carry_out(module, "look for what trial restores need", on="this host", work=lambda: call(module.params))


if __name__ == "__main__":
    main()
