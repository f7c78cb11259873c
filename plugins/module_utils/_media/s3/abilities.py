# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object store can do of all that a safe upload needs, found out by trying, and kept for a month.

What would cost an upload of its own is not tried: how large a part, an object or a number of parts may be. Uploads
stay within what S3 guarantees (parts of 5 MiB to 5 GiB, 10,000 of them).
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from .access import KeyTrial
from .journal import Journals
from .protection import read_protection
from .store import ONLY_IF_ABSENT, PROBE_BODY, PROBE_NAME, PROBE_SHA256, Declined, Store

WHOLE_CHECKSUM = {"x-amz-checksum-type": "FULL_OBJECT"}
# What was found so long ago is tried again: stores are upgraded, and bucket's settings change.
_KEPT_FOR = datetime.timedelta(days=30)
# The algorithms of the S3 API, and how many bytes each gives.
_ALGORITHMS = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}
_KINDS = ("FULL_OBJECT", "COMPOSITE")
# So stores call what they do not offer.
_NOT_OFFERED = ("InvalidArgument", "InvalidRequest", "NotImplemented")


class Abilities:
    """The abilities of a store, as a host's part of a bucket, or the whole of it, shows them to a key.

    :param host: the server whose part it is; empty: the whole bucket.
    :param key: of the object that is put there for the trial.
    :param on: what needs them, and the store, for messages.
    """

    def __init__(self, store: Store, journals: Journals, *, host: str, key: str, on: str) -> None:
        self._store = store
        self._journals = journals
        self._host = host
        self._key = key
        self._on = on

    def find(self, *, anew: bool = False, to_write: bool = False) -> dict[str, t.Any]:
        """Return what the store can do, kept beside the journals since it was last tried.

        One small object, ``<prefix>/<host>/.probe``, stays in the bucket for it: putting it a second time must be
        refused, or the store does not know conditional puts and two writers could both win.

        :param anew: try it now.
        :param to_write: for a key that must be able to put.
        :returns: with ``found``, UTC, and None for each thing that this key may not try.
        :raises AccessDenied: when the key must be able to put and is not.
        :raises Refused: when the store lacks what a safe upload needs.
        """
        known = self._journals.read_abilities(self._host)
        is_enough = known is not None and (known.get("conditional_put") or not to_write)
        if known is not None and is_enough and not anew and _is_recent(known.get("found")):
            return known
        abilities = {
            "found": host_clock.write(host_clock.now()),
            **dataclasses.asdict(read_protection(self._store)),
            **self._try_writing(to_write=to_write),
        }
        self._journals.write_abilities(self._host, abilities)
        return abilities

    def doubt(self, declined: Declined) -> None:
        """Forget what was found, if the store now answers that it does not offer what an upload asks of it."""
        if declined.status == 501 or declined.code in _NOT_OFFERED:
            self._journals.forget_abilities(self._host)

    def _try_writing(self, *, to_write: bool) -> dict[str, t.Any]:
        parameters: dict[str, t.Any] = {"action": "try the object store's abilities", "on": self._on, "Key": self._key}
        try:
            self._try_condition(parameters)
        except Declined as declined:
            if to_write or not isinstance(declined.error, AccessDenied):
                raise declined.error from declined.__cause__
            names = ("conditional_put", "whole_checksum", "multipart_checksums", "lock_modes", "object_retention")
            return dict.fromkeys(names)
        locks = KeyTrial(self._store, prefix=self._key[: -len(PROBE_NAME)])
        return {
            "conditional_put": True,
            "whole_checksum": self._try_parts(parameters),
            "multipart_checksums": {name: self._kinds_of(name, parameters) for name in sorted(_ALGORITHMS)},
            **locks.of_lock_abilities(),
        }

    def _try_condition(self, parameters: dict[str, t.Any]) -> None:
        """Put the probe object twice.

        :raises Declined: when the key may not.
        :raises Refused: when the store lacks what a safe upload needs.
        """
        refused = False
        for _time in range(2):
            try:
                answer = self._store.attempt(
                    "put_object",
                    headers=ONLY_IF_ABSENT,
                    Body=PROBE_BODY,
                    ContentLength=len(PROBE_BODY),
                    ChecksumSHA256=PROBE_SHA256,
                    **parameters,
                )
                if answer.get("ChecksumSHA256") != PROBE_SHA256:
                    raise self._unable("it does not check the SHA-256 of what it receives")
            except Declined as declined:
                if declined.status == 412:
                    refused = True
                elif declined.status == 501 or declined.code in _NOT_OFFERED:
                    raise self._unable(declined.error.why) from declined
                else:
                    raise
        if not refused:
            raise self._unable("it replaces an object although it was told not to (If-None-Match: *)")

    def _kinds_of(self, algorithm: str, parameters: dict[str, t.Any]) -> list[str]:
        """Return the kinds of checksums of uploads in parts that the store takes and checks with one algorithm."""
        return [kind for kind in _KINDS if self._checks(algorithm, kind, parameters)]

    def _checks(self, algorithm: str, kind: str, parameters: dict[str, t.Any]) -> bool:
        """Whether a part with a wrong checksum is refused. The upload is aborted again."""
        headers = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
        try:
            answer = self._store.attempt("create_multipart_upload", headers=headers, **parameters)
        except Declined as declined:
            return self._is_not_offered(declined)
        wrong = base64.b64encode(bytes(_ALGORITHMS[algorithm])).decode()
        part: dict[str, t.Any] = {"PartNumber": 1, "Body": PROBE_BODY, "ContentLength": len(PROBE_BODY)}
        upload = {"UploadId": answer["UploadId"], **parameters}
        try:
            self._store.attempt("upload_part", headers={f"x-amz-checksum-{algorithm.lower()}": wrong}, **part, **upload)
        except Declined as declined:
            return declined.status == 400 or self._is_not_offered(declined)
        finally:
            abort(self._store, parameters["Key"], answer["UploadId"])
        return False

    @staticmethod
    def _is_not_offered(declined: Declined) -> bool:
        """Return False, whatever the store answers to a question that it does not know.

        :raises BackupError: when it gave no answer, or none to the question.
        """
        if not declined.status or declined.is_of_request:
            raise declined.error from declined.__cause__
        return False

    def _try_parts(self, parameters: dict[str, t.Any]) -> bool:
        """Whether uploads in parts take a checksum of the whole object; without it, each part still has its own."""
        try:
            answer = self._store.attempt(
                "create_multipart_upload", headers=WHOLE_CHECKSUM, ChecksumAlgorithm="CRC32", **parameters
            )
        except Declined as declined:
            if declined.status in (400, 501):
                return False
            raise declined.error from declined.__cause__
        try:
            crc32 = base64_crc(zlib.crc32(PROBE_BODY))
            upload = {"UploadId": answer["UploadId"]}
            part = self._store.attempt(
                "upload_part",
                PartNumber=1,
                Body=PROBE_BODY,
                ContentLength=len(PROBE_BODY),
                ChecksumCRC32=crc32,
                **upload,
                **parameters,
            )
            self._store.attempt(
                "complete_multipart_upload",
                headers={**ONLY_IF_ABSENT, **WHOLE_CHECKSUM},
                MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": crc32}]},
                ChecksumCRC32=crc32,
                **upload,
                **parameters,
            )
        except Declined as declined:
            abort(self._store, parameters["Key"], answer["UploadId"])
            if declined.status == 412:
                return True
            if declined.status in (400, 501):
                return False
            raise declined.error from declined.__cause__
        raise self._unable("it replaces an object by an upload in parts although it was told not to (If-None-Match: *)")

    def _unable(self, why: str) -> Refused:
        return Refused(
            "store a set",
            on=self._on,
            why=f"this object store cannot protect a set from a second writer, or cannot check what it receives: {why}",
            next_step="Use a store that supports conditional puts and SHA-256 checksums; nothing of the set was"
            " stored.",
        )


def _is_recent(found: t.Any) -> bool:
    """Whether something was found so lately that it need not be tried again. A date after now was of a wrong clock."""
    try:
        moment = host_clock.read(str(found))
    except ValueError:
        return False
    return not host_clock.is_after(moment, host_clock.now()) and moment > host_clock.now() - _KEPT_FOR


def abort(store: Store, key: str, upload_id: str) -> None:
    """End an upload in parts, so that its parts do not stay in the bucket. One that is gone already is no failure.

    :raises BackupError: when the store does not take it.
    """
    try:
        store.attempt("abort_multipart_upload", action="abort an upload", Key=key, UploadId=upload_id)
    except Declined as declined:
        if declined.code != "NoSuchUpload":
            raise declined.error from declined.__cause__


def base64_crc(value: int) -> str:
    """Return a CRC32 as the S3 API writes it."""
    return base64.b64encode(value.to_bytes(4, "big")).decode()
