# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify a list of sets in place; one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Refused,
    SetInvalid,
    Unreadable,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium, Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..rereading import Budget, Rereading, left_out
from ..selection import SetSelection
from ..sets_report import SetsReport
from . import set_verification


@dataclasses.dataclass
class VerifyReport(SetsReport):
    """What the module that verifies sets returns.

    :param left_out: one entry per set that the budget was too small for.
    """

    left_out: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {**super().result(), "left_out": self.left_out}


def verify_sets(
    medium: Medium,
    selection: SetSelection,
    *,
    rereading: Rereading | None = None,
    allowed_signers: str | None,
    set_aside: bool,
    status_file: str | None,
    check_mode: bool,
) -> VerifyReport:
    """Read every byte of every chosen set, and remember on a local medium which passed.

    :param rereading: with its days, of the chosen only those that were last read so long ago (local media); None: all.
    :param set_aside: move a set that failed out of the way (local media).
    :raises BackupError: when the medium cannot be listed.
    """
    rereading = rereading or Rereading(None, Budget())
    report = VerifyReport()
    choice = selection.resolve(medium)
    report.note(choice)
    local = medium.local
    if rereading.days is not None and local is None:
        raise Refused(
            "read copies again",
            on=medium.describe(),
            why="when its sets were last read is not recorded",
            next_step="Run it on the host that has the directory. Copies in an object store are read again by"
            " set_audit.",
        )
    last: dict[SetId, datetime.datetime | None] = {}
    if local is not None and rereading.days is not None:
        last = {set_id: set_verification.last_read(local, set_id) for set_id in choice.sets}
    for set_id in _due(choice.sets, last, rereading):
        if not rereading.budget.allows(_size(medium, set_id)):
            report.left_out.append(left_out(set_id, last.get(set_id), rereading))
            continue
        signed = allowed_signers is not None
        known = False
        progress = Progress(status_file, operation="verify", subject=str(set_id))
        try:
            with contained("verify a set", on=f"{set_id} on {medium.describe()}", blame=SetInvalid):
                known = set_verification.recall(medium, set_id, signed=signed) is not None
                progress.stage("verifying", total_bytes=sum(medium.contents(set_id).sizes().values()))
                verification, description = set_verification.verify(
                    medium, set_id, allowed_signers=allowed_signers, progress=progress.advance
                )
                _check_facts(description)
        except Unreadable as error:  # Nothing is known of it: it stays where it is, and what passed once has passed.
            report.fail(set_id, error)
            continue
        except BackupError as error:
            # What this host lacks (a program, the allowed signers) is not the set's fault.
            bad = local is not None and isinstance(error, SetInvalid)
            aside = bad and set_aside
            if local is not None and bad and not check_mode:
                aside = _put_away(local, set_id, error, aside=aside)
            report.fail(set_id, error, changed=bad and (known or aside))
            continue
        finally:
            progress.finish()
        remembered = local is not None and (check_mode or set_verification.remember(local, set_id, verification))
        report.sets.append(
            {
                **{name: value for name, value in vars(verification).items() if name != "first_verified"},
                "engine": description.engine,
                "series": description.series,
                "changed": remembered and not known,
                "remembered": remembered,
            }
        )
    return report


def _due(
    sets: t.Sequence[SetId], last: t.Mapping[SetId, datetime.datetime | None], rereading: Rereading
) -> list[SetId]:
    """Return the sets that are to be read now, in this order."""
    if rereading.days is None:
        return list(sets)
    now = host_clock.now()
    never = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    due = [set_id for set_id in sets if rereading.is_due(last[set_id], now)]
    return sorted(due, key=lambda set_id: (last[set_id] or never, set_id))


def _size(medium: Medium, set_id: SetId) -> int:
    """Return the bytes of a set; zero where that cannot be found out, which verifying it will tell."""
    try:
        with contained("verify a set", on=str(set_id)):
            return sum(medium.contents(set_id).sizes().values())
    except BackupError:
        return 0


def _check_facts(description: Description) -> None:
    # Only who verifies needs the engines, and loading them takes longer than most modules do.
    from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts.set_facts import check_facts

    check_facts(description)


def _put_away(medium: LocalMedium, set_id: SetId, error: BackupError, *, aside: bool) -> bool:
    """Forget that a set has passed, and set it aside where that is asked for; whether it was."""
    if not set_verification.forget(medium, set_id):
        error.details.append("that it was once verified could not be forgotten: the medium is read-only")
    return aside and _set_aside(medium, set_id, error)


def _set_aside(medium: LocalMedium, set_id: SetId, error: BackupError) -> bool:
    try:
        with contained("set a set aside", on=str(set_id)):
            error.details.append(f"it was set aside as {medium.set_aside(set_id)}")
    except BackupError as problem:
        error.details.append(f"it could not be set aside: {problem.why}")
        return False
    return True
