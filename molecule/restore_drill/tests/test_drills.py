# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drills found: good sets from each medium, and every set that must not pass, caught, named and recorded."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import typing as t
from pathlib import Path

import pytest

_SPECIFICATION = importlib.util.spec_from_file_location("forge", Path(__file__).parent.parent / "files" / "forge.py")
assert _SPECIFICATION is not None
forge = importlib.util.module_from_spec(_SPECIFICATION)
sys.modules["forge"] = forge
assert _SPECIFICATION.loader is not None
_SPECIFICATION.loader.exec_module(forge)

RECORD = "/var/lib/infitulua-backup/drills"
STORAGE = "/srv/backup"
SOURCES = ["cartera", "mesa-de-ayuda", "tesoreria", "usuarios"]
MEDIA = {"vault": "directory /srv/backup/vault", "cloud": "bucket ", "disk": "infitulua-backup@"}
BY_DRILL = [name for name, kind in forge.KINDS.items() if kind.caught_by == "drill"]
BY_PULLING = [name for name, kind in forge.KINDS.items() if kind.caught_by == "pull"]
BY_VERIFYING = [name for name, kind in forge.KINDS.items() if kind.caught_by == "verify"]
HOSTILE, OLDER = "srv-misional/hostil/", "srv-misional/historico/"


@pytest.fixture
def recorded(systems_computer: t.Any) -> t.Callable[[str], list[dict[str, t.Any]]]:
    """Return a function that gives the recorded drills of a source, in their order."""

    def read(source: str) -> list[dict[str, t.Any]]:
        lines = systems_computer.file(f"{RECORD}/srv-misional/{source}.jsonl").content_string.splitlines()
        return [json.loads(line) for line in lines]

    return read


@pytest.fixture
def drills(ephemeral: Path) -> dict[str, t.Any]:
    """What the module returned that drilled everything on the server's disk."""
    return t.cast("dict[str, t.Any]", json.loads((ephemeral / "output-drills").read_text()))


def squeezed(text: str) -> str:
    """A text without blanks and colours: what a terminal is shown is broken into lines anywhere."""
    return re.sub(r"\x1b\[[0-9;]*m|\s", "", text)


@pytest.fixture
def report(ephemeral: Path) -> str:
    """What step 3 said, squeezed."""
    return squeezed((ephemeral / "output-step3").read_text())


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("source", SOURCES)
def test_a_good_set_passes_from_each_medium(
    recorded: t.Callable[[str], list[dict[str, t.Any]]], medium: str, source: str
) -> None:
    found = [drill for drill in recorded(source) if MEDIA[medium] in drill["medium"] and drill["outcome"] == "passed"]
    assert found != []
    for drill in found:
        assert all(check["passed"] for check in drill["checks"])
        assert 0 < drill["restore_seconds"] <= drill["seconds"]


@pytest.mark.parametrize("medium", MEDIA)
def test_the_inventorys_questions_were_put(recorded: t.Callable[[str], list[dict[str, t.Any]]], medium: str) -> None:
    question = {"name": "a row for each ticket", "passed": True, "detail": "20000"}
    asked = [drill for drill in recorded("mesa-de-ayuda") if question in drill["checks"]]
    assert any(MEDIA[medium] in drill["medium"] for drill in asked)


@pytest.mark.parametrize("name", forge.KINDS)
def test_a_bad_set_fails_its_drill_and_is_recorded(
    drills: dict[str, t.Any], recorded: t.Callable[[str], list[dict[str, t.Any]]], name: str
) -> None:
    kind = forge.KINDS[name]
    set_id = kind.set_id(name)
    [failure] = [failure for failure in drills["failures"] if failure["id"] == set_id]
    assert failure["outcome"] == "failed"
    assert re.search(kind.words, failure["message"])
    assert failure["message"] in drills["msg"]
    outcomes = {drill["outcome"] for drill in recorded(kind.source) if drill["id"] == set_id}
    assert outcomes == {"failed"}


