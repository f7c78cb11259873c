# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring one set: nothing is touched before everything is known, and a failure leaves the target as it was."""

from __future__ import annotations

import os
import re
import signal
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import LeftOut
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Interrupted,
    Refused,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import restoring
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

if t.TYPE_CHECKING:
    from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import RestoreWork
    from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
    from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

pytestmark = pytest.mark.usefixtures("no_leftover_processes")


@pytest.fixture
def set_id(medium: DirectoryMedium, keys: core.Keys) -> SetId:
    return core.write_set(medium, filters=core.encrypted(keys.technician_recipient))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target that holds data."""
    path = tmp_path / "live" / "contabilidad"
    path.mkdir(parents=True)
    (path / "table").write_bytes(b"what was there")
    return path


class Restore:
    """A restore, what it asks for, and what its engine was told to do."""

    def __init__(self, medium: DirectoryMedium, set_id: SetId, keys: core.Keys, target: Path) -> None:
        self.log: list[str] = []
        self.engine = core.CommandsEngine({"target": str(target), "log": self.log})
        self.values: dict[str, t.Any] = {
            "medium": medium,
            "set_id": set_id,
            "engine": self.engine,
            "ticket": "MDA-2026-0117",
            "identity_files": (keys.technician,),
            "replace": True,
        }

    def run(self, *, check_mode: bool = False, **changes: t.Any) -> restoring.RestoreResult:
        return restoring.restore(restoring.RestoreRequest(**{**self.values, **changes}), check_mode=check_mode)


@pytest.fixture
def restore(medium: DirectoryMedium, set_id: SetId, keys: core.Keys, target: Path) -> Restore:
    return Restore(medium, set_id, keys, target)


def test_what_was_there_is_kept_under_a_dated_name(restore: Restore, target: Path) -> None:
    result = restore.run()
    assert (target / "table").read_bytes().startswith(b"1\n2\n3\n")
    assert len((target / "bytes").read_bytes()) == 300000
    assert result.kept is not None
    assert re.fullmatch(r".*contabilidad__replaced_\d{8}T\d{6}Z", result.kept)
    assert (Path(result.kept) / "table").read_bytes() == b"what was there"
    assert sorted(os.listdir(target.parent)) == sorted([target.name, os.path.basename(result.kept)])
    assert [(check.name, check.passed) for check in result.checks] == [("files", True)]
    assert restore.log == ["inspect_target", *["restore_beside"] * 3, "check", "swap"]


def test_a_target_that_is_not_there_or_empty_needs_no_permission(restore: Restore, target: Path) -> None:
    (target / "table").unlink()
    assert restore.run(replace=False).before.empty
    core.remove_tree(target)
    result = restore.run(replace=False)
    assert (result.before.exists, result.kept) == (False, None)
    assert (target / "table").exists()


def test_check_mode_goes_as_far_as_it_can_and_changes_nothing(
    restore: Restore, target: Path, medium: DirectoryMedium
) -> None:
    before = core.tree(target.parent), core.tree(medium.root)
    result = restore.run(check_mode=True)
    assert (result.checks, result.kept) == ([], None)
    assert restore.log == ["inspect_target"]
    assert (core.tree(target.parent), core.tree(medium.root)) == before


class TestNothingIsTouched:
    """Each reason to refuse is found before the engine is asked to do anything."""

    @pytest.fixture(autouse=True)
    def untouched(self, restore: Restore, target: Path, medium: DirectoryMedium) -> t.Iterator[None]:
        before = core.tree(target.parent)
        yield
        assert core.tree(target.parent) == before
        assert set(restore.log) <= {"inspect_target"}

    @pytest.mark.parametrize("ticket", ["", "  ", "\t\n", "***"])
    def test_without_a_ticket(self, restore: Restore, ticket: str) -> None:
        with pytest.raises(Refused, match="no help-desk ticket was given"):
            restore.run(ticket=ticket)
        assert restore.log == []

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_when_the_set_is_bad(
        self, restore: Restore, medium: DirectoryMedium, set_id: SetId, check_mode: bool
    ) -> None:
        core.overwrite(core.payload(medium, set_id), b"")
        with pytest.raises(SetInvalid, match=r"mismatch: data/table\.txt\.zst\.age"):
            restore.run(check_mode=check_mode)
        assert restore.log == []

    def test_when_the_set_is_not_signed(self, restore: Restore, keys: core.Keys) -> None:
        with pytest.raises(SetInvalid, match="signature"):
            restore.run(allowed_signers=str(keys.allowed_signers))
        assert restore.log == []

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_when_the_key_does_not_fit(self, restore: Restore, keys: core.Keys, check_mode: bool) -> None:
        with pytest.raises(BackupError, match="Nothing was touched"):
            restore.run(identity_files=(keys.delivery,), check_mode=check_mode)
        with pytest.raises(BackupError, match="no identity was given"):
            restore.run(identity_files=(), check_mode=check_mode)
        assert restore.log == []

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_when_the_target_holds_data(self, restore: Restore, check_mode: bool) -> None:
        with pytest.raises(Refused, match="it exists and holds data"):
            restore.run(replace=False, check_mode=check_mode)

    def test_when_the_set_is_of_another_engine(self, restore: Restore) -> None:
        class OtherEngine(core.CommandsEngine):
            name = "other"

        engine = OtherEngine({"target": str(restore.engine.target), "log": restore.log})
        with pytest.raises(SetInvalid, match="it was written by the engine commands, the target is one of other"):
            restore.run(engine=engine)
        assert restore.log == []


class TestTheTargetIsAsItWas:
    """A step that fails is the cause that is told; what was restored beside goes; what was there stays."""

    @pytest.fixture(autouse=True)
    def as_it_was(self, target: Path) -> t.Iterator[None]:
        before = core.tree(target.parent)
        yield
        assert core.tree(target.parent) == before

    @pytest.mark.parametrize("step", ["restore_beside", "check", "swap"])
    def test_when_a_step_fails(self, restore: Restore, step: str) -> None:
        restore.engine.fail_in = step
        with pytest.raises(BackupError, match=rf"Could not {step} \(the test\): it was told to fail"):
            restore.run()
        assert restore.log[-1] == "discard"
        assert restore.log.count("discard") == 1

    def test_when_what_was_restored_is_not_what_the_set_says(self, restore: Restore) -> None:
        restore.engine.fail_in = "failed check"
        with pytest.raises(SetInvalid, match="the restored data is not what the set says: files: 3 of 3"):
            restore.run()
        assert restore.log[-1] == "discard"

    def test_when_the_clean_up_fails_too_the_cause_is_what_is_told(
        self, restore: Restore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def discard(work: RestoreWork) -> None:
            core.remove_tree(restore.engine.beside)
            raise OSError("the clean-up failed")

        restore.engine.fail_in = "check"
        monkeypatch.setattr(restore.engine, "discard", discard)
        with pytest.raises(BackupError, match="Could not check"):
            restore.run()

    @pytest.mark.parametrize("step", ["restore_beside", "check"])
    def test_when_it_is_told_to_stop(self, restore: Restore, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        real = getattr(restore.engine, step)

        def interrupted(work: RestoreWork) -> t.Any:
            real(work)
            os.kill(os.getpid(), signal.SIGTERM)
            return []

        monkeypatch.setattr(restore.engine, step, interrupted)
        with pytest.raises(Interrupted, match="SIGTERM"), interruptible("restore", on="it"):
            restore.run()
        assert restore.log[-1] == "discard"


def test_a_swap_is_not_cut_in_two_by_a_signal(restore: Restore, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def swap(work: RestoreWork) -> str | None:
        kept = target.with_name("kept")
        target.rename(kept)
        os.kill(os.getpid(), signal.SIGTERM)  # Now there is no target.
        restore.engine.beside.rename(target)
        return str(kept)

    monkeypatch.setattr(restore.engine, "swap", swap)
    with interruptible("restore", on="it"):
        result = restore.run()  # It is complete, and says so.
    assert result.kept == str(target.with_name("kept"))
    assert (target / "table").read_bytes().startswith(b"1\n")
    assert restore.log[-1] == "check"  # And nothing was discarded.


def test_a_remote_set_is_fetched_verified_and_leaves_no_spool(
    restore: Restore, medium: DirectoryMedium, set_id: SetId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(medium, "local_path", lambda set_id: None)
    restore.run(spool=str(spool))
    assert os.listdir(spool) == []
    core.overwrite(core.payload(medium, set_id), b"")
    with pytest.raises(SetInvalid):
        restore.run(spool=str(spool))
    assert os.listdir(spool) == []


def test_the_spool_of_a_killed_restore_goes_with_the_next_one(
    restore: Restore, medium: DirectoryMedium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(medium, "local_path", lambda set_id: None)
    child = os.fork()
    if not child:
        monkeypatch.setattr(restore.engine, "restore_beside", lambda work: os.kill(os.getpid(), signal.SIGKILL))
        try:
            restore.run(spool=str(spool))
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(os.listdir(spool)) == 1
    restore.run(spool=str(spool))
    assert os.listdir(spool) == []


def test_a_full_spool_is_one_message(
    restore: Restore, medium: DirectoryMedium, small_disk: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"commands": {"a": ["head", "-c", "6000000", "/dev/urandom"]}}
    large = core.write_set(medium, options=options)
    before = core.tree(target.parent)
    monkeypatch.setattr(medium, "local_path", lambda set_id: None)
    with pytest.raises(BackupError, match=r"fetch a set.*No space left on device.*The target was not touched"):
        restore.run(set_id=large, spool=str(small_disk))
    assert os.listdir(small_disk) == []
    assert core.tree(target.parent) == before


_BROKEN_VIEW = LeftOut("view", "public.saldos", 'relation "movimientos" does not exist')


def _leaving_out(restore: Restore) -> None:
    """Let the engine find, while it restores, that an object cannot be made."""
    make = restore.engine.restore_beside

    def restore_beside(work: RestoreWork) -> None:
        make(work)
        work.left_out.append(_BROKEN_VIEW)

    restore.engine.restore_beside = restore_beside  # type: ignore[method-assign]


def test_an_object_that_cannot_be_made_is_named_and_costs_nothing_else(restore: Restore, target: Path) -> None:
    _leaving_out(restore)
    result = restore.run()
    assert (target / "table").read_bytes().startswith(b"1\n2\n3\n")
    assert result.left_out == [_BROKEN_VIEW]
    assert result.warnings == ['Left out: view public.saldos: relation "movimientos" does not exist']


def test_a_strict_restore_that_leaves_anything_out_is_refused_before_the_swap(restore: Restore, target: Path) -> None:
    _leaving_out(restore)
    before = core.tree(target.parent)
    with pytest.raises(Refused, match=r"view public\.saldos"):
        restore.run(strict=True)
    assert core.tree(target.parent) == before
    assert "swap" not in restore.log


def test_check_mode_predicts_what_the_dump_knew_to_be_unrestorable(
    medium: DirectoryMedium, keys: core.Keys, target: Path
) -> None:
    set_id = core.write_set(
        medium,
        source="rota",
        filters=core.encrypted(keys.technician_recipient),
        options={"unrestorable": [_BROKEN_VIEW]},
    )
    restore = Restore(medium, set_id, keys, target)
    assert restore.run(check_mode=True).left_out == [_BROKEN_VIEW]
    with pytest.raises(Refused):
        restore.run(check_mode=True, strict=True)
