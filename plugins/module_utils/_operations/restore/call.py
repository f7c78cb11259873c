# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that restore take and answer alike."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import medium_argument

from ..outermost import Answer
from .operation import RESTORE_ARGUMENTS, describe_restore, make_restore
from .restoring import restore

Arguments = dict[str, dict[str, t.Any]]

#: Which of the options go together, as AnsibleModule takes it.
CONDITIONS: dict[str, t.Any] = {
    "mutually_exclusive": [("set", "source"), ("set", "host"), ("set", "at")],
    "required_together": [("host", "source")],
    "required_one_of": [("set", "source")],
}


def restore_arguments(target: Arguments) -> Arguments:
    """Return the options of a module that restores into such targets."""
    return {
        **RESTORE_ARGUMENTS,
        "medium": {**medium_argument(), "required": True},
        "target": {"type": "dict", "required": True, "options": target},
    }


def carry_out_restore(params: t.Mapping[str, t.Any], *, engines: t.Sequence[str], check_mode: bool) -> Answer:
    """Restore a set of one of these engines, or look whether it can be.

    :raises BackupError: when it cannot be restored.
    """
    result = restore(make_restore(params, engines=engines), check_mode=check_mode)
    return Answer({"changed": True, **describe_restore(result)}, result.warnings)
