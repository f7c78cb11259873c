# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What later tasks need, so that it is imported and looked up once, and not again by every worker.

Before Ansible forks a worker for a task, it imports the task's action in the process of the playbook itself. An action
that imports this module therefore imports it for every worker that is forked after that.
"""

from __future__ import annotations

import typing as t

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.filter import core
from ansible.template import Templar

from ansible_collections.infitulua.backup.plugins.plugin_utils import (
    _cloud_report,
    _compliance,
    _inventory,
    _inventory_check,
    _report,
    _rereading,
    _restore_plan,
    _restore_report,
    _restore_request,
    _steps,
)

MODULES: t.Final = (
    core,
    _cloud_report,
    _compliance,
    _inventory,
    _inventory_check,
    _report,
    _rereading,
    _restore_plan,
    _restore_report,
    _restore_request,
    _steps,
)

# Filters and tests that the playbooks use: who meets with one first looks for its plugin, and builds the lexer.
_EXPRESSION: t.Final = (
    "{{ [{'a': 1}] | selectattr('a', 'eq', 1) | map(attribute='a') | reject('in', []) | list"
    " | length | default(0, true) | bool }}"
)


def _look_up() -> None:
    try:
        from ansible.template import trust_as_template
    except ImportError:  # ansible-core before 2.19 takes any text for a template.
        Templar(DataLoader()).template(_EXPRESSION)
    else:
        Templar(DataLoader()).template(trust_as_template(_EXPRESSION))


_look_up()
