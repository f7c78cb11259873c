# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a restore may take: ended at the limit wherever it is, except between the renames of its swap."""

from __future__ import annotations

import signal
import time
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import restoring
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.operation import (
    RESTORE_ARGUMENTS,
    make_restore,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible, no_longer_than
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import RestoreWork
    from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium

pytestmark = pytest.mark.usefixtures("no_leftover_processes")


class Slow(core.CommandsEngine):
    """An engine that takes a minute in one of its steps."""

    slow_in = ""

    def restore_beside(self, work: RestoreWork) -> None:
        super().restore_beside(work)
        if self.slow_in == "a program":
            work.processes.run([Command(["sleep", "60"])], action="wait", on="it", next_step="Wait.")
        if self.slow_in == "itself":
            time.sleep(60)

    def swap(self, work: RestoreWork) -> str | None:
        if self.slow_in == "swap":
            signal.setitimer(signal.ITIMER_REAL, 0.1)  # The limit is reached just now.
            time.sleep(0.5)
        return super().swap(work)


def request(medium: DirectoryMedium, target: Path, slow_in: str, seconds: int | None) -> restoring.RestoreRequest:
    target.mkdir()
    (target / "table").write_bytes(b"what was there")
    engine = Slow({"target": str(target)})
    engine.slow_in = slow_in
    set_id = core.write_set(medium, filters=core.plain())
    return restoring.RestoreRequest(medium, set_id, engine, "MDA-1", replace=True, max_seconds=seconds)


@pytest.mark.parametrize("slow_in", ["a program", "itself"])
def test_what_takes_too_long_is_ended_and_leaves_the_target_as_it_was(
    medium: DirectoryMedium, tmp_path: Path, slow_in: str
) -> None:
    asked = request(medium, tmp_path / "live", slow_in, 1)
    before = core.tree(tmp_path / "live")
    begin = time.monotonic()
    with pytest.raises(Interrupted) as caught, interruptible("restore", on="it"):
        restoring.restore(asked)
    assert time.monotonic() - begin < 10
    assert caught.value.message == (
        f"Could not restore ({asked.set_id}): it took longer than the limit of 1 seconds (max_seconds)."
        " The target is as it was. Find out what delays it, or raise max_seconds, and run again."
    )
    assert core.tree(tmp_path / "live") == before
    assert [path.name for path in tmp_path.iterdir() if "live" in path.name] == ["live"]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_swap_that_has_begun_is_completed(medium: DirectoryMedium, tmp_path: Path) -> None:
    result = restoring.restore(request(medium, tmp_path / "live", "swap", 60))
    assert result.kept is not None
    assert (tmp_path / "live" / "table").read_bytes() != b"what was there"


def test_signals_are_as_they_were_before(medium: DirectoryMedium, tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)]
    restoring.restore(request(medium, tmp_path / "live", "", 60))
    after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)]
    assert after == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_the_limit_does_not_disturb_the_clean_up_of_what_was_told_to_stop() -> None:
    late = Interrupted("wait", on="it", why="late", next_step="Wait.")
    cleaned = False
    told = pytest.raises(Interrupted, match="told to stop")
    with told, interruptible("wait", on="it"), no_longer_than(0.3, late):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            time.sleep(0.6)
            cleaned = True
    assert cleaned


def params(medium: DirectoryMedium, tmp_path: Path, seconds: int | None) -> dict[str, t.Any]:
    values = {name: spec.get("default") for name, spec in RESTORE_ARGUMENTS.items()}
    values |= {"medium": {"type": "directory", "path": medium.root}, "ticket": "MDA-1", "max_seconds": seconds}
    return {**values, "host": core.HOST, "source": core.SOURCE, "target": {"path": str(tmp_path / "target.db")}}


class SqliteByName(core.CommandsEngine):
    name = "sqlite"


@pytest.mark.parametrize(
    ("source_bytes", "given", "expected"), [(1, None, 3600), (100 * 1024**2, None, 3700), (1024**2, 7, 7)]
)
def test_the_limit_is_given_or_follows_from_the_size_of_the_source(
    medium: DirectoryMedium, tmp_path: Path, source_bytes: int, given: int | None, expected: int
) -> None:
    core.write_set(medium, engine=SqliteByName({"bytes": source_bytes}))
    assert make_restore(params(medium, tmp_path, given), engines=["sqlite"]).max_seconds == expected


@pytest.mark.parametrize("given", [0, -1, 10**9])
def test_a_limit_that_is_none_is_refused(medium: DirectoryMedium, tmp_path: Path, given: int) -> None:
    core.write_set(medium, engine=SqliteByName({}))
    with pytest.raises(Refused, match="max_seconds"):
        make_restore(params(medium, tmp_path, given), engines=["sqlite"])
