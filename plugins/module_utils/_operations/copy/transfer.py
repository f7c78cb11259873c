# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying one set between any two media."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import time

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    Refused,
    SetInvalid,
    Unreadable,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium, Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

from ..verify import set_verification


@dataclasses.dataclass(frozen=True)
class CopyOptions:
    """How sets are copied.

    :param move: remove the set from its origin once its copy is verified (by rename where one file system allows).
    :param verify: read the copy back where it landed and compare every byte with the manifests.
    :param require_verified: only copy sets that have passed set_verify on their medium (local media).
    :param spool: a local directory for sets that pass between two remote media.
    :param allowed_signers: demand a signature by the set's host when verifying.
    :param verify_origin: of what is encrypted anew, read every byte at the origin, whatever is remembered of it.
    :param anew: no good copy is at the destination, as an audit has found, whatever is in its place.
    """

    move: bool = False
    verify: bool = True
    require_verified: bool = False
    spool: str | None = None
    allowed_signers: str | None = None
    verify_origin: bool = False
    anew: bool = False


@dataclasses.dataclass(frozen=True)
class Copied:
    """One set's outcome.

    :param changed: False when the destination already held exactly this set.
    :param verified: whether the copy was read back where it landed.
    :param tag_manifest_sha256: what names the exact content of the copy; None where that was not read here.
    """

    set_id: SetId
    changed: bool
    bytes: int
    seconds: float
    verified: bool
    tag_manifest_sha256: str | None = None


