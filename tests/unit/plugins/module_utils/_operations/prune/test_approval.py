# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would remove sets ahead of policy waits for signatures: real keys, real sets on a real directory."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations import removed_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.agreement import Request, canonical
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.approvers import NAMESPACE
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils._operations.prune.test_prune_sets import (
    DAYS,
    prune,
    rules,
    there,
    verify,
)

NAMES = ("ana", "beatriz", "carlos", "mallory")
HOLD = {"source": core.SOURCE, "to": "2026-09-03", "reason": "Proceso 15"}
END: dict[str, t.Any] = {"policies": {"400.8": {"last": 4}}}  # Without the hold.
AGREED: dict[str, t.Any] = {**END, "holds": [HOLD]}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A key of each person."""
    core.need("ssh-keygen")
    directory = tmp_path_factory.mktemp("keys")
    for name in NAMES:
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name} at work", "-f", str(directory / name)]
        subprocess.run(argv, check=True, timeout=30)
    return {name: directory / name for name in NAMES}


@pytest.fixture
def vault(tmp_path: Path) -> DirectoryMedium:
    """A week of sets, each verified."""
    medium = core.medium_at(tmp_path / "vault")
    for set_id in core.write_sets(medium, *DAYS):
        verify(medium, set_id)
    return medium


class People:
    """The approvers of a vault, and what they do."""

    def __init__(self, vault: DirectoryMedium, keys: dict[str, Path]) -> None:
        self.vault, self.keys = vault, keys

    def approvals(self, *names: str, required: int = 2, **valid_before: str) -> dict[str, t.Any]:
        people = [
            {"name": name, "public_key": self.keys[name].with_suffix(".pub").read_text(encoding="utf-8")}
            for name in names or NAMES[:3]
        ]
        for one in people:
            one.update({"valid_before": valid_before[one["name"]]} if one["name"] in valid_before else {})
        return {"required": required, "approvers": people}

    def prune(self, *, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        result, failure = prune(self.vault, check_mode=check_mode, **{"approvals": self.approvals(), **options})
        assert failure == ""
        return result

    def sign(self, request: str, name: str, *, file: str = "", namespace: str = NAMESPACE) -> Path:
        """Sign as the report says."""
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.keys[name])]
        with open(request, "rb") as stream:
            signed = subprocess.run(argv, stdin=stream, check=True, capture_output=True, timeout=30).stdout
        path = Path(f"{request}.{file or name}.sig")
        path.write_bytes(signed)
        return path


@pytest.fixture
def held(vault: DirectoryMedium, keys: dict[str, Path]) -> People:
    """A vault whose rules were agreed: the first three sets are held, the policy keeps the last four."""
    found = People(vault, keys)
    predicted = found.prune(check_mode=True, **AGREED)
    assert not Path(vault.root, ".approvals").exists()
    taken = found.prune(**AGREED)
    assert taken == predicted and taken["changed"] and taken["approvals"]["requests"] == []
    assert taken["approvals"]["taken_as_agreed"] == [f"{core.HOST}/{core.SOURCE}"]
    assert rules(taken) == ["held"] * 3 + ["last"] * 3 + ["newest"]
    assert not found.prune(**AGREED)["changed"]
    return found


def requests(result: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return t.cast("list[dict[str, t.Any]]", result["approvals"]["requests"])


def the_request(result: dict[str, t.Any]) -> dict[str, t.Any]:
    [request] = requests(result)
    return request


def test_a_set_whose_hold_was_ended_goes_when_two_people_have_signed_that(held: People) -> None:
    before = core.tree(held.vault.root)
    told = held.prune(check_mode=True, **END)
    assert core.tree(held.vault.root) == before
    asked = held.prune(**END)
    assert asked == told and asked["changed"]
    assert rules(asked) == ["not_approved"] * 3 + ["last"] * 3 + ["newest"]
    assert asked["sets"][0]["why"] == "held: Proceso 15"
    request = the_request(asked)
    assert (request["required"], request["approved_by"], request["approved"]) == (2, [], False)
    text = Path(request["request"]).read_text(encoding="utf-8")
    assert text == request["text"] and f"+   {text.splitlines()[1]}" in asked["diff"]["prepared"]
    assert [one["id"] for one in json.loads(text)["sets"]] == request["sets"]
    [named, *_others] = json.loads(text)["sets"]
    first = held.vault.sets()[0]
    digest = bag.tag_manifest_digest(held.vault.contents(first))
    assert named == {"id": str(first), "tag_manifest_sha256": digest, "kept_by": "held: Proceso 15"}
    assert not held.prune(**END)["changed"], "it waits"

    held.sign(request["request"], "ana")
    one = held.prune(**END)
    assert not one["changed"] and the_request(one)["approved_by"] == ["ana"] and there(held.vault) == DAYS
    held.sign(request["request"], "carlos")
    predicted = held.prune(check_mode=True, **END)
    done = held.prune(**END)
    assert done == predicted and the_request(done)["approved"]
    assert rules(done) == ["expired"] * 3 + ["last"] * 3 + ["newest"]
    assert there(held.vault) == DAYS[3:]
    again = held.prune(**END)
    assert (again["changed"], requests(again)) == (False, [])
    written = removed_sets.removed_sets(held.vault)
    assert {(one.request, one.approved_by) for one in written} == {(request["sha256"], ("ana", "carlos"))}
    [evidence] = Path(held.vault.root, ".approvals").rglob("approved.jsonl")
    line = json.loads(evidence.read_text(encoding="utf-8"))
    assert line["request"] == request["sha256"] and [one["name"] for one in line["by"]] == ["ana", "carlos"]
    assert Path(request["request"]).exists() and Path(f"{request['request']}.ana.sig").exists()


def _second_file_of_the_same_person(people: People, request: str) -> None:
    people.sign(request, "ana", file="once-more")


def _another_namespace(people: People, request: str) -> None:
    people.sign(request, "beatriz", namespace="infitulua.backup")


def _somebody_else(people: People, request: str) -> None:
    people.sign(request, "mallory", file="beatriz")


def _another_text(people: People, request: str) -> None:
    other = Path(people.vault.root, "other")
    other.write_text("{}\n", encoding="utf-8")
    people.sign(str(other), "beatriz").rename(f"{request}.beatriz.sig")


def _no_signature(people: People, request: str) -> None:
    Path(f"{request}.beatriz.sig").write_text("yes, I approve\n", encoding="utf-8")


def _link(people: People, request: str) -> None:
    Path(f"{request}.beatriz.sig").symlink_to(f"{request}.ana.sig")


@pytest.mark.parametrize(
    "pretend",
    [
        _second_file_of_the_same_person,
        _another_namespace,
        _somebody_else,
        _another_text,
        _no_signature,
        _link,
    ],
)
def test_what_is_not_the_signature_of_a_second_approver_does_not_count(
    held: People, pretend: t.Callable[[People, str], None]
) -> None:
    request = the_request(held.prune(**END))["request"]
    held.sign(request, "ana")
    pretend(held, request)
    result = held.prune(**END)
    assert the_request(result)["approved_by"] == ["ana"] and there(held.vault) == DAYS
    is_second = pretend is _second_file_of_the_same_person
    assert the_request(result)["not_counted"] == ([] if is_second else [f"{os.path.basename(request)}.beatriz.sig"])


def test_a_request_that_was_altered_is_asked_again_and_its_signatures_are_worth_nothing(held: People) -> None:
    asked = the_request(held.prune(**END))
    altered = Path(asked["request"])
    altered.write_text(asked["text"].replace("Proceso 15", "Proceso 16"), encoding="utf-8")
    for name in ("ana", "beatriz"):
        held.sign(str(altered), name)
    again = the_request(held.prune(**END))
    assert again["changed"] and again["approved_by"] == [] and again["request"] != asked["request"]
    assert [Path(again["request"])] == list(altered.parent.glob("request-*")), "nobody is to sign the altered one"
    assert there(held.vault) == DAYS


def test_what_was_signed_holds_for_nothing_else(held: People) -> None:
    first = the_request(held.prune(**END))["request"]
    signed = [held.sign(first, name) for name in ("ana", "beatriz")]
    kept = [(path, path.read_bytes()) for path in [Path(first), *signed]]
    other = held.prune(policies={"400.8": {"last": 1}})
    assert there(held.vault) == DAYS and the_request(other)["approved_by"] == []
    for path, data in kept:  # Somebody puts it back.
        path.write_bytes(data)
    assert the_request(held.prune(**END))["approved_by"] == []
    held.prune(**AGREED)
    for path, data in kept:
        path.write_bytes(data)
    last = held.prune(**END)
    assert the_request(last)["approved_by"] == [] and there(held.vault) == DAYS


def test_only_the_named_sets_go_by_an_approval_and_what_it_agrees_holds_from_the_next_run_on(held: People) -> None:
    request = the_request(held.prune(policies={"400.8": {"last": 2}}, holds=[HOLD]))
    assert request["sets"] == [f"{core.HOST}/{core.SOURCE}/{day}" for day in DAYS[3:5]]
    for name in ("ana", "beatriz"):
        held.sign(request["request"], name)
    for set_id in core.write_sets(held.vault, "20260908T080000Z"):
        verify(held.vault, set_id)
    done = held.prune(policies={"400.8": {"last": 2}}, holds=[HOLD])
    assert rules(done) == ["held"] * 3 + ["expired"] * 2 + ["not_approved", "last", "newest"]
    assert done["sets"][5]["why"] == "last"
    after = held.prune(policies={"400.8": {"last": 2}}, holds=[HOLD])
    assert rules(after) == ["held"] * 3 + ["expired", "last", "newest"] and requests(after) == []


def test_a_set_of_other_content_under_a_name_that_was_approved_stays(held: People) -> None:
    request = the_request(held.prune(**END))
    for name in ("ana", "beatriz"):
        held.sign(request["request"], name)
    for set_id in held.vault.sets():
        held.vault.remove(set_id)
    for set_id in core.write_sets(held.vault, *DAYS):
        verify(held.vault, set_id)
    result = held.prune(**END)
    assert the_request(result)["approved"]
    assert rules(result)[:3] == ["not_approved"] * 3 and there(held.vault) == DAYS


def test_whatever_keeps_more_needs_nobody(held: People) -> None:
    longer: dict[str, t.Any] = {
        "holds": [HOLD, {**HOLD, "to": "2026-09-05", "reason": "Proceso 16"}],
        "policies": {"400.8": {"last": 6}},
    }
    result = held.prune(**longer)
    assert result["changed"] and requests(result) == [] and there(held.vault) == DAYS
    assert not held.prune(**longer)["changed"]
    back = held.prune(**AGREED)
    assert the_request(back)["sets"] == [], "what was lengthened is agreed"
    text = json.loads(the_request(back)["text"])
    assert len(text["changes"]) == 2 and "'last': 6" in text["changes"][0] and "hold ends" in text["changes"][1]


@pytest.mark.parametrize(
    "shorter",
    [
        {"policies": {"400.8": {"last": 1}}, "holds": [HOLD]},
        {"policies": {"400.8": {"last": 4}}, "holds": [{**HOLD, "until": "2026-09-08"}]},
        {"policies": {"400.8": {"last": 4}}, "holds": [{**HOLD, "to": "2026-09-02"}]},
        {"policies": {"400.8": {"last": 4, "destroy_after_days": 3}}, "holds": [HOLD]},
        {"policies": {"default": {"last": 1}}, "holds": [HOLD]},
        {"policies": {}, "source_policies": [{"source": core.SOURCE, "last": 1}], "holds": [HOLD]},
        {"policies": {"400.8": {"last": 4}}, "holds": [HOLD], "time_zone": "Europe/Madrid"},
    ],
)
def test_whatever_keeps_less_is_asked_for_and_removes_nothing(held: People, shorter: dict[str, t.Any]) -> None:
    result = held.prune(**shorter)
    assert len(requests(result)) == 1
    assert there(held.vault) == DAYS
    assert len(the_request(result)["sets"]) == rules(result).count("not_approved")


def test_a_hold_that_comes_to_its_own_end_needs_nobody(held: People, monkeypatch: pytest.MonkeyPatch) -> None:
    longer = [HOLD, {"source": core.SOURCE, "until": "2026-09-20", "reason": "Auditoría"}]
    shutil.rmtree(held.vault.root + "/.approvals")
    with monkeypatch.context() as patch:
        patch.setattr(host_clock, "now", lambda: datetime.datetime(2026, 9, 10, tzinfo=datetime.timezone.utc))
        shutil.rmtree(held.vault.root + "/.verifications")
        for set_id in held.vault.sets():
            verify(held.vault, set_id)
        assert set(rules(held.prune(policies={"400.8": {"last": 1}}, holds=longer))) == {"held"}
    result = held.prune(policies={"400.8": {"last": 1}}, holds=[HOLD])
    assert requests(result) == [] and there(held.vault) == [*DAYS[:3], DAYS[-1]]


def test_who_may_approve_is_changed_by_those_who_may(held: People) -> None:
    """Whoever writes the inventory alone names themself, lowers the number, or asks for no approvals at all."""
    alone = held.approvals("ana", "mallory")
    for approvals in (alone, held.approvals(required=1), None):
        result = held.prune(approvals=approvals, **END)
        assert there(held.vault) == DAYS
        assert len(requests(result)) == 2
        for request in requests(result):
            held.sign(request["request"], "ana")
            held.sign(request["request"], "mallory")
        unchanged = held.prune(approvals=approvals, **END)
        assert there(held.vault) == DAYS
        assert all(request["approved_by"] == ["ana"] for request in requests(unchanged))
    asked = held.prune(approvals=held.approvals("ana", "mallory", "beatriz"), **AGREED)
    for name in ("ana", "carlos"):
        held.sign(the_request(asked)["request"], name)
    agreed = held.prune(approvals=held.approvals("ana", "mallory", "beatriz"), **AGREED)
    assert the_request(agreed)["approved_by"] == ["ana"], "carlos, whom the inventory leaves out, is out at once"


def test_a_new_approver_counts_when_two_of_the_others_have_signed_it(held: People) -> None:
    same: dict[str, t.Any] = {"policies": {"400.8": {"last": 4}}, "holds": [HOLD], "approvals": held.approvals(*NAMES)}
    asked = the_request(held.prune(**same))
    assert (asked["host"], asked["source"]) == ("", "")
    for name in ("ana", "beatriz"):
        held.sign(asked["request"], name)
    assert the_request(held.prune(**same))["approved"]
    assert not held.prune(**same)["changed"]
    request = the_request(held.prune(**END, approvals=held.approvals(*NAMES)))["request"]
    for name in ("mallory", "ana"):
        held.sign(request, name)
    held.prune(**END, approvals=held.approvals(*NAMES))
    assert there(held.vault) == DAYS[3:]


def test_a_key_that_is_no_longer_valid_does_not_count_at_once(held: People) -> None:
    request = the_request(held.prune(**END))["request"]
    held.sign(request, "ana")
    held.sign(request, "beatriz")
    yesterday = (datetime.datetime.now() - datetime.timedelta(days=1)).date().isoformat()
    expired = held.prune(**END, approvals=held.approvals(beatriz=yesterday))
    assert the_request(expired)["approved_by"] == ["ana"] and there(held.vault) == DAYS
    assert held.prune(**END)["approvals"]["requests"][0]["source"] == "", "that it is valid again needs two people"


def test_with_rules_that_cannot_be_read_nothing_is_removed(held: People) -> None:
    [agreed] = Path(held.vault.root, ".approvals", core.HOST).rglob("agreed.json")
    agreed.write_text("{}", encoding="utf-8")
    result, failure = prune(held.vault, approvals=held.approvals(), **END)
    assert "read what was agreed about retention" in failure and len(result["failures"]) == 1
    Path(held.vault.root, ".approvals", "agreed.json").write_text("{", encoding="utf-8")
    with pytest.raises(BackupError, match="what was agreed"):
        prune(held.vault, **END)
    assert there(held.vault) == DAYS


def test_without_approvals_nothing_is_written_and_nothing_waits(vault: DirectoryMedium) -> None:
    result, _failure = prune(vault)
    assert result["approvals"] is None and not Path(vault.root, ".approvals").exists()


def test_a_request_has_one_text_and_is_named_by_it() -> None:
    assert canonical({"b": [1], "a": "ñ"}) == canonical({"a": "ñ", "b": [1]}) == '{\n "a": "ñ",\n "b": [\n  1\n ]\n}\n'
    assert Request("a\n").name == "request-87428fc522803d31.json"


_KILLED = """
import json, os, sys
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune.sets_call import ARGUMENTS, call
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
left = int(sys.argv[2])
def count(event, _arguments):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open") and "/vault/" in str(_arguments[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(count)
given = {"medium": {"type": "directory", "path": sys.argv[1]}, **json.loads(sys.argv[3])}
call(ArgumentSpecValidator(ARGUMENTS).validate(given).validated_parameters, check_mode=False)
"""


@pytest.mark.parametrize("signers", [(), ("ana", "beatriz")])
def test_killed_at_any_point_it_removes_nothing_unapproved_and_the_next_run_ends_the_same(
    held: People, tmp_path: Path, signers: tuple[str, ...]
) -> None:
    if signers:
        request = the_request(held.prune(**END))["request"]
        for name in signers:
            held.sign(request, name)
    kills = 0
    for point in range(1, 4000, int(os.environ.get("KILL_EVERY", "11"))):
        copy = DirectoryMedium(path=str(tmp_path / f"copy{point}" / "vault"))
        subprocess.run(["mkdir", "-p", os.path.dirname(copy.root)], check=True)
        subprocess.run(["mv", held.vault.root, copy.root + ".original"], check=True)
        subprocess.run(["cp", "-a", copy.root + ".original", held.vault.root], check=True)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        options = json.dumps({**END, "approvals": held.approvals()})
        argv = [sys.executable, "-c", _KILLED, held.vault.root, str(point), options]
        ended = subprocess.run(argv, check=False, env=environment, capture_output=True, timeout=60)
        assert there(held.vault)[-4:] == DAYS[3:]
        if not signers:
            assert there(held.vault) == DAYS
        result = held.prune(**END)
        assert there(held.vault) == (DAYS[3:] if signers else DAYS)
        assert [one["approved"] for one in requests(result)] in ([], [True]) if signers else [[False]]
        assert not held.prune(**END)["changed"]
        if signers:
            assert {one.approved_by for one in removed_sets.removed_sets(held.vault)} == {signers}
        subprocess.run(["rm", "-rf", held.vault.root], check=True)
        subprocess.run(["mv", copy.root + ".original", held.vault.root], check=True)
        if ended.returncode == 0:
            break
        assert ended.returncode == -9, ended.stderr
        kills += 1
    assert kills >= 2
