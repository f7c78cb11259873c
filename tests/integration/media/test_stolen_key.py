# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thief with a server's put-only key, at every moment of an upload, against a real object store with Object Lock."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    BackupError,
    NotFound,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import multipart
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import store as s3_store
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import upload as s3_upload
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import ObjectStore

from .conftest import Connect, contents_of, copy_set, random_bytes, write_set
from .robbed_institution import TIME, Institution


@pytest.fixture
def institution(tmp_path: Path, connect: Connect, object_store: ObjectStore) -> Institution:
    """One with nothing backed up yet."""
    return Institution(tmp_path, connect, object_store)


def forge(house: Institution, set_id: SetId) -> None:
    """What a first look takes for a set: a description that parses, and a declaration."""
    description = Path(house.disk.path(set_id), "backup.json").read_bytes()
    house.put(set_id, "backup.json", description.replace(b"INFITULU", b"LADRONES"))
    house.put(set_id, "bagit.txt", b"x")


def forge_whole(house: Institution, set_id: SetId) -> None:
    """A set that fits together, of other content; only the signature is missing."""
    if not house.forgery.holds(set_id):
        write_set(house.forgery, set_id, {"1.zst.age": random_bytes(20_000, seed=99), "2.zst.age": b"rolls"})
    for path, data in sorted(contents_of(house.forgery.contents(set_id)).items()):
        house.put(set_id, path, data)


def forge_of_2099(house: Institution, set_id: SetId) -> None:
    """A whole set, of a time that will be the newest for long."""
    forge_whole(house, dataclasses.replace(set_id, time="20990101T000000Z"))


def forge_later(house: Institution, set_id: SetId) -> None:
    """A whole set of the same night, a minute later."""
    forge_whole(house, dataclasses.replace(set_id, time="20261122T030100Z"))


def add(house: Institution, set_id: SetId) -> None:
    house.put(set_id, "data/added.age", b"hostile")


def put_payload(house: Institution, set_id: SetId) -> None:
    """One of the same size, so that only its digest tells it apart."""
    house.put(set_id, "data/1.zst.age", random_bytes(20_000, seed=77))


def put_bagit(house: Institution, set_id: SetId) -> None:
    house.put(set_id, "bagit.txt", b"hostile")


def put_signature(house: Institution, set_id: SetId) -> None:
    house.put(set_id, "signature", b"hostile")


def put_everything(house: Institution, set_id: SetId) -> None:
    for path in sorted(house.disk.contents(set_id).sizes()):
        house.put(set_id, path, b"hostile")


Attack = Callable[[Institution, SetId], None]
ATTACKS: tuple[Attack, ...] = (
    forge,
    forge_whole,
    forge_of_2099,
    forge_later,
    add,
    put_payload,
    put_bagit,
    put_signature,
    put_everything,
)
# What pretends to be a set of its own is an alarm whenever it comes.
OWN_SETS: set[Attack] = {forge_of_2099, forge_later}
ALARMS: dict[str, t.AbstractSet[Attack]] = {
    "before the upload": set(ATTACKS) - {add},
    # bagit.txt is the same in every set: a thief who puts that one completes ours.
    "before bagit.txt": OWN_SETS | {forge, put_bagit, put_everything},
    "before the audit": OWN_SETS,
    "after the audit": OWN_SETS,
}
# Whether the two audits of the first day, before and after the upload, fail. What is put later the second day finds.
FIRST_DAY = {"before the upload": [True, True], "before bagit.txt": [False, True]}


