# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies in a real object store follow the vault: locked by their class, and removed after their sets, never before."""

from __future__ import annotations

import datetime
import os
import signal
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Store
from ansible_collections.infitulua.backup.plugins.module_utils._operations.audit.operation import (
    AuditReport,
    audit_sets,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.sets_call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import Credentials, ObjectStore

from .conftest import Connect, contents_of, copy_set, write_set

UTC = datetime.timezone.utc
DAY = datetime.timedelta(days=1)
#: Today's set, yesterday's, and so on.
# The last half past midnight: always past, also for a run that begins at midnight.
NOON = (datetime.datetime.now(UTC) - datetime.timedelta(minutes=31)).replace(hour=0, minute=30, second=0, microsecond=0)
LAST = {"400.8.1": {"last": 1}}


class House:
    """A vault, and a cloud that follows it."""

    def __init__(self, directory: Path, connect: Connect, store: ObjectStore, vault: DirectoryMedium) -> None:
        self.directory = directory
        self.connect = connect
        self.store = store
        self.vault = vault
        self.bucket = store.bucket
        self.client = store.client()

    def reach(self, who: Credentials, **options: t.Any) -> S3Medium:
        """As the systems computer or a server does; receipts are shared, as the computer's identities share them."""
        return self.connect(who, bucket=self.bucket, state_directory=str(self.directory / "state"), **options)

    def back_up(self, *days_ago: int, **options: t.Any) -> list[SetId]:
        """A set of each of these days: in the vault, verified; in the cloud, audited."""
        made = []
        for days in days_ago:
            set_id = SetId.at("web1", "accounts", NOON - days * DAY)
            write_set(self.vault, set_id, {"1.zst.age": b"1" * 900, "globals.age": str(days).encode()})
            verification, _description = set_verification.verify(self.vault, set_id)
            assert set_verification.remember(self.vault, set_id, verification)
            who = self.store.writer if self.bucket == self.store.bucket else self.store.admin
            server = self.connect(who, bucket=self.bucket, state_directory=str(self.directory / "server"), **options)
            copy_set(self.vault, server, set_id, verify=False)
            made.append(set_id)
        report = self.audit()
        assert not report.failures and not report.missing
        return made

    def audit(self) -> AuditReport:
        who = self.store.reader if self.bucket == self.store.bucket else self.store.admin
        selection = SetSelection(host="web1")
        return audit_sets(self.reach(who), self.vault, selection, status_file=None, check_mode=False)

    def prune(
        self, policies: dict[str, t.Any], *, check_mode: bool = False, **options: t.Any
    ) -> tuple[dict[str, t.Any], str]:
        """What step 4 does with the vault and the cloud that follows it."""
        from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

        who = self.store.retention if self.bucket == self.store.bucket else self.store.admin
        cloud = {
            "type": "s3",
            "bucket": self.bucket,
            "prefix": self.reach(who).prefix,
            "endpoint_url": self.store.endpoint_url,
            "access_key": who.access_key,
            "secret_key": who.secret_key,
            "ca_bundle": str(self.store.ca_file),
            "state_directory": str(self.directory / "state"),
        }
        given = {
            "medium": {"type": "directory", "path": self.vault.root},
            "policies": policies,
            "object_store": cloud,
            **options,
        }
        checked = ArgumentSpecValidator(ARGUMENTS).validate(given)
        assert not checked.error_messages, checked.error_messages
        answer = call(checked.validated_parameters, check_mode=check_mode)
        return dict(answer.result), answer.failure

    def followed(self, policies: dict[str, t.Any], **options: t.Any) -> dict[str, dict[str, t.Any]]:
        """As :meth:`prune`, first in check mode, which changes nothing and predicts the rest exactly."""
        before = self.locks()
        predicted, failure = self.prune(policies, check_mode=True, **options)
        assert failure == ""
        assert self.locks() == before
        done, failure = self.prune(policies, **options)
        assert failure == ""
        sets = {entry["id"]: entry for entry in done["object_store"]["sets"]}
        signs = {True: {True: "+", False: " "}, False: {True: "-", False: "-"}}
        for answer in (predicted, done):
            copies = answer["object_store"]["sets"]
            lines = [line for line in answer["diff"]["prepared"].splitlines() if "copy of" in line]
            assert [line[0] for line in lines] == [signs[entry["kept"]][entry["changed"]] for entry in copies]
        for entry in predicted["object_store"]["sets"]:
            moving = {name: entry[name] for name in ("locked_until", "lock_due")}
            assert {**sets[entry["id"]], **moving} == entry
            if entry["kept"] and entry["changed"]:
                late = moment(sets[entry["id"]]["locked_until"]) - moment(entry["lock_due"])
                assert abs(late) < datetime.timedelta(minutes=1)
        again, failure = self.prune(policies, **options)
        assert (again["changed"], failure) == (False, "")
        return sets

    def locks(self) -> dict[tuple[str, str], datetime.datetime | None]:
        """Every version of every set in the cloud, with until when it is locked; as an administrator sees it."""
        prefix = self.reach(self.store.admin).prefix
        found: dict[tuple[str, str], datetime.datetime | None] = {}
        listed = self.client.list_object_versions(Bucket=self.bucket, Prefix=prefix)
        for entry in listed.get("Versions", []):
            key, version = entry["Key"], entry["VersionId"]
            if key.endswith("/.probe"):
                continue
            try:
                answer = self.client.get_object_retention(Bucket=self.bucket, Key=key, VersionId=version)
                found[key, version] = answer["Retention"]["RetainUntilDate"].astimezone(UTC)
            except self.client.exceptions.ClientError:
                found[key, version] = None
        return found

    def locks_of(self, set_id: SetId) -> set[datetime.datetime | None]:
        return {until for (key, _version), until in self.locks().items() if f"/{set_id}/" in key}


@pytest.fixture
def house(tmp_path: Path, connect: Connect, object_store: ObjectStore, vault: DirectoryMedium) -> House:
    return House(tmp_path, connect, object_store, vault)


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def test_each_copy_is_locked_by_its_class_longer_when_the_policy_is_and_never_shorter(house: House) -> None:
    sets = house.back_up(3, 2, 1, retain_days=1, retain_mode="governance")
    short = house.followed({"400.8.1": {"daily": 20}})
    for number, set_id in enumerate(sets):
        until = moment(short[str(set_id)]["locked_until"])
        # The day of Bogotá in which it was made, half past seven in the evening of the day before, and nineteen more.
        assert until == NOON.replace(hour=5, minute=0) + (20 - 3 + number - 1) * DAY
        assert house.locks_of(set_id) == {until}
    long = house.followed({"400.8.1": {"daily": 20, "minimum_days": 400}})
    for set_id in sets:
        assert house.locks_of(set_id) == {moment(long[str(set_id)]["locked_until"])} == {set_id.moment + 400 * DAY}
    back = house.followed({"400.8.1": {"daily": 20}})
    assert {set_id: house.locks_of(set_id) for set_id in sets} == {
        set_id: {set_id.moment + 400 * DAY} for set_id in sets
    }
    assert not any(entry["changed"] for entry in back.values())
    listed = {entry["id"]: entry["locked_until"] for entry in house.audit().sets}
    assert listed == {name: entry["locked_until"] for name, entry in long.items()}


def test_a_copy_goes_after_its_set_once_nothing_locks_or_holds_it(house: House) -> None:
    first, held, locked, last = house.back_up(5, 4, 3, 2)
    house.prune({"400.8.1": {"last": 9}}, source="nobody")  # Nothing of another source is touched.
    assert set(house.locks().values()) == {None}
    hold = {"set": str(held), "reason": "Proceso 15", "until": (NOON + 9 * DAY).strftime("%Y-%m-%d")}
    for path in ("data/1.zst.age", "bagit.txt"):
        version = house.reach(house.store.reader).audited_once(locked).objects[path].version  # type: ignore[union-attr]
        house.client.put_object_retention(
            Bucket=house.bucket,
            Key=f"{house.reach(house.store.reader).prefix}/{locked}/{path}",
            VersionId=version,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": NOON + 30 * DAY},
        )
    rules = {name: (one["rule"], one["changed"]) for name, one in house.followed(LAST, holds=[hold]).items()}
    assert rules == {
        str(first): ("expired", True),
        str(held): ("held", True),  # Its lock lasts as long as the hold.
        str(locked): ("locked", False),  # Two of its objects are.
        str(last): ("not_removed", True),
    }
    assert house.locks_of(first) == set()
    assert house.locks_of(held) == {NOON.replace(hour=5, minute=0) + 10 * DAY}
    reader = house.reach(house.store.reader)
    assert set(reader.sets()) >= {held, last}
    assert first not in reader.sets()
    assert contents_of(reader.contents(last)) == contents_of(house.vault.contents(last))
    report = house.audit()
    assert not report.failures and not report.missing


def test_what_is_wholly_locked_stays_when_the_vault_has_removed_it(house: House) -> None:
    old, _new = house.back_up(3, 2, retain_days=3, retain_mode="governance")
    told = house.followed(LAST)[str(old)]
    assert (told["kept"], told["rule"], told["changed"]) == (True, "locked", False)
    assert moment(told["why"]) in house.locks_of(old)
    assert None not in house.locks_of(old)
    assert not house.vault.holds(old)


def test_what_is_held_after_its_set_is_gone_and_what_a_lost_vault_had_is_locked_ahead(house: House) -> None:
    old, new = house.back_up(3, 2, retain_days=3, retain_mode="governance")
    house.prune(LAST)
    assert not house.vault.holds(old)
    hold = {"set": str(old), "reason": "Proceso 15"}
    held = house.followed(LAST, holds=[hold])[str(old)]
    assert (held["rule"], held["changed"]) == ("held", True)
    for set_id in (old, new):
        (until,) = house.locks_of(set_id)
        assert until is not None and until > NOON + 14 * DAY
    # The vault is lost, and with it the record of what was removed.
    house.vault = DirectoryMedium(path=str(house.directory / "another-vault"))
    Path(house.vault.root).mkdir()
    (fresh,) = house.back_up(1, retain_days=3, retain_mode="governance")
    told = house.followed(LAST)
    assert {name: one["rule"] for name, one in told.items()} == dict.fromkeys(
        map(str, (old, new, fresh)), "not_removed"
    )


def test_a_hold_that_was_ended_keeps_the_copy_of_a_set_that_is_gone_until_that_is_approved(house: House) -> None:
    old, _new = house.back_up(3, 2, retain_days=3, retain_mode="governance")
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
    approvals = {"required": 1, "approvers": [{"name": "ana", "public_key": key}]}
    assert house.followed(LAST, approvals=approvals)[str(old)]["rule"] == "locked"
    assert not house.vault.holds(old)
    hold = {"set": str(old), "reason": "Proceso 15"}
    assert house.followed(LAST, approvals=approvals, holds=[hold])[str(old)]["rule"] == "held"
    assert house.followed(LAST, approvals=approvals)[str(old)]["rule"] == "held"


def test_a_copy_whose_set_cannot_be_read_in_the_vault_stays_locked(house: House) -> None:
    bad, _new = house.back_up(3, 2)
    (Path(house.vault.path(bad)) / "tagmanifest-sha256.txt").write_bytes(b"")
    house.prune({"400.8.1": {"last": 9}})
    assert None not in house.locks_of(bad)


def test_a_key_that_may_not_list_versions_is_a_failure_and_not_silence(house: House) -> None:
    (one,) = house.back_up(3)
    real = Store.attempt

    def attempt(self: Store, operation: str, **parameters: t.Any) -> dict[str, t.Any]:
        if operation == "list_object_versions":
            # Another identity's key, which may list what stands and nothing else.
            parameters["Prefix"] = "another-house/"
        return real(self, operation, **parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "attempt", attempt)
        told, failure = house.prune(LAST)
    assert [entry["id"] for entry in told["object_store"]["failures"]] == [str(one)]
    assert "does not fit what is there" in failure


def test_what_a_stolen_key_puts_in_the_place_of_a_set_does_not_keep_the_set(house: House) -> None:
    old, _new = house.back_up(3, 2)
    thief = house.store.client(house.store.writer)
    prefix = house.reach(house.store.reader).prefix
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": NOON + 30 * DAY, "ChecksumAlgorithm": "SHA256"}
    for path, more in (("bagit.txt", lock), ("data/1.zst.age", {}), ("data/more", lock)):
        thief.put_object(Bucket=house.bucket, Key=f"{prefix}/{old}/{path}", Body=b"squatted", **more)
    told, failure = house.prune(LAST)
    assert failure == ""
    removed = next(entry for entry in told["object_store"]["sets"] if entry["id"] == str(old))
    assert (removed["kept"], removed["foreign_locked"]) == (False, 2)
    assert len(house.locks_of(old)) == 1 and None not in house.locks_of(old), "only what the thief has locked is left"


def test_killed_at_any_call_it_lists_nothing_half_and_the_next_run_completes_it(house: House) -> None:
    sets = house.back_up(*range(14, 1, -1))
    last = sets[-1]
    whole = contents_of(house.vault.contents(last))
    killed = 0
    for number in range(0, 60, 5):
        child = os.fork()
        if not child:
            _kill_at(number)
            house.prune(LAST)
            os._exit(0)
        _pid, status = os.waitpid(child, 0)
        reader = house.reach(house.store.reader)
        for set_id in reader.sets():
            contents_of(reader.contents(set_id))  # Whatever is listed can be read to its last byte.
        assert last in reader.sets()
        if os.waitstatus_to_exitcode(status) == 0:
            break
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        killed += 1
    assert killed >= 5
    done, failure = house.prune(LAST)
    assert failure == ""
    assert {set_id for set_id in sets if house.locks_of(set_id)} == {last}
    assert contents_of(house.reach(house.store.reader).contents(last)) == whole
    assert not house.audit().failures
    assert house.prune(LAST)[0]["changed"] is False, done


def _kill_at(number: int) -> None:
    """Kill this process when it is about to delete or to lock its n-th object."""
    real = Store.attempt
    calls = [0]

    def attempt(self: Store, operation: str, **parameters: t.Any) -> dict[str, t.Any]:
        if operation in ("delete_object", "put_object_retention"):
            calls[0] += 1
            if calls[0] > number:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(self, operation, **parameters)

    setattr(Store, "attempt", attempt)  # noqa: B010


def test_a_store_without_locks_is_told_set_by_set_and_the_vault_goes_on(house: House) -> None:
    house.bucket = "without-locks"
    house.client.create_bucket(Bucket=house.bucket)
    try:
        old, new = house.back_up(3, 2)
        told, failure = house.prune(LAST)
        assert [entry["id"] for entry in told["object_store"]["failures"]] == [str(new)]
        assert str(new) in failure
        assert house.vault.sets() == [new]
        assert old not in house.reach(house.store.admin).sets(), "nothing locked it"
    finally:
        for entry in house.client.list_object_versions(Bucket=house.bucket).get("Versions", []):
            house.client.delete_object(Bucket=house.bucket, Key=entry["Key"], VersionId=entry["VersionId"])
        house.client.delete_bucket(Bucket=house.bucket)


def test_a_cloud_that_does_not_answer_changes_nothing_in_the_vault(house: House) -> None:
    _old, new = house.back_up(3, 2)
    house.prune(LAST, object_store=None)
    house.store.stop()
    try:
        done, failure = house.prune(LAST)
    finally:
        house.store.start()
    assert house.vault.sets() == [new]
    assert "no connection" in failure
    assert [entry["id"] for entry in done["object_store"]["failures"]] == [""]


def test_the_retention_key_can_do_nothing_else(house: House) -> None:
    (old,) = house.back_up(3, retain_days=3, retain_mode="governance")
    keeper = house.store.client(house.store.retention)
    receipt = house.reach(house.store.reader).audited_once(old)
    assert receipt is not None
    key = f"{house.reach(house.store.reader).prefix}/{old}/bagit.txt"
    one = {"Bucket": house.bucket, "Key": key, "VersionId": receipt.objects["bagit.txt"].version}
    sooner = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.datetime.now(UTC) + datetime.timedelta(minutes=5)}
    before = house.locks()
    for forbidden in (
        lambda: keeper.get_object(**one),
        lambda: keeper.put_object(Bucket=house.bucket, Key=key, Body=b""),
        lambda: keeper.put_object(Bucket=house.bucket, Key="web1/new", Body=b""),
        lambda: keeper.delete_object(Bucket=house.bucket, Key=key),
        lambda: keeper.delete_object(**one),
        lambda: keeper.delete_object(**one, BypassGovernanceRetention=True),
        lambda: keeper.put_object_retention(**one, Retention=sooner),
        lambda: keeper.put_object_retention(**one, Retention=sooner, BypassGovernanceRetention=True),
        lambda: keeper.put_object_legal_hold(**one, LegalHold={"Status": "OFF"}),
        lambda: keeper.put_bucket_versioning(Bucket=house.bucket, VersioningConfiguration={"Status": "Suspended"}),
        lambda: keeper.delete_bucket(Bucket=house.bucket),
    ):
        with pytest.raises(keeper.exceptions.ClientError, match=r"AccessDenied|Access Denied"):
            forbidden()
    assert house.locks() == before
