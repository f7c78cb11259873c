# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failing system call in an audit of the object store is a message: it neither hides a set nor believes in one."""

from __future__ import annotations

import itertools
import json
import shutil
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from development.services.object_store import Credentials, ObjectStore
from tests.integration.failing_calls import Answer, Case, check_failing_calls, run
from tests.integration.media.conftest import SET_ID, Connect, copy_set


def test_an_audit_in_which_a_call_fails(
    disk: DirectoryMedium,
    connect: Connect,
    object_store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = connect()
    assert copy_set(disk, store, SET_ID, verify=False).changed
    reader = object_store.reader

    def prepare(directory: Path) -> dict[str, t.Any]:
        shutil.copytree(disk.root, directory / "vault")
        medium = {
            "type": "s3",
            "bucket": object_store.bucket,
            "prefix": store.prefix,
            "endpoint_url": object_store.endpoint_url,
            "access_key": reader.access_key,
            "secret_key": reader.secret_key,
            "ca_bundle": str(object_store.ca_file),
            "state_directory": str(directory / "state"),
        }
        return {"medium": medium, "reference": str(directory / "vault"), "host": SET_ID.host}

    def is_found_good(_directory: Path, answer: Answer) -> None:
        assert [entry["id"] for entry in answer["sets"]] == [str(SET_ID)]
        assert (answer["missing"], answer["remarks"]) == ([], [])

    def knows_what_it_has_read(directory: Path, answer: Answer) -> None:
        """The set is never told to be missing, and the next audit is as good as any."""
        assert answer["missing"] == [], answer
        assert reader.secret_key not in json.dumps(answer)
        options = prepare_again(directory)
        is_found_good(directory, run("set_audit", options))
        again = run("set_audit", options)
        is_found_good(directory, again)
        assert not again["changed"]

    def prepare_again(directory: Path) -> dict[str, t.Any]:
        shutil.rmtree(directory / "vault")
        return prepare(directory)

    case = Case("set_audit", prepare, is_found_good, knows_what_it_has_read, talks=True)
    check_failing_calls(case, tmp_path, monkeypatch)


def test_an_upload_in_which_a_call_fails(
    connect: Connect,
    object_store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is in the bucket whole or not at all, and the next run puts it there."""
    numbers = itertools.count(1)
    (tmp_path / "tree").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "tree" / "letter").write_text("Tuluá", encoding="utf-8")
    origin = {"type": "directory", "path": str(tmp_path / "disk")}
    source = {"name": "a", "paths": [str(tmp_path / "tree")]}
    made = run("files_archive", {"medium": origin, "host": "srv", "encryption": "none", "sources": [source]})
    place: dict[str, t.Any] = {}

    def prepare(directory: Path) -> dict[str, t.Any]:
        # A key that may only put removes nothing: each run has a prefix of its own.
        place.update(
            type="s3",
            bucket=object_store.bucket,
            prefix=f"{connect().prefix}-{next(numbers)}",
            endpoint_url=object_store.endpoint_url,
            ca_bundle=str(object_store.ca_file),
            state_directory=str(directory / "state"),
        )
        return {"origin": origin, "destination": {**place, **key(object_store.writer)}}

    def key(who: Credentials) -> dict[str, str]:
        return {"access_key": who.access_key, "secret_key": who.secret_key}

    def is_there(_directory: Path, _answer: Answer) -> None:
        found = run("set_verify", {"medium": {**place, **key(object_store.reader)}})
        assert [entry["id"] for entry in found.get("sets", ())] == [made["sets"][0]["id"]], found

    def comes_the_next_time(directory: Path, answer: Answer) -> None:
        assert object_store.writer.secret_key not in json.dumps({**answer, "invocation": None})
        again = run("set_copy", {"origin": origin, "destination": {**place, **key(object_store.writer)}})
        assert not again.get("failed"), again
        is_there(directory, again)

    case = Case("set_copy", prepare, is_there, comes_the_next_time, talks=True, name="upload")
    check_failing_calls(case, tmp_path, monkeypatch)
