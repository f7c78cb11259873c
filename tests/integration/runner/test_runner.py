# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""runner.example under ansible-runner, from a checkout and as installed: events, reports of drills, no secret."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import ansible_runner
import pytest
import yaml

from ansible_collections.infitulua.backup.tests.unit.plugins.plugin_utils.junit import read_junit
from development.environment import ROOT

if t.TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from development.services.object_store import ObjectStore

SERVER, SYSTEMS_COMPUTER = "srv-financiero", "computador-sistemas"
DRILL = "infitulua.backup.restore_drill"
DAILY = "infitulua.backup.daily"
DRILLS, RUN = "infitulua.backup.drills", "infitulua.backup.run"
TOKEN = "canario-T0ken-del-servidor-de-CI"
PASSWORD = "canario-Cl4ve-de-la-base"
OTHER_PASSWORD = "canario-0tra-clave"
VAULT_PASSWORD = "canario-Cl4ve-de-la-boveda-de-Ansible"


class Outcome:
    """A run that ended."""

    def __init__(self, status: str, artifacts: Path) -> None:
        self.status = status
        self.artifacts = artifacts

    @property
    def summary(self) -> dict[str, t.Any]:
        """What the summary of drills says."""
        summary: dict[str, t.Any] = json.loads((self.artifacts / "drill-summary.json").read_text(encoding="utf-8"))
        return summary

    @property
    def suites(self) -> dict[str, Element]:
        """The suites of the JUnit XML."""
        return read_junit(self.artifacts / "drill-junit.xml")

    @property
    def stdout(self) -> str:
        """What Ansible printed."""
        return (self.artifacts / "stdout").read_text(encoding="utf-8")


