# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets that hold far less than the one before: what is suspect, and that such a set never passes for a good one."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.operation import copy_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.reencryption import Reencryption
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import CopyOptions
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping, shrinkage
from ansible_collections.infitulua.backup.plugins.module_utils._operations.list.operation import list_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore.operation import (
    RESTORE_ARGUMENTS,
    make_restore,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import UNENCRYPTED, Encryption, Filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

BEFORE = "srv/contabilidad/20261121T030000Z"


def holding(stored: int = 1000, *, level: int = 3, **content: int) -> Description:
    """A set that says how much it holds."""
    return Description(
        id=BEFORE,
        engine="sqlite",
        series="",
        organization="",
        run_id=None,
        started="",
        finished="",
        source_bytes=0,
        compression={"method": "zstd", "level": level},
        encryption={"method": "none"},
        versions={},
        payload=[PayloadFile("data/a", "a", stored - 1, "00" * 32, 0), PayloadFile("data/b", "b", 1, "00" * 32, 0)],
        engine_facts={},
        warnings=[],
        restore_by_hand=[],
        content=content,
    )


@pytest.mark.parametrize(
    ("found", "before", "fraction", "told"),
    [
        (holding(rows=8000), holding(rows=8000), 0.5, None),
        (holding(rows=4000), holding(rows=8000), 0.5, None),
        (holding(rows=3999), holding(rows=8000), 0.5, f"it holds 3999 rows, less than 0.5 of the 8000 of {BEFORE}"),
        (holding(rows=3999), holding(rows=8000), 0.25, None),
        (holding(rows=7999), holding(rows=8000), 1, f"it holds 7999 rows, less than 1 of the 8000 of {BEFORE}"),
        (holding(rows=1), holding(rows=8000), 0, None),
        (holding(rows=0), holding(rows=8000), 0, f"it holds no rows, and {BEFORE} holds 8000"),
        (holding(rows=0), holding(rows=0), 1, None),
        (holding(rows=5), holding(rows=0), 1, None),
        # Any of the units is enough.
        (holding(files=9, bytes=0), holding(files=9, bytes=70), 0.5, f"it holds no bytes, and {BEFORE} holds 70"),
        (
            holding(files=1, bytes=70),
            holding(files=9, bytes=70),
            0.5,
            f"it holds 1 files, less than 0.5 of the 9 of {BEFORE}",
        ),
        # Few large rows lost among many small ones show in the stored size, where it can be compared.
        (
            holding(499, rows=9),
            holding(rows=9),
            0.5,
            f"it holds 499 stored bytes, less than 0.5 of the 1000 of {BEFORE}",
        ),
        (holding(500, rows=9), holding(rows=9), 0.5, None),
        (holding(499, rows=9, level=19), holding(rows=9), 0.5, None),
        # Written by versions that counted other things.
        (holding(rows=9), holding(), 0.5, None),
        (holding(), holding(rows=9), 0.5, None),
    ],
)
def test_what_is_suspect(found: Description, before: Description, fraction: float, told: str | None) -> None:
    assert shrinkage.describe_shrinkage(found, before, minimum_fraction=fraction) == told


def dump(medium: DirectoryMedium, rows: int, **changes: t.Any) -> dumping.DumpResult:
    """A set of so many rows; its stored size does not tell."""
    return dumping.dump(core.request(medium, options={"content": {"rows": rows}}, **changes))


def described(medium: DirectoryMedium, set_id: SetId | None) -> Description:
    assert set_id is not None
    return read_description(set_id, medium.contents(set_id))


def test_every_shrunken_set_in_a_row_is_compared_with_the_last_good_one(medium: DirectoryMedium) -> None:
    good = dump(medium, 8000)
    assert good.suspect is None
    for rows in (100, 90, 0):
        result = dump(medium, rows)
        assert result.changed
        assert result.suspect is not None
        assert result.suspect.endswith((f"8000 of {good.set_id}", f"{good.set_id} holds 8000"))
        assert described(medium, result.set_id).suspect == result.suspect
    again = dump(medium, 7000)
    assert (again.suspect, described(medium, again.set_id).suspect) == (None, None)


def test_a_source_has_its_own_fraction(medium: DirectoryMedium) -> None:
    dump(medium, 8000)
    assert dump(medium, 100, minimum_fraction=0.01).suspect is None
    assert dump(medium, 99, minimum_fraction=1).suspect is not None


@pytest.mark.parametrize("fraction", [-0.1, 1.1, 50, float("nan")])
def test_a_fraction_that_is_none_is_refused(medium: DirectoryMedium, fraction: float) -> None:
    with pytest.raises(Refused, match="not a fraction from 0 to 1"):
        core.request(medium, minimum_fraction=fraction)


def test_what_is_accepted_says_so_and_is_what_the_next_ones_are_compared_with(medium: DirectoryMedium) -> None:
    dump(medium, 8000)
    accepted = dump(medium, 100, accept=True)
    assert accepted.suspect is None
    told = described(medium, accepted.set_id)
    assert told.suspect is None
    assert told.accepted is not None
    assert told.accepted.startswith("it holds 100 rows")
    for rows, suspect in ((90, False), (10, True)):
        assert (dump(medium, rows).suspect is not None) is suspect
    assert described(medium, dump(medium, 8000, accept=True).set_id).accepted is None  # There was nothing to accept.


def test_a_set_of_another_engine_or_source_is_nothing_to_compare_with(medium: DirectoryMedium) -> None:
    class OtherEngine(core.CommandsEngine):
        name = "other"

    dump(medium, 8000)
    assert dump(medium, 0, source="another").suspect is None
    assert dumping.dump(core.request(medium, engine=OtherEngine({"content": {"rows": 0}}))).suspect is None


class TestRunId:
    def test_repeating_the_run_fails_again_and_adds_no_set(self, medium: DirectoryMedium) -> None:
        dump(medium, 8000, run_id="daily-1")
        first = dump(medium, 0, run_id="daily-2")
        before = core.tree(medium.root)
        for rows in (0, 8000):
            again = dump(medium, rows, run_id="daily-2")
            assert (again.set_id, again.changed) == (first.set_id, False)
            assert again.suspect is not None
            assert again.suspect == first.suspect
        assert core.tree(medium.root) == before

    def test_accepting_it_writes_one_good_set_which_the_run_then_has(self, medium: DirectoryMedium) -> None:
        dump(medium, 8000, run_id="daily-1")
        suspect = dump(medium, 0, run_id="daily-2")
        accepted = dump(medium, 0, run_id="daily-2", accept=True)
        assert accepted.changed
        assert accepted.set_id != suspect.set_id
        for accept in (True, False):
            again = dump(medium, 0, run_id="daily-2", accept=accept)
            assert (again.set_id, again.changed, again.suspect) == (accepted.set_id, False, None)


def test_the_room_for_a_set_is_judged_by_the_last_good_one(
    medium: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumping, "_SPACE_FLOOR", 0)
    core.write_set(medium)
    suspect = dumping.dump(core.request(medium, options={"commands": {"table": ["true"]}}))
    assert suspect.suspect is not None
    monkeypatch.setattr(medium, "free_bytes", lambda: 100_000)
    with pytest.raises(core.BackupError, match="bytes are free and about"):
        dumping.preflight(core.request(medium))


@dataclasses.dataclass(frozen=True)
class Shrunken:
    """A medium with a good set and then two suspect ones."""

    medium: DirectoryMedium
    good: SetId
    suspect: list[SetId]


@pytest.fixture
def shrunken(medium: DirectoryMedium) -> Shrunken:
    results = [dump(medium, rows) for rows in (8000, 100, 0)]
    good, *suspect = [result.set_id for result in results if result.set_id is not None]
    return Shrunken(medium, good, suspect)


def test_the_newest_set_is_never_a_suspect_one(shrunken: Shrunken) -> None:
    newest = SetSelection(newest=True)
    assert newest.choose(shrunken.medium) == [shrunken.good]
    assert dataclasses.replace(newest, at=shrunken.suspect[0].time).choose(shrunken.medium) == [shrunken.good]
    assert SetSelection().choose(shrunken.medium) == [shrunken.good, *shrunken.suspect]
    assert SetSelection(ids=tuple(shrunken.suspect), newest=True).choose(shrunken.medium) == shrunken.suspect
    shrunken.medium.remove(shrunken.good)
    assert newest.choose(shrunken.medium) == []


def test_a_set_that_cannot_be_read_hides_no_other_and_is_named(shrunken: Shrunken) -> None:
    damaged = shrunken.suspect[-1]
    core.overwrite(Path(shrunken.medium.path(damaged), "backup.json"), b"{}")
    listed = list_sets(shrunken.medium, SetSelection(newest=True))
    assert [entry["id"] for entry in listed.sets] == [str(shrunken.good)]
    assert [failure["id"] for failure in listed.failures] == [str(damaged)]
    assert [(entry["id"], entry["reason"]) for entry in listed.passed_over] == [
        (str(shrunken.suspect[0]), "suspect"),
        (str(damaged), "unreadable"),
    ]


def test_the_list_of_sets_tells_which_are_suspect(shrunken: Shrunken) -> None:
    listed = list_sets(shrunken.medium, SetSelection()).sets
    assert [entry["suspect"] is not None for entry in listed] == [False, True, True]
    assert [entry["content"] for entry in listed] == [{"rows": 8000}, {"rows": 100}, {"rows": 0}]


def copy(
    shrunken: Shrunken, vault: DirectoryMedium, selection: SetSelection, *, check_mode: bool, only_fit: bool = False
) -> dict[str, t.Any]:
    return copy_sets(
        shrunken.medium,
        vault,
        selection,
        except_sets=(),
        options=CopyOptions(),
        reencryption=None,
        status_file=None,
        check_mode=check_mode,
        only_fit=only_fit,
    ).result()


@pytest.mark.parametrize("check_mode", [True, False], ids=["check", "run"])
def test_a_suspect_set_is_copied_only_where_it_is_named(
    shrunken: Shrunken, vault: DirectoryMedium, check_mode: bool
) -> None:
    result = copy(shrunken, vault, SetSelection(), check_mode=check_mode)
    assert [entry["id"] for entry in result["sets"]] == [str(shrunken.good)]
    assert [entry["id"] for entry in result["left_out"]] == [str(set_id) for set_id in shrunken.suspect]
    assert result["left_out"][1]["reason"] == f"it holds no rows, and {shrunken.good} holds 8000"
    assert result["failures"] == []
    if not check_mode:
        assert vault.sets() == [shrunken.good]

    named = copy(shrunken, vault, SetSelection(ids=(shrunken.suspect[0],)), check_mode=check_mode)
    assert [(entry["id"], entry["changed"]) for entry in named["sets"]] == [(str(shrunken.suspect[0]), True)]
    assert named["left_out"] == []


@pytest.mark.parametrize("check_mode", [True, False], ids=["check", "run"])
def test_of_those_named_only_what_is_there_and_not_suspect_is_copied_where_that_is_asked_for(
    shrunken: Shrunken, vault: DirectoryMedium, check_mode: bool
) -> None:
    gone = SetId(shrunken.good.host, shrunken.good.source, "20200101T000000Z")
    named = SetSelection(ids=(gone, shrunken.good, *shrunken.suspect))
    result = copy(shrunken, vault, named, check_mode=check_mode, only_fit=True)
    assert [entry["id"] for entry in result["sets"]] == [str(shrunken.good)]
    assert [entry["id"] for entry in result["left_out"]] == [str(set_id) for set_id in shrunken.suspect]
    assert (result["absent"], result["failures"]) == ([str(gone)], [])
    assert vault.sets() == ([] if check_mode else [shrunken.good])


def test_a_copy_for_a_delivery_stays_suspect(medium: DirectoryMedium, vault: DirectoryMedium, keys: core.Keys) -> None:
    filters = core.encrypted(keys.technician_recipient)
    dump(medium, 8000, filters=filters)
    suspect = dump(medium, 0, filters=filters)
    assert suspect.set_id is not None
    copy_sets(
        medium,
        vault,
        SetSelection(ids=(suspect.set_id,)),
        except_sets=(),
        options=CopyOptions(),
        reencryption=Reencryption((keys.technician,), (keys.delivery_recipient,)),
        status_file=None,
        check_mode=False,
    )
    assert suspect.suspect is not None
    assert described(vault, suspect.set_id).suspect == suspect.suspect


def test_a_restore_takes_the_last_good_set_and_a_suspect_one_only_by_its_id(tmp_path: Path) -> None:
    medium = core.medium_at(tmp_path / "disk")
    params = {name: spec.get("default") for name, spec in RESTORE_ARGUMENTS.items()}
    params |= {"medium": {"type": "directory", "path": medium.root}, "ticket": "MDA-1"}
    params["target"] = {"path": str(tmp_path / "target.db")}

    class SqliteByName(core.CommandsEngine):
        name = "sqlite"

    def written(rows: int) -> SetId:
        result = dumping.dump(core.request(medium, engine=SqliteByName({"content": {"rows": rows}})))
        assert result.set_id is not None
        return result.set_id

    good, suspect = written(8000), written(0)
    by_source = {**params, "host": core.HOST, "source": core.SOURCE}
    assert make_restore(by_source, engines=["sqlite"]).set_id == good
    assert make_restore({**params, "set": str(suspect)}, engines=["sqlite"]).set_id == suspect
    medium.remove(good)
    with pytest.raises(NotFound, match=f"it holds none but {suspect}, which is suspect"):
        make_restore(by_source, engines=["sqlite"])


def test_another_level_of_compression_is_no_loss(medium: DirectoryMedium) -> None:
    options = {"commands": {"table": ["seq", "1", "200000"]}}
    first = dumping.dump(core.request(medium, options=options, filters=Filters(Encryption(UNENCRYPTED), 1)))
    second = dumping.dump(
        core.request(medium, options=options, filters=Filters(Encryption(UNENCRYPTED), 19), minimum_fraction=0.99)
    )
    assert first.description is not None
    assert second.description is not None
    assert second.description.stored_bytes < first.description.stored_bytes * 0.99  # It would have been suspect.
    assert second.suspect is None
