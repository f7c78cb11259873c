# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have replaced is removed when it was kept for long enough, and never while it may be all there is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import Check, KeptData
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import ENGINES
from ansible_collections.infitulua.backup.plugins.module_utils._errors import LockHeld, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.replaced import prune_replaced
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import kept_data
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.integration.files.support import IS_ROOT, House

OLD = "20200101T000000Z"


class Target:
    """A tree or a SQLite database that was backed up, and what restores of it leave beside it."""

    def __init__(self, kind: str, house: House, path: Path) -> None:
        self.kind, self.house, self.path = kind, house, path
        path.parent.mkdir()
        self.write("as backed up")
        self.source = {"paths": [str(path)]} if kind == "files" else {"path": str(path)}
        self.set_id: SetId | None = house.dump(kind, self.source).set_id
        self.target: dict[str, t.Any] = {"directory": "/"} if kind == "files" else {"path": str(path)}

    def write(self, text: str) -> None:
        if self.kind == "files":
            self.path.mkdir(exist_ok=True)
            (self.path / "file").write_text(text)
        else:
            with sqlite3.connect(self.path) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
                connection.execute("INSERT INTO t VALUES (?)", (text,))
            connection.close()

    def restore(self, **options: t.Any) -> t.Any:
        return self.house.restore(self.set_id, self.kind, self.target, replace=True, **options)

    def names(self) -> set[str]:
        return set(os.listdir(self.path.parent)) - {self.path.name}

    def keep(self, ending: str) -> Path:
        """Something beside it, as if a restore had kept it."""
        path = self.path.with_name(self.path.name + ending)
        if self.kind == "files":
            path.mkdir()
            (path / "file").write_text("12345")
        else:
            path.write_bytes(b"12345")
        return path

    def kept(self) -> KeptData:
        options = {**self.target, **({"paths": [str(self.path)]} if self.kind == "files" else {})}
        return ENGINES[self.kind].kept(options)

    def prune(self, keep_days: int | None, *, check_mode: bool = False) -> kept_data.Pruned:
        return kept_data.prune(self.kept(), keep_days=keep_days, check_mode=check_mode)


@pytest.fixture(params=["files", "sqlite"])
def target(request: pytest.FixtureRequest, house: House, tmp_path: Path) -> Target:
    return Target(request.param, house, tmp_path / "srv" / "datos")


def test_a_restore_removes_what_was_replaced_long_enough_ago(target: Target) -> None:
    old = target.keep(f"__replaced_{OLD}")
    alike = [
        target.keep(ending) for ending in (f"__replaced_{OLD}_copia", "s__replaced_20200101T000000Z", "__replaced_x")
    ]
    predicted = target.restore(keep_replaced_days=30, check_mode=True)
    assert [entry.name for entry in predicted.removed] == [str(old)]
    assert old.exists()

    restored = target.restore(keep_replaced_days=30)

    assert [(entry.name, entry.since, entry.bytes) for entry in restored.removed] == [(str(old), OLD, 5)]
    assert restored.kept is not None
    assert target.names() == {os.path.basename(restored.kept), *(path.name for path in alike)}
    # Without the option everything is kept; with 0, nothing, not even what was replaced just now.
    again = target.restore()
    assert again.removed == []
    last = target.restore(keep_replaced_days=0)
    assert {entry.name for entry in last.removed} == {restored.kept, again.kept, last.kept}
    assert target.names() == {path.name for path in alike}


def test_a_restore_that_fails_removes_nothing(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    old = target.keep(f"__replaced_{OLD}")
    monkeypatch.setattr(type(ENGINES[target.kind].target(target.target)), "check", lambda self, work: [_failing()])
    with pytest.raises(Exception, match="is not what the set says"):
        target.restore(keep_replaced_days=0)
    assert old.exists()


def _failing() -> t.Any:
    return Check("it", False, "is not")


def test_without_another_restore_it_is_listed_and_removed(target: Target) -> None:
    old, recent = target.keep(f"__replaced_{OLD}_2"), target.keep("__replaced_29991231T235959Z")
    listed = target.prune(None)
    assert [(entry.name, entry.since, entry.bytes) for entry in listed.left] == [
        (str(old), OLD, 5),
        (str(recent), "29991231T235959Z", 5),
    ]
    assert listed.removed == []
    assert [entry.name for entry in target.prune(1, check_mode=True).removed] == [str(old)]
    assert old.exists()
    pruned = target.prune(1)
    assert ([entry.name for entry in pruned.removed], [entry.name for entry in pruned.left]) == (
        [str(old)],
        [str(recent)],
    )
    assert target.names() == {recent.name}
    assert target.prune(1).removed == []


@pytest.mark.parametrize("state", ["absent", "empty", "damaged"])
def test_nothing_is_removed_while_it_may_be_all_there_is(target: Target, state: str) -> None:
    old = target.keep(f"__replaced_{OLD}")
    subprocess.run(["rm", "-rf", target.path], check=True)
    if state == "empty" and target.kind == "files":
        target.path.mkdir()
    elif state == "empty":
        target.path.touch()
    elif state == "damaged" and target.kind == "sqlite":
        target.path.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    pruned = target.prune(0)
    assert [type(error) for error in pruned.failures] == [Refused]
    assert "may be the only copy" in pruned.failures[0].message
    assert pruned.removed == []
    assert old.exists()


def test_nothing_is_removed_while_a_restore_is_at_work(target: Target) -> None:
    old = target.keep(f"__replaced_{OLD}")
    target.keep("__restoring")
    pruned = target.prune(0)
    assert [type(error) for error in pruned.failures] == [LockHeld]
    assert old.exists()


def test_what_is_in_use_stays(target: Target) -> None:
    old = target.keep(f"__replaced_{OLD}")
    if target.kind == "sqlite":
        with old.open("rb"):
            [entry] = target.prune(0).left
        assert "process" in str(entry.in_use)
    elif IS_ROOT:
        inside = old / "inside"
        inside.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", inside], check=True)
        try:
            (inside / "precious").touch()
            [entry] = target.prune(0).left
            assert str(inside) in str(entry.in_use)
            assert (inside / "precious").exists()
        finally:
            subprocess.run(["umount", inside], check=True)
    assert old.exists()
    assert len(target.prune(0).removed) == 1
    assert not old.exists()


def test_what_is_itself_a_target_stays(target: Target) -> None:
    """Somebody works in what was replaced: it has become a source of its own."""
    old = target.keep(f"__replaced_{OLD}")
    option = "paths" if target.kind == "files" else "path"
    blank = dict.fromkeys(["database", "path", "attached", "paths", "directory"])
    targets = [
        {**blank, "name": name, "engine": target.kind, option: [str(path)] if option == "paths" else str(path)}
        for name, path in (("datos", target.path), ("viejos", old))
    ]
    report = prune_replaced({"keep_days": 0, "targets": targets}, check_mode=False)
    assert (report.failures, [entry["removed"] for entry in report.replaced]) == ([], [False])
    assert not report.changed
    report = prune_replaced({"keep_days": 0, "targets": targets[:1]}, check_mode=False)
    assert report.changed
    assert report.result()["diff"]["before"] == f"{old}\n"
    assert not old.exists()
