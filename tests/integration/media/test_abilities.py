# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real object store can do is found out once, as far as a key may, kept, told, and found out again in time."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied, BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import abilities, upload
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Declined, Store
from ansible_collections.infitulua.backup.plugins.module_utils._operations.probe.call import ARGUMENTS, call
from development.services.object_store import ObjectStore

from .conftest import SET_ID, Connect

KINDS = {
    "CRC32": ["FULL_OBJECT", "COMPOSITE"],
    "CRC32C": ["FULL_OBJECT", "COMPOSITE"],
    "CRC64NVME": ["FULL_OBJECT"],
    "SHA1": ["COMPOSITE"],
    "SHA256": ["COMPOSITE"],
}
#: Of a bucket, what only a key that may put can try; and what only one can ask that may read settings.
WRITING = {
    "conditional_put": True,
    "whole_checksum": True,
    "multipart_checksums": KINDS,
    "lock_modes": ["COMPLIANCE", "GOVERNANCE"],
    "object_retention": True,
}
SETTINGS = {"versioning": True, "object_lock": True, "default_mode": None, "default_days": None}


def without_date(found: dict[str, t.Any]) -> dict[str, t.Any]:
    return {name: value for name, value in found.items() if name != "found"}


def test_each_key_finds_out_what_it_may_try(connect: Connect, object_store: ObjectStore) -> None:
    server = connect(object_store.writers["web1"])
    assert without_date(server.abilities(host="web1")) == {**WRITING, **dict.fromkeys(SETTINGS)}
    reader = connect(object_store.reader)
    assert without_date(reader.abilities(host=None)) == {**SETTINGS, **dict.fromkeys(WRITING)}
    client = object_store.client()
    left = client.list_object_versions(Bucket=object_store.bucket, Prefix=server.prefix)
    assert [one["Key"] for one in left["Versions"]] == [f"{server.prefix}/web1/.probe"]
    assert not client.list_multipart_uploads(Bucket=object_store.bucket, Prefix=server.prefix).get("Uploads")


def test_a_bucket_without_versions_and_locks_is_told(connect: Connect, object_store: ObjectStore) -> None:
    object_store.client().create_bucket(Bucket="without-protection")
    found = connect(object_store.admin, bucket="without-protection").abilities(host="web1")
    assert (found["versioning"], found["object_lock"]) == (False, False)
    assert (found["lock_modes"], found["object_retention"]) == ([], False)


def test_it_is_kept_and_tried_again_when_it_is_old_asked_for_or_contradicted(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = connect(object_store.writers["web1"])
    first = server.abilities(host="web1")
    path = Path(server._journals.abilities_path("web1"))
    assert json.loads(path.read_text(encoding="utf-8")) == first
    assert path.stat().st_mode & 0o777 == 0o600

    def keep(**changed: t.Any) -> None:
        path.write_text(json.dumps({**first, "lock_modes": ["kept"], **changed}), encoding="utf-8")

    keep()
    assert server.abilities(host="web1")["lock_modes"] == ["kept"]
    assert server.abilities(host="web1", anew=True) == {**first, "found": server.abilities(host="web1")["found"]}
    for moment in ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z", None):
        keep(found=moment)
        assert server.abilities(host="web1")["lock_modes"] != ["kept"]

    # A store that took checksums of whole objects when it was tried, and does not any more.
    attempt = Store.attempt

    def changed(self: Store, operation: str, **parameters: t.Any) -> t.Any:
        if operation == "create_multipart_upload" and parameters.get("headers") == abilities.WHOLE_CHECKSUM:
            error = BackupError("store", on="x", why="it answered InvalidRequest", next_step="none")
            raise Declined(error, code="InvalidRequest", status=400, certain=True)
        return attempt(self, operation, **parameters)

    monkeypatch.setattr(Store, "attempt", changed)
    monkeypatch.setattr(upload, "MULTIPART_ABOVE_BYTES", 100_000)
    with pytest.raises(BackupError, match="InvalidRequest"):
        server.store(SET_ID, disk.path(SET_ID))
    assert not path.exists()
    server.store(SET_ID, disk.path(SET_ID))
    assert json.loads(path.read_text(encoding="utf-8"))["whole_checksum"] is False


def test_who_may_not_put_is_refused_an_upload_whatever_was_found_before(
    connect: Connect, object_store: ObjectStore, disk: DirectoryMedium
) -> None:
    reader = connect(object_store.reader)
    assert reader.abilities(host="web1")["conditional_put"] is None
    with pytest.raises(AccessDenied):
        reader.store(SET_ID, disk.path(SET_ID))


def test_medium_info_shows_it(connect: Connect, object_store: ObjectStore, tmp_path: Path) -> None:
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    def shown(medium: dict[str, t.Any], **options: t.Any) -> t.Any:
        checked = ArgumentSpecValidator(ARGUMENTS).validate({"medium": medium, "abilities": True, **options})
        assert not checked.error_messages
        return call(checked.validated_parameters).result["abilities"]

    reader = connect(object_store.reader)
    bucket = {
        "type": "s3",
        "bucket": object_store.bucket,
        "endpoint_url": object_store.endpoint_url,
        "ca_bundle": str(object_store.ca_file),
        "access_key": object_store.reader.access_key,
        "secret_key": object_store.reader.secret_key,
        "state_directory": str(tmp_path / "state"),
    }
    told = shown(bucket)
    assert isinstance(reader, S3Medium) and without_date(told) == without_date(reader.abilities(host=None))
    assert shown(bucket)["found"] == told["found"]
    assert shown({"type": "directory", "path": str(tmp_path)}) is None
