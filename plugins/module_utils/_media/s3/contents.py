# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects a set in a bucket is made of, whatever else somebody has put there.

A set is exactly what its tag manifest names, in the versions whose digests fit. A tag manifest counts where all the tag
files that it names are there, and, where signatures are demanded, where its host has signed it. Of several that do, the
one that was complete first counts: what a stolen key puts over a set or beside it later changes nothing.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import json
import os
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    BackupError,
    NotFound,
    SetInvalid,
    Unreadable,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag, signature
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import BACKUP_JSON
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .listing import Place, Version, below, is_claimed
from .store import Declined, Store
from .streams import Download

# Of each object, so many versions are tried, oldest first: a set's own is the first, unless somebody came before it.
_MOST_VERSIONS = 20
_MOST_TAG_MANIFEST_BYTES = 1024 * 1024
# Objects that are kept so are not read before somebody has ordered it.
_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
_REQUIRED = (bag.BAGIT_TXT, bag.BAG_INFO_TXT, bag.MANIFEST, BACKUP_JSON)


class S3Contents:
    """The files of a set in a bucket.

    :param key: what the keys of its objects begin with.
    :param retry: which of the set's places that is.
    :param objects: path to the version that is of the set.
    """

    def __init__(self, store: Store, key: str, retry: str, objects: dict[str, Version], on: str) -> None:
        self.objects = objects
        self.retry = retry
        self._store = store
        self._key = key
        self._on = on

    def sizes(self) -> dict[str, int]:
        return {path: item.size for path, item in self.objects.items()}

    def open(self, path: str) -> t.BinaryIO:
        return self.download(path)

    def download(
        self, path: str, *, begin: int = 0, end: int | None = None, stopped: threading.Event | None = None
    ) -> t.BinaryIO:
        """Open a file, or part of it.

        :param begin: where the part begins, in bytes.
        :param end: where it ends; None: with the file.
        :param stopped: when set, a lost connection is not taken up again.
        """
        item = self.objects.get(path)
        if item is None:
            raise FileNotFoundError(2, "there is no such object", path)
        download = Download(
            self._store,
            self._key + path,
            size=item.size,
            etag=item.etag,
            version=item.version,
            on=f"{self._on}, {path}",
            begin=begin,
            end=end,
            stopped=stopped,
        )
        return t.cast(t.BinaryIO, download)


class _Texts:
    """Files that were read already."""

    def __init__(self, texts: t.Mapping[str, str]) -> None:
        self._texts = texts

    def sizes(self) -> dict[str, int]:
        return {path: len(text.encode()) for path, text in self._texts.items()}

    def open(self, path: str) -> t.BinaryIO:
        return io.BytesIO(self._texts[path].encode())


class _Unfit(Exception):
    """The objects at a place are not a set, or not the one that is wanted."""


class _Withheld(_Unfit):
    """The store answers, and does not give an object: who puts one chooses its storage class and its keys."""


