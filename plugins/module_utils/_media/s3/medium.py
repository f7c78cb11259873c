# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The s3 medium: a bucket of an S3-compatible object store.

Keys are ``<prefix>/<host>/<source>/<time>/<path>``; an object's key under the set is the file's path in the set. Where
somebody else's objects stand in a set's place, it lies at a retry beside (:mod:`~.listing`). What of all that lies
there is the set, its receipt says, and where there is none, its tag manifest (:mod:`~.contents`).
"""

from __future__ import annotations

import contextlib
import datetime
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    Refused,
    SetInvalid,
    Unreadable,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system.bandwidth import read_bandwidth
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback, no_progress

from ..base import Access, AuditedCopy, Medium
from .access import may_read, probe_bucket
from .bucket import Bucket
from .contents import Finder, S3Contents
from .examination import Examination
from .fetch import Fetch
from .journal import Journals
from .keeper import Keeper
from .listing import Listing, Place, Version, below, is_claimed, read_listing
from .object_locks import ObjectLocks
from .open_upload import Retention
from .receipts import Audited, Receipt, Receipts
from .store import Store
from .uploads import Uploads

DEFAULT_STATE_DIRECTORY = "/var/lib/infitulua-backup"
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


class S3Medium(Medium):
    """Sets in a bucket.

    The identity that stores needs no more than ``s3:PutObject``, ``s3:AbortMultipartUpload`` and, with
    ``retain_days``, ``s3:PutObjectRetention``: then it can neither read, list, delete nor replace. Reading needs
    ``s3:ListBucket`` and ``s3:GetObject``, and in a versioned bucket ``s3:ListBucketVersions`` and
    ``s3:GetObjectVersion``.

    :param prefix: what all keys begin with, without a slash at the end.
    :param state_directory: where this host keeps the journals of its uploads and the receipts of its audits.
    :param allowed_signers_file: only what a set's host has signed, by this file, is that set.
    :param retain_days: Object Lock keeps each object from being deleted for so many days from its upload.
    :param retain_mode: ``compliance`` (nobody can shorten it; the default) or ``governance``.
    :param proxy_url: the HTTP proxy on the way; None: what the environment says (``HTTPS_PROXY``, ``NO_PROXY``).
    :param bandwidth: ``upload`` and ``download``, each as :class:`~._system.bandwidth.Timetable` takes it.
    :raises Refused: when the options do not go together.
    """

    kind = "s3"
    material = "object store"

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        credentials_file: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        validate_certs: bool = True,
        ca_bundle: str | None = None,
        state_directory: str = DEFAULT_STATE_DIRECTORY,
        allowed_signers_file: str | None = None,
        retain_days: int | None = None,
        retain_mode: str | None = None,
        proxy_url: str | None = None,
        bandwidth: t.Mapping[str, str | None] | None = None,
    ) -> None:
        if retain_days is not None and retain_days < 1:
            self._refuse(bucket, f"retain_days is {retain_days}", "Give at least one day, or leave it out.")
        if retain_mode is not None and retain_days is None:
            self._refuse(bucket, "it has a retain_mode and no retain_days", "Say for how many days, or leave both out.")
        if prefix and (not _PREFIX.fullmatch(prefix) or not bag.is_safe_path(prefix)):
            self._refuse(
                bucket,
                f"the prefix is {prefix!r}",
                "Use letters, digits, '.', '_', '-' and '/' between names, with no slash at either end.",
            )
        access = Bucket(
            bucket=bucket,
            endpoint_url=endpoint_url.rstrip("/") if endpoint_url else None,
            region=region,
            profile=profile,
            credentials_file=credentials_file,
            access_key=access_key,
            secret_key=secret_key,
            validate_certs=validate_certs,
            ca_bundle=ca_bundle,
            proxy_url=proxy_url,
        )
        self.prefix = prefix
        self.allowed_signers = allowed_signers_file
        self.retain_days = retain_days
        self.retain_mode = (retain_mode or "compliance").upper() if retain_days is not None else None
        self._root = prefix + "/" if prefix else ""
        self._journals = Journals(state_directory, access, prefix)
        self._receipts = Receipts(self._journals.receipts_directory)
        self._store = Store(access, *read_bandwidth(bandwidth, f"bucket {bucket}"))
        self._finder = Finder(self._store, self._root, self.describe(), allowed_signers_file)
        self._uploads = Uploads(
            self._store,
            self._journals,
            root=self._root,
            describe=self.describe(),
            retention=Retention(self.retain_mode, retain_days),
            holds=self.holds,
        )
        locks = ObjectLocks(self._store, self.retain_mode)
        self.keeper = Keeper(self._store, locks, self._receipts, self._root, self.describe())
        self.examination = Examination(self._store, self._journals, self._root, self.describe())
        # What was found of each set, so that one run sees one thing.
        self._found: dict[SetId, S3Contents] = {}

    @staticmethod
    def _refuse(bucket: str, why: str, next_step: str) -> None:
        raise Refused("use an object store", on=f"bucket {bucket}", why=why, next_step=next_step)

    def describe(self) -> str:
        below = f", prefix {self.prefix}" if self.prefix else ""
        return self._store.access.describe() + below

    def close(self) -> None:
        self._store.close()

    def listing(self, *, host: str | None = None, source: str | None = None) -> Listing:
        """Return every object in a host's part of the bucket, or in all of it."""
        # All keys are listed, 1000 a request: a set has a dozen, so that asking for each one's bagit.txt costs more.
        prefix = self._root + (f"{host}/" + (f"{source}/" if source else "") if host else "")
        return read_listing(self._store, prefix, root=self._root, on=self.describe())

    def places(self, set_id: SetId) -> dict[str, Place]:
        """Return the objects at the places of one set, by retry."""
        listing = read_listing(self._store, f"{self._root}{set_id}", root=self._root, on=self.describe())
        return listing.sets.get(set_id, {})

    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        listed = self.listing(host=host, source=source).sets
        return sorted(
            set_id
            for set_id, places in listed.items()
            if source in (None, set_id.source) and self._is_there(set_id, places)
        )

    def holds(self, set_id: SetId) -> bool:
        return self._is_there(set_id, self.places(set_id))

    def _is_there(self, set_id: SetId, places: t.Mapping[str, Place]) -> bool:
        return any(map(is_claimed, places.values())) or self.receipt(set_id, places) is not None

    def eligible(
        self, sets: t.Sequence[SetId], passed_over: list[tuple[SetId, BackupError]] | None = None
    ) -> list[SetId]:
        """Those that were audited, where any was: what else lies there, anybody with the server's key can have put.

        Where none was, as on a systems computer that is new, those that can be read.
        """
        if not sets:
            return []
        listed = self.listing(host=sets[0].host, source=sets[0].source).sets
        others = [] if passed_over is None else passed_over
        audited = [set_id for set_id in sets if self.receipt(set_id, listed.get(set_id, {})) is not None]
        if audited:
            # Older ones that were never audited (the vault they were in is lost, say) are nobody's newest.
            newer = [set_id for set_id in sets if set_id not in audited and set_id > max(audited)]
            others += [(set_id, self._not_audited(set_id)) for set_id in newer]
            return audited
        readable = []
        for set_id in sets:
            try:
                read_description(set_id, self.contents(set_id))
                readable.append(set_id)
            except (NotFound, SetInvalid, Unreadable) as error:
                others.append((set_id, error))
        return readable

    def _not_audited(self, set_id: SetId) -> BackupError:
        return Refused(
            "take a set for the newest",
            on=f"{set_id} on {self.describe()}",
            why="its copy there has not been audited, but other sets of its source have been",
            next_step="Find out who stored it. To use it all the same, give its id.",
        )

    def receipt(self, set_id: SetId, places: t.Mapping[str, Place]) -> Receipt | None:
        """Return the receipt of a set, if every object is still there as it was audited."""
        receipt = self._receipts.read(set_id)
        return receipt if receipt and not receipt.lost(places.get(receipt.retry, {})) else None

    def audited_once(self, set_id: SetId) -> Receipt | None:
        """Return the receipt of a set, whether or not its objects are still there; the store is not asked."""
        return self._receipts.read(set_id)

    def audited_copies(self, *, host: str) -> dict[SetId, AuditedCopy]:
        listed = self.listing(host=host).sets
        receipts = {set_id: self.receipt(set_id, places) for set_id, places in listed.items()}
        return {
            set_id: AuditedCopy(receipt.tag_manifest_sha256, receipt.audited, receipt.locked_until)
            for set_id, receipt in receipts.items()
            if receipt is not None
        }

    def locked_until(self, set_id: SetId) -> str | None:
        receipt = self._receipts.read(set_id)
        return receipt.locked_until if receipt is not None else None

    def lost(self, set_id: SetId, places: t.Mapping[str, Place]) -> list[str]:
        """Return the objects that a receipt names and that are not there any more as they were audited."""
        receipt = self._receipts.read(set_id)
        return receipt.lost(places.get(receipt.retry, {})) if receipt else []

    def contents(self, set_id: SetId) -> S3Contents:
        if set_id not in self._found:
            places = self.places(set_id)
            receipt = self.receipt(set_id, places)
            if receipt is None and not any(map(is_claimed, places.values())):
                raise NotFound(
                    "find a set",
                    on=f"{set_id} on {self.describe()}",
                    why="there is no such set",
                    next_step="List the sets with set_info.",
                )
            self._found[set_id] = self.audited(set_id, receipt) if receipt else self.find(set_id, places)
        return self._found[set_id]

    def audited(self, set_id: SetId, receipt: Receipt) -> S3Contents:
        """Return the files of a set as its receipt names them."""
        moment = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
        objects = {path: Version(each.bytes, each.etag, each.version, moment) for path, each in receipt.objects.items()}
        return self._finder.at(set_id, receipt.retry, objects)

    def find(self, set_id: SetId, places: t.Mapping[str, Place], *, content: str | None = None) -> S3Contents:
        """Return the files of a set among what lies at its places, with or without a receipt.

        :param content: the SHA-256 of the tag manifest that it must have.
        :raises SetInvalid: when it is not there.
        :raises Unreadable: when it is not there as far as can be read, and the store withholds some of what is.
        """
        return self._finder.find(set_id, places, content=content, damaged=self._receipts.damaged(set_id))

    def is_ours(self, set_id: SetId, retry: str, path: str, version: Version, sha256: str | None) -> bool:
        """Whether an object at another of the set's places is only what a given-up upload of it has left there."""
        return self._finder.is_ours(set_id, retry, path, version, sha256)

    def may_read(self, host: str) -> bool:
        """Whether this key may read at all in a host's part of the bucket."""
        return may_read(self._store, prefix=f"{self._root}{host}/")

    def where(self, set_id: SetId, retry: str) -> str:
        """Return what the keys of a set begin with at one of its places."""
        return below(self._root, set_id, retry)

    def write_receipt(self, contents: S3Contents, verification: t.Any) -> Receipt:
        """Record that a set was audited in place.

        :param contents: what was read.
        :param verification: the :class:`~._operations.verify.set_verification.Verification` that it passed.
        :raises BackupError: when it cannot be brought to the disk.
        """
        receipt = Receipt(
            id=verification.id,
            medium=self.describe(),
            audited=verification.verified,
            tag_manifest_sha256=verification.tag_manifest_sha256,
            signed=verification.signed,
            retry=contents.retry,
            objects={path: Audited(each.version, each.etag, each.size) for path, each in contents.objects.items()},
        )
        # Every byte has been read: that counts, whatever the store says of locks. Who extends them looks again.
        with contextlib.suppress(BackupError):
            receipt, _longest = self.keeper.read_lock(receipt)
        self._receipts.write(receipt)
        self._found[SetId.parse(receipt.id)] = contents
        return receipt

    def note_damaged(self, set_id: SetId, retry: str) -> None:
        """Record that a set was read in place and is damaged: another copy of it there is used before this one.

        :raises BackupError: when it cannot be brought to the disk.
        """
        self._receipts.note_damaged(set_id, retry)
        self._found.pop(set_id, None)

    def damaged_places(self, set_id: SetId) -> list[str]:
        """Return the places, by retry, at which a damaged copy of a set was found."""
        return self._receipts.damaged(set_id)

    def fetch(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        try:
            Fetch(self.contents(set_id), set_id, directory, progress).run()
        except OSError as error:
            raise BackupError(
                "fetch a set",
                on=f"{set_id} from {self.describe()}",
                why=describe_os_error(error),
                next_step="Correct the cause and run again; nothing incomplete is kept.",
            ) from error

    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        """Copy a complete set from a local directory into the bucket.

        What a failure leaves behind is not listed, and is journalled: the next :meth:`store` of the same set takes
        the upload up where it stopped. When that set is gone from this host, :meth:`abandon_uploads`, which every
        :meth:`store` begins with, aborts what was under way.

        :raises AlreadyStored: when the bucket holds objects of this id that this host did not put there.
        :raises LockHeld: when another process of this host uploads a set of this source.
        """
        self._found.pop(set_id, None)
        self._uploads.store(set_id, directory, progress)

    def store_anew(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        """As :meth:`store`, at another place of the set where its own is taken, or where this host stored it before.

        :raises AlreadyStored: when that did not help, over and over.
        """
        self._found.pop(set_id, None)
        self._uploads.store_anew(set_id, directory, progress)

    def has_stored(self, set_id: SetId, tag_manifest: str) -> bool:
        return self._uploads.has_stored(set_id, tag_manifest)

    def remove(self, set_id: SetId) -> None:
        """Remove one set, or what an interrupted upload left of one: ``bagit.txt`` first, then the rest.

        In a versioned bucket this hides the objects behind delete markers; their versions stay until Object Lock
        lets go of them and the bucket's lifecycle rules remove them.

        :raises AccessDenied: when the key may not.
        """
        keys = [
            (path != bag.BAGIT_TXT, below(self._root, set_id, retry) + path)
            for retry, place in self.places(set_id).items()
            for path, versions in place.items()
            if versions.live
        ]
        if not keys:
            raise NotFound(
                "remove a set",
                on=f"{set_id} on {self.describe()}",
                why="nothing of it is there",
                next_step="List the sets with set_info.",
            )
        for _order, key in sorted(keys):
            on = f"{set_id} on {self.describe()}"
            self._store.call("delete_object", action="remove a set", on=on, Key=key)
        self._found.pop(set_id, None)
        self._receipts.forget(set_id)
        self._journals.forget(set_id)

    def probe(self, *, host: str | None = None) -> Access:
        return probe_bucket(self._store, prefix=self._root + (f"{host}/" if host else ""))

    def abilities(self, *, host: str | None, anew: bool = False) -> dict[str, t.Any]:
        return self.examination.abilities(host=host, anew=anew)

    def last_trial(self, rights: str) -> str | None:
        return self.examination.trials.last(rights)

    def abandon_uploads(self, *, but: SetId | None = None) -> list[SetId]:
        """Abort the uploads in parts of sets that are no longer where they were being stored from.

        What the journal says of objects that stand already is kept: it lets a later copy of the same set go on.

        :param but: leave this one alone.
        :returns: the sets whose uploads were aborted.
        :raises BackupError: when the store does not take it.
        """
        return self._uploads.abandon(but=but)
