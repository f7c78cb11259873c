# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens in a module leaves it as one message, printable and without a secret; what passes is tried again."""

from __future__ import annotations

import errno
import os
import re
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.filter.text import FilterModule
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    Interrupted,
    SetInvalid,
    Unreadable,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations import outermost
from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable, printable_value
from ansible_collections.infitulua.backup.plugins.module_utils._system import patience, unforeseen

INVENTORY_CHECK = Path(outermost.__file__).parents[2] / "modules" / "inventory_check.py"
CANARY = "canary-8c1f-never-to-be-seen"


class Ended(Exception):
    """The module ended."""


class FakeModule:
    """Keeps what a module says."""

    def __init__(self) -> None:
        self.said: dict[str, t.Any] = {}
        self.warnings: list[str] = []

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)

    def fail_json(self, msg: str, **result: t.Any) -> t.NoReturn:
        self.said = {"failed": True, "msg": msg, **result}
        raise Ended

    def exit_json(self, **result: t.Any) -> t.NoReturn:
        self.said = {"failed": False, **result}
        raise Ended


def carry_out(work: t.Callable[[], outermost.Answer]) -> FakeModule:
    module = FakeModule()
    with pytest.raises(Ended):
        outermost.carry_out(module, "do a thing", on="a thing", work=work, nothing={"sets": []})
    return module


@pytest.fixture(autouse=True)
def tracebacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state" / "tracebacks"
    monkeypatch.setenv(unforeseen.ENVIRONMENT, str(folder))
    return folder


