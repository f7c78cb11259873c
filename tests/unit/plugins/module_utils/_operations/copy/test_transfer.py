# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying, moving and re-encrypting sets: the copy is whole or is not there, and the origin goes last."""

from __future__ import annotations

import errno
import os
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy import operation as copy_operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.reencryption import Reencryption
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import (
    Copied,
    CopyOptions,
    Transfer,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sets_report import SetsReport
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.partial import PartialSet
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

COPY = CopyOptions()
MOVE = CopyOptions(move=True)


def copy(origin: Medium, destination: Medium, set_id: SetId, options: CopyOptions = COPY) -> Copied:
    return Transfer(origin, destination, set_id, options, core.no_progress()).run()


def copy_sets(origin: DirectoryMedium, destination: DirectoryMedium, **changes: t.Any) -> SetsReport:
    arguments: dict[str, t.Any] = {
        "except_sets": (),
        "options": COPY,
        "reencryption": None,
        "status_file": None,
        "check_mode": False,
        **changes,
    }
    return copy_operation.copy_sets(origin, destination, SetSelection(), **arguments)


class RemoteMedium(Medium):
    """A directory that is reached as another host would be: by storing and fetching, never by its path."""

    kind = "remote"
    arguments: t.ClassVar[dict[str, dict[str, t.Any]]] = {}

    def __init__(self, directory: DirectoryMedium) -> None:
        self.directory = directory
        self.root = directory.root
        self.path = directory.path

    def describe(self) -> str:
        return "another host"

    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        return self.directory.sets(host=host, source=source)

    def contents(self, set_id: SetId) -> t.Any:
        return self.directory.contents(set_id)

    def store(self, set_id: SetId, directory: str, progress: t.Any = lambda count: None) -> None:
        self.directory.store(set_id, directory, progress)

    def remove(self, set_id: SetId) -> None:
        self.directory.remove(set_id)


class PutOnlyMedium(RemoteMedium):
    """Another host into which this one may only put."""

    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        raise AccessDenied("list", on="it", why="forbidden", next_step="")

    def contents(self, set_id: SetId) -> t.Any:
        raise AccessDenied("read", on="it", why="forbidden", next_step="")


@pytest.fixture(params=["directory", "other file system", "remote"])
def media(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[tuple[t.Any, DirectoryMedium]]:
    """An origin and a destination, in each of the ways that a set can take from one to the other."""
    if request.param == "other file system":
        disk = core.mount_tmpfs(size="64m")
        yield core.medium_at(tmp_path / "disk"), core.medium_at(disk / "vault")
        core.unmount(disk)
        return
    origin = core.medium_at(tmp_path / "disk")
    if request.param == "remote":
        yield RemoteMedium(origin), core.medium_at(tmp_path / "vault")
        return
    yield origin, core.medium_at(tmp_path / "vault")


Media = tuple[t.Any, DirectoryMedium]


class TestEveryWay:
    def test_a_copy_is_the_same_and_verified(self, media: Media) -> None:
        origin, destination = media
        set_id = core.write_set(core.directory_of(origin))
        files = core.tree(origin.path(set_id))
        copied = copy(origin, destination, set_id)
        assert (copied.changed, copied.verified) == (True, True)
        assert copied.bytes == sum(len(data) for path, data in files.items() if path != "data")
        assert core.tree(destination.path(set_id)) == files
        assert core.tree(origin.path(set_id)) == files
        assert set_verification.recall(destination, set_id) is not None
        again = copy(origin, destination, set_id)
        assert (again.changed, again.bytes) == (False, 0)

    def test_a_moved_set_is_in_one_place(self, media: Media) -> None:
        origin, destination = media
        set_id = core.write_set(core.directory_of(origin))
        files = core.tree(origin.path(set_id))
        set_verification.remember(core.directory_of(origin), set_id, set_verification.verify(origin, set_id)[0])
        assert copy(origin, destination, set_id, MOVE).changed
        assert core.tree(destination.path(set_id)) == files
        assert origin.sets() == []
        if isinstance(origin, DirectoryMedium):
            assert not list(Path(origin.root, ".verifications").rglob("*.json"))
        assert set_verification.recall(destination, set_id) is not None

    @pytest.mark.parametrize("options", [COPY, MOVE], ids=["copy", "move"])
    @pytest.mark.parametrize("damage", ["payload", "tag manifest", "missing", "link"])
    def test_a_bad_set_never_arrives_and_stays_where_it_is(
        self, media: Media, options: CopyOptions, damage: str, tmp_path: Path
    ) -> None:
        origin, destination = media
        set_id = core.write_set(core.directory_of(origin))
        path = core.payload(core.directory_of(origin), set_id)
        if damage == "payload":
            core.overwrite(path, path.read_bytes()[:-1] + b"!")
        elif damage == "tag manifest":
            core.overwrite(Path(origin.path(set_id), "manifest-sha256.txt"), b"")
        else:
            path.rename(tmp_path / "elsewhere")
            if damage == "link":
                path.symlink_to(tmp_path / "elsewhere")
        files = core.tree(origin.path(set_id))
        with pytest.raises(BackupError):
            copy(origin, destination, set_id, options)
        assert destination.sets() == []
        assert not [path for path in core.tree(destination.root) if "bagit.txt" in path or ".partial" in path]
        assert core.tree(origin.path(set_id)) == files

    @pytest.mark.parametrize("options", [COPY, MOVE], ids=["copy", "move"])
    def test_a_different_set_of_the_same_id_is_an_error(self, media: Media, options: CopyOptions) -> None:
        origin, destination = media
        [set_id] = core.write_sets(core.directory_of(origin), "20261122T030000Z")
        core.write_sets(destination, "20261122T030000Z", series="999")
        before = core.tree(origin.root), core.tree(destination.root)
        with pytest.raises(AlreadyStored, match="a different set of the same id is there"):
            copy(origin, destination, set_id, options)
        assert (core.tree(origin.root), core.tree(destination.root)) == before

    def test_a_signature_is_demanded_before_anything_is_listed(self, media: Media, keys: core.Keys) -> None:
        origin, destination = media
        set_id = core.write_set(core.directory_of(origin))
        set_verification.remember(core.directory_of(origin), set_id, set_verification.verify(origin, set_id)[0])
        demanding = CopyOptions(allowed_signers=str(keys.allowed_signers))
        for options in (demanding, CopyOptions(move=True, allowed_signers=str(keys.allowed_signers))):
            with pytest.raises(SetInvalid, match="signature"):
                copy(origin, destination, set_id, options)
            assert not [path for path in core.tree(destination.root) if "bagit.txt" in path]
        signed = core.write_set(core.directory_of(origin), signing_key=keys.server_key)
        assert copy(origin, destination, signed, demanding).verified


class TestMoving:
    def test_a_set_that_is_there_already_goes_from_the_origin_once_it_is_verified(
        self, medium: DirectoryMedium, vault: DirectoryMedium
    ) -> None:
        set_id = core.write_set(medium)
        copy(medium, vault, set_id)
        assert copy(medium, vault, set_id, MOVE).changed
        assert (medium.sets(), vault.sets()) == ([], [set_id])

    def test_a_copy_there_that_has_gone_bad_keeps_both(self, medium: DirectoryMedium, vault: DirectoryMedium) -> None:
        set_id = core.write_set(medium)
        copy(medium, vault, set_id)
        core.overwrite(core.payload(vault, set_id), b"")
        with pytest.raises(SetInvalid):
            copy(medium, vault, set_id, MOVE)
        assert (medium.sets(), vault.sets()) == ([set_id], [set_id])

    @pytest.mark.parametrize("options", [COPY, MOVE], ids=["copy", "move"])
    def test_onto_itself_by_any_name_is_refused(
        self, medium: DirectoryMedium, tmp_path: Path, options: CopyOptions
    ) -> None:
        set_id = core.write_set(medium)
        (tmp_path / "alias").symlink_to(medium.root)
        for name in (medium.root, tmp_path / "alias", f"{medium.root}/../disk"):
            with pytest.raises(Refused, match="both are the same place"):
                copy(medium, DirectoryMedium(path=str(name)), set_id, options)
        assert medium.sets() == [set_id]
        set_verification.verify(medium, set_id)

    def test_a_host_directory_that_is_a_link_to_the_origin_is_seen_through(
        self, medium: DirectoryMedium, vault: DirectoryMedium
    ) -> None:
        set_id = core.write_set(medium)
        Path(vault.root, set_id.host).symlink_to(Path(medium.root, set_id.host))
        with pytest.raises(Refused, match="both are the same place"):
            copy(medium, vault, set_id, MOVE)
        set_verification.verify(medium, set_id)

    def test_what_cannot_be_read_back_is_not_removed(self, medium: DirectoryMedium, tmp_path: Path) -> None:
        set_id = core.write_set(medium)
        destination = PutOnlyMedium(core.medium_at(tmp_path / "cloud"))
        copied = copy(medium, destination, set_id)
        assert (copied.changed, copied.verified) == (True, False)
        medium.set_aside(set_id)
        set_id = core.write_set(medium)
        for options in (MOVE, CopyOptions(move=True, verify=False)):
            with pytest.raises(BackupError):
                copy(medium, destination, set_id, options)
            set_verification.verify(medium, set_id)

    def test_a_set_of_another_owner_says_why_it_cannot_be_moved(
        self, medium: DirectoryMedium, vault: DirectoryMedium
    ) -> None:
        set_id = core.write_set(medium)
        subprocess.run(["chattr", "+i", medium.path(set_id)], check=False)
        immutable = subprocess.run(["lsattr", "-d", medium.path(set_id)], check=False, capture_output=True, text=True)
        if "i" not in immutable.stdout.split(" ")[0]:
            pytest.skip("this file system or user cannot make a directory immutable")
        try:
            with pytest.raises(BackupError, match="Operation not permitted"):
                copy(medium, vault, set_id, MOVE)
            assert vault.sets() == []
        finally:
            subprocess.run(["chattr", "-i", medium.path(set_id)], check=True)
        set_verification.verify(medium, set_id)


def test_only_what_was_verified_is_copied_when_that_is_demanded(
    medium: DirectoryMedium, vault: DirectoryMedium
) -> None:
    set_id = core.write_set(medium)
    options = CopyOptions(move=True, require_verified=True)
    with pytest.raises(Refused, match="it has not been verified there"):
        copy(medium, vault, set_id, options)
    assert vault.sets() == []
    set_verification.remember(medium, set_id, set_verification.verify(medium, set_id)[0])
    core.overwrite(core.payload(medium, set_id), core.payload(medium, set_id).read_bytes())
    with pytest.raises(Refused, match="it has not been verified there"):  # It was touched since.
        copy(medium, vault, set_id, options)
    set_verification.remember(medium, set_id, set_verification.verify(medium, set_id)[0])
    assert copy(medium, vault, set_id, options).verified


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_a_full_destination_keeps_nothing(medium: DirectoryMedium, small_disk: Path, remote: bool) -> None:
    options = {"commands": {"a": ["head", "-c", "6000000", "/dev/urandom"]}}
    set_id = core.write_set(medium, options=options)
    destination = core.medium_at(small_disk / "vault")
    origin = RemoteMedium(medium) if remote else medium
    with pytest.raises(BackupError, match="No space left on device") as caught:
        copy(origin, destination, set_id, MOVE)
    assert caught.value.message.count("No space left") == 1
    assert not [path for path in core.tree(destination.root) if "2026" in path]
    set_verification.verify(medium, set_id)


class TestListsOfSets:
    def test_check_mode_predicts_and_changes_nothing(self, medium: DirectoryMedium, vault: DirectoryMedium) -> None:
        first, second, third = core.write_sets(medium, "20261120T030000Z", "20261121T030000Z", "20261122T030000Z")
        copy(medium, vault, first)
        core.overwrite(Path(medium.path(third), "tagmanifest-sha256.txt"), b"\xff")
        before = core.tree(medium.root), core.tree(vault.root)
        predicted = copy_sets(medium, vault, check_mode=True, except_sets=[third])
        assert (core.tree(medium.root), core.tree(vault.root)) == before
        done = copy_sets(medium, vault, except_sets=[third])
        for report in (predicted, done):
            assert [(entry["id"], entry["changed"]) for entry in report.sets] == [
                (str(first), False),
                (str(second), True),
            ]
        assert not copy_sets(medium, vault, except_sets=[third]).changed
        report = copy_sets(medium, vault)
        assert [entry["id"] for entry in report.failures] == [str(third)]
        assert len(report.sets) == 2

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_check_mode_refuses_what_a_run_refuses(
        self, medium: DirectoryMedium, vault: DirectoryMedium, check_mode: bool
    ) -> None:
        unverified, different = core.write_sets(medium, "20261121T030000Z", "20261122T030000Z")
        set_verification.remember(medium, different, set_verification.verify(medium, different)[0])
        core.write_sets(vault, "20261122T030000Z", series="999")
        options = CopyOptions(move=True, require_verified=True)
        report = copy_sets(medium, vault, options=options, check_mode=check_mode)
        assert [entry["id"] for entry in report.failures] == [str(unverified), str(different)]
        assert not report.changed


def test_the_content_of_a_copy_is_named_where_that_takes_no_other_host(
    medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys
) -> None:
    set_id = core.write_set(medium)
    content = bag.tag_manifest_digest(medium.contents(set_id))
    [predicted] = copy_sets(medium, vault, check_mode=True).sets
    assert predicted["tag_manifest_sha256"] is None
    for options in (COPY, COPY, MOVE):
        [copied] = copy_sets(medium, vault, options=options).sets
        assert copied["tag_manifest_sha256"] == content
    [delivered] = copy_sets(vault, medium, reencryption=Reencryption((), (keys.delivery_recipient,))).sets
    assert delivered["tag_manifest_sha256"] == bag.tag_manifest_digest(medium.contents(set_id)) != content


class TestReencryption:
    def reencryption(self, *identities: str, to: tuple[str, ...]) -> Reencryption:
        return Reencryption(identities, to)

    def test_only_the_new_identity_reads_the_delivered_copy(
        self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys
    ) -> None:
        set_id = core.write_set(medium, filters=core.encrypted(keys.technician_recipient, keys.director_recipient))
        asked = self.reencryption(keys.technician, to=(keys.delivery_recipient,))
        predicted = copy_sets(medium, vault, reencryption=asked, check_mode=True)
        assert vault.sets() == []
        report = copy_sets(medium, vault, reencryption=asked)
        assert predicted.changed
        assert report.changed
        set_verification.verify(vault, set_id)
        for part in ("table", "bytes", "empty"):
            original = core.read_part(medium, set_id, part, keys.director)
            assert core.read_part(vault, set_id, part, keys.delivery) == original
            for identity in (keys.technician, keys.director):
                with pytest.raises(BackupError, match="age"):
                    core.read_part(vault, set_id, part, identity)
        description = read_description(set_id, vault.contents(set_id))
        assert description.encryption["recipients"] == [keys.delivery_recipient]
        assert description.reencrypted is not None
        assert not copy_sets(medium, vault, reencryption=asked).changed

    def test_a_copy_for_somebody_else_is_not_taken_for_this_delivery(
        self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys
    ) -> None:
        core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
        copy_sets(medium, vault, reencryption=self.reencryption(keys.technician, to=(keys.delivery_recipient,)))
        other = self.reencryption(keys.technician, to=(keys.director_recipient,))
        for check_mode in (True, False):
            report = copy_sets(medium, vault, reencryption=other, check_mode=check_mode)
            assert f"encrypted to {keys.delivery_recipient}" in report.message

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_keys_that_do_not_fit_are_found_before_anything_is_written(
        self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys, check_mode: bool
    ) -> None:
        core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
        for asked in (
            self.reencryption(keys.director, to=(keys.delivery_recipient,)),
            self.reencryption(keys.technician, to=("age1" + "q" * 58,)),
        ):
            assert copy_sets(medium, vault, reencryption=asked, check_mode=check_mode).failures
        assert core.tree(vault.root) == {}

    @pytest.mark.parametrize("recipient", ["", "age1nokey", "age1foo1qqqqqqqq", "ssh-ed25519 AAAA", "-R/etc/shadow"])
    def test_who_is_delivered_to_names_no_program_that_age_would_run(self, recipient: str) -> None:
        with pytest.raises(Refused, match="not an age public key"):
            Reencryption((), (recipient,))

    def test_a_disk_that_fills_while_it_is_delivered_is_told_and_leaves_nothing(
        self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_id = core.write_set(medium, filters=core.encrypted(keys.technician_recipient))

        def full(*_arguments: object, **_named: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/table.txt.zst.age")

        monkeypatch.setattr(PartialSet, "create", full)
        asked = self.reencryption(keys.technician, to=(keys.delivery_recipient,))
        [failure] = copy_sets(medium, vault, reencryption=asked).failures
        assert failure["message"].startswith(f"Could not re-encrypt a set ({set_id} to ")
        assert "No space left on device (data/table.txt.zst.age). Correct the cause" in failure["message"]
        assert vault.sets() == []
        assert not list(Path(vault.root).rglob("*.partial"))

    def test_a_bad_set_is_not_delivered(self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
        data = bytearray(core.payload(medium, set_id, "bytes").read_bytes())
        data[-1] ^= 1
        core.overwrite(core.payload(medium, set_id, "bytes"), bytes(data))
        asked = self.reencryption(keys.technician, to=(keys.delivery_recipient,))
        assert "data/bytes.txt.zst.age" in copy_sets(medium, vault, reencryption=asked).message
        assert vault.sets() == []

    def test_what_is_remembered_as_verified_is_read_again_where_that_is_asked(
        self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys
    ) -> None:
        set_id = core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
        verification, _description = set_verification.verify(medium, set_id)
        set_verification.remember(medium, set_id, verification)
        path = core.payload(medium, set_id, "bytes")
        before = path.stat()
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        core.overwrite(path, bytes(data))
        # A disk that goes bad changes no time of modification.
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert set_verification.recall(medium, set_id) is not None
        asked = self.reencryption(keys.technician, to=(keys.delivery_recipient,))
        report = copy_sets(medium, vault, reencryption=asked, options=CopyOptions(verify_origin=True))
        assert report.message.startswith(f"Could not verify a set ({set_id} ")
        assert f"data/{path.name}" in report.message
        assert vault.sets() == []
        assert "verify" not in copy_sets(medium, vault, reencryption=asked).message, "it was remembered"

    def test_a_signature_is_demanded_of_the_original(
        self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys
    ) -> None:
        core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
        asked = self.reencryption(keys.technician, to=(keys.delivery_recipient,))
        options = CopyOptions(allowed_signers=str(keys.allowed_signers))
        assert "signature" in copy_sets(medium, vault, reencryption=asked, options=options).message
        assert vault.sets() == []

    def test_an_unencrypted_set_is_delivered_encrypted_and_its_commands_still_hold(
        self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys
    ) -> None:
        engine = core.CommandsEngine({"commands": {"table": ["seq", "1", "20"]}})
        set_id = core.write_set(medium, engine=engine)
        copy_sets(medium, vault, reencryption=self.reencryption(keys.technician, to=(keys.delivery_recipient,)))
        commands = read_description(set_id, vault.contents(set_id)).restore_by_hand
        assert commands[:2] == [
            "sha256sum -c --quiet manifest-sha256.txt",
            "age -d -i IDENTITY_FILE -o data/table.txt.zst data/table.txt.zst.age",
        ]
        script = "\n".join(["set -e", *commands[:2]]).replace("IDENTITY_FILE", keys.delivery)
        subprocess.run(["sh", "-c", script], cwd=vault.path(set_id), check=True)
        original = core.payload(medium, set_id).read_bytes()
        assert Path(vault.path(set_id), "data", "table.txt.zst").read_bytes() == original

    def test_moving_a_delivery_is_refused(
        self, medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys
    ) -> None:
        core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
        asked = self.reencryption(keys.technician, to=(keys.delivery_recipient,))
        with pytest.raises(Refused, match="move was given"):
            copy_sets(medium, vault, reencryption=asked, options=MOVE)
        assert os.listdir(vault.root) == []
