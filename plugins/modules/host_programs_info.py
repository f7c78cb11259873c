#!/usr/bin/python

# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out which programs a host lacks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_programs_info
short_description: Find out which programs and Python libraries a host lacks
version_added: 0.1.0
description:
  - Looks for programs on E(PATH) and in the directories for system administration programs (C(sbin)), and for libraries
    of the Python that runs this module.
  - Names the packages that provide what is missing. It installs nothing; the role P(infitulua.backup.programs#role)
    does.
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
extends_documentation_fragment:
  - infitulua.backup.attributes.info
options:
  programs:
    description: Programs that must be found.
    type: list
    elements: str
    choices: [age, age-keygen, bwrap, rrsync, rsync, ssh, ssh-keygen, tar, zstd]
    default: []
  python_modules:
    description: Libraries that must be importable.
    type: list
    elements: str
    choices: [boto3]
    default: []
"""

EXAMPLES = r"""
- name: Check for the programs that write and encrypt sets
  infitulua.backup.host_programs_info:
    programs: [zstd, tar, age]
  register: programs
"""

RETURN = r"""
missing:
  description: The programs that were not found, and the libraries as C(python3-<library>).
  returned: success
  type: list
  elements: str
  sample: [age]
packages:
  description: The packages that provide them; null if the packages of the distribution are not known.
  returned: success
  type: list
  elements: str
  sample: [age]
distribution:
  description: The distribution's name.
  returned: success
  type: str
  sample: Debian GNU/Linux
family:
  description: C(Debian) or C(RedHat); null for any other.
  returned: success
  type: str
  sample: Debian
python:
  description: The Python that runs this module.
  returned: success
  type: str
  sample: /usr/bin/python3.13
user:
  description: The user who runs it.
  returned: success
  type: str
  sample: root
"""

import os
import pwd
import sys

from ansible_collections.infitulua.backup.plugins.module_utils._system.payload import compile_once

compile_once()

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer, carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare.host_programs import find_missing


def _find_missing(module: AnsibleModule) -> Answer:
    found = find_missing(module.params["programs"], module.params["python_modules"])
    return Answer(
        {
            "changed": False,
            "missing": list(found.missing),
            "packages": None if found.packages is None else list(found.packages),
            "distribution": found.distribution,
            "family": found.family,
            "python": sys.executable,
            "user": _user(),
        }
    )


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "programs": {
                "type": "list",
                "elements": "str",
                "choices": ["age", "age-keygen", "bwrap", "rrsync", "rsync", "ssh", "ssh-keygen", "tar", "zstd"],
                "default": [],
            },
            "python_modules": {"type": "list", "elements": "str", "choices": ["boto3"], "default": []},
        },
        supports_check_mode=True,
    )
    carry_out(module, "look for programs", on="this host", work=lambda: _find_missing(module))


if __name__ == "__main__":
    main()
