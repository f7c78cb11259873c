# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying a set, what is remembered of it, and signatures."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sets_report import SetsReport
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import operation as verify_operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag as set_bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

if t.TYPE_CHECKING:
    from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium


def verify_and_remember(medium: DirectoryMedium, set_id: SetId, **options: t.Any) -> set_verification.Verification:
    verification, _description = set_verification.verify(medium, set_id, **options)
    assert set_verification.remember(medium, set_id, verification)
    return verification


def verify_sets(medium: DirectoryMedium, **changes: t.Any) -> SetsReport:
    options: dict[str, t.Any] = {
        "allowed_signers": None,
        "set_aside": False,
        "status_file": None,
        "check_mode": False,
        **changes,
    }
    return verify_operation.verify_sets(medium, SetSelection(), **options)


def vouch(bag: Path) -> None:
    """Makes the manifests fit the files as they are, as somebody who knows the format would."""
    for path in bag.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)

    def digests(paths: t.Iterable[Path]) -> dict[str, str]:
        return {str(path.relative_to(bag)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    (bag / "manifest-sha256.txt").write_text(
        set_bag.write_manifest(digests((bag / "data").iterdir())), encoding="utf-8"
    )
    tags = [path for path in bag.glob("*.*") if path.name != "tagmanifest-sha256.txt"]
    (bag / "tagmanifest-sha256.txt").write_text(set_bag.write_manifest(digests(tags)), encoding="utf-8")


def test_a_set_in_another_sets_place_is_found(medium: DirectoryMedium) -> None:
    set_id = core.write_set(medium)
    elsewhere = SetId(set_id.host, "another-source", set_id.time)
    shutil.copytree(medium.path(set_id), medium.path(elsewhere))
    with pytest.raises(SetInvalid) as caught:
        set_verification.verify(medium, elsewhere)
    assert "External-Identifier" in " ".join(caught.value.details) or "describes the set" in caught.value.why


def test_a_payload_file_that_backup_json_does_not_know_is_found(medium: DirectoryMedium) -> None:
    set_id = core.write_set(medium)
    bag = Path(medium.path(set_id))
    (bag / "data" / "smuggled").write_bytes(b"")
    vouch(bag)
    with pytest.raises(SetInvalid, match=r"unexpected: data/smuggled: backup\.json does not name it"):
        set_verification.verify(medium, set_id)


class TestReceipts:
    def test_what_passed_is_remembered(self, medium: DirectoryMedium) -> None:
        set_id = core.write_set(medium)
        assert set_verification.recall(medium, set_id) is None
        verification = verify_and_remember(medium, set_id)
        assert set_verification.recall(medium, set_id) == verification
        assert set_verification.forget(medium, set_id)
        assert set_verification.recall(medium, set_id) is None
        assert set_verification.forget(medium, set_id)

    @pytest.mark.parametrize("name", ["data/table.txt.zst", "backup.json", "tagmanifest-sha256.txt", "new", "data/new"])
    def test_it_ends_with_any_change_of_any_file(self, medium: DirectoryMedium, name: str) -> None:
        set_id = core.write_set(medium)
        verify_and_remember(medium, set_id)
        path = Path(medium.path(set_id), name)
        core.overwrite(path, path.read_bytes() if path.exists() else b"") if path.exists() else path.write_bytes(b"")
        assert set_verification.recall(medium, set_id) is None

    def test_it_does_not_pass_to_another_set_of_the_same_id(self, medium: DirectoryMedium) -> None:
        [set_id] = core.write_sets(medium, "20261122T030000Z")
        verify_and_remember(medium, set_id)
        medium.remove(set_id)
        assert set_verification.recall(medium, set_id) is None
        core.write_sets(medium, "20261122T030000Z")
        assert set_verification.recall(medium, set_id) is None

    @pytest.mark.parametrize("text", ["", "{}", "[]", "null", "5", '{"files_as_they_lay": "x"}', "\x00"])
    def test_a_receipt_that_is_none_counts_for_nothing(self, medium: DirectoryMedium, text: str) -> None:
        set_id = core.write_set(medium)
        verify_and_remember(medium, set_id)
        [receipt] = Path(medium.root, ".verifications").rglob("*.json")
        receipt.write_text(text, encoding="utf-8")
        assert set_verification.recall(medium, set_id) is None

    def test_a_read_only_medium_is_verified_all_the_same(self, tmp_path: Path) -> None:
        core.need_root()
        disk = core.mount_tmpfs(size="64m")
        try:
            medium = core.medium_at(disk)
            set_id = core.write_set(medium)
            core.remount_read_only(disk)
            report = verify_sets(medium)
            assert [(entry["id"], entry["remembered"]) for entry in report.sets] == [(str(set_id), False)]
            assert (report.changed, report.failures) == (False, [])
        finally:
            core.unmount(disk)


class TestListsOfSets:
    def test_one_that_fails_does_not_stop_the_others(self, medium: DirectoryMedium) -> None:
        first, bad, last = core.write_sets(medium, "20261120T030000Z", "20261121T030000Z", "20261122T030000Z")
        core.overwrite(core.payload(medium, bad), b"")
        verify_and_remember(medium, first)
        before = core.tree(medium.root)
        predicted = verify_sets(medium, check_mode=True)
        assert core.tree(medium.root) == before
        report = verify_sets(medium)
        for found in (predicted, report):
            assert [(entry["id"], entry["changed"]) for entry in found.sets] == [(str(first), False), (str(last), True)]
            assert [(entry["id"], entry["changed"]) for entry in found.failures] == [(str(bad), False)]
            assert found.changed
        assert not verify_sets(medium).changed
        assert medium.sets() == [first, bad, last]

    def test_a_set_that_failed_is_set_aside_when_asked(self, medium: DirectoryMedium) -> None:
        good, bad = core.write_sets(medium, "20261121T030000Z", "20261122T030000Z")
        verify_and_remember(medium, bad)
        core.overwrite(core.payload(medium, bad), b"")
        before = core.tree(medium.root)
        assert verify_sets(medium, set_aside=True, check_mode=True).changed
        assert core.tree(medium.root) == before
        report = verify_sets(medium, set_aside=True)
        assert report.changed
        assert medium.sets() == [good]
        rejected = os.path.join(medium.root, ".rejected", str(bad))
        assert f"it was set aside as {rejected}" in report.failures[0]["details"]
        assert os.path.isdir(rejected)
        assert verify_sets(medium, set_aside=True).failures == []


class TestSignatures:
    def verify(self, medium: DirectoryMedium, set_id: SetId, keys: core.Keys) -> None:
        set_verification.verify(medium, set_id, allowed_signers=str(keys.allowed_signers))

    def test_a_set_that_its_host_signed_passes(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium, signing_key=keys.server_key)
        self.verify(medium, set_id, keys)

    def test_an_unsigned_set_does_not(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium)
        with pytest.raises(SetInvalid, match="mismatch: signature: No such file"):
            self.verify(medium, set_id, keys)

    def test_a_set_that_a_stranger_signed_does_not(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium, signing_key=keys.stranger_key)
        with pytest.raises(SetInvalid, match="mismatch: signature: ssh-keygen ended with"):
            self.verify(medium, set_id, keys)

    def test_a_set_that_another_host_signed_does_not(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium, host="srv-archivos", signing_key=keys.server_key)
        with pytest.raises(SetInvalid, match="mismatch: signature"):
            self.verify(medium, set_id, keys)

    def test_a_forger_who_mends_the_manifests_cannot_mend_the_signature(
        self, medium: DirectoryMedium, keys: core.Keys
    ) -> None:
        set_id = core.write_set(medium, signing_key=keys.server_key)
        core.overwrite(core.payload(medium, set_id), b"x" * core.payload(medium, set_id).stat().st_size)
        described = Path(medium.path(set_id), "backup.json")
        values = json.loads(described.read_text(encoding="utf-8"))
        for entry in values["payload"]:
            entry["sha256"] = hashlib.sha256(Path(medium.path(set_id), entry["path"]).read_bytes()).hexdigest()
        core.overwrite(described, json.dumps(values).encode())
        vouch(Path(medium.path(set_id)))
        set_verification.verify(medium, set_id)  # The manifests agree with the forgery,
        with pytest.raises(SetInvalid) as caught:
            self.verify(medium, set_id, keys)
        assert [line.split(":")[:2] for line in caught.value.details] == [["mismatch", " signature"]]

    def test_a_signature_for_another_purpose_does_not_count(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium, signing_key=keys.server_key)
        bag = Path(medium.path(set_id))
        (bag / "signature").unlink()
        core.sign(bag / "tagmanifest-sha256.txt", key=keys.server_key, namespace="git")
        (bag / "tagmanifest-sha256.txt.sig").rename(bag / "signature")
        with pytest.raises(SetInvalid, match="mismatch: signature"):
            self.verify(medium, set_id, keys)

    def test_without_a_file_of_signers_nothing_passes(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium, signing_key=keys.server_key)
        with pytest.raises(NotFound, match="there is no file of allowed signers at /nonexistent"):
            set_verification.verify(medium, set_id, allowed_signers="/nonexistent")
        report = verify_sets(medium, allowed_signers="/nonexistent", set_aside=True)
        assert [entry["id"] for entry in report.failures] == [str(set_id)]
        assert medium.sets() == [set_id]  # What this host lacks is not the set's fault.

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text + "\n",
            lambda text: text + "appended",
            lambda text: "before\n" + text,
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text[:-1],
            lambda text: text + text,
            lambda text: text.replace("\n-----END", "\n\n-----END"),
            lambda text: text[:60] + "\n" + text[60:],
            lambda _text: "",
            lambda _text: "-----BEGIN SSH SIGNATURE-----\nYQ==\n-----END SSH SIGNATURE-----\n",
        ],
    )
    def test_only_the_exact_bytes_of_a_signature_pass(
        self, medium: DirectoryMedium, keys: core.Keys, change: t.Callable[[str], str]
    ) -> None:
        set_id = core.write_set(medium, signing_key=keys.server_key)
        path = Path(medium.path(set_id), "signature")
        core.overwrite(path, change(path.read_text(encoding="ascii")).encode())
        for signers in (None, str(keys.allowed_signers)):
            with pytest.raises(SetInvalid, match="mismatch: signature: it is not exactly one OpenSSH signature"):
                set_verification.verify(medium, set_id, allowed_signers=signers)

    def test_checking_a_signature_leaves_no_file(
        self, medium: DirectoryMedium, keys: core.Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_id = core.write_set(medium, signing_key=keys.server_key)
        monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
        self.verify(medium, set_id, keys)

    def test_a_receipt_does_not_stand_for_a_signature_that_nobody_looked_at(
        self, medium: DirectoryMedium, keys: core.Keys
    ) -> None:
        set_id = core.write_set(medium, signing_key=keys.server_key)
        verify_and_remember(medium, set_id)
        assert set_verification.recall(medium, set_id, signed=True) is None
        verify_and_remember(medium, set_id, allowed_signers=str(keys.allowed_signers))
        remembered = set_verification.recall(medium, set_id, signed=True)
        assert remembered is not None
        assert remembered.signed
        json.dumps(remembered.id)
