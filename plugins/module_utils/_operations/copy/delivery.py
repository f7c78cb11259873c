# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivering a set from any medium to any other, encrypted to a key that exists for this one delivery.

So a server restores with that key, and never holds the key to its older backups.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium, Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.patience import with_patience
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import Progress

from ..verify import set_verification
from .reencryption import EncryptedCopy, Reencryption
from .transfer import Copied, CopyOptions, Transfer

FETCHED, DELIVERED = "fetched", "delivered"


@contextlib.contextmanager
def spool(within: str | None) -> t.Iterator[str]:
    """Provide a directory for deliveries. What a killed run leaves in ``within`` goes with ``remove_abandoned`` there.

    :raises OSError: when it cannot be made.
    """
    with temporary_files.directory("delivery", within=within, sweep=within is None) as directory:
        for name in (FETCHED, DELIVERED):
            os.mkdir(os.path.join(directory, name), 0o700)
        yield directory


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One set on its way from one medium to another, its payload encrypted anew on the way.

    :param options: ``allowed_signers`` demands that the original is signed by its host (the copy is not: it is another
        content); ``verify_origin`` reads every byte of it, even where it is remembered as verified.
    """

    origin: Medium
    destination: Medium
    set_id: SetId
    keys: Reencryption
    options: CopyOptions
    progress: Progress

    def would_change(self) -> bool:
        """Whether the destination lacks the set, encrypted to these recipients. Check the keys; change nothing.

        The identity is tried on an original that is in a directory on this host.

        :raises AlreadyStored: when the destination holds it, encrypted to others.
        :raises BackupError: when a key does not fit.
        """
        if not self._is_needed():
            return False
        if self.origin.local is not None:
            EncryptedCopy(self.origin.local, self.origin.local, self.set_id, self.keys, self.progress).check_keys()
        else:
            self.keys.check_recipients()
        return True

    def run(self) -> Copied:
        """Deliver the set, once it is verified.

        :raises BackupError: when the identity does not fit, or a medium fails.
        """
        clock = time.monotonic()
        with self.origin.reading(self.set_id):
            copied = self._run()
        return dataclasses.replace(copied, seconds=round(time.monotonic() - clock, 3))

    def _run(self) -> Copied:
        # Before a key is tried on it: a bad set must not pass for a key that does not fit.
        local = self.origin.local if self.options.verify_origin else None
        verification = self._verify(local) if local is not None else None
        with self._explained(f"to {self.destination.describe()}"):
            is_needed = self._is_needed()
        return self._deliver(verification) if is_needed else self._delivered_before()

    def prepare(self, directory: str, verification: set_verification.Verification | None = None) -> LocalMedium:
        """Verify the set and encrypt it anew, in the destination itself if that is a directory on this host.

        :param directory: of :func:`spool`, for everything else.
        :param verification: of an original in a directory; None: what is remembered of it counts.
        :returns: the medium that holds the copy.
        :raises SetInvalid: when the original is bad.
        :raises BackupError: when the identity does not fit, or a medium fails.
        """
        ready = self.destination.local or DirectoryMedium(path=os.path.join(directory, DELIVERED))
        if self.origin.local is not None:
            with self.origin.reading(self.set_id):
                self._encrypt(self.origin.local, ready, verification)
            return ready
        fetched = DirectoryMedium(path=os.path.join(directory, FETCHED))
        options = CopyOptions(allowed_signers=self.options.allowed_signers)
        with_patience(Transfer(self.origin, fetched, self.set_id, options, self.progress).run)
        try:
            self._encrypt(fetched, ready, None)
        finally:
            # Its room is needed; if it does not go now, it goes with the directory.
            with contextlib.suppress(BackupError):
                fetched.remove(self.set_id)
        return ready

    def send(self, ready: LocalMedium) -> Copied:
        """Send what is prepared to a destination that is no directory on this host."""
        options = CopyOptions(verify=self.options.verify)
        return with_patience(Transfer(ready, self.destination, self.set_id, options, self.progress).run)

    def _encrypt(
        self, origin: LocalMedium, ready: LocalMedium, verification: set_verification.Verification | None
    ) -> None:
        signed = self.options.allowed_signers is not None
        known = verification or set_verification.recall(origin, self.set_id, signed=signed) or self._verify(origin)
        copy = EncryptedCopy(origin, ready, self.set_id, self.keys, self.progress)
        with self._explained(f"to {ready.describe()}"):
            copy.check_keys()
            with_patience(lambda: copy.write(known.tag_manifest_sha256))

    def _deliver(self, verification: set_verification.Verification | None) -> Copied:
        if self.origin.local is not None and self.destination.local is not None:
            return self._copied(self.prepare("", verification), verified=False)
        with contextlib.ExitStack() as stack:
            with self._explained(f"to directory {self.options.spool or tempfile.gettempdir()}"):
                directory = stack.enter_context(spool(self.options.spool))
            ready = self.prepare(directory, verification)
            if self.destination.local is not None:
                return self._copied(ready, verified=False)
            return self._copied(ready, verified=self.send(ready).verified)

    def _copied(self, ready: LocalMedium, *, verified: bool) -> Copied:
        contents = ready.contents(self.set_id)
        size = sum(contents.sizes().values())
        return Copied(self.set_id, True, size, 0.0, verified, bag.tag_manifest_digest(contents))

    def _delivered_before(self) -> Copied:
        """Return what is known of a copy that the destination has already; one on another host is read first.

        Of that one nothing says that this host sent it: its content has no name that could be relied on.
        """
        if self.destination.local is None:
            set_verification.verify(self.destination, self.set_id, progress=self.progress.advance)
            return Copied(self.set_id, False, 0, 0.0, True)
        return Copied(
            self.set_id, False, 0, 0.0, False, bag.tag_manifest_digest(self.destination.contents(self.set_id))
        )

    def _is_needed(self) -> bool:
        """Whether the destination lacks the set.

        :raises AlreadyStored: when it holds the set, encrypted to others.
        """
        try:
            present = self.destination.holds(self.set_id)
        except AccessDenied:
            return True  # A put-only identity cannot look; the conditional put decides.
        if not present:
            return True
        described = read_description(self.set_id, self.destination.contents(self.set_id)).encryption.get("recipients")
        recipients = [str(recipient) for recipient in described] if isinstance(described, list) else []
        if set(recipients) == set(self.keys.recipients):
            return False
        raise AlreadyStored(
            "re-encrypt a set",
            on=f"{self.set_id} to {self.destination.describe()}",
            why=f"it is already there, encrypted to {', '.join(recipients) or 'nobody'}",
            next_step="Remove that copy, or deliver to another directory; sets are never overwritten.",
        )

    @contextlib.contextmanager
    def _explained(self, way: str) -> t.Iterator[None]:
        """Explain an error of the operating system, which is about a place on this host."""
        try:
            yield
        except OSError as error:
            raise BackupError(
                "re-encrypt a set",
                on=f"{self.set_id} {way}",
                why=describe_os_error(error),
                next_step="Correct the cause and run again; nothing incomplete was kept, and the origin is as it was.",
            ) from error

    def _verify(self, origin: LocalMedium) -> set_verification.Verification:
        with self._explained(f"from {origin.describe()}"):
            self.progress.stage("verifying", total_bytes=sum(origin.contents(self.set_id).sizes().values()))
            verification, _checked = set_verification.verify(
                origin, self.set_id, allowed_signers=self.options.allowed_signers, progress=self.progress.advance
            )
        return verification
