# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with one source, or with this host, costs the others nothing."""

from __future__ import annotations

import errno
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import (
    PASSED,
    Drill,
    DrillRecord,
    now,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.list.operation import list_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify.operation import verify_sets
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import UNENCRYPTED
from tests.unit.plugins.module_utils import core


def test_a_source_whose_directory_cannot_be_listed_costs_no_other_its_result(
    medium: DirectoryMedium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listdir = os.listdir
    broken = medium.source_path(core.HOST, "b")

    def failing(path: t.Any = ".") -> list[str]:
        if path == broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return listdir(path)

    sources = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        defaults = {key: argument.get("default") for key, argument in operation.SOURCE_ARGUMENTS.items()}
        sources.append({**defaults, "name": name, "engine": "files", "paths": [str(tmp_path / name)]})
    params: dict[str, t.Any] = {key: argument.get("default") for key, argument in operation.DUMP_ARGUMENTS.items()}
    params.update(host=core.HOST, sources=sources, encryption=UNENCRYPTED)
    params["medium"] = {"type": "directory", "path": medium.root}
    monkeypatch.setattr(os, "listdir", failing)
    report = operation.dump_sources(params, check_mode=False)
    assert [entry["source"] for entry in report.sets] == ["a", "c"]
    assert [entry["source"] for entry in report.failures] == ["b"]
    assert [warning.partition(":")[0] for warning in report.warnings] == ["b"]


def test_a_record_of_drills_that_cannot_be_read_costs_no_other_source(medium: DirectoryMedium, tmp_path: Path) -> None:
    good, *bad = (core.write_set(medium, source=source) for source in ("good", "bad", "bad"))
    record = DrillRecord(str(tmp_path / "drills"))
    digest = bag.tag_manifest_digest(medium.contents(good))
    record.add(Drill(str(good), PASSED, now(), medium.describe(), tag_manifest_sha256=digest))
    (tmp_path / "drills" / good.host / "bad.jsonl").mkdir()
    report = list_sets(medium, SetSelection(), drill_record=record.directory)
    found = {entry["id"]: entry["drill"] and entry["drill"]["outcome"] for entry in report.sets}
    assert found == {str(good): PASSED, **{str(set_id): None for set_id in bad}}
    (failure,) = report.failures
    assert failure["id"] in map(str, bad)
    assert "record of drills" in failure["message"]


def test_what_this_host_lacks_makes_no_set_unverified(medium: DirectoryMedium, tmp_path: Path, keys: core.Keys) -> None:
    set_id = core.write_set(medium, signing_key=keys.server_key)
    verification, _description = set_verification.verify(medium, set_id)
    assert set_verification.remember(medium, set_id, verification)
    report = verify_sets(
        medium,
        SetSelection(),
        allowed_signers=str(tmp_path / "there-is-none"),
        set_aside=True,
        status_file=None,
        check_mode=False,
    )
    assert [(entry["id"], entry["changed"]) for entry in report.failures] == [(str(set_id), False)]
    assert set_verification.recall(medium, set_id) is not None
    assert medium.sets() == [set_id]
