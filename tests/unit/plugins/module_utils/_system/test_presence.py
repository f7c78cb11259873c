# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the disk does not answer, nobody takes that for a "no": nothing is overwritten, left behind or kept quiet."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import sqlite3
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.kept_file import find_kept
from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.target_file import TargetFile
from ansible_collections.infitulua.backup.plugins.module_utils._engines.staging import Staging
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Unreadable
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.discover.operation import survey
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill import sweep
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.workspace import Parent, Workspaces
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, local_servers, temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.presence import (
    beginning_with,
    is_directory,
    is_file,
    is_there,
)
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

CALLS = ("stat", "lstat", "listdir", "scandir")


@contextlib.contextmanager
def unanswered(path: str | Path, *calls: str) -> Iterator[None]:
    """The disk does not answer to these calls, of this path."""
    real: dict[str, t.Any] = {name: getattr(os, name) for name in calls}

    def refuse(name: str) -> t.Callable[..., t.Any]:
        def call(asked: t.Any = ".", *more: t.Any, **others: t.Any) -> t.Any:
            if not isinstance(asked, int) and os.fsencode(asked) == os.fsencode(path):
                raise OSError(errno.EIO, os.strerror(errno.EIO), os.fsdecode(path))
            return real[name](asked, *more, **others)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in calls:
            patch.setattr(os, name, refuse(name))
        yield


def test_what_is_there_is_told_from_what_cannot_be_told(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    link.symlink_to("link")  # It leads to itself.
    assert (is_there(str(file)), is_file(str(file)), is_directory(str(file))) == (True, True, False)
    assert (is_there(str(link)), is_file(str(link)), is_directory(str(link))) == (True, False, False)
    assert is_directory(os.fsencode(tmp_path))
    for absent in (file / "below", tmp_path / "nothing", tmp_path / ("x" * 300)):
        assert not is_there(str(absent))
        assert beginning_with(str(absent)) == []
    assert not is_there("null\0character")
    assert beginning_with(str(tmp_path / "fi")) == [str(file)]
    for ask in (is_there, is_file, is_directory):
        with unanswered(file, "stat", "lstat"), pytest.raises(OSError, match="Input/output"):
            ask(str(file))
    with unanswered(tmp_path, "listdir"), pytest.raises(OSError, match="Input/output"):
        beginning_with(str(file))


def test_the_workspace_of_a_restore_is_not_told_to_be_removed(tmp_path: Path) -> None:
    name = "restore-20261122T171503Z-4711"
    (tmp_path / "state").mkdir()
    workspaces = Workspaces((Parent(str(tmp_path / "state")),), str(tmp_path / "run"), {}, 3600.0)
    workspaces.make(name)
    with unanswered(tmp_path / "run" / name, "stat", "lstat"), pytest.raises(BackupError, match="Input/output"):
        workspaces.remove(name)
    with unanswered(tmp_path / "state", "stat", "lstat"), pytest.raises(BackupError, match="Input/output"):
        workspaces.abandoned()
    assert workspaces.remove(name)
    assert list((tmp_path / "run").iterdir()) == []


def test_an_old_database_is_kept_or_nothing_is_done(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entries (amount INTEGER)")
        connection.commit()
    before = core.tree(tmp_path)
    target = TargetFile(str(path))
    with unanswered(path, "stat", "lstat"):
        for ask in (
            target.exists,
            target.finish_journals,
            lambda: target.keep(f"{path}__replaced_20260101T000000Z", []),
        ):
            with pytest.raises(OSError, match="Input/output"):
                ask()
    assert core.tree(tmp_path) == before
    shutil.copy(path, f"{path}__replaced_20260101T000000Z")
    assert len(find_kept(str(path))) == 1
    with unanswered(tmp_path, *CALLS), pytest.raises(OSError, match="Input/output"):
        find_kept(str(path))


def test_an_old_file_is_kept_or_nothing_is_done(tmp_path: Path) -> None:
    live = tmp_path / "letter"
    live.write_text("old")
    staging = Staging(os.fsencode(live), "20260101T000000Z")
    staging.create()
    Path(os.fsdecode(staging.new)).write_text("new")
    with unanswered(live, "stat", "lstat"), pytest.raises(OSError, match="Input/output"):
        staging.swap()
    assert live.read_text() == "old"
    staging.close()


def test_a_set_that_does_not_answer_is_listed_and_unreadable(medium: DirectoryMedium) -> None:
    set_id = core.write_set(medium)
    with unanswered(f"{medium.path(set_id)}/bagit.txt", "stat", "lstat"):
        assert medium.sets() == [set_id]
        for ask in (medium.holds, medium.contents):
            with pytest.raises(Unreadable, match="Input/output"):
                ask(set_id)
        source = {"name": set_id.source, "engine": "sqlite", "path": "/nowhere/ledger.db"}
        options = {"medium": {"type": "directory", "path": medium.root}, "sources": [source], "local": False}
        report = survey({"host": set_id.host, "ignore": [], **options})
    assert report.databases[0]["last_backup"] is None
    assert len(report.warnings) == 1
    assert str(set_id) in report.warnings[0]
    for path in (medium.root, f"{medium.root}/{set_id.host}"):
        with unanswered(path, "stat", "lstat"), pytest.raises(BackupError, match="Input/output"):
            medium.sets()
    with unanswered(medium.path(set_id), "stat", "lstat"), pytest.raises(BackupError, match="Input/output"):
        medium.begin(set_id)


def test_a_place_of_sockets_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_servers, "POSTGRESQL_SOCKETS", (f"{tmp_path}/.s.PGSQL.*", "/nowhere/.s.PGSQL.*"))
    monkeypatch.setattr(local_servers, "MARIADB_SOCKETS", (f"{tmp_path}/*.sock",))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / ".s.PGSQL.5432"))
        (tmp_path / "linked.sock").symlink_to(".s.PGSQL.5432")
        told = [(server.engine, server.path) for server in local_servers.find()]
        assert told == [(engine, str(tmp_path / ".s.PGSQL.5432")) for engine in ("postgresql", "mariadb")]
        for place in (tmp_path, tmp_path / ".s.PGSQL.5432"):
            with unanswered(place, *CALLS):
                hidden = {(server.engine, server.path): server.doubt or "" for server in local_servers.find()}
            assert list(hidden) == [("postgresql", str(tmp_path)), ("mariadb", str(tmp_path))]
            assert all("cannot be told: Input/output error" in doubt for doubt in hidden.values())


def test_a_directory_that_cannot_be_read_is_not_told_to_be_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    with unanswered(tmp_path / "below", "scandir"), pytest.raises(OSError, match="Input/output"):
        durable.sync_tree(str(tmp_path))


def test_what_cannot_be_removed_of_a_drill_is_found_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, lock = tmp_path / "drill-x", tmp_path / "drill-x.lock"
    directory.mkdir()
    lock.touch()
    refused = iter([True, True, True, True, False])
    real = shutil.rmtree

    def refuse(path: str, **more: t.Any) -> None:
        if not next(refused):
            real(path, **more)

    monkeypatch.setattr(temporary_files.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(temporary_files.shutil, "rmtree", refuse)
    with pytest.raises(BackupError, match="did not go"):
        sweep.remove_drill_directory(str(directory))
    assert directory.is_dir()
    assert lock.is_file()  # A sweep looks for these.
    sweep.remove_drill_directory(str(directory))
    assert list(tmp_path.iterdir()) == []