@dataclasses.dataclass(frozen=True)
class Transfer:
    """One set on its way from one medium to another."""

    origin: Medium
    destination: Medium
    set_id: SetId
    options: CopyOptions
    progress: Progress

    def would_change(self) -> bool:
        """Whether :meth:`run` would change anything; what it would refuse is refused here too.

        :raises BackupError: when the copy could not be made.
        """
        return self._plan() or self.options.move

    def run(self) -> Copied:
        """Copy the set: read once on its way, read back once where it landed.

        :raises SetInvalid: when the origin's set is bad, or the copy is not the same.
        :raises BackupError: when either medium fails; the destination then lists nothing new.
        """
        clock = time.monotonic()
        try:
            with self.origin.reading(self.set_id):
                copied = self._copy()
        except OSError as error:
            raise BackupError(
                "copy a set",
                on=f"{self.set_id} from {self.origin.describe()} to {self.destination.describe()}",
                why=describe_os_error(error),
                next_step="Correct the cause and run again; nothing incomplete was kept, and the origin is as it was.",
            ) from error
        return dataclasses.replace(copied, seconds=round(time.monotonic() - clock, 3))

    def _plan(self) -> bool:
        """Whether the destination lacks the set; what can be refused before a byte is copied is refused here.

        :raises BackupError: when the copy could not be made.
        """
        if self._is_same_place():
            raise Refused(
                "copy a set",
                on=f"{self.set_id} from {self.origin.describe()} to {self.destination.describe()}",
                why="both are the same place",
                next_step="Give two different places; nothing was changed.",
            )
        if self.options.require_verified and self._recall(self.origin) is None:
            raise Refused(
                "copy a set",
                on=f"{self.set_id} from {self.origin.describe()}",
                why="it has not been verified there" + (" with its signature" if self._signed else ""),
                next_step="Verify it first (set_verify, playbook infitulua.backup.step3_verify_result).",
            )
        return self.options.anew or self._is_needed()

    def _is_same_place(self) -> bool:
        origin, destination = self.origin.local, self.destination.local
        if origin is not None and destination is not None:
            # However the paths are spelled: a moved set's only copy would be removed.
            with contextlib.suppress(OSError):
                if os.path.samefile(origin.root, destination.root):
                    return True
                return os.path.samefile(origin.path(self.set_id), destination.path(self.set_id))
            return False
        return self.origin.kind == self.destination.kind and self.origin.describe() == self.destination.describe()

    def _is_needed(self) -> bool:
        """Whether the destination lacks the set.

        :raises AlreadyStored: when it holds *another* set of this id.
        """
        there = self.origin.contents
        try:
            present = self.destination.holds(self.set_id)
        except AccessDenied:
            # A put-only identity cannot look. What it has not stored itself, the conditional put decides.
            return not self.destination.has_stored(
                self.set_id, bag.read_set_text(there(self.set_id), bag.TAG_MANIFEST, on=str(self.set_id))
            )
        if not present:
            return True
        if bag.tag_manifest_digest(there(self.set_id)) != bag.tag_manifest_digest(
            self.destination.contents(self.set_id)
        ):
            raise AlreadyStored(
                "copy a set",
                on=f"{self.set_id} to {self.destination.describe()}",
                why="a different set of the same id is there",
                next_step="Verify both with set_verify; sets are never overwritten.",
            )
        return False

    def _copy(self) -> Copied:
        if not self._plan():
            digest = self._digest_of_both()
            if self.options.move:
                # Nothing goes before its replacement is verified, however it came to be there.
                self._remove_replaced(self._check_landed(ours=False))
            return Copied(self.set_id, self.options.move, 0, 0.0, self.options.move, digest)
        size = sum(self.origin.contents(self.set_id).sizes().values())
        self.progress.stage("copying", total_bytes=size)
        renamed = self.options.move and self._rename()
        digest = self._digest_of_both() if renamed else self._send()
        verified = self.options.verify and self._check_landed(ours=True)
        if self.options.move and not renamed:
            self._remove_replaced(verified)
        return Copied(self.set_id, True, size, 0.0, verified, digest)

    def _digest_of_both(self) -> str:
        """Return what names the content of the set, which the destination holds by now just as the origin does."""
        there = self.destination if self.destination.local is not None else self.origin
        return bag.tag_manifest_digest(there.contents(self.set_id))

    def _rename(self) -> bool:
        """Move the set by renaming it; whether its place allows that."""
        origin, destination = self.origin.local, self.destination.local
        if origin is None or destination is None:
            return False
        if os.stat(origin.path(self.set_id)).st_dev != os.stat(destination.root).st_dev:
            return False
        remembered = self._recall(origin)
        if remembered is None:
            remembered, _description = set_verification.verify(
                origin, self.set_id, allowed_signers=self.options.allowed_signers
            )
        try:
            with origin.locked(self.set_id.host, self.set_id.source):
                destination.adopt(self.set_id, origin.path(self.set_id))
        except OSError as error:
            if error.errno != errno.EXDEV:  # Bind mounts and subvolumes are other file systems for rename(2) only.
                raise
            return False
        set_verification.remember(destination, self.set_id, remembered)
        set_verification.forget(origin, self.set_id)
        return True

    def _send(self) -> str:
        """Send the set; return what names the content of what was sent."""
        local, destination = self.origin.local_path(self.set_id), self.destination.local
        if local is not None:
            # All but the payload's bytes, which the storing compares with the manifest on their way.
            set_verification.verify(
                self.origin, self.set_id, allowed_signers=self.options.allowed_signers, payload_bytes=False
            )
            self._store(local)
            return bag.tag_manifest_digest(DirectoryContents(local))
        if destination is not None:
            self._fetch_into(destination)
            return bag.tag_manifest_digest(destination.contents(self.set_id))
        with temporary_files.directory("copy", within=self.options.spool) as spool:
            self.origin.fetch(self.set_id, spool, self.progress.advance)
            self._check_fetched(spool)
            self._store(spool)
            return bag.tag_manifest_digest(DirectoryContents(spool))

    def _store(self, directory: str) -> None:
        store = self.destination.store_anew if self.options.anew else self.destination.store
        store(self.set_id, directory, self.progress.advance)

    def _fetch_into(self, destination: LocalMedium) -> None:
        with destination.locked(self.set_id.host, self.set_id.source), destination.begin(self.set_id) as partial:
            self.origin.fetch(self.set_id, partial.path, self.progress.advance)
            verification = self._check_fetched(partial.path)
            partial.commit()
        if verification is not None:  # It was read back from its place: once is enough.
            set_verification.remember(destination, self.set_id, verification)

    def _check_fetched(self, directory: str) -> set_verification.Verification | None:
        if not self.options.verify:
            return None
        contents = DirectoryContents(directory)
        self.progress.stage("reading back", total_bytes=sum(contents.sizes().values()))
        verification, _description = set_verification.verify_contents(
            contents,
            self.set_id,
            where=f"its way from {self.origin.describe()} (nothing was stored)",
            allowed_signers=self.options.allowed_signers,
            progress=self.progress.advance,
        )
        return verification

    def _check_landed(self, *, ours: bool) -> bool:
        """Whether the copy is whole where it landed.

        :param ours: this run stored it, and may take it away again when it is bad.
        """
        if self._recall(self.destination) is not None:
            return True
        try:
            sizes = self.destination.contents(self.set_id).sizes()
            self.progress.stage("reading back", total_bytes=sum(sizes.values()))
            verification, _description = set_verification.verify(
                self.destination,
                self.set_id,
                allowed_signers=self.options.allowed_signers,
                progress=self.progress.advance,
            )
        except AccessDenied:
            return False  # Put-only: its checksums were checked by the receiving end; a reader audits later.
        except (SetInvalid, Unreadable):
            if self.destination.local is not None and ours:  # An unread copy does not count; the origin is there.
                self.destination.remove(self.set_id)
            raise
        set_verification.remember(self.destination, self.set_id, verification)
        return True

    def _remove_replaced(self, verified: bool) -> None:
        if not verified:
            raise Refused(
                "remove a set from its origin",
                on=f"{self.set_id} on {self.origin.describe()}",
                why="its copy could not be verified at the destination",
                next_step="Both copies are kept. Move with verify: true, to a medium that can be read.",
            )
        self.origin.remove(self.set_id)
        set_verification.forget(self.origin, self.set_id)

    @property
    def _signed(self) -> bool:
        return self.options.allowed_signers is not None

    def _recall(self, medium: Medium) -> set_verification.Verification | None:
        return set_verification.recall(medium, self.set_id, signed=self._signed)
