# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set that somebody made to harm costs itself and nothing else; one that cannot be read just now costs nothing."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import errno
import hashlib
import json
import os
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import ENGINES
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Unreadable
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy import operation as copy_operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy.transfer import CopyOptions
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill import operation as drill_operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill import record
from ansible_collections.infitulua.backup.plugins.module_utils._operations.list import operation as list_operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import operation as restore_operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sets_report import SetsReport
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import operation as verify_operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag as set_bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import json_shape, patience, unforeseen
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

hypothesis = pytest.importorskip("hypothesis", reason="the development environment brings it")
st = pytest.importorskip("hypothesis.strategies")

TIMES = ("20261120T030000Z", "20261121T030000Z", "20261122T030000Z")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.001)


def list_sets(medium: DirectoryMedium) -> SetsReport:
    return list_operation.list_sets(medium, SetSelection(), drill_record=medium.root + "/.drills")


def verify_sets(medium: DirectoryMedium) -> SetsReport:
    return verify_operation.verify_sets(
        medium, SetSelection(), allowed_signers=None, set_aside=True, status_file=None, check_mode=False
    )


def copy_sets(medium: DirectoryMedium, vault: DirectoryMedium, *, check_mode: bool = False) -> SetsReport:
    return copy_operation.copy_sets(
        medium,
        vault,
        SetSelection(),
        except_sets=(),
        options=CopyOptions(),
        reencryption=None,
        status_file=None,
        check_mode=check_mode,
    )


def rewrite(medium: DirectoryMedium, set_id: SetId, text: str) -> None:
    """Gives a set another backup.json, with manifests that fit, as a server in hostile hands would."""
    bag = Path(medium.path(set_id))
    core.overwrite(bag / "backup.json", text.encode("utf-8", "surrogatepass"))
    digests = {
        name: hashlib.sha256((bag / name).read_bytes()).hexdigest()
        for name in (set_bag.BAGIT_TXT, set_bag.BAG_INFO_TXT, set_bag.MANIFEST, "backup.json")
    }
    core.overwrite(bag / set_bag.TAG_MANIFEST, set_bag.write_manifest(digests).encode())


def change(medium: DirectoryMedium, set_id: SetId, changes: t.Mapping[str, t.Any]) -> None:
    values = json.loads(Path(medium.path(set_id), "backup.json").read_text(encoding="utf-8"))
    rewrite(medium, set_id, json.dumps({**values, **changes}))


BAD: dict[str, dict[str, t.Any]] = {
    "bytes": {"payload": [{"path": "data/x", "part": "x", "bytes": "x", "sha256": "0" * 64, "seconds": 1}]},
    "path": {"payload": [{"path": ["a"], "part": "x", "bytes": 1, "sha256": "0" * 64, "seconds": 1}]},
    "encryption": {"encryption": None},
    "surrogate": {"engine": "\ud800"},
    "NaN": {"source_bytes": float("nan")},
}


@pytest.mark.parametrize("name", [*BAD, "deep"])
def test_a_set_with_a_trap_for_a_description_fails_alone_by_its_id_and_is_set_aside(
    name: str, medium: DirectoryMedium, vault: DirectoryMedium
) -> None:
    first, bad, last = core.write_sets(medium, *TIMES)
    if name == "deep":
        rewrite(medium, bad, "[" * 200_000)
    else:
        change(medium, bad, BAD[name])
    good = [str(first), str(last)]
    for report in (list_sets(medium), copy_sets(medium, vault), verify_sets(medium)):
        assert [entry["id"] for entry in report.sets] == good
        assert [entry["id"] for entry in report.failures] == [str(bad)]
        assert str(bad) in report.message
    assert medium.sets() == [first, last]
    assert os.path.isdir(os.path.join(medium.root, ".rejected", str(bad)))
    assert verify_sets(medium).failures == []


def test_facts_that_no_engine_wrote_do_not_pass_verification(medium: DirectoryMedium) -> None:
    first, bad, _last = core.write_sets(medium, *TIMES)
    change(medium, bad, {"engine": "postgresql", "engine_facts": {"version": 17}})
    change(medium, first, {"engine": "unknown", "engine_facts": {}})  # Of one from a later version nothing is known.
    [failure] = verify_sets(medium).failures
    assert failure["id"] == str(bad)
    assert "engine_facts.version" in failure["message"]
    assert bad not in medium.sets()


