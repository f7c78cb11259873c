# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipelines: every exit status counts, the cause is named and not its consequences, and nothing stays behind."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    Cancelled,
    NotStarted,
    ProcessFailed,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Processes, run_and_read
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

pytestmark = pytest.mark.usefixtures("no_leftover_processes")

MEBIBYTE = 1024 * 1024
SIZE = 300 * MEBIBYTE


def run(*argvs: t.Sequence[str], **arguments: t.Any) -> t.Any:
    """Runs a pipeline in an operation of its own."""
    with Processes() as processes:
        return processes.run(
            [Command(argv) for argv in argvs],
            action="dump the database",
            on="srv/contabilidad",
            next_step="Look at it.",
            **arguments,
        )


def sh(script: str) -> list[str]:
    return ["sh", "-c", script]


def peak_memory() -> int:
    """The most memory this process has had, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_the_output_arrives_whole_and_in_order() -> None:
    received = hashlib.sha256()
    run(["seq", "300000"], ["cat"], ["cat"], sink=received.update)
    expected = hashlib.sha256("".join(f"{number}\n" for number in range(1, 300001)).encode())
    assert received.hexdigest() == expected.hexdigest()


def test_bytes_are_fed_to_the_first_process() -> None:
    data = os.urandom(3 * MEBIBYTE)
    received = bytearray()
    run(["cat"], ["cat"], stdin=data, sink=received.extend)
    assert bytes(received) == data


def test_a_process_that_does_not_read_what_it_is_fed_is_judged_by_its_exit_status() -> None:
    [outcome] = run(["true"], stdin=os.urandom(3 * MEBIBYTE))
    assert outcome.status == 0


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(
    ("failing", "told"),
    [
        (sh("cat >/dev/null; echo 'disk on fire' >&2; exit 7"), "sh ended with exit status 7: disk on fire"),
        (sh("kill -SEGV $$"), "sh was killed by SIGSEGV"),
    ],
    ids=["exit status", "signal"],
)
def test_a_failure_at_any_position_is_the_cause_that_the_message_names(
    position: int, failing: list[str], told: str
) -> None:
    commands = [["cat"], ["cat"], ["cat"]]
    commands[position] = failing
    received = bytearray()
    with pytest.raises(ProcessFailed) as caught:
        run(["seq", "400000"], *commands, sink=received.extend)
    assert caught.value.why == told  # And not the broken pipe of those before it.
    assert caught.value.message == f"Could not dump the database (srv/contabilidad): {told}. Look at it."


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_program_that_is_missing_at_any_position_is_named(position: int) -> None:
    commands = [["cat", "/dev/zero"], ["cat"], ["cat"]]
    commands[position] = ["/nonexistent/zstd"]
    with pytest.raises(ProcessFailed, match=r"start a program \(/nonexistent/zstd\): No such file or directory"):
        run(*commands, sink=lambda chunk: None)


def test_an_argument_that_no_program_can_be_given_is_a_failure_like_any_other() -> None:
    with pytest.raises(ProcessFailed, match="null"):
        run(["printf", "a\0b"])


def test_a_producer_that_only_failed_because_the_next_had_gone_is_still_a_failure() -> None:
    with pytest.raises(ProcessFailed, match="SIGPIPE"):
        run(["cat", "/dev/zero"], ["head", "-c", "10"], sink=lambda chunk: None)


def test_an_exit_status_can_be_declared_a_success() -> None:
    command = Command(sh("exit 1"), success=frozenset({0, 1}))
    with Processes() as processes:
        [outcome] = processes.run([command], action="archive", on="it", next_step="")
    assert (outcome.status, outcome.succeeded) == (1, True)


def test_what_a_process_says_on_stderr_is_kept_when_it_succeeds() -> None:
    [outcome] = run(sh("echo 'tar: ./x: file changed as we read it' >&2; printf '\\377' >&2"))
    assert outcome.stderr == "tar: ./x: file changed as we read it\n\\xff"


def test_a_flood_of_stderr_neither_blocks_nor_grows_memory() -> None:
    flood = sh("head -c 100000000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 3")
    before = peak_memory()
    with pytest.raises(ProcessFailed) as caught:
        run(flood, ["cat"], sink=lambda chunk: None)
    assert peak_memory() - before < 20 * MEBIBYTE
    assert caught.value.why.endswith("the end")
    assert len(caught.value.message) < 6000


def test_much_data_passes_in_constant_memory(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with open(large, "wb") as stream:
        stream.truncate(SIZE)
    count = 0

    def add(chunk: memoryview) -> None:
        nonlocal count
        count += len(chunk)

    before = peak_memory()
    with open(large, "rb") as given:
        run(["cat"], ["cat"], stdin=given, sink=add)
    assert count == SIZE
    assert peak_memory() - before < 20 * MEBIBYTE


def test_a_sink_that_fails_ends_every_process(tmp_path: Path) -> None:
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        run(["cat", "/dev/zero"], ["cat"], ["cat"], sink=full.write)


def test_children_of_a_process_that_has_ended_go_with_the_operation() -> None:
    core.adopt_orphans()
    before = core.descendants()
    started = time.monotonic()
    [outcome] = run(sh("sleep 300 & exit 0"))  # The child keeps stderr open.
    assert outcome.succeeded
    assert time.monotonic() - started < 30
    left = core.wait_until_gone(before)
    core.kill_all(left)
    assert not left


def test_children_of_a_killed_process_go_with_it() -> None:
    core.adopt_orphans()
    before = core.descendants()

    def fail(chunk: memoryview) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        run(sh("sleep 300 & sleep 300 & cat /dev/zero"), sink=fail)
    left = core.wait_until_gone(before)
    core.kill_all(left)
    assert not left


def test_the_operation_can_be_given_up_from_another_thread() -> None:
    with Processes() as processes:
        timer = threading.Timer(0.2, processes.cancel)
        timer.start()
        started = time.monotonic()
        with pytest.raises(Cancelled, match="SIGKILL"):
            processes.run(
                [Command(["sleep", "300"]), Command(["cat"])],
                action="dump",
                on="it",
                next_step="",
                sink=lambda chunk: None,
            )
        assert time.monotonic() - started < 30
        with pytest.raises(Cancelled, match="was cancelled"):
            processes.run([Command(["true"])], action="dump", on="it", next_step="")
        timer.join()


def test_a_kill_by_somebody_else_is_no_cancellation() -> None:
    with pytest.raises(ProcessFailed, match="SIGKILL") as failure:
        run(sh("echo lost >&2; kill -9 $$"))
    assert not isinstance(failure.value, Cancelled)
    assert ([outcome.status for outcome in failure.value.outcomes], failure.value.said("lost")) == ([-9], True)


def test_another_next_step_leaves_an_error_what_it_is() -> None:
    with pytest.raises(NotStarted) as failure:
        run(["/nonexistent/program"])
    advised = failure.value.with_next_step("Ask.")
    assert isinstance(advised, NotStarted)
    assert str(advised) == advised.message == failure.value.message.replace(failure.value.next_step, "Ask.")
    assert (advised.outcomes, advised.details) == (failure.value.outcomes, failure.value.details)


def test_leaving_the_operation_ends_what_still_runs() -> None:
    with Processes() as processes:
        process = processes.start(Command(["sleep", "300"]))
    assert process.returncode is not None
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()


def test_the_environment_is_added_to_and_taken_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "canary")
    monkeypatch.setenv("LC_ALL", "es_CO.UTF-8")
    printed = run_and_read(
        Command(["env"], environment={"PGPASSWORD": None, "PGDATABASE": "contabilidad"}),
        action="print",
        on="it",
        next_step="",
    ).splitlines()
    assert "PGDATABASE=contabilidad" in printed
    assert "LC_ALL=C" in printed
    assert not [line for line in printed if line.startswith("PGPASSWORD")]


def test_only_the_descriptors_that_are_named_are_inherited(tmp_path: Path) -> None:
    with open(tmp_path / "one", "wb") as named, open(tmp_path / "two", "wb") as unnamed:
        os.set_inheritable(unnamed.fileno(), True)
        command = Command(["ls", "/proc/self/fd"], pass_fds=[named.fileno()])
        printed = run_and_read(command, action="list", on="it", next_step="").split()
        assert str(named.fileno()) in printed
        assert str(unnamed.fileno()) not in printed


def test_more_output_than_is_allowed_is_an_error() -> None:
    with pytest.raises(ProcessFailed, match="printed over 1000 bytes"):
        run_and_read(Command(["cat", "/dev/zero"]), action="ask", on="it", next_step="", limit=1000)


def test_a_program_runs_as_another_user_when_root_says_so() -> None:
    core.need_root()
    assert run_and_read(Command(["id", "-un"], user="nobody"), action="ask", on="it", next_step="").strip() == "nobody"
    with pytest.raises(ProcessFailed, match="no such user"):
        run_and_read(Command(["id"], user="no-such-user"), action="ask", on="it", next_step="")


def test_files_are_hashed_while_they_are_written(tmp_path: Path) -> None:
    with durable.HashedFile(str(tmp_path / "file")) as file:
        run(["seq", "100000"], sink=file.write)
    data = (tmp_path / "file").read_bytes()
    assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    printed = subprocess.run(["sha256sum", tmp_path / "file"], check=True, capture_output=True, text=True).stdout
    assert printed.startswith(file.sha256)


INTERRUPTED = """
import sys, time
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Processes
try:
    with interruptible("dump", on="it"), Processes() as processes:
        print("ready", flush=True)
        while True:
            processes.run([Command(["sleep", "0.02"]), Command(["cat"]), Command(["cat"])], action="a", on="b",
                          next_step="", sink=lambda chunk: None)
