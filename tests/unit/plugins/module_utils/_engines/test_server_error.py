# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An error of MariaDB or MySQL keeps all that the client wrote, for its number. Nobody who tells of it tells that."""

from __future__ import annotations

import dataclasses
import traceback
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.server_error import (
    client_failed,
    error_number,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import (
    NOT_DONE,
    Drill,
    DrillRecord,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.verdict import judge_failure
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer, carry_out
from ansible_collections.infitulua.backup.plugins.module_utils._system import unforeseen
from ansible_collections.infitulua.backup.plugins.module_utils._system.workers import Job, Tell, WorkerPool

CANARY = "Cl4ve-Sup3r"
# As mariadb writes it.
WRITTEN = f"""--------------
CREATE USER contadora IDENTIFIED BY '{CANARY}'
--------------

ERROR 1396 (HY000) at line 1: Operation CREATE USER failed for 'contadora'@'%'
"""


def test_a_rule_in_what_the_server_quotes_hides_no_error() -> None:
    quoted = f"ERROR 1062 (23000) at line 3: Duplicate entry 'a\n{'-' * 14}\nmariadb: b' for key 'x'"
    text = f"{'-' * 14}\nINSERT INTO t VALUES ('{CANARY}')\n{'-' * 14}\n\n{quoted}\n"
    error = client_failed("ask", on="m", status=1, stderr=text, next_step=lambda why: "")
    assert error_number(error) == 1062
    assert CANARY not in error.why


class Ended(Exception):
    """How a module has ended."""


class EndedModule:
    """A module of which only what it says is looked at."""

    def warn(self, warning: str) -> None:
        raise Ended(warning)

    def fail_json(self, msg: str, **result: t.Any) -> t.NoReturn:
        raise Ended(msg, result)

    def exit_json(self, **result: t.Any) -> t.NoReturn:
        raise Ended(result)


def refused() -> ProcessFailed:
    """The error."""
    return client_failed("make an account", on="m", status=1, stderr=WRITTEN, next_step=lambda why: f"Correct {why}.")


def as_it_is() -> t.NoReturn:
    raise refused()


def unforeseen_by_anybody(_tell: Tell = lambda _state: None) -> t.NoReturn:
    """Fail because of it, with all of it."""
    error = refused()
    raise ValueError(error.outcomes) from error


def ending(work: t.Callable[[], t.NoReturn]) -> str:
    """Return what a module ends with."""

    def answer() -> Answer:
        work()

    with pytest.raises(Ended) as ended:
        carry_out(EndedModule(), "make an account", on="m", work=answer)
    return repr(ended.value)


def test_nothing_that_a_client_wrote_leaves_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(unforeseen.ENVIRONMENT, str(tmp_path / "tracebacks"))
    error = refused()
    assert (error_number(error), CANARY in error.outcomes[0].stderr) == (1396, True)
    told = [str(error), repr(error), error.message, repr(error.details)]
    assert "ERROR 1396 (HY000)" in told[0]
    told += traceback.format_exception(type(error), error, error.__traceback__)
    told += [ending(as_it_is), ending(unforeseen_by_anybody)]
    # Beside others, in a process of its own.
    pool = WorkerPool(at_once=1, watch=lambda _pool: None)
    told += map(str, pool.run([Job("a", unforeseen_by_anybody)], after=lambda _index, _result: None).values())
    # As the reason of a drill.
    drill = Drill("a/b/20261122T030000Z", NOT_DONE, "2026-11-22T03:00:00Z", "directory /m")
    judged = judge_failure(drill, error, None)
    told.append(repr(dataclasses.asdict(judged)))
    DrillRecord(str(tmp_path / "drills")).add(judged)
    written = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 1
    for text in [*told, *written, *capfd.readouterr()]:
        assert CANARY not in text


@pytest.mark.parametrize(
    "written",
    [
        # A syntax error quotes the statement, over several lines.
        f"ERROR 1064 (42000) at line 1: You have an error in your SQL syntax; near 'x\n/{CANARY}\nERROR {CANARY}' at 1",
        f"ERROR 1064 (42000): Error de sintaxis cerca 'IDENTIFIED BY {CANARY}'",
        # Lines of a statement that look like those of a program, or like another error.
        f"--------------\n/*{CANARY}*/\nERROR 1205 (HY000): {CANARY}\n--------------\n\nERROR 1064 (42000): x",
        # The beginning of a long statement is cut off.
        f"/{CANARY}\nmariadb: {CANARY}\n--------------\n\nERROR 1064 (42000) at line 1: near '{CANARY}'",
    ],
)
def test_a_syntax_error_is_told_without_the_statement_that_it_quotes(written: str) -> None:
    error = client_failed("make a view", on="m", status=1, stderr=written, next_step=lambda why: f"Correct {why}.")
    assert error_number(error) == 1064
    assert "ERROR 1064 (42000)" in error.message
    assert "the server does not understand a statement" in error.message
    assert CANARY not in "".join([error.message, repr(error), *error.details])


def test_what_the_client_itself_says_is_told() -> None:
    written = "/usr/bin/mariadb: unknown variable 'x'\nERROR 2002 (HY000): Can't connect"
    error = client_failed("ask", on="m", status=1, stderr=written, next_step=lambda _why: "Correct it.")
    assert "/usr/bin/mariadb: unknown variable 'x'; ERROR 2002 (HY000): Can't connect" in error.message
