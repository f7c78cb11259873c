# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters of later tasks need, so that it is imported once, and not again by every worker.

Before Ansible forks a worker for a task, it imports the task's action in the process of the playbook itself. An action
that imports this module therefore imports it for every worker that is forked after that.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.filter import core

from ansible_collections.infitulua.backup.plugins.plugin_utils import (
    _inventory,
    _report,
    _restore_plan,
    _restore_report,
    _restore_request,
    _steps,
)

MODULES: t.Final = (core, _inventory, _report, _restore_plan, _restore_report, _restore_request, _steps)
