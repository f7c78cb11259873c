# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Spanish catalogue, by what a text is: its English template, and the same in Spanish."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils._spanish_actions import ACTIONS
from ansible_collections.infitulua.backup.plugins.plugin_utils._spanish_findings import (
    CHECKS,
    COUNTS,
    FINDINGS,
    SUBJECTS,
    TARGETS,
)
from ansible_collections.infitulua.backup.plugins.plugin_utils._spanish_preparation import (
    PREPARATION_ACTIONS,
    PREPARATION_REASONS,
    PREPARATION_STEPS,
    PREPARATION_SUBJECTS,
)
from ansible_collections.infitulua.backup.plugins.plugin_utils._spanish_reasons import REASONS
from ansible_collections.infitulua.backup.plugins.plugin_utils._spanish_retention import (
    RETENTION_ACTIONS,
    RETENTION_REASONS,
    RETENTION_STEPS,
)
from ansible_collections.infitulua.backup.plugins.plugin_utils._spanish_steps import STEPS

CATALOGUE: t.Mapping[str, t.Mapping[str, str]] = {
    "actions": {**ACTIONS, **PREPARATION_ACTIONS, **RETENTION_ACTIONS},
    "checks": CHECKS,
    "counts": COUNTS,
    "findings": FINDINGS,
    "reasons": {**REASONS, **PREPARATION_REASONS, **RETENTION_REASONS},
    "steps": {**STEPS, **PREPARATION_STEPS, **RETENTION_STEPS},
    "subjects": {**SUBJECTS, **PREPARATION_SUBJECTS},
    "targets": TARGETS,
}
