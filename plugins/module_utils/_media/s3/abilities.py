# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object store can do of all that a safe upload needs, found out by trying."""

from __future__ import annotations

import base64
import typing as t
import zlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .journal import Journals
from .store import ONLY_IF_ABSENT, PROBE_BODY, PROBE_SHA256, Declined, Store

WHOLE_CHECKSUM = {"x-amz-checksum-type": "FULL_OBJECT"}


class Abilities:
    """The abilities of a store, as a host's part of a bucket shows them.

    :param set_id: the set that is to be stored.
    :param key: of the object that is put there for the trial.
    :param on: the set and the store, for messages.
    """

    def __init__(self, store: Store, journals: Journals, *, set_id: SetId, key: str, on: str) -> None:
        self._store = store
        self._journals = journals
        self._set_id = set_id
        self._key = key
        self._on = on

    def find(self) -> dict[str, t.Any]:
        """Return what the store can do, tried once for each host's part of a bucket and kept beside the journals.

        One small object, ``<prefix>/<host>/.probe``, stays there for it: putting it a second time must be
        refused, or the store does not know conditional puts and two writers could both win.

        :raises Refused: when the store lacks what a safe upload needs.
        """
        known = self._journals.read_abilities(self._set_id.host)
        if known is not None:
            return known
        parameters: dict[str, t.Any] = {"action": "try the object store's abilities", "on": self._on, "Key": self._key}
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
                elif declined.status == 501 or declined.code in ("InvalidArgument", "InvalidRequest", "NotImplemented"):
                    raise self._unable(declined.error.why) from declined
                else:
                    raise declined.error from declined.__cause__
        if not refused:
            raise self._unable("it replaces an object although it was told not to (If-None-Match: *)")
        abilities = {"whole_checksum": self._try_parts(parameters)}
        self._journals.write_abilities(self._set_id.host, abilities)
        return abilities

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
