# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify a list of sets in place; one that fails does not stop the others."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, SetInvalid, Unreadable
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium, Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..selection import SetSelection
from ..sets_report import SetsReport
from . import set_verification


def verify_sets(
    medium: Medium,
    selection: SetSelection,
    *,
    allowed_signers: str | None,
    set_aside: bool,
    status_file: str | None,
    check_mode: bool,
) -> SetsReport:
    """Read every byte of every chosen set, and remember on a local medium which passed.

    :param set_aside: move a set that failed out of the way (local media).
    :raises BackupError: when the medium cannot be listed.
    """
    report = SetsReport()
    choice = selection.resolve(medium)
    report.note(choice)
    for set_id in choice.sets:
        local = medium.local
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
