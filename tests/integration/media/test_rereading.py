# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies in a real object store that nobody has read for long: they are read again, and what went bad is replaced."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._operations.audit.operation import (
    AuditReport,
    audit_sets,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import Drill, DrillRecord
from ansible_collections.infitulua.backup.plugins.module_utils._operations.removed_sets import (
    RemovedSet,
    note_removed,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.rereading import Budget, Rereading
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from .conftest import contents_of, copy_set, random_bytes
from .test_stolen_key import Institution

pytest_plugins = ["tests.integration.media.test_stolen_key"]


def days_ago(days: float) -> str:
    return host_clock.write(host_clock.now() - datetime.timedelta(days=days))


def receipt_of(house: Institution, set_id: SetId) -> Path:
    state = house.directory / "state-of-systems-computer"
    (path,) = state.glob(f"receipts/*/{set_id.host}/{set_id.source}/{set_id.time}.json")
    return path


def read_long_ago(house: Institution, set_id: SetId, days: float) -> None:
    """Let the receipt of a set say that it was read so long ago."""
    path = receipt_of(house, set_id)
    path.write_text(json.dumps({**json.loads(path.read_text()), "audited": days_ago(days)}))


def audit(house: Institution, *, budget: Budget | None = None, drills: DrillRecord | None = None) -> AuditReport:
    return audit_sets(
        house.reader(),
        house.vault,
        SetSelection(host="web1"),
        rereading=Rereading(30, budget or Budget()),
        drills=drills,
        status_file=None,
        check_mode=False,
    )


def reread(report: AuditReport) -> list[str]:
    return [entry["id"] for entry in report.sets if entry["reread"]]


def test_what_nobody_has_read_for_a_month_is_read_again_once_the_oldest_first(institution: Institution) -> None:
    young, old, oldest = (institution.back_up(name, seed) for seed, name in enumerate("abc"))
    institution.step4()
    for set_id, days in ((young, 28.5), (old, 29.5), (oldest, 45)):
        read_long_ago(institution, set_id, days)
    first = audit(institution, budget=Budget(size=1))
    assert (reread(first), first.failures, first.changed) == ([str(oldest)], [], False)
    assert first.left_out == [{"id": str(old), "last_read": first.left_out[0]["last_read"], "overdue": False}]
    assert sorted(entry["id"] for entry in first.sets) == sorted(map(str, (young, old, oldest)))
    assert reread(audit(institution)) == [str(old)]
    assert reread(audit(institution)) == []


def test_a_copy_that_went_bad_in_the_store_is_stored_again_and_the_good_one_is_used(
    institution: Institution,
) -> None:
    set_id = institution.back_up("accounts", 1)
    institution.step4()
    # No key can alter what a version holds. So the receipt is made to name another one of the same size, which the
    # store gives in its place as a store would that has lost some bits.
    key = f"{institution.server.prefix}/{set_id}/data/1.zst.age"
    rotten = institution.thief.put_object(Bucket=institution.store.bucket, Key=key, Body=random_bytes(20_000, seed=9))
    path = receipt_of(institution, set_id)
    receipt = json.loads(path.read_text())
    receipt["objects"]["data/1.zst.age"].update(version=rotten["VersionId"], etag=rotten["ETag"])
    path.write_text(json.dumps(receipt))
    assert institution.audit().failures == []  # Nobody has read it.
    read_long_ago(institution, set_id, 31)
    found = audit(institution)
    assert (found.missing, found.sets) == ([str(set_id)], [])
    assert "data/1.zst.age" in found.message
    assert not path.exists()
    institution.upload(found)
    again = audit(institution)
    assert (again.failures, [entry["id"] for entry in again.sets]) == ([], [str(set_id)])
    assert again.sets[0]["place"] != f"{institution.server.prefix}/{set_id}/"
    assert institution.restored(set_id, "systems-computer") == contents_of(institution.disk.contents(set_id))


def test_what_the_vault_has_lost_is_told_and_comes_back_from_the_cloud(institution: Institution) -> None:
    lost, removed = institution.back_up("lost", 1), institution.back_up("removed", 2)
    institution.step4()
    digest = bag.tag_manifest_digest(institution.vault.contents(removed))
    note_removed(institution.vault, RemovedSet(str(removed), digest, days_ago(0), "expired", 1))
    for set_id in (lost, removed):
        shutil.rmtree(institution.vault.path(set_id))
    report = audit(institution)
    assert (report.lost, report.missing, report.failures) == ([str(lost)], [], [])
    copied = copy_set(institution.reader(), institution.vault, lost, allowed_signers=str(institution.signers))
    assert copied.verified
    assert contents_of(institution.vault.contents(lost)) == contents_of(institution.disk.contents(lost))
    assert audit(institution).lost == []


def test_of_each_source_the_newest_set_is_to_be_restored_from_the_cloud_once_a_month(
    institution: Institution, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    record = DrillRecord(str(tmp_path / "state" / "drills"))
    older, newer = (institution.back_up("accounts", 1, f"202611{day}T030000Z") for day in (21, 22))
    fresh, undrilled = institution.back_up("fresh", 3), institution.back_up("undrilled", 4)
    institution.step4()
    store = institution.reader().describe()
    # The vault's drills count as the beginning, and only those from the store after that.
    record.add(Drill(str(older), "passed", days_ago(31), "directory /srv/backup/incoming"))
    record.add(Drill(str(newer), "passed", days_ago(1), "directory /srv/backup/incoming"))
    record.add(Drill(str(newer), "failed", days_ago(1), store))
    record.add(Drill(str(fresh), "passed", days_ago(29), "directory /srv/backup/incoming"))
    assert undrilled.source not in record.sources("web1")
    assert audit(institution, drills=record).drill_due == [str(newer)]
    record.add(Drill(str(newer), "passed", days_ago(0), store))
    assert audit(institution, drills=record).drill_due == []
    assert audit(institution).drill_due == []