@pytest.mark.parametrize("moment", ALARMS)
def test_a_thief_spoils_nothing_and_is_told_every_day(
    institution: Institution, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    sets = {attack: institution.back_up(attack.__name__, seed) for seed, attack in enumerate(ATTACKS)}
    before = {set_id: contents_of(institution.vault.contents(set_id)) for set_id in sets.values()}
    attempt = s3_store.Store.attempt
    waiting = dict(sets)

    def strike(now: str) -> None:
        if now == moment:
            for attack in list(waiting):
                attack(institution, waiting.pop(attack))

    def watched(self: t.Any, operation: str, **parameters: t.Any) -> t.Any:
        key = str(parameters.get("Key"))
        if operation == "put_object" and moment == "before bagit.txt" and key.endswith("/bagit.txt"):
            for attack, set_id in list(waiting.items()):
                if str(set_id) in key:
                    attack(institution, waiting.pop(attack))
        return attempt(self, operation, **parameters)

    monkeypatch.setattr(s3_store.Store, "attempt", watched)
    strike("before the upload")
    first = institution.audit()
    uploaded = institution.upload(first)
    strike("before the audit")
    reports = [first, institution.audit(*uploaded)]
    if moment == "after the audit":
        assert not first.failures and not reports[1].failures
        strike(moment)
    assert not waiting

    # On the second day the same is told, and nothing is stored or read a second time.
    (second_day,) = institution.step4()
    reports.append(second_day)
    assert second_day.missing == []
    assert {entry["id"] for entry in second_day.sets} == {str(set_id) for set_id in sets.values()}
    assert not any(entry["changed"] for entry in second_day.sets)
    told = {str(entry["id"]).split("/")[1] for entry in second_day.failures}
    assert told == {attack.__name__ for attack in ALARMS[moment]}, [entry["message"] for entry in second_day.failures]
    remarked = {str(entry["id"]).split("/")[1] for entry in second_day.remarks}
    assert add.__name__ in remarked
    assert told | remarked == {attack.__name__ for attack in ATTACKS}
    for report in reports:
        assert all("the server web1" in entry["message"] for entry in report.failures)
    assert [bool(report.failures) for report in reports[:2]] == FIRST_DAY.get(moment, [False, False])

    for attack, set_id in sets.items():
        assert institution.restored(set_id, "systems-computer") == before[set_id], attack.__name__
        # A systems computer that is new has no receipts; the signatures tell it what is what.
        assert institution.restored(set_id, "new-systems-computer") == before[set_id], attack.__name__


def test_the_object_that_blocks_a_set_is_named_and_what_our_upload_left_there_is_not(
    institution: Institution,
) -> None:
    set_id = institution.back_up("accounts", 1)
    put_payload(institution, set_id)
    _first, second = institution.step4()
    (entry,) = second.sets
    (failure,) = second.failures
    assert f"{set_id}/data/1.zst.age" in failure["message"]
    assert "tagmanifest" not in failure["message"], "that one is ours, of the upload that was blocked"
    assert f"{set_id}." in entry["place"]

    # The operator deletes it: the marker is enough, and the alarm ends.
    admin = institution.store.client()
    admin.delete_object(Bucket=institution.store.bucket, Key=f"{institution.server.prefix}/{set_id}/data/1.zst.age")
    (report,) = institution.step4()
    assert (report.failures, report.missing) == ([], [])


def test_a_large_object_whose_place_is_taken_leaves_no_parts_behind(
    institution: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_upload, "MULTIPART_ABOVE_BYTES", 6 * 1024 * 1024)
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * 1024 * 1024)
    set_id = SetId("web1", "files", TIME)
    write_set(
        institution.disk, set_id, {"1.zst.age": random_bytes(7_000_000)}, signing_key=str(institution.signing_key)
    )
    copy_set(institution.disk, institution.vault, set_id)
    put_payload(institution, set_id)
    _first, second = institution.step4()
    assert [entry["id"] for entry in second.sets] == [str(set_id)]
    assert "data/1.zst.age" in second.failures[0]["message"]
    assert institution.restored(set_id, "new-systems-computer") == contents_of(institution.vault.contents(set_id))
    dangling = institution.store.client().list_multipart_uploads(Bucket=institution.store.bucket).get("Uploads", ())
    assert not [each for each in dangling if each["Key"].startswith(institution.server.prefix)]


