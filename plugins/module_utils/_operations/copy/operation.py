# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying a list of sets; one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system.patience import with_patience
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..selection import SetSelection
from ..sets_report import SetsReport
from .delivery import Delivery
from .reencryption import Reencryption
from .transfer import Copied, CopyOptions, Transfer


@dataclasses.dataclass
class CopiesReport(SetsReport):
    """What the module that copies sets returns.

    :param left_out: one entry per set that was chosen and is suspect, with the reason.
    :param absent: ids of sets that were asked for and that the origin does not hold.
    """

    left_out: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    absent: list[str] = dataclasses.field(default_factory=list)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        return {**super().result(), "left_out": self.left_out, "absent": self.absent}


def copy_sets(
    origin: Medium,
    destination: Medium,
    selection: SetSelection,
    *,
    except_sets: t.Collection[SetId],
    options: CopyOptions,
    reencryption: Reencryption | None,
    status_file: str | None,
    check_mode: bool,
    only_fit: bool = False,
) -> CopiesReport:
    """Copy every chosen set that the destination does not hold; a suspect one only where its id is given.

    :param except_sets: ids that are left out.
    :param only_fit: whether ids are left out too that the origin does not hold, or whose sets are suspect.
    :raises BackupError: when the origin cannot be listed, or the request makes no sense.
    """
    report = CopiesReport()
    if reencryption is not None and options.move:
        raise Refused(
            "re-encrypt sets",
            on=f"{origin.describe()} to {destination.describe()}",
            why="a set that is delivered stays where it is, but move was given",
            next_step="Remove move, or the recipients.",
        )
    takes_suspect = selection.ids is not None and not only_fit
    if only_fit:
        selection = _those_there(selection, origin, report)
    choice = selection.resolve(origin)
    report.note(choice)
    for set_id in choice.sets:
        if set_id in except_sets:
            continue
        progress = Progress(status_file, operation="copy", subject=str(set_id))
        try:
            with contained("copy a set", on=f"{set_id} from {origin.describe()}", blame=SetInvalid):
                suspect = None if takes_suspect else read_description(set_id, origin.contents(set_id)).suspect
                if suspect:
                    report.left_out.append({"id": str(set_id), "reason": suspect})
                    continue
                copied = _copy(Transfer(origin, destination, set_id, options, progress), reencryption, check_mode)
        except BackupError as error:
            report.fail(set_id, error)
            continue
        finally:
            progress.finish()
        report.sets.append(
            {
                "id": str(set_id),
                "changed": copied.changed,
                "bytes": copied.bytes,
                "seconds": copied.seconds,
                "verified": copied.verified,
                "path": destination.local_path(set_id),
                "tag_manifest_sha256": copied.tag_manifest_sha256,
            }
        )
    return report


def _copy(transfer: Transfer, reencryption: Reencryption | None, check_mode: bool) -> Copied:
    """Copy one set, or look whether it would be copied.

    :raises BackupError: when it cannot be copied.
    """
    if reencryption is None:
        if check_mode:
            return Copied(transfer.set_id, transfer.would_change(), 0, 0.0, False)
        return with_patience(transfer.run)
    delivery = Delivery(**vars(transfer), keys=reencryption)
    if check_mode:
        return Copied(transfer.set_id, delivery.would_change(), 0, 0.0, False)
    # What has been encrypted once is sent as it is, however many times that takes.
    return delivery.run()


def _those_there(selection: SetSelection, origin: Medium, report: CopiesReport) -> SetSelection:
    """Leave out of a selection by id what the origin does not hold, and note it."""
    if selection.ids is None:
        return selection
    there = tuple(set_id for set_id in selection.ids if origin.holds(set_id))
    report.absent = sorted({str(set_id) for set_id in selection.ids if set_id not in there})
    return dataclasses.replace(selection, ids=there)
