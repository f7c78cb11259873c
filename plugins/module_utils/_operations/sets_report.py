# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules over a list of sets return: one set that fails does not stop the others."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .selection import ChosenSets


@dataclasses.dataclass
class SetsReport:
    """What a module over sets returns.

    :param sets: one entry per set that is as it should be.
    :param failures: one entry per set that is not.
    :param dated_after_now: ids of the sets on the medium, of those asked for, that are dated after now.
    """

    sets: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    failures: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    dated_after_now: list[str] = dataclasses.field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was (or would be) changed."""
        return any(entry.get("changed") for entry in [*self.sets, *self.failures])

    @property
    def message(self) -> str:
        """Every failure, in one message."""
        return " | ".join(entry["message"] for entry in self.failures)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {
            "changed": self.changed,
            "sets": self.sets,
            "failures": self.failures,
            "dated_after_now": self.dated_after_now,
        }

    def note(self, choice: ChosenSets) -> None:
        """Note what a choice brought to light: wrong dates; what would be the newest, and is doubtful."""
        self.dated_after_now = [str(set_id) for set_id in choice.late]
        for known in choice.unreadable:
            if known.problem is not None:
                self.fail(known.set_id, known.problem)
        for set_id, reason in choice.ineligible:
            self.fail(set_id, reason)

    def fail(self, set_id: SetId, error: BackupError, *, changed: bool = False) -> None:
        """Note a failure."""
        self.failures.append(
            {"id": str(set_id), "message": error.message, "details": error.details, "changed": changed}
        )
