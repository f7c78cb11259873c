# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries between two other hosts that go wrong: a bad set, a broken link, a planted copy, an interruption."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.delivery import Delivery
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.reencryption import Reencryption
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import Copied, CopyOptions
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import patience
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import (
    Progress,
    ProgressCallback,
    no_progress,
)
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils._operations.copy.test_transfer import (
    RemoteMedium,
)


class Broken(RemoteMedium):
    """A medium on another host whose transfers fail a few times.

    :ivar stored: the digest of the tag manifest of each set that was sent here.
    """

    def __init__(self, directory: DirectoryMedium, *errors: BaseException) -> None:
        super().__init__(directory)
        self._errors = list(errors)
        self.stored: list[str] = []

    def fetch(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        if self._errors:
            raise self._errors.pop(0)
        super().fetch(set_id, directory, progress)

    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        digest = bag.tag_manifest_digest(DirectoryMedium(path=os.path.join(directory, "../../..")).contents(set_id))
        self.stored.append(digest)
        if self._errors:
            raise self._errors.pop(0)
        super().store(set_id, directory, progress)


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory for deliveries, and no pauses between attempts."""
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.0)
    path = tmp_path / "spool"
    path.mkdir()
    return path


@pytest.fixture
def written(medium: DirectoryMedium, keys: core.Keys) -> SetId:
    """An encrypted set on the first medium."""
    return core.write_set(medium, filters=core.encrypted(keys.technician_recipient))


def deliver(
    origin: DirectoryMedium | RemoteMedium, destination: DirectoryMedium | RemoteMedium, keys: core.Keys, spool: Path
) -> Copied:
    (set_id,) = origin.sets()
    to_one = Reencryption((keys.technician,), (keys.delivery_recipient,))
    progress = Progress(None, operation="copy", subject=str(set_id))
    try:
        return Delivery(origin, destination, set_id, to_one, CopyOptions(spool=str(spool)), progress).run()
    finally:
        assert os.listdir(spool) == []


def test_a_bad_set_is_named_as_such_and_not_delivered(
    medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys, spool: Path, written: SetId
) -> None:
    path = core.payload(medium, written)
    core.overwrite(path, b"x" + path.read_bytes()[1:])
    with pytest.raises(SetInvalid, match=path.name):
        deliver(RemoteMedium(medium), RemoteMedium(vault), keys, spool)
    assert vault.sets() == []


def test_an_interruption_goes_past_everything(
    medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys, spool: Path, written: SetId
) -> None:
    told = Interrupted("copy sets", on="x", why="SIGTERM", next_step="")
    with pytest.raises(Interrupted):
        deliver(Broken(medium, told), RemoteMedium(vault), keys, spool)
    assert vault.sets() == []


def test_a_link_that_breaks_costs_one_more_attempt_and_what_was_encrypted_is_sent_as_it_is(
    medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys, spool: Path, written: SetId
) -> None:
    def broken() -> OSError:
        return OSError(errno.EIO, os.strerror(errno.EIO))

    destination = Broken(vault, broken(), broken())
    copied = deliver(Broken(medium, broken()), destination, keys, spool)
    assert copied.changed
    assert destination.stored == [copied.tag_manifest_sha256] * 3
    assert bag.tag_manifest_digest(vault.contents(written)) == copied.tag_manifest_sha256
    with pytest.raises(BackupError, match=r"Could not copy a set .*Input/output error"):
        always = Broken(medium, *(broken() for _attempt in range(3)))
        deliver(always, Broken(core.medium_at(spool.parent / "other")), keys, spool)


def test_what_somebody_has_put_there_is_read_and_never_named_as_what_was_sent(
    medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys, spool: Path, written: SetId
) -> None:
    deliver(medium, vault, keys, spool)
    known = deliver(medium, RemoteMedium(vault), keys, spool)
    assert (known.changed, known.verified, known.tag_manifest_sha256) == (False, True, None)
    path = core.payload(vault, written)
    core.overwrite(path, b"x" + path.read_bytes()[1:])
    with pytest.raises(SetInvalid):
        deliver(medium, RemoteMedium(vault), keys, spool)


def test_a_full_spool_is_told_as_what_it_is(
    medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys, small_disk: Path
) -> None:
    core.write_set(
        medium,
        options={"commands": {"a": ["head", "-c", "6000000", "/dev/urandom"]}},
        filters=core.encrypted(keys.technician_recipient),
    )
    with pytest.raises(BackupError, match="No space left on device") as caught:
        deliver(medium, RemoteMedium(vault), keys, small_disk)
    assert str(small_disk) in caught.value.on
    assert vault.sets() == []
