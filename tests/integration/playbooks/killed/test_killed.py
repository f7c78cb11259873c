# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook killed at a moment of chance, with all that it had started: the next run is whole, nothing is left.

SEED chooses the moments, and is printed. ``make kills`` kills each in a day of its own, as often as one likes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import typing as t
from pathlib import Path

import pytest

from development.demonstration.institution import SYSTEMS_COMPUTER, Institution
from development.environment import ROOT
from tests.integration.playbooks.house import FILES
from tests.integration.playbooks.killed.killed_house import DAY, OF_AN_ADMINISTRATOR, SOURCES, KilledHouse
from tests.integration.playbooks.killed.killing import Moment, kill, prepare

if t.TYPE_CHECKING:
    from development.services.object_store import ObjectStore

SEED = os.environ["SEED"]  # Another one tries other moments.
# One after the other in one institution, so that each finds what the others have left.
ORDER = ("step1_prepare_media", *DAY, "daily", "restore_drill", "step5_restore")
# How long, in seconds, the first is taken to last; the others, as long as the one before.
FIRST_SECONDS = 8.0
ATTEMPTS = 3


@pytest.mark.slow
@pytest.mark.timeout(1200)  # Fourteen runs of a playbook, and more where one was over before it could be killed.
def test_every_playbook_killed_at_any_moment_leaves_nothing_to_the_next_run(house: KilledHouse) -> None:
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml") if not path.match("*.meta.yml")}
    assert set(ORDER) == playbooks - OF_AN_ADMINISTRATOR
    chance = random.Random(SEED)
    print(f"SEED={SEED}")
    day, whole_day, seconds, alive = "dia-1", "", FIRST_SECONDS, []
    for number, playbook in enumerate(ORDER):
        source = chance.choice(sorted(SOURCES))
        day = day if playbook in DAY else f"dia-{number}"
        for attempt in range(ATTEMPTS):
            if attempt:  # It was over too soon, and has to be given something to do again.
                day = f"dia-{number}-{attempt}"
                prepare(house, playbook, day, source)
            elif playbook == "step5_restore":
                house.damage(source)
            before = house.content(source)
            if kill(house, playbook, day, source, Moment(chance.uniform(0, 0.8 * seconds))):
                break
            seconds /= 2
        else:
            alive.append(playbook)
        if playbook == "step5_restore":
            assert house.content(source) in (before, house.whole[source]), "neither as it was nor restored"
        if playbook == "daily":
            whole_day = day
        seconds = house.must_run(playbook, *house.arguments(playbook, day, source)).seconds
        assert not house.left_over()
        assert {source: house.content(source) for source in SOURCES} == house.whole
    assert not alive, f"they ended {ATTEMPTS} times before they could be killed"
    house.agree()
    house.must_run("daily", *house.arguments("daily", whole_day, source), changes_nothing=True)
    assert not house.left_over()


@pytest.fixture
def unprepared(
    tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> Institution:
    """A small institution before its first step 1."""
    tmp_path = tmp_path_factory.mktemp("keys")  # Short: sockets are made below it (unix(7): 108 bytes).
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    for name in ("tmp", "documentos"):
        (tmp_path / name).mkdir()
    institution = Institution(
        tmp_path,
        {FILES: {"backup_files": [{"name": "datos", "paths": [str(tmp_path / "documentos")]}]}},
        store=object_store,
        prefix=tmp_path.name,
        variables={"backup_drill_policy": "none"},
    )
    institution.build()
    return institution


@pytest.mark.slow
def test_a_key_that_was_being_made_is_made_anew_and_the_clouds_goes_through_no_temporary_file(
    unprepared: Institution, monkeypatch: pytest.MonkeyPatch
) -> None:
    institution, tmp_path = unprepared, unprepared.directory
    keys = institution.host_directory(FILES) / "etc"
    for program, option, host in (("age-keygen", "-o", SYSTEMS_COMPUTER), ("ssh-keygen", "-t", FILES)):
        slow = tmp_path / f"slow-{program}" / program
        slow.parent.mkdir()
        # Opens the file of the new key, and takes its time.
        script = f'case " $* " in *" {option} "*) for last; do :; done; : >"$last"; exec sleep 600;; esac'
        slow.write_text(f'#!/bin/sh\n{script}\nexec {shutil.which(program)} "$@"\n', encoding="utf-8")
        slow.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
            etc = institution.host_directory(host) / "etc"
            killed = institution.run_killed("step1_prepare_media", when=functools.partial(has_an_empty_file, etc))
        assert killed.status < 0, killed.output
    # An old key to the cloud, which others may read.
    (keys / "cloud_credentials").write_text("[infitulua-backup]\n", encoding="utf-8")
    (keys / "cloud_credentials").chmod(0o644)
    secrets = [institution.credentials(host).secret_key for host in (FILES, SYSTEMS_COMPUTER)]
    run = institution.run_killed("step1_prepare_media", when=functools.partial(is_in_temporary_file, tmp_path, secrets))
    assert run.status == 0, "a key lay in a temporary file" if run.status < 0 else run.output
    assert f"aws_secret_access_key = {secrets[0]}\n" in (keys / "cloud_credentials").read_text(encoding="utf-8")
    assert (keys / "cloud_credentials").stat().st_mode & 0o777 == 0o600
    for host, own in ((SYSTEMS_COMPUTER, {"operational.identity"}), (FILES, {"signing_key", "signing_key.pub"})):
        found = {path.name for path in (institution.host_directory(host) / "etc").iterdir()}
        clouds = {"cloud_credentials", *(["cloud_retention_credentials"] if host == SYSTEMS_COMPUTER else [])}
        assert own <= found <= {*own, *clouds, "recipients", "allowed_signers", ".lock"}


def has_an_empty_file(directory: Path, _output: str) -> bool:
    return any(path.is_file() and path.stat().st_size == 0 for path in directory.rglob("*"))


def is_in_temporary_file(directory: Path, secrets: list[str], _output: str) -> bool:
    """Where a run that is killed would leave it."""
    for path in [*(directory / "tmp").rglob("*"), *(directory / "ansible").rglob("*")]:
        with contextlib.suppress(OSError):
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets):
                return True
    return False
