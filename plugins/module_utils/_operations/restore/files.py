# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What files_restore takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts import file_targets
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import target_arguments

from ..outermost import Answer
from .call import carry_out_restore, restore_arguments

ARGUMENTS = restore_arguments(target_arguments(file_targets.NAMES))


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Restore a set, or look whether it can be.

    :raises BackupError: when it cannot be restored.
    """
    return carry_out_restore(params, engines=file_targets.NAMES, check_mode=check_mode)