class Finder:
    """Find a set among the objects at its places.

    :param root: the medium's prefix, with its slash.
    :param describe: the medium, for messages.
    :param allowed_signers: only what the set's host has signed is a set; None: signatures are not looked at.
    """

    def __init__(self, store: Store, root: str, describe: str, allowed_signers: str | None) -> None:
        self._store = store
        self._root = root
        self._describe = describe
        self._allowed_signers = allowed_signers

    def find(
        self,
        set_id: SetId,
        places: t.Mapping[str, Place],
        *,
        content: str | None = None,
        damaged: t.Collection[str] = (),
    ) -> S3Contents:
        """Return the files of a set.

        :param places: the objects at the set's places, by retry.
        :param damaged: places at which damaged copies were found: they are tried last.
        :param content: the SHA-256 of the tag manifest that it must have; None: any.
        :raises SetInvalid: when nothing there is that set; its details say of each place why not.
        :raises Unreadable: as SetInvalid, where the store withholds objects that could be of it.
        :raises BackupError: when the store cannot be read.
        """
        if self._allowed_signers is not None and not os.path.isfile(self._allowed_signers):
            raise NotFound(
                "check signatures",
                on=self._describe,
                why=f"there is no file of allowed signers at {self._allowed_signers}",
                next_step="Prepare the systems computer (playbook infitulua.backup.step1_prepare_media).",
            )
        claimed = [retry for retry in places if is_claimed(places[retry])]
        reasons = []
        withheld = False
        for retry in sorted(claimed, key=lambda each: (each in damaged, _completed(places[each]), each)):
            try:
                # Where several present themselves as the set, one that lacks a byte must not hide another.
                return self._fit(set_id, retry, places[retry], content, thorough=len(claimed) > 1)
            except _Unfit as unfit:
                reasons.append(f"{below(self._root, set_id, retry)}: {unfit}")
                withheld = withheld or isinstance(unfit, _Withheld)
            except OSError as error:
                raise BackupError(
                    "read a set",
                    on=f"{set_id} on {self._describe}",
                    why=describe_os_error(error),
                    next_step="Check the state of the store, then run again.",
                ) from error
        if withheld:
            raise Unreadable(
                "read a set",
                on=f"{set_id} on {self._describe}",
                why="; ".join(reasons),
                next_step="Use another copy. If this key can read other sets, somebody with the key of the server"
                f" {set_id.host} has stored these objects so that it cannot read them; if it can read none, grant it"
                " that permission.",
                details=reasons,
            )
        raise SetInvalid(
            "find a set among the objects under its id",
            on=f"{set_id} on {self._describe}",
            why="; ".join(reasons) or "there is no complete set there",
            next_step=f"Whoever holds the key of the server {set_id.host} has put it there. Use another copy.",
            details=reasons,
        )

    def at(self, set_id: SetId, retry: str, objects: dict[str, Version]) -> S3Contents:
        """Return the files of a set whose objects are known."""
        key = below(self._root, set_id, retry)
        return S3Contents(self._store, key, retry, objects, f"{set_id} on {self._describe}")

    def is_ours(self, set_id: SetId, retry: str, path: str, version: Version, sha256: str | None) -> bool:
        """Whether an object is what the set itself has at this path: what an upload that was given up has left."""
        if sha256 is None:
            return False
        return self._stored_digest(below(self._root, set_id, retry) + path, version) == sha256

    def _fit(self, set_id: SetId, retry: str, place: Place, content: str | None, *, thorough: bool) -> S3Contents:
        reason = _Unfit(f"there is no {bag.TAG_MANIFEST}")
        for version in _versions(place, bag.TAG_MANIFEST):
            if version.size > _MOST_TAG_MANIFEST_BYTES:
                reason = _told(
                    reason, _Unfit(f"its {bag.TAG_MANIFEST} is larger than {_MOST_TAG_MANIFEST_BYTES} bytes")
                )
                continue
            try:
                contents = self._fit_tag_manifest(set_id, retry, place, version, content)
                self._fit_payload(below(self._root, set_id, retry), contents, place, thorough)
                return contents
            except _Unfit as unfit:
                reason = _told(reason, unfit)
        raise reason

    def _fit_tag_manifest(
        self, set_id: SetId, retry: str, place: Place, version: Version, content: str | None
    ) -> S3Contents:
        contents = self.at(set_id, retry, {bag.TAG_MANIFEST: version})
        text = _text(contents, bag.TAG_MANIFEST)
        if content is not None and bag.sha256_of_text(text) != content:
            raise _Unfit(f"its {bag.TAG_MANIFEST} names another content")
        tags = _manifest(text, bag.TAG_MANIFEST)
        for path in _REQUIRED:
            if path not in tags:
                raise _Unfit(f"its {bag.TAG_MANIFEST} does not name {path}")
        for path, digest in tags.items():
            contents.objects[path] = self._fit_tag_file(contents, place, path, digest)
        self._fit_signature(set_id, contents, place)
        return contents

    def _fit_tag_file(self, contents: S3Contents, place: Place, path: str, digest: str) -> Version:
        reason = _Unfit(f"no {path} that is there is the one that {bag.TAG_MANIFEST} names")
        for version in _versions(place, path):
            if version.size > bag.MAX_TAG_FILE_BYTES:
                continue
            contents.objects[path] = version
            try:
                with contents.open(path) as stream:
                    if hashlib.sha256(stream.read(version.size)).hexdigest() == digest:
                        return version
            except AccessDenied as error:
                reason = _withheld(path, error)
        raise reason

    def _fit_signature(self, set_id: SetId, contents: S3Contents, place: Place) -> None:
        versions = _versions(place, bag.SIGNATURE)
        if self._allowed_signers is None:
            if versions:
                contents.objects[bag.SIGNATURE] = versions[0]
            return
        reason = _Unfit("it is not signed")
        for version in versions:
            contents.objects[bag.SIGNATURE] = version
            if version.size > _MOST_TAG_MANIFEST_BYTES:
                continue
            try:
                # Read first: that the store fails says nothing of the signature.
                texts = _Texts({path: _text(contents, path) for path in (bag.TAG_MANIFEST, bag.SIGNATURE)})
                signature.verify(texts, signer=set_id.host, allowed_signers=self._allowed_signers)
                return
            except NotFound:  # No ssh-keygen: this host's fault, not the set's.
                raise
            except _Unfit as unfit:
                reason = _told(reason, unfit)
            except BackupError as error:
                reason = _told(reason, _Unfit(f"its signature is not {set_id.host}'s ({error.why})"))
        raise reason

    def _fit_payload(self, key: str, contents: S3Contents, place: Place, thorough: bool) -> None:
        """Add the payload files.

        :param thorough: compare every digest. Otherwise, where only one version can be it, the verification will.
        """
        sizes = _payload_sizes(_text(contents, BACKUP_JSON))
        for path, digest in _manifest(_text(contents, bag.MANIFEST), bag.MANIFEST).items():
            versions = _versions(place, path)
            size = sizes.get(path)
            versions = [version for version in versions if version.size == size] or versions
            if len(versions) > 1 or thorough:
                fitting = next((each for each in versions if self._stored_digest(key + path, each) == digest), None)
                if fitting is None:
                    fitting = self._fit_by_reading(key, path, versions, digest)
                versions = [fitting] if fitting else [] if thorough else versions
            if not versions:
                raise _Unfit(f"no {path} that is there is the one that {bag.MANIFEST} names")
            contents.objects[path] = versions[0]

    def _fit_by_reading(self, key: str, path: str, versions: t.Sequence[Version], digest: str) -> Version | None:
        reason: _Unfit | None = None
        for version in versions:
            try:
                if self._read_digest(key + path, version) == digest:
                    return version
            except AccessDenied as error:
                reason = _withheld(path, error)
        if reason is not None:
            raise reason
        return None

    def _stored_digest(self, key: str, version: Version) -> str | None:
        """Return the SHA-256 that the store itself has of an object; None where it has none of the whole."""
        named: dict[str, t.Any] = {} if version.version is None else {"VersionId": version.version}
        try:
            answer = self._store.attempt(
                "head_object", action="look at an object", Key=key, ChecksumMode="ENABLED", **named
            )
        except Declined:
            return None
        if answer.get("StorageClass") in _ARCHIVED:
            return None
        try:
            return base64.b64decode(answer["ChecksumSHA256"], validate=True).hex()
        except (KeyError, ValueError):
            return None

    def _read_digest(self, key: str, version: Version) -> str:
        contents = S3Contents(self._store, "", "", {key: version}, self._describe)
        digest = hashlib.sha256()
        with contents.open(key) as stream:
            while True:
                chunk = stream.read(bag.CHUNK)
                if not chunk:
                    return digest.hexdigest()
                digest.update(chunk)