def raising(error: BaseException) -> t.Callable[[], t.Any]:
    def work() -> t.Any:
        password = CANARY  # noqa: F841  # in a variable, as it would be
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("page_size"), "KeyError: 'page_size' in test_outermost.py, line "),
        (ValueError(f"bad value {CANARY}"), "an unexpected error: ValueError in test_outermost.py"),
        (RuntimeError(CANARY), "an unexpected error: RuntimeError in"),
        (RecursionError("maximum recursion depth exceeded"), "RecursionError: maximum recursion"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/x"), "No space left on device (/srv/x)"),
        (MemoryError(), "there was too little memory"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_nobody_foresaw_is_one_message_and_a_file(error: Exception, told: str, tracebacks: Path) -> None:
    module = carry_out(raising(error))
    assert module.said["failed"]
    assert module.said["msg"].startswith("Could not do a thing (a thing): ")
    assert told in module.said["msg"]
    assert module.said["sets"] == []
    [file] = tracebacks.iterdir()
    assert str(file) in module.said["msg"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(tracebacks.stat().st_mode) == 0o700
    text = file.read_text(encoding="utf-8")
    assert "in raising" not in text
    assert ", in work" in text
    assert type(error).__name__ in text
    assert CANARY not in text + str(module.said)


def test_the_causes_of_an_error_are_written_down_too(tracebacks: Path) -> None:
    def work() -> t.Any:
        try:
            raise OSError(errno.ECONNRESET, "reset")
        except OSError as error:
            raise RuntimeError(CANARY) from error

    carry_out(work)
    text = next(tracebacks.iterdir()).read_text(encoding="utf-8")
    assert "ConnectionResetError: reset" in text
    assert CANARY not in text


def test_only_the_newest_tracebacks_are_kept_and_none_is_long(tracebacks: Path) -> None:
    def deep(level: int) -> None:
        if level:
            deep(level - 1)
        raise ValueError

    for _number in range(unforeseen.MOST_FILES + 5):
        carry_out(t.cast("t.Callable[[], t.Any]", lambda: deep(300)))
    files = sorted(tracebacks.iterdir())
    assert len(files) == unforeseen.MOST_FILES
    assert all(file.stat().st_size <= unforeseen.MOST_BYTES for file in files)


def test_where_no_file_can_be_written_the_message_comes_all_the_same(tracebacks: Path) -> None:
    tracebacks.parent.parent.joinpath("state").write_text("in the way", encoding="utf-8")
    module = carry_out(raising(ZeroDivisionError("division by zero")))
    assert "ZeroDivisionError: division by zero" in module.said["msg"]
    assert "could not be written down" in module.said["msg"]


def test_our_own_errors_and_answers_pass_as_they_are(tracebacks: Path) -> None:
    ours = BackupError("try", on="it", why="it is so", next_step="Go on.", details=["line"])
    module = carry_out(raising(ours))
    assert (module.said["msg"], module.said["details"]) == (ours.message, ["line"])
    stopped = Interrupted("try", on="it", why="told to stop", next_step="Run again.")
    assert carry_out(raising(stopped)).said["msg"] == stopped.message
    module = carry_out(lambda: outermost.Answer({"changed": True}, ["careful"]))
    assert (module.said, module.warnings) == ({"failed": False, "changed": True}, ["careful"])
    assert carry_out(lambda: outermost.Answer({"sets": []}, failure="all failed")).said["msg"] == "all failed"
    assert not tracebacks.exists()


@pytest.mark.parametrize(
    "module",
    # The action of inventory_check does it all, on the control node.
    sorted(set(Path(outermost.__file__).parents[2].joinpath("modules").glob("[a-z]*.py")) - {INVENTORY_CHECK}),
    ids=lambda p: p.stem,
)
def test_every_module_ends_in_the_outermost_place(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert len(re.findall(r"carry_out\(\s*module,", text)) == 1
    assert "fail_json" not in text
    assert "exit_json" not in text


def test_nothing_that_a_terminal_obeys_leaves_a_module() -> None:
    escape = "a\x1b[2Jb\x9bc\x07d\re\u202ef"
    shown = r"a\x1b[2Jb\x9bc\x07d\x0de\u202ef"
    answer = outermost.Answer({"sets": [{"engine": escape, escape: (1, None, True)}]}, [escape], escape)
    module = carry_out(lambda: answer)
    assert module.said == {"failed": True, "msg": shown, "sets": [{"engine": shown, shown: [1, None, True]}]}
    assert module.warnings == [shown]
    error = SetInvalid("read", on=escape, why=escape, next_step=escape, details=[escape])
    assert error.message == f"Could not read ({shown}): {shown}. {shown}"
    assert error.details == [shown]


@pytest.mark.parametrize(
    "character", [*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0)), *"\u2028\u2066\u200f"]
)
def test_each_control_character_is_escaped_but_for_tab_and_line_feed(character: str) -> None:
    shown = printable(f"a{character}b")
    assert (shown == f"a{character}b") == (character in "\t\n")
    assert shown.isprintable() or character in "\t\n"


def test_a_name_makes_no_line_of_its_own_in_a_report() -> None:
    assert FilterModule().filters()["printable"]("a\nSin fallos\x1b[2J\u2028") == r"a\nSin fallos\x1b[2J\u2028"


def test_what_people_write_stays_as_it_is() -> None:
    text = "Año «ñandú» – 400 €, 漢字, 🗄, नमस्ते, می‌خواهم\n\tline"
    assert printable(text) == text
    assert printable_value({"a": [text, 1.5]}) == {"a": [text, 1.5]}


class TestPatience:
    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.001)

    def attempts(self, *errors: Exception | None) -> int:
        left = list(errors)
        tried = 0

        def work() -> None:
            nonlocal tried
            tried += 1
            error = left.pop(0)
            if error is not None:
                raise error

        try:
            patience.with_patience(work)
        except (OSError, BackupError, ValueError):
            return -tried
        return tried

    @pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENOMEM, errno.ENFILE, errno.ESTALE])
    def test_what_passes_is_tried_again_a_few_times(self, number: int) -> None:
        passing = OSError(number, os.strerror(number))
        wrapped = Unreadable("read", on="it", why="x", next_step="y")
        wrapped.__cause__ = passing
        assert self.attempts(None) == 1
        assert self.attempts(passing, None) == 2
        assert self.attempts(wrapped, passing, None) == 3
        assert self.attempts(passing, passing, passing, None) == -3

    @pytest.mark.parametrize(
        "error", [FileNotFoundError(2, "x"), PermissionError(13, "x"), OSError(28, "x"), ValueError()]
    )
    def test_what_stays_is_not(self, error: Exception) -> None:
        assert self.attempts(error, None) == -1
