# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules through Ansible itself: check mode, differences, failures in a list, and secrets that stay secret."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import sqlite3
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

if t.TYPE_CHECKING:
    from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium

CANARY = "canary-5b1d-never-to-be-seen"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What Ansible printed, and the module's result in it."""

    result: dict[str, t.Any]
    failed: bool
    output: str


class Ansible:
    """Runs one module on this machine, as an operator would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "ansible.log"
        (directory / "ansible.cfg").touch()
        self.environment = dict(
            os.environ,
            ANSIBLE_LOG_PATH=str(self.log),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_INJECT_INVOCATION="1",  # ansible-core 2.20 left a module's arguments out of its result.
            ANSIBLE_LOCALHOST_WARNING="0",
            ANSIBLE_INVENTORY_UNPARSED_WARNING="0",
            ANSIBLE_LOCAL_TEMP=str(directory / "local"),
            ANSIBLE_REMOTE_TEMP=str(directory / "remote"),
            ANSIBLE_CONFIG=str(directory / "ansible.cfg"),
        )

    def __call__(self, module: str, *flags: str, **options: t.Any) -> Answer:
        connection = ["-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
        done = subprocess.run(
            [
                "ansible",
                "localhost",
                *connection,
                "-m",
                f"infitulua.backup.{module}",
                *flags,
                "-a",
                json.dumps(options),
            ],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=120,
        )
        output = done.stdout + done.stderr
        start = done.stdout.find("=> {")
        assert start >= 0, output
        result, _end = json.JSONDecoder().raw_decode(done.stdout[start + 3 :])
        return Answer(result, "FAILED" in done.stdout[:start].splitlines()[-1], output)

    def play(self, module: str, calls: t.Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
        """Runs a module once for each of these, whatever becomes of the others; the results."""
        name = f"infitulua.backup.{module}"
        tasks: list[dict[str, t.Any]] = [
            {name: options, "register": f"result_{number}", "ignore_errors": True}
            for number, options in enumerate(calls)
        ]
        collected = "{{ [" + ", ".join(f"result_{number}" for number in range(len(calls))) + "] | to_json }}"
        answers = self.directory / "answers.json"
        tasks.append({"ansible.builtin.copy": {"content": collected, "dest": str(answers), "mode": "0600"}})
        playbook = self.directory / "playbook.json"
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        done = subprocess.run(
            ["ansible-playbook", "-e", f"ansible_python_interpreter={sys.executable}", str(playbook)],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        found = json.loads(answers.read_text(encoding="utf-8"))
        assert isinstance(found, list)
        return found


@pytest.fixture
def ansible(tmp_path: Path) -> Ansible:
    core.need("ansible")
    return Ansible(tmp_path)


def on(medium: DirectoryMedium) -> dict[str, str]:
    return {"type": "directory", "path": medium.root}


def test_sets_are_listed_with_what_is_known_of_them(medium: DirectoryMedium, ansible: Ansible) -> None:
    first, second, bad = core.write_sets(medium, "20261120T030000Z", "20261121T030000Z", "20261122T030000Z")
    core.overwrite(Path(medium.path(bad), "backup.json"), b"{}")
    set_verification.remember(medium, first, set_verification.verify(medium, first)[0])
    before = core.tree(medium.root)
    answer = ansible("set_info", medium=on(medium))
    assert core.tree(medium.root) == before
    assert not answer.failed
    assert not answer.result["changed"]
    assert [entry["id"] for entry in answer.result["sets"]] == [str(first), str(second)]
    assert answer.result["sets"][0]["verified"] is not None
    assert answer.result["sets"][1]["verified"] is None
    assert answer.result["sets"][0]["path"] == medium.path(first)
    assert [entry["id"] for entry in answer.result["failures"]] == [str(bad)]
    assert str(bad) in answer.output  # As a warning, too.
    assert ansible("set_info", medium=on(medium), sets=[]).result["sets"] == []
    newest = ansible("set_info", medium=on(medium), newest=True, at="20261121T235959Z").result["sets"]
    assert [entry["id"] for entry in newest] == [str(second)]


def test_a_request_that_makes_no_sense_is_one_message(medium: DirectoryMedium, ansible: Ansible) -> None:
    cases: list[tuple[dict[str, t.Any], str]] = [
        ({"at": "2026-11-22"}, "it is not a UTC time"),
        ({"host": "../.."}, "it must start with a letter or digit"),
        ({"sets": ["srv/contabilidad"]}, "it does not have the form host/source/time"),
        ({"sets": ["srv/contabilidad/20261122T030000Z"]}, "does not hold srv/contabilidad/20261122T030000Z"),
        ({"medium": {"type": "directory", "path": "/nonexistent"}}, "the directory does not exist"),
        ({"medium": {"type": "directory"}}, "path"),
        ({"medium": {"type": "directory", "path": "/tmp", "bucket": "x"}}, "bucket"),
    ]
    results = ansible.play("set_info", [{"medium": on(medium), **options} for options, _told in cases])
    for (options, told), result in zip(cases, results):
        assert result["failed"], options
        assert told in result["msg"]


def test_verifying_predicts_does_and_then_has_nothing_to_do(medium: DirectoryMedium, ansible: Ansible) -> None:
    good, bad = core.write_sets(medium, "20261121T030000Z", "20261122T030000Z")
    before = core.tree(medium.root)
    predicted = ansible("set_verify", "--check", medium=on(medium))
    assert core.tree(medium.root) == before
    assert predicted.result["changed"]
    assert ansible("set_verify", medium=on(medium)).result["changed"]
    assert not ansible("set_verify", medium=on(medium)).result["changed"]
    core.overwrite(core.payload(medium, bad), b"")
    # A name that is no text must not keep the report from arriving.
    with open(os.path.join(os.fsencode(medium.path(bad)), b"data", b"\xff\xfe"), "wb"):
        pass
    answer = ansible("set_verify", medium=on(medium), set_aside=True)
    assert answer.failed
    assert [entry["id"] for entry in answer.result["sets"]] == [str(good)]
    assert [entry["id"] for entry in answer.result["failures"]] == [str(bad)]
    assert str(bad) in answer.result["msg"]
    assert any(line.startswith("mismatch: data/table") for line in answer.result["failures"][0]["details"])
    assert medium.sets() == [good]


def test_copying_asks_for_no_key_and_predicts_exactly(
    medium: DirectoryMedium, vault: DirectoryMedium, ansible: Ansible
) -> None:
    first, second = core.write_sets(medium, "20261121T030000Z", "20261122T030000Z")
    media = {"origin": on(medium), "destination": on(vault)}
    before = core.tree(medium.root), core.tree(vault.root)
    predicted = ansible("set_copy", "--check", "--diff", **media)
    assert (core.tree(medium.root), core.tree(vault.root)) == before
    done = ansible("set_copy", "--diff", **media)
    for answer in (predicted, done):
        assert answer.result["changed"]
        assert [(entry["id"], entry["changed"]) for entry in answer.result["sets"]] == [
            (str(first), True),
            (str(second), True),
        ]
        assert f"+{first}" in answer.output
    again = ansible("set_copy", **media)
    assert not again.result["changed"]
    assert vault.sets() == [first, second]
    nothing = ansible("set_copy", **media, sets=[], move=True)
    assert (nothing.result["changed"], nothing.result["sets"]) == (False, [])
    itself = ansible("set_copy", origin=on(vault), destination=on(vault), move=True)
    assert itself.failed
    assert "both are the same place" in itself.result["msg"]
    assert vault.sets() == [first, second]


def test_one_call_copies_and_tells_what_the_destination_holds(
    medium: DirectoryMedium, vault: DirectoryMedium, ansible: Ansible, tmp_path: Path
) -> None:
    first, second = core.write_sets(medium, "20261121T030000Z", "20261122T030000Z")
    media = {"origin": on(medium), "destination": on(vault), "host": core.HOST}
    asked = {"list_destination": True, "drill_record_directory": str(tmp_path / "drills")}
    assert ansible("set_copy", "--check", **media, **asked).result["destination"]["sets"] == []
    assert "destination" not in ansible("set_copy", **media, sets=[str(first)]).result
    answer = ansible("set_copy", **media, **asked)
    assert [(entry["id"], entry["changed"]) for entry in answer.result["sets"]] == [
        (str(first), False),
        (str(second), True),
    ]
    listed = ansible("set_info", medium=on(vault), drill_record_directory=asked["drill_record_directory"]).result
    expected = {name: listed[name] for name in ("sets", "failures", "dated_after_now")}
    assert answer.result["destination"] == {**expected, "removed_sets": []}
    core.overwrite(Path(vault.path(first), "backup.json"), b"{}")
    spoiled = ansible("set_copy", **media, **asked, sets=[str(second)]).result["destination"]
    assert [entry["id"] for entry in spoiled["failures"]] == [str(first)]
    assert [(entry["id"], entry["drill"]) for entry in spoiled["sets"]] == [(str(second), None)]


def test_what_another_directory_holds_is_left_out_and_listed_even_where_the_origin_is_gone(
    medium: DirectoryMedium, vault: DirectoryMedium, ansible: Ansible, tmp_path: Path
) -> None:
    first, second = core.write_sets(medium, "20261121T030000Z", "20261122T030000Z")
    assert ansible("set_copy", origin=on(medium), destination=on(vault), sets=[str(first)]).result["changed"]
    (tmp_path / "incoming").mkdir()
    asked = {
        "destination": {"type": "directory", "path": str(tmp_path / "incoming")},
        "host": core.HOST,
        "except_those_in": vault.root,
        "drill_record_directory": str(tmp_path / "drills"),
    }
    listed = ansible("set_info", medium=on(vault), drill_record_directory=asked["drill_record_directory"]).result
    expected = {**{name: listed[name] for name in ("sets", "failures", "dated_after_now")}, "removed_sets": []}
    gone = ansible("set_copy", origin={"type": "directory", "path": str(tmp_path / "gone")}, **asked)
    assert gone.failed
    assert (gone.result["sets"], gone.result["excepted"]) == ([], expected)
    answer = ansible("set_copy", origin=on(medium), **asked).result
    assert [entry["id"] for entry in answer["sets"]] == [str(second)]
    assert answer["excepted"] == expected
    # What nobody can read there is wanted again.
    core.overwrite(Path(vault.path(first), "backup.json"), b"{}")
    again = ansible("set_copy", origin=on(medium), **asked).result
    assert [(entry["id"], entry["changed"]) for entry in again["sets"]] == [(str(first), True), (str(second), False)]
    assert [entry["id"] for entry in again["excepted"]["failures"]] == [str(first)]


def test_one_set_that_cannot_be_copied_does_not_stop_the_others(
    medium: DirectoryMedium, vault: DirectoryMedium, ansible: Ansible
) -> None:
    bad, good = core.write_sets(medium, "20261121T030000Z", "20261122T030000Z")
    core.overwrite(core.payload(medium, bad), b"")
    answer = ansible("set_copy", origin=on(medium), destination=on(vault), move=True)
    assert answer.failed
    assert answer.result["changed"]
    assert [entry["id"] for entry in answer.result["failures"]] == [str(bad)]
    assert answer.result["msg"].count("Could not") == 1
    assert (medium.sets(), vault.sets()) == ([bad], [good])


def test_a_delivery_needs_both_keys(
    medium: DirectoryMedium, vault: DirectoryMedium, ansible: Ansible, keys: core.Keys
) -> None:
    set_id = core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
    media = {"origin": on(medium), "destination": on(vault)}
    for half in ({"identity_file": keys.technician}, {"recipients": [keys.delivery_recipient]}):
        answer = ansible("set_copy", **media, **half)
        assert answer.failed
        assert "identity_file" in answer.result["msg"]
    options = {"identity_file": keys.technician, "recipients": [keys.delivery_recipient]}
    assert ansible("set_copy", **media, **options).result["changed"]
    assert not ansible("set_copy", **media, **options).result["changed"]
    assert core.read_part(vault, set_id, "table", keys.delivery).startswith(b"1\n2\n")


class TestDumping:
    @pytest.fixture
    def database(self, tmp_path: Path) -> Path:
        path = tmp_path / "helpdesk.db"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE ticket (number TEXT, subject TEXT)")
        connection.executemany("INSERT INTO ticket VALUES (?, ?)", [(f"MDA-{n}", "x" * 100) for n in range(2000)])
        connection.commit()
        connection.close()
        return path

    def options(self, medium: DirectoryMedium, keys: core.Keys, *paths: Path) -> dict[str, t.Any]:
        sources = [
            {"name": f"source-{number}", "engine": "sqlite", "path": str(path), "series": "400.8"}
            for number, path in enumerate(paths, start=1)
        ]
        return {
            "host": core.HOST,
            "medium": on(medium),
            "recipients": [keys.technician_recipient],
            "run_id": "daily-20261122",
            "sources": sources,
        }

    def test_it_predicts_does_and_then_has_nothing_to_do(
        self, medium: DirectoryMedium, ansible: Ansible, keys: core.Keys, database: Path
    ) -> None:
        options = self.options(medium, keys, database)
        before = core.tree(medium.root)
        predicted = ansible("database_dump", "--check", "--diff", **options)
        assert core.tree(medium.root) == before
        assert predicted.result["changed"]
        assert predicted.result["sets"][0]["id"] is None
        done = ansible("database_dump", "--diff", **options)
        [set_id] = medium.sets()
        assert done.result["changed"]
        assert f"+{set_id}" in done.output
        assert done.result["sets"][0]["path"] == medium.path(set_id)
        set_verification.verify(medium, set_id)
        for flags in ([], ["--check"]):
            again = ansible("database_dump", *flags, **options)
            assert not again.result["changed"]
            assert again.result["sets"][0]["id"] == str(set_id)

    @pytest.mark.parametrize("flags", [[], ["--check"]], ids=["run", "check"])
    def test_one_source_that_fails_does_not_stop_the_others(
        self, medium: DirectoryMedium, ansible: Ansible, keys: core.Keys, database: Path, flags: list[str]
    ) -> None:
        options = self.options(medium, keys, database.with_name("missing.db"), database)
        answer = ansible("database_dump", *flags, **options)
        assert answer.failed
        assert answer.result["changed"]
        assert [entry["source"] for entry in answer.result["sets"]] == ["source-2"]
        assert [entry["source"] for entry in answer.result["failures"]] == ["source-1"]
        assert "source-1: Could not" in answer.result["msg"]
        assert not [path for path in core.tree(medium.root) if ".partial" in path]

    def test_encryption_is_on_unless_it_is_switched_off_in_words(
        self, medium: DirectoryMedium, ansible: Ansible, keys: core.Keys, database: Path
    ) -> None:
        options = {**self.options(medium, keys, database), "recipients": []}
        answer = ansible("database_dump", **options)
        assert answer.failed
        assert "no public key was given" in answer.result["msg"]
        assert core.tree(medium.root) == {}
        assert not ansible("database_dump", **options, encryption="none").failed


class TestRestoring:
    def test_what_must_be_given_and_what_not_together(self, medium: DirectoryMedium, ansible: Ansible) -> None:
        set_id = "srv/a/20261122T030000Z"
        cases: list[tuple[dict[str, t.Any], str]] = [
            ({"set": set_id}, "ticket"),
            ({"ticket": "MDA-1"}, "one of the following is required: set, source"),
            ({"ticket": "MDA-1", "source": "a"}, "host"),
            ({"ticket": "MDA-1", "set": set_id, "at": "20261122T030000Z"}, "mutually exclusive"),
            ({"ticket": "MDA-1", "set": set_id}, "there is no such set"),
            ({"ticket": "MDA-1", "host": "srv", "source": "a"}, "it holds none"),
            ({"ticket": "MDA-1", "host": "srv", "source": "a", "at": "ayer"}, "it is not a UTC time"),
        ]
        common = {"medium": on(medium), "target": {"path": "/nonexistent/x.db"}}
        results = ansible.play("database_restore", [{**common, **options} for options, _told in cases])
        for (options, told), result in zip(cases, results):
            assert result["failed"], options
            assert told in result["msg"]


class TestSecretsStaySecret:
    """The most verbose output, the log and the temporary files of a run that fails."""

    def check(self, answer: Answer, ansible: Ansible, tmp_path: Path) -> None:
        assert answer.failed
        assert CANARY not in answer.output
        assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in answer.output
        assert ansible.log.exists()
        for path, data in core.tree(tmp_path).items():
            assert CANARY.encode() not in data, path

    def closed_port(self) -> int:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return int(listener.getsockname()[1])

    def test_the_password_of_a_database(
        self, medium: DirectoryMedium, ansible: Ansible, keys: core.Keys, tmp_path: Path
    ) -> None:
        source = {"name": "a", "engine": "postgresql", "database": "a", "login_host": "127.0.0.1"}
        answer = ansible(
            "database_dump",
            "-vvvv",
            "--diff",
            host="srv",
            medium=on(medium),
            recipients=[keys.technician_recipient],
            sources=[{**source, "login_port": self.closed_port(), "login_password": CANARY}],
        )
        self.check(answer, ansible, tmp_path)

    def test_the_key_of_a_bucket(self, ansible: Ansible, tmp_path: Path) -> None:
        pytest.importorskip("boto3", reason="the development environment brings it")
        bucket = {
            "type": "s3",
            "bucket": "b",
            "endpoint_url": f"https://127.0.0.1:{self.closed_port()}",
            "region": "x",
            "access_key": "AK",
            "secret_key": CANARY,
        }
        self.check(ansible("set_info", "-vvvv", "--diff", medium=bucket), ansible, tmp_path)
        medium = core.medium_at(tmp_path / "disk")
        core.write_set(medium)
        self.check(ansible("set_copy", "-vvvv", "--diff", origin=on(medium), destination=bucket), ansible, tmp_path)
