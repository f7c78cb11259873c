# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets that expire leave a directory, real ones: written down first, then no longer listed, then gone."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import subprocess
import sys
import typing as t
import zoneinfo
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations import removed_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import (
    FAILED,
    Drill,
    DrillRecord,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.list.operation import list_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.sets_call import ARGUMENTS, call
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

DAYS = [f"202609{day:02d}T080000Z" for day in range(1, 8)]


@pytest.fixture
def vault(tmp_path: Path) -> DirectoryMedium:
    """A week of sets, each verified."""
    medium = core.medium_at(tmp_path / "vault")
    for set_id in core.write_sets(medium, *DAYS):
        verify(medium, set_id)
    return medium


def verify(medium: DirectoryMedium, set_id: SetId) -> None:
    verification, _description = set_verification.verify(medium, set_id)
    assert set_verification.remember(medium, set_id, verification)


def prune(medium: DirectoryMedium, *, check_mode: bool = False, **options: t.Any) -> tuple[dict[str, t.Any], str]:
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    given = {"medium": {"type": "directory", "path": medium.root}, "policies": {"400.8": {"last": 2}}, **options}
    checked = ArgumentSpecValidator(ARGUMENTS).validate(given)
    assert not checked.error_messages
    answer = call(checked.validated_parameters, check_mode=check_mode)
    return dict(answer.result), answer.failure


def rules(result: dict[str, t.Any]) -> list[str]:
    return [entry["rule"] for entry in result["sets"]]


def there(medium: DirectoryMedium) -> list[str]:
    return [set_id.time for set_id in medium.sets()]


def digests(medium: DirectoryMedium) -> list[dict[str, str]]:
    return [
        {"id": str(set_id), "tag_manifest_sha256": bag.tag_manifest_digest(medium.contents(set_id))}
        for set_id in medium.sets()
    ]


def test_check_mode_tells_exactly_what_a_run_does_and_a_second_run_does_nothing(vault: DirectoryMedium) -> None:
    before = core.sets_tree(vault)
    told, failure = prune(vault, check_mode=True)
    assert failure == ""
    assert core.sets_tree(vault) == before
    done, failure = prune(vault)
    assert failure == ""
    assert done == told
    assert rules(done) == ["expired"] * 5 + ["last", "newest"]
    assert done["changed"] and done["removed_bytes"] == sum(entry["bytes"] for entry in done["sets"][:5]) > 0
    assert done["diff"]["prepared"].splitlines()[4:6] == [
        f"- {core.HOST}/{core.SOURCE}/{DAYS[4]}  expired",
        f"  {core.HOST}/{core.SOURCE}/{DAYS[5]}  last",
    ]
    assert there(vault) == DAYS[5:]
    assert not list(Path(vault.root).rglob("*.partial"))
    assert len(list(Path(vault.root, ".verifications").rglob("*.json"))) == 2
    touched = {path: path.stat().st_mtime_ns for path in Path(vault.root).rglob("*")}
    again, failure = prune(vault)
    assert (again["changed"], again["removed_bytes"], failure) == (False, 0, "")
    assert {path: path.stat().st_mtime_ns for path in Path(vault.root).rglob("*")} == touched
    for set_id in vault.sets():
        verify(vault, set_id)


def test_what_was_removed_is_written_down_with_its_exact_content(vault: DirectoryMedium) -> None:
    known = digests(vault)
    prune(vault)
    written = removed_sets.removed_sets(vault)
    assert [{"id": one.id, "tag_manifest_sha256": one.tag_manifest_sha256} for one in written] == known[:5]
    assert {one.rule for one in written} == {"expired"}
    assert removed_sets.removed_sets(vault, host=core.HOST, source=core.SOURCE) == written
    assert removed_sets.removed_sets(vault, host="another") == []
    path = Path(vault.root, ".removed", core.HOST, core.SOURCE + ".jsonl")
    with path.open("a", encoding="utf-8") as stream:
        for change in ({"removed": "yesterday"}, {"bytes": "many"}, {"id": "../x"}, {"rule": None, "removed": 5}):
            stream.write(json.dumps({**dataclasses.asdict(written[0]), **change}) + "\n")
        stream.write('{"id": "half a li')
    assert removed_sets.removed_sets(vault) == written
    removed_sets.note_removed(vault, written[0])
    assert removed_sets.removed_sets(vault) == [*written, written[0]]


def test_a_source_has_its_own_policy_or_that_of_its_series_or_the_default_or_none(vault: DirectoryMedium) -> None:
    for options, expected in (
        ({"policies": {"400.9": {"last": 1}}}, ["no_policy"] * 6 + ["newest"]),
        ({"policies": {"400.9": {"last": 1}, "default": {"last": 3}}}, ["expired"] * 4 + ["last"] * 2 + ["newest"]),
        ({"policies": {"400.8": {"last": 1}, "default": {"last": 3}}}, ["expired"] * 6 + ["newest"]),
        ({"source_policies": [{"source": "conta*", "last": 6}]}, ["expired"] + ["last"] * 5 + ["newest"]),
        ({"source_policies": [{"host": "x", "source": "*", "last": 6}]}, ["expired"] * 5 + ["last", "newest"]),
    ):
        result, failure = prune(vault, check_mode=True, **options)
        assert (rules(result), failure) == (expected, "")


def test_only_what_every_other_medium_holds_verified_counts_or_is_removed(
    vault: DirectoryMedium, tmp_path: Path
) -> None:
    disk = core.medium_at(tmp_path / "disk")
    core.write_sets(disk, *DAYS)  # Never verified here.
    assert set(rules(prune(disk, check_mode=True)[0])) == {"unverified", "newest"}
    everywhere = [{"medium": "vault", "sets": digests(disk)}]
    assert set(rules(prune(disk, check_mode=True, verified_elsewhere=everywhere)[0])) == {"unverified", "newest"}
    known = digests(disk)
    other = {**known[1], "tag_manifest_sha256": "0" * 64}
    elsewhere = [
        {"medium": "vault", "sets": [known[0], other, *known[2:6]]},
        {"medium": "cloud", "sets": known[:5]},
    ]
    result, failure = prune(disk, verified_elsewhere=elsewhere, verified_here=False)
    assert failure == ""
    assert rules(result) == ["expired", "not_elsewhere", "expired", "last", "newest", "not_elsewhere", "newest"]
    assert [entry["why"] for entry in result["sets"] if entry["rule"] == "not_elsewhere"] == ["vault", "cloud"]
    assert there(disk) == [DAYS[1], *DAYS[3:]]


def test_a_suspect_set_or_one_that_did_not_restore_makes_no_good_one_expire(
    vault: DirectoryMedium, tmp_path: Path
) -> None:
    record = tmp_path / "drills"
    last = vault.sets()[-1]
    digest = bag.tag_manifest_digest(vault.contents(last))
    drill = Drill(str(last), FAILED, host_clock.write(host_clock.now()), "vault", tag_manifest_sha256=digest)
    DrillRecord(str(record)).add(drill)
    result, failure = prune(vault, drill_record_directory=str(record), check_mode=True)
    assert (rules(result)[-3:], failure) == (["last", "newest", "newest"], "")
    assert rules(prune(vault, check_mode=True)[0])[-3:] == ["expired", "last", "newest"]


def test_a_damaged_set_stays_and_costs_no_other(vault: DirectoryMedium) -> None:
    damaged = vault.sets()[3]
    core.overwrite(Path(vault.path(damaged), "backup.json"), b"{")
    result, failure = prune(vault)
    assert failure == ""
    assert [entry["id"] for entry in result["sets"] if entry["rule"] == "unreadable"] == [str(damaged)]
    assert there(vault) == [DAYS[3], *DAYS[5:]]


def test_what_is_being_read_is_not_removed_and_check_mode_knows(vault: DirectoryMedium) -> None:
    read = vault.sets()[0]
    with vault.reading(read):
        told, _failure = prune(vault, check_mode=True)
        done, failure = prune(vault)
    assert (told, failure) == (done, "")
    assert rules(done)[:2] == ["in_use", "expired"]
    assert there(vault) == [DAYS[0], *DAYS[5:]]
    assert str(read) not in [one.id for one in removed_sets.removed_sets(vault)]
    assert rules(prune(vault)[0]) == ["expired", "last", "newest"]


def test_while_another_run_works_on_a_source_nothing_of_it_is_removed_or_written_down(vault: DirectoryMedium) -> None:
    with vault.locked(core.HOST, core.SOURCE):
        done, failure = prune(vault)
    assert (set(rules(done)), failure) == ({"in_use", "last", "newest"}, "")
    assert removed_sets.removed_sets(vault) == []
    assert there(vault) == DAYS


def test_whoever_owns_the_sets_removes_them_without_being_root(vault: DirectoryMedium, tmp_path: Path) -> None:
    core.need_root()
    subprocess.run(["chown", "-R", "65534:65534", vault.root], check=True)
    for path in (tmp_path, *list(tmp_path.parents)[:3]):
        path.chmod(path.stat().st_mode | 0o011)
    prune(vault, check_mode=True)  # Whoever is not root may not be able to read, and so to import, any more.
    child = os.fork()
    if not child:
        os.setgid(65534)
        os.setuid(65534)
        try:
            _done, failure = prune(vault)
            os._exit(0 if failure == "" else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert there(vault) == DAYS[5:]


def test_the_set_that_was_verified_first_represents_its_day_however_often_it_is_verified_again(
    vault: DirectoryMedium,
) -> None:
    first = vault.sets()[0]
    before = set_verification.recall(vault, first)
    assert before is not None
    verification, _description = set_verification.verify(vault, first)
    set_verification.remember(vault, first, dataclasses.replace(verification, verified="2999-01-01T00:00:00Z"))
    again = set_verification.recall(vault, first)
    assert again is not None and (again.verified, again.first) == ("2999-01-01T00:00:00Z", before.verified)


def test_nothing_is_removed_where_a_set_is_dated_after_now_unless_that_is_known(vault: DirectoryMedium) -> None:
    ahead = host_clock.now() + datetime.timedelta(days=300)
    [late] = core.write_sets(vault, SetId.at("h", "s", ahead).time)
    verify(vault, late)
    result, _failure = prune(vault)
    assert set(rules(result)) == {"clock"}
    assert result["dated_after_now"] == [str(late)]
    told = prune(vault, check_mode=True, known_misdated=[str(late)])[0]
    assert rules(told).count("expired") >= 5 and "clock" not in rules(told)


def test_nothing_is_removed_while_this_clock_says_less_than_what_it_wrote_down(
    vault: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_clock, "now", lambda: datetime.datetime(2026, 9, 20, tzinfo=datetime.timezone.utc))
    assert set(rules(prune(vault)[0])) == {"clock"}


def test_a_set_whose_removal_cannot_be_written_down_stays(vault: DirectoryMedium) -> None:
    record = Path(vault.root, ".removed", core.HOST, core.SOURCE + ".jsonl")
    record.parent.mkdir(parents=True)
    record.symlink_to(Path(vault.root, "elsewhere"))
    result, failure = prune(vault)
    assert "record that a set is removed" in failure
    assert len(result["failures"]) == 5 and not result["changed"]
    assert there(vault) == DAYS


_KILLED = """
import os, sys
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.sets_call import ARGUMENTS, call
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
left = int(sys.argv[2])
def count(event, _arguments):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir", "open", "os.mkdir"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(count)
given = {"medium": {"type": "directory", "path": sys.argv[1]}, "policies": {"400.8": {"last": 2}}}
call(ArgumentSpecValidator(ARGUMENTS).validate(given).validated_parameters, check_mode=False)
"""


def test_killed_at_any_point_it_leaves_whole_sets_only_and_the_next_run_ends_the_same(tmp_path: Path) -> None:
    medium = core.medium_at(tmp_path / "vault")
    for set_id in core.write_sets(medium, *DAYS[:4]):
        verify(medium, set_id)
    kills = 0
    for point in range(1, 4000, int(os.environ.get("KILL_EVERY", "7"))):
        copy = DirectoryMedium(path=str(tmp_path / f"copy{point}"))
        subprocess.run(["cp", "-a", medium.root, copy.root], check=True)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        argv = [sys.executable, "-c", _KILLED, copy.root, str(point)]
        ended = subprocess.run(argv, check=False, env=environment, capture_output=True, timeout=60)
        for set_id in copy.sets():  # What is listed is whole.
            set_verification.verify(copy, set_id)
        assert there(copy)[-2:] == DAYS[2:4]
        gone = {str(SetId(core.HOST, core.SOURCE, time)) for time in DAYS[:2]} - set(map(str, copy.sets()))
        assert gone <= {one.id for one in removed_sets.removed_sets(copy)}
        _result, failure = prune(copy)
        assert (failure, there(copy)) == ("", DAYS[2:4])
        assert not [path for path in Path(copy.root).rglob("*.partial") if "lock" not in path.name]
        subprocess.run(["rm", "-rf", copy.root], check=True)
        if ended.returncode == 0:
            break
        assert ended.returncode == -9, ended.stderr
        kills += 1
    assert kills > 5


def test_options_that_make_no_sense_are_one_clear_message(vault: DirectoryMedium) -> None:
    from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError

    for options, says in (
        ({"policies": {"400.8": {"dayly": 3}}}, "400.8.*dayly"),
        ({"policies": {"400.8": {}}}, "400.8.*keeps nothing"),
        ({"policies": {"400.8": 3}}, "400.8.*not a mapping"),
        ({"source_policies": [{"source": "a"}]}, r"\*/a.*keeps nothing"),
        ({"keep_doubtful_days": -1}, "keep_doubtful_days"),
        ({"holds": [{"reason": "r"}]}, "names no sets"),
    ):
        with pytest.raises(BackupError, match=says):
            prune(vault, **options)
    assert there(vault) == DAYS
    result, failure = prune(vault, source="nobody")
    assert (result["sets"], failure) == ([], "")


def test_what_set_info_lists_is_what_another_medium_is_told_by(vault: DirectoryMedium, tmp_path: Path) -> None:
    disk = DirectoryMedium(path=str(tmp_path / "disk"))
    subprocess.run(["cp", "-a", vault.root, disk.root], check=True)
    listed = list_sets(vault, SetSelection()).result()["sets"]
    listed[5]["drill"] = {"outcome": "failed"}
    del listed[1]
    result, failure = prune(disk, verified_here=False, verified_elsewhere=[{"medium": "vault", "sets": listed}])
    assert failure == ""
    assert rules(result) == ["expired", "not_elsewhere", *["expired"] * 2, "last", "failed_drill", "newest"]
    assert [entry["lacking"] for entry in result["sets"]] == [[], ["vault"], *[[]] * 5]


def test_from_a_week_on_the_day_is_told_on_which_it_is_full(
    vault: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = host_clock.now().replace(microsecond=0)
    free = 10**12
    monkeypatch.setattr(DirectoryMedium, "free_bytes", lambda _medium: free)
    for day in range(9):
        monkeypatch.setattr(host_clock, "now", lambda day=day: begin + datetime.timedelta(days=day))
        assert prune(vault, check_mode=True)[0]["forecast"] == (told := prune(vault)[0]["forecast"])
        assert (told is None) == (day < 7)
        free -= 10**11
    assert told is not None
    assert (told["free_bytes"], told["bytes_per_day"]) == (2 * 10**11, 10**11)
    full = (begin + datetime.timedelta(days=10)).astimezone(zoneinfo.ZoneInfo("America/Bogota"))
    assert told["full_on"] == str(full.date())
    lines = Path(vault.root, ".free_space.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 9
    prune(vault)
    assert len(Path(vault.root, ".free_space.jsonl").read_text(encoding="utf-8").splitlines()) == 9


def test_the_answer_is_json(vault: DirectoryMedium) -> None:
    result, _failure = prune(vault)
    assert json.loads(json.dumps(result)) == result