def test_backup_json_must_say_of_the_payload_what_is_there(medium: DirectoryMedium) -> None:
    [bad] = core.write_sets(medium, TIMES[0])
    values = json.loads(Path(medium.path(bad), "backup.json").read_text(encoding="utf-8"))
    values["payload"][0]["bytes"] += 1
    rewrite(medium, bad, json.dumps(values))
    [failure] = verify_sets(medium).failures
    assert "mismatch: backup.json: it says of data/" in failure["message"]


@pytest.mark.parametrize(
    ("error", "aside"),
    [
        (KeyError("page_size"), True),
        (RecursionError("too deep"), True),
        (AttributeError("no such thing"), True),
        (OSError(errno.EACCES, "denied"), False),
        (MemoryError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("operation", ["list", "verify", "copy"])
def test_an_error_that_nobody_foresaw_costs_the_set_that_caused_it(
    operation: str,
    error: Exception,
    aside: bool,
    medium: DirectoryMedium,
    vault: DirectoryMedium,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, bad, last = core.write_sets(medium, *TIMES)
    known = [set_verification.verify(medium, each)[0] for each in (first, bad, last)]
    assert all(set_verification.remember(medium, SetId.parse(each.id), each) for each in known)
    original = DirectoryMedium.contents

    def contents(self: DirectoryMedium, set_id: SetId) -> DirectoryContents:
        if set_id == bad:
            raise error
        return original(self, set_id)

    monkeypatch.setattr(DirectoryMedium, "contents", contents)
    report = {
        "list": lambda: list_sets(medium),
        "verify": lambda: verify_sets(medium),
        "copy": lambda: copy_sets(medium, vault),
    }[operation]()
    assert [entry["id"] for entry in report.sets] == [str(first), str(last)]
    [failure] = report.failures
    assert failure["id"] == str(bad)
    assert str(bad) in failure["message"]
    assert unforeseen.directory() in failure["message"]
    monkeypatch.undo()
    assert (bad in medium.sets()) == (operation != "verify" or not aside)


class TestUnreadable:
    """What could not be read is not damaged: it is tried again, told, and stays."""

    def fail(self, monkeypatch: pytest.MonkeyPatch, number: int, *, times: int, path: str) -> None:
        left = times
        original = DirectoryContents.open

        def open_file(contents: DirectoryContents, wanted: str) -> t.BinaryIO:
            nonlocal left
            if wanted.startswith(path) and left:
                left -= 1
                raise OSError(number, os.strerror(number), wanted)
            return original(contents, wanted)

        monkeypatch.setattr(DirectoryContents, "open", open_file)

    @pytest.mark.parametrize("path", ["data/", "backup.json", "manifest-sha256.txt", "bagit.txt"])
    @pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENOMEM])
    def test_what_passes_within_a_moment_costs_nothing(
        self, medium: DirectoryMedium, monkeypatch: pytest.MonkeyPatch, path: str, number: int
    ) -> None:
        set_id = core.write_set(medium)
        self.fail(monkeypatch, number, times=2, path=path)
        assert [entry["id"] for entry in verify_sets(medium).sets] == [str(set_id)]

    @pytest.mark.parametrize("path", ["data/", "backup.json", "manifest-sha256.txt", "tagmanifest", "signature"])
    def test_what_stays_is_told_and_neither_set_aside_nor_forgotten(
        self, medium: DirectoryMedium, keys: core.Keys, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        set_id = core.write_set(medium, signing_key=keys.server_key)
        verification, _description = set_verification.verify(medium, set_id)
        set_verification.remember(medium, set_id, verification)
        self.fail(monkeypatch, errno.EIO, times=1000, path=path)
        [failure] = verify_sets(medium).failures
        assert "unreadable: " in failure["message"]
        assert "Nothing is known about this copy" in failure["message"]
        monkeypatch.undo()
        assert medium.sets() == [set_id]
        assert set_verification.recall(medium, set_id) == verification

    def test_what_was_read_and_is_wrong_is_damaged_all_the_same(
        self, medium: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_id = core.write_set(medium)
        core.overwrite(core.payload(medium, set_id), b"")
        self.fail(monkeypatch, errno.EIO, times=1000, path="data/empty")
        [failure] = verify_sets(medium).failures
        assert "mismatch: data/table" in failure["message"]
        assert medium.sets() == []

    def test_a_copy_is_tried_again(
        self, medium: DirectoryMedium, vault: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_id = core.write_set(medium)
        self.fail(monkeypatch, errno.EIO, times=1, path="data/")
        assert [entry["id"] for entry in copy_sets(medium, vault).sets] == [str(set_id)]
        assert vault.sets() == [set_id]

    def test_a_copy_that_cannot_be_read_back_is_none(
        self, medium: DirectoryMedium, vault: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_id = core.write_set(medium)
        original = set_verification.verify

        def verify(where: t.Any, *arguments: t.Any, **named: t.Any) -> t.Any:
            if where is vault:
                raise Unreadable("verify a set", on="it", why="EIO", next_step="Again.")
            return original(where, *arguments, **named)

        monkeypatch.setattr(set_verification, "verify", verify)
        assert [entry["id"] for entry in copy_sets(medium, vault).failures] == [str(set_id)]
        assert (medium.sets(), vault.sets()) == ([set_id], [])

    def test_a_restore_that_cannot_open_its_payload_says_so(
        self, medium: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_id = core.write_set(medium)
        self.fail(monkeypatch, errno.EMFILE, times=1000, path="data/")
        with pytest.raises(Unreadable, match=r"read the payload of a set \(.*data/.*Too many open files"):
            core.read_part(medium, set_id, "table")


# A description that its engine could have written, made from the shape that it must have, and then spoilt.


def sample(shape: t.Any) -> t.Any:
    """A value of a shape."""
    if isinstance(shape, json_shape.Maybe):
        return sample(shape.shape)
    if isinstance(shape, (dict, json_shape.Exactly)):
        inner = shape.shape if isinstance(shape, json_shape.Exactly) else shape
        return {name: sample(value) for name, value in inner.items()}
    if isinstance(shape, json_shape.Named):
        return {"a": sample(shape.shape)}
    if isinstance(shape, (list, json_shape.Many)):
        return [sample(shape.shape if isinstance(shape, json_shape.Many) else shape[0])]
    if isinstance(shape, tuple):
        return sample(shape[0])
    if isinstance(shape, json_shape.Text):
        return "17.2" if shape.pattern else "text"
    plain: dict[t.Any, t.Any] = {str: "a", int: 1, bool: True, dict: {"a": "b"}, list: ["a"]}
    return plain.get(shape, 1)


SQLITE = {
    "bytes": 4096,
    "uid": 0,
    "gid": 0,
    "mode": "0600",
    "path": "/srv/a.db",
    "rows": {"a": 1},
    "objects": {"table": 1},
    "rules_broken": 0,
    "foreign_key_violations": 0,
    "written_by": 3045001,
    "not_examined": {},
    "content_digests": None,
    "page_size": 4096,
    "encoding": "UTF-8",
    "user_version": 0,
    "application_id": 0,
    "auto_vacuum": 0,
    "journal_mode": "wal",
}
MYSQL = {"token": "0" * 32, "streams": {}, "tables": {}, "references": []}
WORDS = {"name": "a", "character_set": "utf8mb4", "collation": "utf8mb4_bin", "comment": ""}
SPECIAL: dict[str, dict[str, t.Any]] = {
    "files": {
        "paths": [
            {
                "part": "table",
                "path": "/srv/data",
                "archive_bytes": 10240,
                "owners": [{"user": "root", "group": "root", "uid": 0, "gid": 0, "members": 1}],
                **dict.fromkeys(("directories", "files", "hard_links", "symbolic_links", "fifos", "content_bytes"), 1),
            }
        ]
    },
    "mariadb": {**MYSQL, "version": "11.4.2", "sequence_defaults": [], "database": WORDS},
    "mysql": {**MYSQL, "version": "8.4.0", "database": WORDS},
    "sqlite": SQLITE,
}
HOSTILE: list[t.Any] = [
    *(None, True, -1, 2**64, 2**200, 1.5, float("nan"), float("inf"), "", "x", "\x1b[2J\x9b\u202e", "\ud800", "\0"),
    *("x" * 100_000, "../../etc/passwd", "/", "20261121T030000Z", [], {}, [[]], [None], {"": {"": {}}}),
]


def facts_of(engine: str) -> dict[str, t.Any]:
    facts = sample(ENGINES[engine].facts_shape())
    assert isinstance(facts, dict)
    return {**(facts if ENGINES[engine].facts_shape() is not dict else {}), **SPECIAL.get(engine, {})}


def places(value: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    """Every place in a value."""
    if path:
        yield path
    entries: t.Iterable[tuple[t.Any, t.Any]] = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for name, inner in entries:
        yield from places(inner, (*path, name))


def spoil(values: dict[str, t.Any], path: tuple[t.Any, ...], how: str, replacement: t.Any) -> None:
    """Changes one place."""
    *above, last = path
    outer: t.Any = values
    for name in above:
        outer = outer[name]
    if how == "replace":
        outer[last] = replacement
    elif how == "remove":
        del outer[last]
    elif isinstance(outer, dict):
        outer[str(replacement)[:50]] = outer[last]
    else:
        outer.append(outer[last])


@dataclasses.dataclass
class Stage:
    """Media with one set, whose description is spoilt again and again."""

    medium: DirectoryMedium
    vault: DirectoryMedium
    set_id: SetId
    values: dict[str, t.Any]


@pytest.fixture(scope="module")
def stage() -> t.Iterator[Stage]:
    with tempfile.TemporaryDirectory() as directory:
        media = [DirectoryMedium(path=os.path.join(directory, name)) for name in ("medium", "vault")]
        for each in media:
            os.mkdir(each.root)
        set_id = core.write_set(media[0])
        text = Path(media[0].path(set_id), "backup.json").read_text(encoding="utf-8")
        yield Stage(media[0], media[1], set_id, json.loads(text))


def operate(stage: Stage) -> None:
    """Everything that reads a description: only errors of ours may come of it."""
    medium, set_id = stage.medium, stage.set_id
    for report in (list_sets(medium), copy_sets(medium, stage.vault, check_mode=True)):
        assert len(report.sets) + len(report.failures) == 1
        assert unforeseen.directory() not in report.message
        json.dumps(report.result(), ensure_ascii=False).encode("utf-8")
    report = verify_operation.verify_sets(
        medium, SetSelection(), allowed_signers=None, set_aside=False, status_file=None, check_mode=True
    )
    assert len(report.sets) + len(report.failures) == 1
    assert unforeseen.directory() not in report.message
    assert SetSelection(newest=True).choose(medium) in ([], [set_id])
    drills = record.DrillRecord(os.path.join(medium.root, ".drills"))
    parameters = {"policy": "newest", "again": False, "interval_days": 7}
    drill_operation._choose(parameters, medium, [set_id], drills, drill_operation.DrillsReport())
    with contextlib.suppress(BackupError):
        description = read_description(set_id, medium.contents(set_id))
        assert Description.from_json(description.to_json(), on=str(set_id)) == description
        if description.engine in ENGINES:
            ENGINES[description.engine].check_facts(description)
            parameters = {"set": str(set_id), "medium": {"type": "directory", "path": medium.root}}
            defaults = {name: given.get("default") for name, given in restore_operation.RESTORE_ARGUMENTS.items()}
            options = {**defaults, **parameters, "ticket": "1", "target": {}}
            restore_operation.make_restore(options, engines=sorted(ENGINES))


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_only_errors_of_ours_come_of_a_hostile_description(engine: str, stage: Stage) -> None:
    good = {**copy.deepcopy(stage.values), "engine": engine, "engine_facts": facts_of(engine)}
    if engine == "sqlite":
        good["payload"][0]["part"] = "database"
    rewrite(stage.medium, stage.set_id, json.dumps(good))
    operate(stage)
    description = Description.from_json(json.dumps(good), on=str(stage.set_id))
    ENGINES[engine].check_facts(description)  # It is good before it is spoilt.

    @hypothesis.settings(
        max_examples=40,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(data=st.data())
    def spoilt(data: t.Any) -> None:
        values = copy.deepcopy(good)
        for _number in range(data.draw(st.integers(1, 3))):
            path = data.draw(st.sampled_from(list(places(values))))
            how = data.draw(st.sampled_from(["replace", "replace", "remove", "add"]))
            spoil(values, path, how, copy.deepcopy(data.draw(st.sampled_from(HOSTILE))))
        text = json.dumps(values)
        trap = data.draw(st.sampled_from(["", "", "", "deep", "twice", "cut", "bytes"]))
        if trap == "deep":
            text = text[:-1] + ', "deep": ' + "[" * 5000 + "]" * 5000 + "}"
        elif trap == "twice":
            text = text[:-1] + ', "id": "x"}'
        elif trap == "cut":
            text = text[: len(text) // 2]
        elif trap == "bytes":
            text = "\udc80" + text
        rewrite(stage.medium, stage.set_id, text)
        operate(stage)

    spoilt()