@pytest.mark.parametrize("name", forge.KINDS)
def test_a_bad_set_is_named_by_step_3_and_stored_nowhere(systems_computer: t.Any, report: str, name: str) -> None:
    set_id = forge.KINDS[name].set_id(name)
    assert re.search(rf"FALLO\d+:servidorsrv-misional,copia{re.escape(set_id)}:", report)
    assert not systems_computer.file(f"{STORAGE}/incoming/{set_id}").exists
    assert not systems_computer.file(f"{STORAGE}/vault/{set_id}").exists


@pytest.mark.parametrize("name", BY_PULLING + BY_VERIFYING)
def test_what_verifying_finds_is_never_restored_by_step_3(report: str, name: str) -> None:
    set_id = re.escape(forge.KINDS[name].set_id(name))
    assert not re.search(rf"copia{set_id}:nopasólarestauracióndeprueba", report)


@pytest.mark.parametrize(
    ("name", "what"),
    [(name, "nopasólaverificación") for name in BY_VERIFYING]
    + [(name, "nopasólarestauracióndeprueba") for name in BY_DRILL],
)
def test_what_does_not_pass_is_set_aside(systems_computer: t.Any, report: str, name: str, what: str) -> None:
    set_id = forge.KINDS[name].set_id(name)
    assert f"copia{set_id}:{what}" in report
    assert systems_computer.file(f"{STORAGE}/incoming/.rejected/{set_id}").is_directory


def test_a_hostile_database_fails_and_has_done_nothing(drills: dict[str, t.Any], report: str) -> None:
    [failure] = [failure for failure in drills["failures"] if failure["id"].startswith(HOSTILE)]
    assert failure["outcome"] == "failed"
    assert "could not execute command" in failure["message"]
    assert f"copia{failure['id']}:nopasó" in report


def test_a_set_of_a_version_that_is_not_there_is_no_failed_set(
    systems_computer: t.Any, drills: dict[str, t.Any], report: str
) -> None:
    """Nothing is known of it: the message says what to install, and it is kept."""
    [failure] = [failure for failure in drills["failures"] if failure["id"].startswith(OLDER)]
    assert failure["outcome"] == "not_done"
    assert "Install the package postgresql-15" in failure["message"]
    assert f"copia{failure['id']}:nosepudohacersurestauracióndeprueba" in report
    assert not systems_computer.file(f"{STORAGE}/incoming/.rejected/{failure['id']}").exists


def test_what_a_server_puts_into_the_cloud_by_itself_is_caught_there(
    ephemeral: Path, recorded: t.Callable[[str], list[dict[str, t.Any]]]
) -> None:
    name = "with a file outside"
    set_id = forge.KINDS[name].set_id(name)
    assert set_id in squeezed((ephemeral / "output-cloud").read_text())
    found = [drill for drill in recorded("usuarios") if drill["id"] == set_id and "bucket " in drill["medium"]]
    assert [drill["outcome"] for drill in found] == ["failed"]


def test_no_hostile_set_has_left_a_mark_where_it_was_restored(systems_computer: t.Any, reach: t.Any) -> None:
    marks = f"find / -xdev -path /proc -prune -o -name '*{Path(forge.MARK).name}*' -print -o -name hostile -print"
    assert reach("srv-misional").file(forge.MARK).exists, "unconfined, it does what it wants"
    assert systems_computer.run(marks).stdout == ""


def test_the_vault_is_as_it_was(systems_computer: t.Any, ephemeral: Path) -> None:
    """But for the set that could not be tried: it is whole, and a copy more of it does no harm."""
    now = systems_computer.run(f"find {STORAGE}/vault -type f -printf '%P %s %T@\\n'").stdout.splitlines()
    before = (ephemeral / "output-vault").read_text().splitlines()
    changed = {line for line in set(now) ^ set(before) if ".verifications" not in line}
    assert [line for line in changed if not line.startswith(OLDER)] == []


def test_nothing_is_left_of_any_drill(systems_computer: t.Any) -> None:
    assert systems_computer.run("ls -A /var/lib/infitulua-backup/drill").stdout == ""
    assert systems_computer.run("pgrep -u nobody").stdout == ""
