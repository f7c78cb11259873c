# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Return the playbooks' messages in one language."""

from __future__ import annotations

DOCUMENTATION = r"""
name: catalogue
short_description: Return the playbooks' messages in one language
version_added: 0.1.0
author:
  - INFITULUÁ E.I.C.E. backup collection contributors (@infitulua)
description:
  - Reads the messages of the playbooks, C(playbooks/vars/messages.yml), in one language.
options:
  _terms:
    description: The language, V(es) or V(en).
    required: true
"""

EXAMPLES = r"""
- name: Say in Spanish that nothing failed
  ansible.builtin.debug:
    msg: "{{ lookup('infitulua.backup.catalogue', 'es').no_failures }}"
"""

RETURN = r"""
_raw:
  description: Each text by its key, with placeholders such as C(%(host)s).
  type: list
  elements: dict
"""

import typing as t

from ansible.plugins.lookup import LookupBase

from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue


class LookupModule(LookupBase):
    """The lookup, as Ansible wants it."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, str]]:
        """Return one value."""
        return [dict(catalogue(str(terms[0])).texts)]
