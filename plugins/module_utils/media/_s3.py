# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The s3 medium: a bucket of an S3-compatible object store.

Keys are ``<prefix>/<host>/<source>/<time>/<path>``; an object's key under the set is the file's path in the set.
"""

from __future__ import annotations

import datetime
import os
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _bag
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    LockHeld,
    NotFound,
    Refused,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId, is_name, is_time
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import (
    Access,
    Medium,
    ProgressCallback,
    no_progress,
)
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3_access import probe_bucket
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3_journal import Journals, Upload
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3_store import Bucket, Declined, Store
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3_streams import Download
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3_upload import Uploader, abort

DEFAULT_STATE_DIRECTORY = "/var/lib/infitulua-backup"
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


class S3Medium(Medium):
    """Sets in a bucket.

    The identity that stores needs no more than ``s3:PutObject``, ``s3:AbortMultipartUpload`` and, with
    ``retain_days``, ``s3:PutObjectRetention``: then it can neither read, list, delete nor replace. Reading needs
    ``s3:ListBucket`` and ``s3:GetObject``, and in a versioned bucket ``s3:ListBucketVersions`` and
    ``s3:GetObjectVersion``.

    :param prefix: what all keys begin with, without a slash at the end.
    :param state_directory: where this host keeps the journals of its uploads.
    :param retain_days: Object Lock keeps each object from being deleted for so many days from its upload.
    :param retain_mode: ``compliance`` (nobody can shorten it; the default) or ``governance``.
    :raises Refused: when the options do not go together.
    """

    kind = "s3"
    arguments = {
        "bucket": {"type": "str"},
        "prefix": {"type": "str"},
        "endpoint_url": {"type": "str"},
        "region": {"type": "str"},
        "profile": {"type": "str"},
        "credentials_file": {"type": "path"},
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "validate_certs": {"type": "bool"},
        "ca_bundle": {"type": "path"},
        "state_directory": {"type": "path"},
        "retain_days": {"type": "int"},
        "retain_mode": {"type": "str", "choices": ["compliance", "governance"]},
    }

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
        retain_days: int | None = None,
        retain_mode: str | None = None,
    ) -> None:
        if retain_days is not None and retain_days < 1:
            self._refuse(bucket, f"retain_days is {retain_days}", "Give at least one day, or leave it out.")
        if retain_mode is not None and retain_days is None:
            self._refuse(bucket, "it has a retain_mode and no retain_days", "Say for how many days, or leave both out.")
        if prefix and (not _PREFIX.fullmatch(prefix) or not _bag.is_safe_path(prefix)):
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
        )
        self.prefix = prefix
        self.retain_days = retain_days
        self.retain_mode = (retain_mode or "compliance").upper() if retain_days is not None else None
        self._root = prefix + "/" if prefix else ""
        self._journals = Journals(state_directory, access, prefix)
        self._store = Store(access)

    @staticmethod
    def _refuse(bucket: str, why: str, next_step: str) -> None:
        raise Refused("use an object store", on=f"bucket {bucket}", why=why, next_step=next_step)

    def describe(self) -> str:
        below = f", prefix {self.prefix}" if self.prefix else ""
        return self._store.access.describe() + below

    def close(self) -> None:
        self._store.close()

    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        # All keys are listed, 1000 a request: a set has a dozen, so that asking for each one's bagit.txt costs more.
        below = self._root + (f"{host}/" + (f"{source}/" if source else "") if host else "")
        found = []
        for entry in self._pages("list_objects_v2", "Contents", below):
            parts = entry["Key"][len(self._root) :].split("/")
            if len(parts) != 4 or parts[3] != _bag.BAGIT_TXT or source not in (None, parts[1]):
                continue
            if is_name(parts[0]) and is_name(parts[1]) and is_time(parts[2]):
                found.append(SetId(parts[0], parts[1], parts[2]))
        return sorted(found)

    def holds(self, set_id: SetId) -> bool:
        key = self._key(set_id) + _bag.BAGIT_TXT
        answer = self._store.call("list_objects_v2", action="list a medium", on=self.describe(), Prefix=key, MaxKeys=1)
        return any(entry["Key"] == key for entry in answer.get("Contents", ()))

    def contents(self, set_id: SetId) -> S3Contents:
        contents = S3Contents(self._store, self._key(set_id), self._genuine(set_id), f"{set_id} on {self.describe()}")
        if _bag.BAGIT_TXT not in contents.objects:
            raise NotFound(
                "find a set",
                on=f"{set_id} on {self.describe()}",
                why="there is no such set",
                next_step="List the sets with set_info.",
            )
        return contents

    def fetch(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        try:
            super().fetch(set_id, directory, progress)
        except OSError as error:
            raise BackupError(
                "fetch a set",
                on=f"{set_id} from {self.describe()}",
                why=describe_os_error(error),
                next_step="Correct the cause and run again; nothing incomplete is kept.",
            ) from error

    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        """Copies a complete set from a local directory into the bucket.

        What a failure leaves behind is not listed, and is journalled: the next :meth:`store` of the same set takes
        the upload up where it stopped. When that set is gone from this host, :meth:`abandon_uploads`, which every
        :meth:`store` begins with, aborts what was under way.

        :raises AlreadyStored: when the bucket holds objects of this id that this host did not put there.
        :raises LockHeld: when another process of this host uploads a set of this source.
        """
        self.abandon_uploads(but=set_id)
        with self._journals.locked(set_id):
            upload = self._journals.read(set_id)
            if upload is not None and upload.complete is not None:
                self._check_removed(set_id, upload)
            try:
                Uploader(
                    self._store,
                    self._journals,
                    set_id,
                    directory,
                    host_key=f"{self._root}{set_id.host}/",
                    key=self._key(set_id),
                    lock=self.retain_mode,
                    retain_days=self.retain_days,
                    progress=progress,
                ).run()
            except OSError as error:
                raise BackupError(
                    "store a set",
                    on=f"{set_id} to {self.describe()}",
                    why=describe_os_error(error),
                    next_step="Correct the cause and run again: the upload goes on where it stopped.",
                ) from error

    def has_stored(self, set_id: SetId, tag_manifest: str) -> bool:
        upload = self._journals.read(set_id)
        digest = _bag.sha256_of_text(tag_manifest)
        return upload is not None and upload.complete is not None and upload.tag_manifest_sha256 == digest

    def remove(self, set_id: SetId) -> None:
        """Removes one set, or what an interrupted upload left of one: ``bagit.txt`` first, then the rest.

        In a versioned bucket this hides the objects behind delete markers; their versions stay until Object Lock
        lets go of them and the bucket's lifecycle rules remove them.

        :raises AccessDenied: when the key may not.
        """
        key = self._key(set_id)
        keys = [entry["Key"] for entry in self._pages("list_objects_v2", "Contents", key)]
        if not keys:
            raise NotFound(
                "remove a set",
                on=f"{set_id} on {self.describe()}",
                why="nothing of it is there",
                next_step="List the sets with set_info.",
            )
        for each in sorted(keys, key=lambda name: name != key + _bag.BAGIT_TXT):
            on = f"{set_id} on {self.describe()}"
            self._store.call("delete_object", action="remove a set", on=on, Key=each)
        self._journals.forget(set_id)

    def probe(self, *, host: str | None = None) -> Access:
        return probe_bucket(self._store, prefix=self._root + (f"{host}/" if host else ""))

    def abandon_uploads(self, *, but: SetId | None = None) -> list[SetId]:
        """Aborts the uploads in parts of sets that are no longer where they were being stored from.

        What the journal says of objects that stand already is kept: it lets a later copy of the same set go on.

        :param but: leave this one alone.
        :returns: the sets whose uploads were aborted.
        :raises BackupError: when the store does not take it.
        """
        abandoned = []
        for set_id in self._journals.sets():
            upload = self._journals.read(set_id)
            if upload is None or upload.complete or set_id == but or os.path.isdir(upload.directory):
                continue
            try:
                with self._journals.locked(set_id):
                    if self._abandon(set_id):
                        abandoned.append(set_id)
            except LockHeld:
                continue
        return abandoned

    def _abandon(self, set_id: SetId) -> bool:
        upload = self._journals.read(set_id)
        if upload is None or upload.complete:
            return False
        running = {path: record for path, record in upload.objects.items() if record.upload_id}
        for path, record in running.items():
            abort(self._store, self._key(set_id) + path, t.cast(str, record.upload_id))
            record.upload_id, record.parts = None, {}
        if running:
            self._journals.write(set_id, upload)
        if not upload.objects:
            self._journals.forget(set_id)
        return bool(running)

    def _check_removed(self, set_id: SetId, upload: Upload) -> None:
        """This host has stored the set before: it may only store it again when it is known to be gone.

        :raises AlreadyStored: when it is there, or nobody knows.
        """
        try:
            known = self.holds(set_id)
        except AccessDenied:
            known = True
        if known:
            raise AlreadyStored(
                "store a set",
                on=f"{set_id} to {self.describe()}",
                why=f"this host stored it there at {upload.complete}",
                next_step="Sets are never overwritten. If it was removed there, remove the file"
                f" {self._journals.path(set_id)} and run again.",
            )
        self._journals.forget(set_id)

    def _key(self, set_id: SetId) -> str:
        return f"{self._root}{set_id}/"

    def _pages(self, operation: str, member: str, prefix: str) -> t.Iterator[dict[str, t.Any]]:
        parameters: dict[str, t.Any] = {"Prefix": prefix}
        while True:
            answer = self._store.call(operation, action="list a medium", on=self.describe(), **parameters)
            yield from answer.get(member, ())
            if not answer.get("IsTruncated"):
                return
            parameters["ContinuationToken"] = answer["NextContinuationToken"]

    def _genuine(self, set_id: SetId) -> dict[str, _Object]:
        """The objects of a set as they were stored, whatever was put there since.

        Every put of ours is refused where an object stands, so in a versioned bucket the oldest version since the
        last removal is the genuine one, and what came after ``bagit.txt`` (always last) is not of the set. So a
        stolen put-only key can neither replace nor spoil a set that is complete.

        :raises AccessDenied: when the key may not list.
        """
        try:
            return self._first_versions(self._key(set_id))
        except Declined as declined:
            if declined.status not in (400, 403, 405, 501):
                raise declined.error from declined.__cause__
        # A store without versions, or a key that may not list them: what stands now.
        below = self._key(set_id)
        return {
            entry["Key"][len(below) :]: _Object(entry["Size"], entry["ETag"], None, entry["LastModified"])
            for entry in self._pages("list_objects_v2", "Contents", below)
        }

    def _first_versions(self, below: str) -> dict[str, _Object]:
        versions: list[dict[str, t.Any]] = []
        removed: dict[str, datetime.datetime] = {}
        gone: set[str] = set()
        parameters: dict[str, t.Any] = {"Prefix": below}
        while True:
            answer = self._store.attempt(
                "list_object_versions", action="list a medium", on=self.describe(), **parameters
            )
            versions += answer.get("Versions", ())
            for marker in answer.get("DeleteMarkers", ()):
                key = marker["Key"]
                removed[key] = max(marker["LastModified"], removed.get(key, marker["LastModified"]))
                if marker.get("IsLatest"):
                    gone.add(key)
            if not answer.get("IsTruncated"):
                break
            parameters["KeyMarker"] = answer["NextKeyMarker"]
            if answer.get("NextVersionIdMarker"):
                parameters["VersionIdMarker"] = answer["NextVersionIdMarker"]
        first: dict[str, _Object] = {}
        for entry in versions:  # Of each key, the newest comes first.
            key = entry["Key"]
            # Some stores know the moment by the second only: within one, what stands now came after the removal.
            if key in gone or (key in removed and entry["LastModified"] <= removed[key] and not entry["IsLatest"]):
                continue
            version = entry.get("VersionId")
            first[key[len(below) :]] = _Object(
                entry["Size"], entry["ETag"], version if version != "null" else None, entry["LastModified"]
            )
        last = first.get(_bag.BAGIT_TXT)
        if last is None:
            return {}
        return {path: item for path, item in first.items() if item.modified <= last.modified}


class _Object(t.NamedTuple):
    """An object as listed: bytes, entity tag, version (None: the only one), when it was stored."""

    size: int
    etag: str
    version: str | None
    modified: datetime.datetime


class S3Contents:
    """The files of a set in a bucket.

    :param below: what the keys begin with.
    """

    def __init__(self, store: Store, below: str, objects: dict[str, _Object], on: str) -> None:
        self.objects = objects
        self._store = store
        self._below = below
        self._on = on

    def sizes(self) -> dict[str, int]:
        return {path: item.size for path, item in self.objects.items()}

    def open(self, path: str) -> t.BinaryIO:
        item = self.objects.get(path)
        if item is None:
            raise FileNotFoundError(2, "there is no such object", path)
        download = Download(
            self._store,
            self._below + path,
            size=item.size,
            etag=item.etag,
            version=item.version,
            on=f"{self._on}, {path}",
        )
        return t.cast(t.BinaryIO, download)