except Interrupted as error:
    print(error.message)
except BackupError as error:
    print("wrong:", error.message)
"""


SWALLOWED = """
import os, signal, time, weakref
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible

class Thing:
    pass

def gone(_reference):
    os.kill(os.getpid(), signal.SIGTERM)
    for _time in range(1000):  # The handler runs between two steps of this.
        pass

try:
    with interruptible("dump", on="it"):
        thing = Thing()
        reference = weakref.ref(thing, gone)
        del thing
        time.sleep(20)
        print("never told")
except Interrupted as error:
    print(error.message)
"""


def test_a_signal_that_python_swallows_comes_again() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.run(
        [sys.executable, "-c", SWALLOWED], capture_output=True, text=True, env=environment, timeout=30, check=True
    )
    assert re.fullmatch(r"Could not dump \(it\): the run was told to stop \(SIGTERM\)\. .*\n", child.stdout)
    assert child.stderr == ""


def test_a_signal_at_any_moment_ends_everything_and_is_the_cause_that_is_told() -> None:
    core.adopt_orphans()
    before = core.descendants()
    # Whoever runs the tests may have put the collection on the path of this process alone.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    children = []
    for number in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True, env=environment
        )
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.01 + number * 0.0037)
        child.terminate()
        told = child.communicate(timeout=30)[0]
        assert re.fullmatch(r"Could not dump \(it\): the run was told to stop \(SIGTERM\)\. .*\n", told), told
    left = core.wait_until_gone(before)
    core.kill_all(left)
    assert not left
