# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule 3-2-1-1-0 over real media: what nobody has read, or somebody else has put there, is no copy."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._operations.compliance.call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import Drill, DrillRecord
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag

from .conftest import copy_set
from .test_stolen_key import Institution

pytest_plugins = ["tests.integration.media.test_stolen_key"]
CENTURY = 24 * 365 * 100.0


def judge(house: Institution, **options: t.Any) -> dict[str, dict[str, t.Any]]:
    """What the module answers, by name of the source."""
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    reader = house.reader()
    bucket = reader._store.access
    cloud = {
        "type": "s3",
        "bucket": bucket.bucket,
        "endpoint_url": bucket.endpoint_url,
        "access_key": bucket.access_key,
        "secret_key": bucket.secret_key,
        "ca_bundle": bucket.ca_bundle,
        "prefix": reader.prefix,
        "state_directory": str(house.directory / "state-of-systems-computer"),
        "allowed_signers_file": str(house.signers),
    }
    media = [
        {"name": "vault", "medium": {"type": "directory", "path": house.vault.root}},
        {"name": "cloud", "medium": cloud, "off_site": True},
        {"name": "disk", "medium": {"type": "directory", "path": house.disk.root}},
    ]
    checked = ArgumentSpecValidator(ARGUMENTS).validate(
        {"host": "web1", "media": media, "rpo_hours": CENTURY, **options}
    )
    assert checked.error_messages == []
    answer = call(checked.validated_parameters)
    assert (answer.warnings, answer.failure) == ([], "")
    return {one["source"].partition("/")[2]: one for one in answer.result["sources"]}


def test_a_copy_counts_once_it_was_read_and_as_long_as_it_is_there(institution: Institution, tmp_path: Path) -> None:
    set_id = institution.back_up("accounts", 1)
    first = judge(institution, sources=[{"name": "accounts"}, {"name": "nobody", "rpo_hours": 1}])
    without_cloud = ["kinds", "off_site", "immutable"]
    assert (first["accounts"]["media"], first["accounts"]["short"]) == (["vault", "disk"], without_cloud)
    assert (first["nobody"]["id"], first["nobody"]["short"]) == (None, ["copies", *without_cloud, "age"])
    # What was uploaded and not read is none, and what a thief puts there is none.
    copy_set(institution.disk, institution.server, set_id, verify=False)
    assert judge(institution)["accounts"]["short"] == without_cloud
    institution.audit()
    met = judge(institution)["accounts"]
    assert (met["met"], met["copies"], met["kinds"]) == (True, 4, ["disk", "object store"])
    assert met["immutable_until"] is not None
    assert judge(institution, rpo_hours=1.0)["accounts"]["short"] == ["age"]
    # Somebody has touched the vault's copy: nothing says any more that it was read as it lies.
    os.utime(Path(institution.vault.path(set_id), "backup.json"))
    assert judge(institution)["accounts"]["id"] is None
    verification, _description = set_verification.verify(institution.vault, set_id)
    assert set_verification.remember(institution.vault, set_id, verification)
    assert judge(institution)["accounts"]["met"]
    # A set that cannot be restored is an error, and not the one that counts.
    record = DrillRecord(str(tmp_path / "drills"))
    digest = bag.tag_manifest_digest(institution.vault.contents(set_id))
    record.add(Drill(str(set_id), "failed", "2026-11-23T03:00:00Z", "directory", tag_manifest_sha256=digest))
    failed = judge(institution, drill_record_directory=record.directory)["accounts"]
    assert (failed["id"], failed["errors"]) == (None, [f"{set_id}: its last drill failed"])
