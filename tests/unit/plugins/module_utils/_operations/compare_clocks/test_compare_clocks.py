# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing clocks with each other, and with the record of drills."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._operations.compare_clocks.operation import (
    Difference,
    differences,
    differences_from_record,
    seconds_after,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import (
    PASSED,
    Drill,
    DrillRecord,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

NOW = datetime.datetime(2026, 11, 28, 3, 0, tzinfo=datetime.timezone.utc)
MINUTE = datetime.timedelta(minutes=1)
OF_SERVER = {"srv": ["contabilidad", "nomina", "archivo"]}


@pytest.mark.parametrize(
    "reference", ["2026-11-28T02:59:30", "2026-11-28T02:59:30.000000", "2026-11-27T21:59:30-05:00"]
)
def test_the_reference_is_utc_unless_it_says_otherwise(reference: str) -> None:
    assert seconds_after(reference, NOW) == 30


@pytest.mark.parametrize("reference", ["", "today", "1764298770"])
def test_a_reference_that_is_no_time_is_refused(reference: str) -> None:
    with pytest.raises(BackupError, match="isoformat"):
        seconds_after(reference, NOW)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, []),
        (60, []),
        (-60, []),
        (61, [Difference("server", 61, False)]),
        (-300, [Difference("server", -300, False)]),
        (301, [Difference("server", 301, True)]),
        (-86400 * 400, [Difference("server", -86400 * 400, True)]),
    ],
)
def test_a_minute_is_nothing_and_five_are_serious(seconds: float, expected: list[Difference]) -> None:
    # This host's clock is off as well: what counts is the difference between the two.
    assert differences(1000, {"server": 1000 + seconds, "control_node": 1000}) == expected


def record_of(directory: Path, *moments: datetime.datetime, source: str = "contabilidad") -> None:
    record = DrillRecord(str(directory / "drills"))
    for moment in moments:
        record.add(Drill(f"srv/{source}/20261120T030000Z", PASSED, host_clock.write(moment), "the vault"))


def test_a_clock_behind_its_own_record_is_found_out(tmp_path: Path) -> None:
    drills = str(tmp_path / "drills")
    assert differences_from_record(drills, OF_SERVER, NOW) == ([], [])
    record_of(tmp_path, NOW - 10 * MINUTE)
    assert differences_from_record(drills, OF_SERVER, NOW) == ([], [])
    record_of(tmp_path, NOW + 10 * MINUTE, source="nomina")
    assert differences_from_record(drills, OF_SERVER, NOW) == ([Difference("record", 600, True, "srv")], [])
    assert differences_from_record(drills, {"another": ["nomina"]}, NOW) == ([], [])


def test_a_clock_that_was_ahead_once_is_forgiven_by_the_next_drill(tmp_path: Path) -> None:
    record_of(tmp_path, NOW + 1000 * MINUTE, NOW - MINUTE)
    assert differences_from_record(str(tmp_path / "drills"), OF_SERVER, NOW) == ([], [])


def test_a_source_that_is_gone_says_nothing_of_the_clock(tmp_path: Path) -> None:
    record_of(tmp_path, NOW + 1000 * MINUTE, source="retirada")
    record_of(tmp_path, NOW + 10 * MINUTE, source="bases.nomina")
    drills = str(tmp_path / "drills")
    assert differences_from_record(drills, {"srv": ["contabilidad", "bases"]}, NOW) == ([], [])
    assert differences_from_record(drills, {"srv": ["bases", "bases.*"]}, NOW) == (
        [Difference("record", 600, True, "srv")],
        [],
    )


def test_a_record_that_cannot_be_read_is_told_and_the_others_are_compared(tmp_path: Path) -> None:
    record_of(tmp_path, NOW + 10 * MINUTE)
    (tmp_path / "drills" / "srv" / "archivo.jsonl").mkdir()
    found, problems = differences_from_record(str(tmp_path / "drills"), OF_SERVER, NOW)
    assert found == [Difference("record", 600, True, "srv")]
    assert ["archivo.jsonl" in problem.message for problem in problems] == [True]
    (tmp_path / "another").write_text("no directory")
    found, problems = differences_from_record(str(tmp_path), {"another": ["archivo"], "srv": []}, NOW)
    assert (found, len(problems)) == ([], 1)
