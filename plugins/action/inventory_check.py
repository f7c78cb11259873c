# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the inventory, on the control node alone."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.infitulua.backup.plugins.plugin_utils import _inventory_check, _shared_imports
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import LANGUAGES, catalogue

_FOR_LATER_TASKS = _shared_imports.MODULES


class ActionModule(ActionBase):
    """Fail if something is wrong with the inventory."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the action."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        del tmp
        _validation, arguments = self.validate_argument_spec(
            {
                "language": {"type": "str", "choices": list(LANGUAGES), "default": LANGUAGES[0]},
                "limited_to": {"type": "list", "elements": "str"},
            }
        )
        variables = task_vars or {}
        texts = catalogue(arguments["language"]).texts
        found = _inventory_check.problems(variables["hostvars"], variables["groups"], texts)
        servers = variables["groups"].get("servers", ())
        if arguments["limited_to"] is not None and servers and not set(servers) & set(arguments["limited_to"]):
            found.append(texts["limit_without_servers"] % {"servers": ", ".join(servers)})
        if found:
            result.update(failed=True, msg=" ".join(found))
        return {**result, "changed": False, "problems": found}
