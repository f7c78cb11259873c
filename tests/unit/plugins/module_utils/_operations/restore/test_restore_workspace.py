# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that was killed leaves no key and no set: the next step removes them, and nothing of who is at work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.workspace import (
    Parent,
    Workspaces,
    is_at_work,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.plugin_utils._this_run import this_run
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

NAME = "restore-20261122T171503Z-4711"
RUN: dict[str, t.Any] = {
    "machine": "m",
    "boot": "b",
    "namespace": "pid:[1]",
    "process": 7,
    "started": "70",
    "running": ["1:1", "7:70"],
    "listed": True,
    "ticks": 100,
}


def environment() -> dict[str, str]:
    """Variables with which another Python finds the collection where this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


class Host:
    """A server with its places."""

    def __init__(self, directory: Path) -> None:
        self.state, self.arrivals, self.keys = (directory / name for name in ("state", "arrivals", "run"))
        self.state.mkdir()
        self.arrivals.mkdir()

    def delivery(self) -> tuple[Workspaces, SetId, str]:
        """A workspace to which a set was delivered.

        :returns: the workspaces, the set, and what names its content.
        """
        places = (Parent(str(self.state)), Parent(str(self.arrivals)))
        workspaces = Workspaces(places, None, RUN, 3600.0)
        workspaces.make(NAME)
        medium = DirectoryMedium(path=str(self.arrivals / NAME))
        set_id = core.write_set(medium)
        return workspaces, set_id, bag.tag_manifest_digest(medium.contents(set_id))

    def workspaces(self, run: dict[str, t.Any] | None = None) -> Workspaces:
        parents = (Parent(str(self.state)), Parent(str(self.arrivals)))
        return Workspaces(parents, str(self.keys), RUN if run is None else run, 3600.0)

    def left(self) -> list[str]:
        return sorted(str(path.relative_to(self.state.parent)) for path in self.state.parent.glob("*/*"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_workspace_has_directories_and_a_key_that_only_its_owner_reads(host: Host) -> None:
    recipient = host.workspaces().make(NAME)
    identity = host.keys / NAME / "identity"
    assert recipient is not None
    assert recipient.startswith("age1")
    answer = subprocess.run(["age-keygen", "-y", str(identity)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == recipient
    assert (host.state / NAME).is_dir()
    for path in (identity, identity.parent, host.state / NAME, host.arrivals / NAME, host.state / f"{NAME}.owner"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert host.workspaces().remove(NAME)
    assert host.left() == []
    assert not host.workspaces().remove(NAME)


def test_the_run_that_is_at_work_keeps_its_workspace_and_the_dead_one_loses_it(host: Host) -> None:
    host.workspaces().make(NAME)
    (host.state / NAME / "set").write_text("delivered")
    assert host.workspaces({**RUN, "process": 9, "started": "90", "running": ["7:70", "9:90"]}).abandoned() == []
    later = host.workspaces({**RUN, "process": 9, "started": "90", "running": ["9:90"]})
    assert later.abandoned() == [NAME]
    later.remove(NAME)
    assert host.left() == []


@pytest.mark.parametrize(
    ("change", "at_work"),
    [
        ({}, True),
        ({"running": ["7:99"]}, False),  # Another process has its number.
        ({"boot": "later"}, False),
        ({"machine": "another"}, None),
        ({"namespace": "pid:[2]"}, None),
        ({"running": None}, None),
        ({"running": ["9:90"], "ticks": 70}, True),  # It began when the list was there already.
        ({"running": ["9:90"], "ticks": 71}, False),
    ],
)
def test_whether_a_run_is_at_work_is_known_only_where_it_ran(change: dict[str, t.Any], at_work: bool | None) -> None:
    assert is_at_work(RUN, {**RUN, **change}) is at_work


def test_a_run_that_is_called_otherwise_is_never_taken_for_dead() -> None:
    assert is_at_work({**RUN, "listed": False}, {**RUN, "running": ["9:90"]}) is None


def test_machines_of_one_image_are_told_apart_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = this_run()
    monkeypatch.setattr("platform.node", lambda: "another")
    assert is_at_work(owner, {**this_run(), "boot": "another"}) is None


def test_a_run_that_cannot_be_known_keeps_its_workspace_for_a_time(host: Host) -> None:
    host.workspaces().make(NAME)
    elsewhere = host.workspaces({**RUN, "machine": "another"})
    path = host.state / f"{NAME}.owner"
    assert elsewhere.abandoned() == []
    # This host's clock was put right by years meanwhile.
    os.utime(path, (0, 0))
    assert elsewhere.abandoned() == []
    owner = json.loads(path.read_text())
    path.write_text(json.dumps({**owner, "host_uptime": owner["host_uptime"] - 3700}))
    assert elsewhere.abandoned() == [NAME]


def test_after_a_start_of_the_host_the_clock_says_how_old_a_workspace_is(host: Host) -> None:
    host.workspaces().make(NAME)
    path = host.state / f"{NAME}.owner"
    path.write_text(json.dumps({**json.loads(path.read_text()), "host_boot": "another", "host_uptime": -1e9}))
    elsewhere = host.workspaces({**RUN, "machine": "another"})
    assert elsewhere.abandoned() == []
    os.utime(path, (0, 0))
    assert elsewhere.abandoned() == [NAME]


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"machine": 3}'])
def test_a_record_that_says_nothing_is_removed_in_time(host: Host, content: str) -> None:
    for suffix in (".owner", ".owner.new"):
        path = host.state / (NAME + suffix)
        path.write_text(content)
        assert host.workspaces().abandoned() == []
        os.utime(path, (0, 0))
        assert host.workspaces().abandoned() == [NAME]
        host.workspaces().remove(NAME)
    assert host.left() == []


def test_only_what_is_named_as_restores_are_is_ever_touched(host: Host) -> None:
    (host.state / "other.owner").write_text("{}")
    os.utime(host.state / "other.owner", (0, 0))
    assert host.workspaces().abandoned() == []
    for name in ("..", "restore-x", f"{NAME}/..", f"{NAME}\n"):
        with pytest.raises(Refused):
            host.workspaces().remove(name)


def test_several_runs_that_sweep_at_once_do_not_fail_each_other(host: Host) -> None:
    names = [f"restore-20261122T171503Z-{number}" for number in range(20)]
    dead = {**RUN, "process": 3, "started": "30"}
    for name in names:
        host.workspaces(dead).make(name)
        for number in range(5):
            (host.state / name / str(number)).write_text("x")
    program = (
        "import json, sys;"
        "from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.workspace import *;"
        "w = Workspaces(tuple(Parent(p) for p in sys.argv[2:4]), sys.argv[4], json.loads(sys.argv[1]), 3600.0);"
        "[w.remove(name) for name in w.abandoned()]"
    )
    argv = [sys.executable, "-c", program, json.dumps(RUN), str(host.state), str(host.arrivals), str(host.keys)]
    runs = [subprocess.Popen(argv, stderr=subprocess.PIPE, env=environment()) for _run in range(4)]
    for run in runs:
        _output, errors = run.communicate(timeout=60)
        assert run.returncode == 0, errors.decode()
    assert host.left() == []


def test_another_restore_s_workspace_is_never_taken(host: Host) -> None:
    host.workspaces().make(NAME)
    with pytest.raises(BackupError):
        host.workspaces().make(NAME)


def test_this_run_is_at_work_and_another_is_not_once_it_has_ended() -> None:
    code = "import json; from ansible_collections.infitulua.backup.plugins.plugin_utils._this_run import this_run;"
    code += "print(json.dumps(this_run()), flush=True); input()"
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as other:
        assert other.stdout is not None

        owner = json.loads(other.stdout.readline())
        assert is_at_work(owner, this_run()) is True
        assert is_at_work(this_run(), owner) is True
        other.communicate(b"\n", timeout=30)
    assert is_at_work(owner, this_run()) is False


def test_what_was_delivered_leaves_the_place_of_who_delivered_it(host: Host) -> None:
    workspaces, set_id, sent = host.delivery()
    assert workspaces.receive(NAME, set_id, sent)
    assert (host.state / NAME / "delivered" / str(set_id) / "bagit.txt").is_file()
    assert not (host.arrivals / NAME).exists()
    assert not workspaces.receive(NAME, set_id, sent)
    assert workspaces.remove(NAME)
    assert host.left() == []


def test_what_is_not_what_was_sent_is_refused_and_removed_with_the_rest(host: Host) -> None:
    workspaces, set_id, sent = host.delivery()
    with (host.arrivals / NAME / str(set_id) / "tagmanifest-sha256.txt").open("a") as stream:
        stream.write("0" * 64 + "  added.txt\n")
    with pytest.raises(SetInvalid, match="what was delivered is not what was sent"):
        workspaces.receive(NAME, set_id, sent)
    assert not (host.arrivals / NAME).exists()
    workspaces.remove(NAME)
    assert host.left() == []


def test_what_has_not_arrived_is_told(host: Host) -> None:
    workspaces, set_id, sent = host.delivery()
    core.remove_tree(host.arrivals / NAME / set_id.host)
    with pytest.raises(BackupError, match="tagmanifest-sha256"):
        workspaces.receive(NAME, set_id, sent)
    core.remove_tree(host.state / NAME / "delivered")
    with pytest.raises(BackupError, match="receive a set for a restore"):
        workspaces.receive(NAME, set_id, sent)
    with pytest.raises(Refused):
        workspaces.receive("../x", set_id, sent)