def _completed(place: Place) -> datetime.datetime:
    return place[bag.BAGIT_TXT].live[0].modified


def _versions(place: Place, path: str) -> list[Version]:
    return place[path].every[:_MOST_VERSIONS] if path in place else []


def _text(contents: S3Contents, path: str) -> str:
    try:
        return bag.read_text(contents, path)
    except ValueError as error:
        raise _Unfit(f"its {path} cannot be read ({error})") from error
    except AccessDenied as error:
        raise _withheld(path, error) from error


def _withheld(path: str, error: AccessDenied) -> _Withheld:
    return _Withheld(f"its {path} cannot be read ({error.why})")


def _told(before: _Unfit, now: _Unfit) -> _Unfit:
    """Return which of two reasons is reported: the last, but that something cannot be read before all others."""
    return before if isinstance(before, _Withheld) and not isinstance(now, _Withheld) else now


def _manifest(text: str, name: str) -> dict[str, str]:
    digests, findings = bag.read_manifest(text, name=name)
    if findings:
        raise _Unfit(str(findings[0]))
    return digests


def _payload_sizes(text: str) -> dict[str, int]:
    """Return the sizes of the payload files, as far as backup.json says them: who reads the set checks all of it."""
    try:
        listed = json.loads(text)["payload"]
        return {each["path"]: each["bytes"] for each in listed if isinstance(each["bytes"], int)}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
