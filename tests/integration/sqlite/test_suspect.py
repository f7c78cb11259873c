# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite databases that were emptied or lost rows: dumped as the module does it, told, and never the good set."""

from __future__ import annotations

import contextlib
import sqlite3
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.operation import (
    SourcesReport,
    dump_sources,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.list.operation import list_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from tests.integration.files.support import House

TICKETS, NOTES = 2000, 20


def execute(path: Path, *statements: str) -> None:
    """Run statements, and leave the database closed."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


class HelpDesk:
    """A database that is backed up beside another one that nothing happens to."""

    def __init__(self, house: House, home: Path) -> None:
        self.house = house
        self.medium = DirectoryMedium(path=str(house.medium_path))
        self.path, self.other = home / "mesa.db", home / "inventario.db"
        for path in (self.path, self.other):
            execute(
                path,
                "CREATE TABLE ticket (number INTEGER PRIMARY KEY, subject TEXT)",
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {TICKETS})"
                " INSERT INTO ticket SELECT i, hex(randomblob(20)) FROM n",
                "CREATE TABLE note (id INTEGER PRIMARY KEY, scan BLOB)",
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {NOTES})"
                " INSERT INTO note SELECT i, randomblob(20000) FROM n",
            )

    def back_up(
        self, run_id: str, *, accept: t.Sequence[str] = (), check_mode: bool = False, minimum_fraction: float = 0.5
    ) -> SourcesReport:
        """What the module database_dump does."""
        source = {"engine": "sqlite", "series": "400.8", "minimum_fraction": minimum_fraction}
        params = {
            "host": "web1",
            "organization": "INFITULUÁ",
            "medium": {"type": "directory", "path": self.medium.root},
            "encryption": "age",
            "recipients": [self.house.recipient],
            "recipients_file": None,
            "compression_level": 3,
            "jobs": 2,
            "concurrency": 2,
            "run_id": run_id,
            "accept": list(accept),
            "signing_key_file": None,
            "status_file": None,
            "sources": [
                {**source, "name": "mesa", "path": str(self.path)},
                {**source, "name": "inventario", "path": str(self.other)},
            ],
        }
        return dump_sources(params, check_mode=check_mode)

    def sets(self) -> dict[str, str | None]:
        """The help desk's sets, and why each is suspect."""
        report = list_sets(self.medium, SetSelection(source="mesa"))
        assert report.failures == []
        return {entry["id"]: entry["suspect"] for entry in report.sets}


@pytest.fixture
def desk(house: House, tmp_path: Path) -> HelpDesk:
    """The help desk after its first day."""
    home = tmp_path / "srv"
    home.mkdir()
    desk = HelpDesk(house, home)
    assert desk.back_up("dia-1").failures == []
    return desk


def lose_rows(desk: HelpDesk) -> str:
    execute(desk.path, f"DELETE FROM ticket WHERE number > {TICKETS // 4}")
    return f"it holds {TICKETS // 4 + NOTES} rows, less than 0.5 of the {TICKETS + NOTES} of "


def lose_every_row(desk: HelpDesk) -> str:
    execute(desk.path, "DELETE FROM ticket", "DELETE FROM note")
    return "it holds no rows, and "


def lose_every_table(desk: HelpDesk) -> str:
    execute(desk.path, "DROP TABLE ticket", "DROP TABLE note")
    return "it holds no rows, and "


def lose_the_file(desk: HelpDesk) -> str:
    desk.path.write_bytes(b"")
    return "it holds no rows, and "


def lose_few_large_rows(desk: HelpDesk) -> str:
    execute(desk.path, "DELETE FROM note")
    return " bytes, less than 0.5 of the "


@pytest.mark.parametrize("lose", [lose_rows, lose_every_row, lose_every_table, lose_the_file, lose_few_large_rows])
def test_a_database_that_lost_data_is_told_and_its_set_is_kept_as_suspect(
    desk: HelpDesk, lose: t.Callable[[HelpDesk], str]
) -> None:
    (good,) = desk.sets()
    why = lose(desk)
    report = desk.back_up("dia-2")
    assert [(entry["source"], entry["changed"]) for entry in report.sets] == [("inventario", True)]
    assert report.changed
    [failure] = report.failures
    (known, suspect) = desk.sets()
    assert (known, failure["source"], failure["changed"], failure["suspect"]) == (good, "mesa", True, suspect)
    assert f"Could not trust a set ({suspect} on directory {desk.medium.root}): " in failure["message"]
    assert why in failure["message"]
    assert good in failure["message"]
    assert "run again and accept mesa" in failure["message"]
    assert suspect in report.diff()["after"]
    assert (desk.sets()[good], desk.sets()[suspect] is None) == (None, False)
    assert [str(set_id) for set_id in SetSelection(source="mesa", newest=True).choose(desk.medium)] == [good]


def test_deleted_rows_count_though_the_file_keeps_its_size(desk: HelpDesk) -> None:
    size = desk.path.stat().st_size
    lose_rows(desk)
    assert desk.path.stat().st_size == size
    assert desk.back_up("dia-2").failures != []


def test_a_suspect_set_alone_is_a_change_and_a_source_without_a_set_is_none(desk: HelpDesk) -> None:
    lose_every_row(desk)
    desk.other.unlink()
    report = desk.back_up("dia-2")
    assert report.changed
    assert [(entry["source"], entry["changed"], entry["suspect"] is None) for entry in report.failures] == [
        ("mesa", True, False),
        ("inventario", False, True),
    ]


def test_a_second_loss_in_a_row_is_told_too_and_a_recovered_database_is_good_again(
    desk: HelpDesk,
) -> None:
    (good,) = desk.sets()
    whole = desk.path.read_bytes()
    lose_rows(desk)
    for run_id in ("dia-2", "dia-3"):
        [failure] = desk.back_up(run_id).failures
        assert good in failure["message"]
    desk.path.write_bytes(whole)
    assert desk.back_up("dia-4").failures == []
    assert [suspect is None for suspect in desk.sets().values()] == [True, False, False, True]


def test_rows_that_were_meant_to_go_are_accepted_once(desk: HelpDesk) -> None:
    lose_every_row(desk)
    assert desk.back_up("dia-2").failures != []
    report = desk.back_up("dia-2", accept=["mesa"])
    assert report.failures == []
    [accepted] = [entry for entry in report.sets if entry["source"] == "mesa"]
    assert accepted["changed"]
    assert accepted["accepted"].startswith("it holds no rows")
    assert list(desk.sets().values())[-1] is None
    assert desk.back_up("dia-3").failures == []  # Compared with what was accepted.


def test_a_source_that_varies_says_how_much(desk: HelpDesk) -> None:
    lose_rows(desk)
    assert desk.back_up("dia-2", minimum_fraction=0.2).failures == []


def test_repeating_the_run_tells_again_writes_nothing_and_is_predicted(desk: HelpDesk) -> None:
    lose_every_row(desk)
    predicted = desk.back_up("dia-2", check_mode=True)
    assert ([entry["changed"] for entry in predicted.sets], predicted.failures) == ([True, True], [])
    first = desk.back_up("dia-2")
    before = desk.sets()
    for check_mode in (True, False):
        again = desk.back_up("dia-2", check_mode=check_mode)
        assert not again.changed
        assert again.diff()["after"] == ""
        assert [entry["message"] for entry in again.failures] == [entry["message"] for entry in first.failures]
    assert desk.sets() == before
    predicted = desk.back_up("dia-2", check_mode=True, accept=["mesa"])
    assert predicted.changed
    assert predicted.failures == []
    assert desk.sets() == before
    assert desk.back_up("dia-2", accept=["mesa"]).changed
    assert not desk.back_up("dia-2", accept=["mesa"]).changed