class Example:
    """A copy of runner.example, the environment of the person who runs it, and where the collection is found then."""

    def __init__(self, directory: Path, collections: Path, **environment: str) -> None:
        self.directory = directory
        self.collections = collections
        foreign = ("ANSIBLE_", "AWS_", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.environment = {**kept, **environment}

    def run(self, playbook: str, **options: t.Any) -> tuple[Outcome, list[dict[str, t.Any]]]:
        """Run a playbook; return the events too."""
        with mock.patch.dict(os.environ, self.environment, clear=True):
            runner = ansible_runner.run(private_data_dir=str(self.directory), playbook=playbook, quiet=True, **options)
        return Outcome(runner.status, Path(runner.config.artifact_dir)), list(runner.events)

    def program(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run run.py."""
        return subprocess.run(
            [sys.executable, "run.py", *arguments],
            cwd=self.directory,
            env={**self.environment, "CI_JOB_TOKEN": TOKEN},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def host(self, name: str) -> Path:
        """What a host has in the place of its disk."""
        return self.directory / "institution" / name

    @property
    def database(self) -> Path:
        """The ledger."""
        return self.host(SERVER) / "srv" / "contabilidad.db"

    def record(self, source: str) -> list[dict[str, t.Any]]:
        """What the systems computer has written down of a source's drills."""
        path = self.host(SYSTEMS_COMPUTER) / "var" / "drills" / SERVER / f"{source}.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    @contextlib.contextmanager
    def variables(self, **values: t.Any) -> Iterator[None]:
        """For a while, variables in the file of extra variables."""
        path = self.directory / "env" / "extravars"
        path.write_text(json.dumps(values), encoding="utf-8")
        try:
            yield
        finally:
            path.unlink()


def copy_example(origin: Path, directory: Path) -> None:
    """Copy what is shipped, and not what a run in the checkout may have left."""
    shutil.copytree(origin, directory, ignore=shutil.ignore_patterns("artifacts", "institution", "__pycache__"))


def from_checkout(directory: Path) -> Example:
    """A directory as a checkout is after ``make link``: nothing else says where the collection is."""
    collections = directory / ".build" / "collections"
    link = collections / "ansible_collections" / "infitulua" / "backup"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    copy_example(ROOT / "runner.example", directory / "runner.example")
    return Example(directory / "runner.example", collections, ANSIBLE_HOME=str(directory / "ansible"))


def from_artifact(directory: Path) -> Example:
    """The built artifact, installed without a network, and the example copied out of it."""
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(directory), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (artifact,) = directory.glob("infitulua-backup-*.tar.gz")
    collections = directory / "collections"
    install = ["ansible-galaxy", "collection", "install", "--offline", "-p", str(collections), str(artifact)]
    alone = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_HOME": str(directory / "ansible")}
    example = Example(directory / "copias-ci", collections, **alone)
    subprocess.run(install, env=example.environment, check=True, capture_output=True, timeout=300)
    copy_example(collections / "ansible_collections" / "infitulua" / "backup" / "runner.example", example.directory)
    return example


class Day:
    """An example after its first day."""

    def __init__(self, example: Example) -> None:
        self.example = example
        self.prepared, _events = example.run("prepare.yml")
        self.outcome, self.events = example.run(DAILY)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """The first day of the example of the installed artifact."""
    return Day(from_artifact(tmp_path_factory.mktemp("artifact")))


def places_of_tasks(events: list[dict[str, t.Any]]) -> set[str]:
    """The files that the tasks of a run came from, with their lines."""
    paths = {event.get("event_data", {}).get("task_path") for event in events}
    return {path for path in paths if path}


def cases(suite: Element) -> dict[str | None, Element]:
    """Test cases by class."""
    return {case.get("classname"): case for case in suite.findall("testcase")}


@pytest.mark.slow
def test_a_day_can_be_followed_by_its_events(day: Day) -> None:
    assert day.prepared.status == "successful", day.prepared.stdout
    assert day.outcome.status == "successful", day.outcome.stdout
    plays = [event["event_data"]["name"] for event in day.events if event["event"] == "playbook_on_play_start"]
    assert plays[-1] == "RESULTADO DEL DÍA"
    drilled = [
        event["event_data"]
        for event in day.events
        if event["event"] == "runner_on_ok" and event["event_data"].get("resolved_action") == DRILL
    ]
    assert [facts["host"] for facts in drilled] == [SERVER]
    assert {entry["outcome"] for entry in drilled[0]["res"]["sets"]} == {"passed"}
    # From the installed artifact, and nothing of this working copy.
    paths = places_of_tasks(day.events)
    assert paths
    assert not [path for path in paths if not path.startswith(f"{day.example.collections}/")]
    assert str(ROOT) not in day.outcome.stdout


@pytest.mark.slow
def test_the_reports_of_a_day_say_what_the_record_of_drills_says(day: Day) -> None:
    recorded = [day.example.record(source)[0] for source in ("contabilidad", "datos-usuarios")]
    summary = day.outcome.summary
    assert sorted(summary["drills"], key=lambda drill: drill["id"]) == recorded
    assert (summary["outcome"], summary["failures"], summary["overdue"]) == ("succeeded", [], [])
    assert summary["counts"] == {"passed": 2, "failed": 0, "not_done": 0, "left_out": 0, "failures": 0}
    found = cases(day.outcome.suites[DRILLS])
    assert set(found) == {f"{SERVER}.contabilidad", f"{SERVER}.datos-usuarios"}
    for drill in recorded:
        host, source, time = drill["id"].split("/")
        case = found[f"{host}.{source}"]
        assert (case.get("name"), case.get("time")) == (time, f"{drill['seconds']:.3f}")
        assert [child.tag for child in case] == ["system-out"]
        lines = (case.findtext("system-out") or "").splitlines()
        assert f"restore_seconds: {drill['restore_seconds']}" in lines
        checks = [f"check passed: {check['name']}: {check['detail']}" for check in drill["checks"]]
        assert checks
        assert set(checks) < set(lines)
    (run,) = day.outcome.suites[RUN]
    assert (run.get("name"), list(run)) == ("daily", [])


@pytest.mark.slow
def test_a_second_run_on_the_same_day_drills_nothing_and_says_so(day: Day) -> None:
    command = ["ansible-runner", "run", str(day.example.directory), "-p", DAILY, "-i", "segunda"]
    ended = subprocess.run(command, env=day.example.environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    again = Outcome("successful", day.example.directory / "artifacts" / "segunda")
    assert again.suites[DRILLS].findall("testcase") == []
    assert (again.summary["outcome"], again.summary["drills"]) == ("succeeded", [])


@pytest.mark.slow
def test_a_set_that_fails_its_drill_is_a_failure_and_the_example_in_python_names_it(day: Day) -> None:
    question = {"name": "el libro", "source": "contabilidad", "query": "SELECT count(*) FROM asiento", "expected": "7"}
    with day.example.variables(backup_drill_queries=[question], backup_run_id="descuadrado"):
        ended = day.example.program()
    recorded = day.example.record("contabilidad")[-1]
    assert recorded["outcome"] == "failed"
    assert ended.returncode == 1
    (line,) = (line for line in ended.stderr.splitlines() if line.startswith("FAILURE: "))
    assert line == f"FAILURE: {recorded['id']}: drill failed: {recorded['message']}"
    assert "== VERIFICAR RESULTADO" in ended.stdout.splitlines()
    artifacts = Path(ended.stdout.splitlines()[-1].split("artifacts: ")[1])
    outcome = Outcome("failed", artifacts)
    found = cases(outcome.suites[DRILLS])
    failure = found[f"{SERVER}.contabilidad"].find("failure")
    assert failure is not None
    assert failure.get("message") == recorded["message"]
    assert "4000 instead of 7" in (failure.text or "")
    assert [child.tag for child in found[f"{SERVER}.datos-usuarios"]] == ["system-out"]
    (run,) = outcome.suites[RUN]
    assert "no pasó la restauración de prueba" in (run.findtext("failure") or "")
    assert outcome.summary["counts"]["failed"] == 1

    for path in artifacts.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_a_source_that_was_not_backed_up_is_an_error(day: Day) -> None:
    kept = day.example.database.read_bytes()
    day.example.database.write_bytes(b"no es una base de datos" * 1000)
    try:
        with day.example.variables(backup_run_id="roto"):
            outcome, _events = day.example.run("infitulua.backup.step2_back_up")
    finally:
        day.example.database.write_bytes(kept)
    sqlite3.connect(day.example.database).close()
    assert outcome.status == "failed"
    found = cases(outcome.suites[RUN])
    assert set(found) == {"infitulua.backup", f"{SERVER}.contabilidad"}
    error = found[f"{SERVER}.contabilidad"].find("error")
    assert error is not None
    (failure,) = outcome.summary["failures"]
    assert (failure["host"], failure["subject"], failure["message"]) == (SERVER, "contabilidad", error.get("message"))


@pytest.mark.slow
def test_a_drill_of_what_is_in_the_vault_is_reported_in_the_same_way(day: Day) -> None:
    outcome, _events = day.example.run("infitulua.backup.restore_drill")
    assert outcome.status == "successful", outcome.stdout
    assert set(cases(outcome.suites[DRILLS])) == {f"{SERVER}.contabilidad", f"{SERVER}.datos-usuarios"}


@pytest.mark.slow
def test_a_run_that_is_killed_is_left_unfinished(day: Day) -> None:
    with day.example.variables(backup_run_id="cortado"):
        outcome, _events = day.example.run(DAILY, timeout=1)
    assert outcome.status == "timeout"
    assert outcome.summary["outcome"] == "unfinished"
    assert outcome.suites[RUN][0].find("error") is not None


def test_a_run_before_the_preparation_fails_and_says_what_to_do(tmp_path: Path) -> None:
    outcome, _events = from_checkout(tmp_path).run("infitulua.backup.step2_back_up")
    assert outcome.status == "failed"
    assert outcome.summary["counts"]["failures"] > 0
    assert "infitulua.backup.step1_prepare_media" in outcome.stdout


class Canaries:
    """An example with a cloud and two databases of which a server is down: its secrets lie where users have theirs."""

    def __init__(self, directory: Path, store: ObjectStore) -> None:
        self.example = from_checkout(directory)
        self.store = store
        self.vault_file = directory / "vault-password"
        self.vault_file.write_text(VAULT_PASSWORD + "\n")
        envvars = self.example.directory / "env" / "envvars"
        envvars.write_text(f"{envvars.read_text(encoding='utf-8')}\nANSIBLE_VAULT_PASSWORD_FILE: {self.vault_file}\n")
        cloud = {
            "endpoint_url": store.endpoint_url,
            "region": store.region,
            "bucket": store.bucket,
            "ca_bundle": str(store.ca_file),
            "prefix": "runner",
            "retain_days": 1,
            "retain_mode": "governance",
        }
        self._write("group_vars/all/cloud.yml", {"backup_cloud": cloud})
        server = {"engine": "postgresql", "login_host": "127.0.0.1", "login_port": 9, "login_user": "copias"}
        ledger = {"name": "contabilidad", "engine": "sqlite", "path": str(self.example.database)}
        databases = [
            ledger,
            {"name": "nomina", "database": "nomina", **server, "login_password": "{{ vault_nomina_password }}"},
            {"name": "historico", "database": "historico", **server, "login_password": "{{ historico_password }}"},
        ]
        self._write(f"host_vars/{SERVER}/more.yml", {"backup_databases": databases})
        self._encrypt(
            SERVER, store.writers[SERVER].access_key, store.writers[SERVER].secret_key, vault_nomina_password=PASSWORD
        )
        self._encrypt(SYSTEMS_COMPUTER, store.reader.access_key, store.reader.secret_key)

    def _write(self, name: str, content: t.Any) -> Path:
        path = self.example.directory / "inventory" / name
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def _encrypt(self, host: str, access_key: str, secret_key: str, **others: str) -> None:
        keys = {"backup_cloud_access_key": access_key, "backup_cloud_secret_key": secret_key}
        path = self._write(f"host_vars/{host}/secrets.yml", {**keys, **others})
        vault = ["ansible-vault", "encrypt", "--vault-password-file", str(self.vault_file), str(path)]
        subprocess.run(vault, env=self.example.environment, check=True, capture_output=True, timeout=60)

    def secrets(self) -> set[str]:
        """All that nobody may read in the artifacts."""
        keys = [
            self.example.host(SYSTEMS_COMPUTER) / "etc" / "operational.identity",
            self.example.host(SERVER) / "etc" / "signing_key",
            self.example.directory / "institution" / "director" / "escrow.identity",
        ]
        # Of each private key, its lines; of those that frame and describe it, none.
        lines = {line for path in keys for line in path.read_text().splitlines() if line[:1] not in "#-"}
        assert len(lines) > len(keys)
        cloud = {self.store.reader.secret_key, self.store.writers[SERVER].secret_key}
        return {PASSWORD, OTHER_PASSWORD, VAULT_PASSWORD, *cloud, *lines}


@pytest.mark.slow
def test_no_secret_reaches_the_artifacts(tmp_path: Path, object_store: ObjectStore) -> None:
    canaries = Canaries(tmp_path, object_store)
    with canaries.example.variables(historico_password=OTHER_PASSWORD):
        prepared, _events = canaries.example.run("prepare.yml", verbosity=4)
        assert prepared.status == "successful", prepared.stdout
        outcome, events = canaries.example.run(DAILY, verbosity=4)
    # In a checkout, the collection is found through its link.
    paths = places_of_tasks(events)
    assert paths
    assert not [path for path in paths if not path.startswith(f"{canaries.example.collections}/")]
    # The secrets were in use: the databases' servers are down, and what could be backed up is in the cloud.
    assert outcome.status == "failed"
    assert {failure["subject"] for failure in outcome.summary["failures"]} == {"nomina", "historico"}
    assert "contabilidad/" in outcome.stdout.split("guardada en la nube")[0]
    assert outcome.summary["counts"]["passed"] == 2

    found = [path for path in (canaries.example.directory / "artifacts").rglob("*") if path.is_file()]
    assert {path.name for path in found} > {"command", "stdout", "drill-junit.xml", "drill-summary.json"}
    assert len(found) > 100
    for path in found:
        content = path.read_bytes()
        assert not [secret for secret in canaries.secrets() if secret.encode() in content], path