def test_an_audit_that_failed_or_was_prevented_is_repeated(
    institution: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_id = institution.back_up("accounts", 1)
    assert institution.upload(institution.audit()) == [set_id]
    attempt = s3_store.Store.attempt

    def fail(self: t.Any, operation: str, **parameters: t.Any) -> t.Any:
        if operation == "get_object" and str(parameters["Key"]).endswith("/data/1.zst.age"):
            error = BackupError("read", on="it", why="the store answered SlowDown", next_step="Wait.")
            raise s3_store.Declined(error, code="SlowDown", status=503)
        return attempt(self, operation, **parameters)

    with monkeypatch.context() as patch:
        patch.setattr(s3_store.Store, "attempt", fail)
        for _day in range(2):
            report = institution.audit()
            assert [entry["id"] for entry in report.failures] == [str(set_id)]
            assert report.sets == []
    report = institution.audit()
    assert [entry["changed"] for entry in report.sets] == [True]
    assert [entry["changed"] for entry in institution.audit().sets] == [False]


def test_a_copy_that_the_store_lost_is_told_and_stored_anew(institution: Institution) -> None:
    set_id = institution.back_up("accounts", 1)
    institution.step4()
    admin = institution.store.client()
    named = {"Bucket": institution.store.bucket, "Prefix": f"{institution.server.prefix}/{set_id}/data/"}
    for version in admin.list_object_versions(**named)["Versions"]:
        admin.delete_object(
            Bucket=institution.store.bucket,
            Key=version["Key"],
            VersionId=version["VersionId"],
            BypassGovernanceRetention=True,
        )
    first, second = institution.step4()
    assert "deleted or changed" in first.failures[0]["message"]
    assert first.missing == [str(set_id)]
    assert [entry["changed"] for entry in second.sets] == [True]
    assert institution.restored(set_id, "systems-computer") == contents_of(institution.vault.contents(set_id))


def test_delete_markers_hide_nothing_that_was_audited(institution: Institution) -> None:
    set_id = institution.back_up("accounts", 1)
    institution.step4()
    admin = institution.store.client()
    for path in institution.disk.contents(set_id).sizes():
        admin.delete_object(Bucket=institution.store.bucket, Key=f"{institution.server.prefix}/{set_id}/{path}")
    (report,) = institution.step4()
    assert (report.failures, report.missing) == ([], [])
    assert any("have delete markers" in entry["message"] for entry in report.remarks)
    assert institution.restored(set_id, "systems-computer") == contents_of(institution.vault.contents(set_id))
    with pytest.raises(NotFound):
        institution.reader("new-systems-computer").contents(set_id)


def test_whoever_has_the_signing_key_too_is_found_out_by_the_vault(institution: Institution) -> None:
    set_id = institution.back_up("accounts", 1)
    key = str(institution.signing_key)
    write_set(institution.forgery, set_id, {"1.zst.age": b"another"}, signing_key=key)
    forge_whole(institution, set_id)
    first, second = institution.step4()
    assert first.missing == [str(set_id)]
    assert "is not the set that should be there" in first.failures[0]["message"]
    assert len(second.sets) == 1 and len(second.failures) == 1
    assert institution.restored(set_id, "systems-computer") == contents_of(institution.vault.contents(set_id))


def test_a_forgery_of_a_later_year_is_a_forgery_and_no_clock_s_fault(institution: Institution) -> None:
    good = institution.back_up("accounts", 1)
    institution.step4()
    forged = dataclasses.replace(good, time="20990101T000000Z")
    write_set(institution.forgery, forged, {"1.zst.age": b"x"}, signing_key=str(institution.signing_key))
    forge_whole(institution, forged)
    for at in (None, "20260101T000000Z", "20991231T000000Z"):
        choice = SetSelection(host="web1", source="accounts", newest=True, at=at).resolve(institution.reader())
        assert choice.late == []


def test_an_older_set_is_found_where_newer_ones_were_never_audited(institution: Institution) -> None:
    good = institution.back_up("accounts", 1)
    institution.step4()
    later = dataclasses.replace(good, time="20261123T030000Z")
    write_set(institution.forgery, later, {"1.zst.age": b"x"}, signing_key=str(institution.signing_key))
    forge_whole(institution, later)
    reader = institution.reader()
    choice = SetSelection(host="web1", source="accounts", newest=True).resolve(reader)
    assert choice.sets == [good]
    ((passed_over, reason),) = choice.ineligible
    assert passed_over == later
    assert str(later) in reason.message and "not been audited" in reason.message
    (report,) = institution.step4()
    (remark,) = report.remarks
    assert (remark["id"], str(later) in remark["message"]) == ("web1/accounts", True)
    assert "have not been audited" in remark["message"]
    # By its id it can be had.
    assert SetSelection(ids=(later,)).choose(reader) == [later]


def test_stored_over_and_over_in_vain_it_ends(institution: Institution) -> None:
    set_id = institution.back_up("accounts", 1)
    for _time in range(6):
        copy_set(institution.disk, institution.server, set_id, anew=True, verify=False)
    with pytest.raises(BackupError, match=r"stored at 6 places.*replace this server's key"):
        copy_set(institution.disk, institution.server, set_id, anew=True, verify=False)
    report = institution.audit()
    assert len(report.sets) == 1 and report.missing == []


def test_without_versions_the_named_objects_are_the_set_and_what_was_altered_is_stored_anew(
    institution: Institution,
) -> None:
    admin = institution.store.client()
    admin.create_bucket(Bucket="plain")
    institution.options = {"bucket": "plain"}
    institution.server = institution.connect(institution.store.admin, **institution.options)
    institution.thief, institution.store = admin, t.cast(t.Any, _Named(institution.store, "plain"))
    kept, added, altered = (institution.back_up(name, seed) for seed, name in enumerate(("kept", "added", "altered")))
    institution.step4()
    add(institution, added)
    put_payload(institution, altered)
    first, second = institution.step4()
    assert {entry["id"] for entry in first.sets} == {str(kept), str(added)}
    assert {entry["id"] for entry in first.remarks} == {str(added)}
    assert (first.keeps_versions, second.keeps_versions) == (False, False)
    assert first.missing == [str(altered)]
    assert "deleted or changed" in first.failures[0]["message"]
    assert [entry["id"] for entry in second.sets] == [str(altered)]
    for set_id in (kept, added, altered):
        assert institution.restored(set_id, "systems-computer") == contents_of(institution.vault.contents(set_id))


class _Named:
    """The same store, another bucket."""

    def __init__(self, store: ObjectStore, bucket: str) -> None:
        self.bucket = bucket
        self.reader = store.admin
        self.client = store.client


def test_what_is_no_set_at_all_is_refused_with_its_reasons(institution: Institution) -> None:
    set_id = institution.back_up("accounts", 1)
    forge(institution, set_id)
    reader = institution.reader()
    assert reader.sets() == [set_id]
    with pytest.raises(SetInvalid, match=rf"{set_id}/: there is no {bag.TAG_MANIFEST}"):
        reader.contents(set_id)
    choice = SetSelection(newest=True).resolve(reader)
    assert choice.sets == []
    passed_over = choice.ineligible
    assert len(passed_over) == 1


def put_unreadable(house: Institution, set_id: SetId, *paths: str) -> None:
    """Objects that only who put them can read: the store has them encrypted with the thief's own key (SSE-C)."""
    for path in paths:
        house.thief.put_object(
            Bucket=house.store.bucket,
            Key=f"{house.server.prefix}/{set_id}/{path}",
            Body=b"hostile",
            SSECustomerAlgorithm="AES256",
            SSECustomerKey=b"k" * 32,
        )


def test_what_only_the_thief_can_read_hides_no_good_copy(institution: Institution) -> None:
    names = ("first", "over", "payload")
    first, over, payload = (institution.back_up(name, seed) for seed, name in enumerate(names))
    # In a set's place before it comes; over each of its objects before the audit; over its payload alone.
    put_unreadable(institution, first, "bagit.txt", bag.TAG_MANIFEST)
    put_unreadable(institution, payload, "data/1.zst.age")
    report = institution.audit()
    assert set(report.missing) == {str(first), str(over), str(payload)}
    (failure,) = report.failures
    assert failure["id"] == str(first)
    assert "cannot be read" in failure["message"] and "the server web1" in failure["message"]
    uploaded = institution.upload(report)
    for path in institution.disk.contents(over).sizes():
        put_unreadable(institution, over, path)
    report = institution.audit(*uploaded)
    assert {entry["id"] for entry in report.sets} == {str(first), str(over), str(payload)}
    assert {entry["id"] for entry in report.failures} == {str(first), str(payload)}, "their places are taken"
    (second_day,) = institution.step4()
    assert (second_day.missing, [entry["changed"] for entry in second_day.sets]) == ([], [False] * 3)
    for set_id in (first, over, payload):
        for state in ("systems-computer", "new-systems-computer"):
            assert institution.restored(set_id, state) == contents_of(institution.vault.contents(set_id))


def test_an_id_that_cannot_be_read_hides_no_other_of_its_source(institution: Institution) -> None:
    good = institution.back_up("accounts", 1)
    institution.step4()
    later = dataclasses.replace(good, time="20261123T030000Z")
    put_unreadable(institution, later, "bagit.txt", bag.TAG_MANIFEST)
    choice = SetSelection(host="web1", source="accounts", newest=True).resolve(
        institution.reader("new-systems-computer")
    )
    assert choice.sets == [good]
    ((passed_over, reason),) = choice.ineligible
    assert passed_over == later
    assert str(later) in reason.message and "the server web1" in reason.message
    (report,) = institution.step4()
    assert [(entry["id"], "the server web1" in entry["message"]) for entry in report.failures] == [(str(later), True)]


def test_payload_that_is_withheld_is_stored_anew(institution: Institution) -> None:
    set_id = institution.back_up("accounts", 1)
    # Who is on the server has the signed set itself.
    for path, data in contents_of(institution.disk.contents(set_id)).items():
        if path == "data/1.zst.age":
            put_unreadable(institution, set_id, path)
        else:
            institution.put(set_id, path, data)
    first, second = institution.step4()
    assert first.missing == [str(set_id)]
    assert "reading its objects is refused" in first.failures[0]["message"]
    assert [entry["id"] for entry in second.sets] == [str(set_id)]
    assert institution.restored(set_id, "new-systems-computer") == contents_of(institution.vault.contents(set_id))


def test_a_key_that_may_read_nothing_makes_no_set_missing(institution: Institution) -> None:
    set_id = institution.back_up("accounts", 1)
    assert institution.upload(institution.audit()) == [set_id]
    attempt = s3_store.Store.attempt

    def denied(self: t.Any, operation: str, **parameters: t.Any) -> t.Any:
        if operation == "get_object":
            error = AccessDenied("read", on="it", why="the store does not allow it", next_step="Grant it.")
            raise s3_store.Declined(error, code="AccessDenied", status=403)
        return attempt(self, operation, **parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_store.Store, "attempt", denied)
        report = institution.audit()
    assert (report.missing, [entry["id"] for entry in report.failures]) == ([], [str(set_id)])
    assert "if it can read none, grant it that permission" in report.failures[0]["message"]


def test_where_the_store_refuses_the_key_it_is_said_what_was_never_read_there(institution: Institution) -> None:
    stored = institution.back_up("stored", 1)
    assert [report.keeps_versions for report in institution.step4()] == [None, True]
    institution.options = {"secret_key": "no-longer-valid"}
    with pytest.raises(BackupError) as known:
        institution.audit()
    assert f"Every set of {institution.vault.describe()} was read there before." in known.value.message
    waiting = institution.back_up("waiting", 2)
    with pytest.raises(BackupError) as unknown:
        institution.audit()
    assert unknown.value.message.endswith(f"were never read there: '{waiting}'.")
    assert str(stored) not in unknown.value.message
