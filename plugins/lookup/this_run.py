# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identify the current run of a playbook."""

from __future__ import annotations

DOCUMENTATION = r"""
name: this_run
short_description: Identify the current run of a playbook
version_added: 0.1.0
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
description:
  - Identifies the process of the playbook, on the host where Ansible runs, and names the processes that run there now.
  - M(infitulua.backup.restore_workspace) records the run that a workspace belongs to, and removes workspaces whose run
    is no longer active.
"""

EXAMPLES = r"""
- name: Remove what dead restores have left on this host
  infitulua.backup.restore_workspace:
    state: swept
    directories: [{path: /var/lib/infitulua-backup}]
    run: "{{ lookup('infitulua.backup.this_run') }}"
"""

RETURN = r"""
_raw:
  description: C(machine), C(boot), C(namespace), C(process), C(started), C(running), a list, C(listed) and C(ticks).
  type: list
  elements: dict
"""

import typing as t

from ansible.plugins.lookup import LookupBase

from ansible_collections.infitulua.backup.plugins.plugin_utils._this_run import this_run


class LookupModule(LookupBase):
    """The lookup, as Ansible wants it."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, t.Any]]:
        """Return one value."""
        return [this_run()]
