# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of modules in which one system call fails, whichever it is.

strace(1) follows the module, its threads and its forks, from when Ansible has read its options, but no other program.
First it tells which calls a run makes; then each run has one of them fail, in every process that makes so many. There
are some thousands of such runs: of each case one is made, chosen by SEED (printed); with FAULTS=20 so many, with
FAULTS=all all of them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._system import unforeseen
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

MODULE = """
import ctypes, importlib, json, os, sys, time
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[2])}).encode()
basic._ANSIBLE_PROFILE = "legacy"

class Traced(basic.AnsibleModule):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        if not sys.argv[3:]:
            return
        ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # PR_SET_PTRACER: anybody may trace it.
        status, buffer = os.open("/proc/self/status", os.O_RDONLY), bytearray(4096)
        os.posix_spawnp(sys.argv[3], [*sys.argv[3:], "-p", str(os.getpid())], os.environ)
        while buffer[:os.preadv(status, [buffer], 0)].find(b"TracerPid:\\t0\\n") >= 0:  # A call that never fails.
            time.sleep(0.002)

basic.AnsibleModule = Traced
importlib.import_module("ansible_collections.infitulua.backup.plugins.modules." + sys.argv[1]).main()
"""
TRACER = ("strace", "-f", "-b", "execve", "-qqq")
CALLS = (
    "openat,read,pread64,write,pwrite64,fsync,rename,renameat2,mkdir,unlink,unlinkat,rmdir,newfstatat,fstat,lstat,stat,"
    "getdents64,access,faccessat,faccessat2,flock,ftruncate,fchmod,chmod,statfs,fstatfs,link,readlink,lseek,fchown,"
    "chown,utimensat"
)
# What a module needs to speak with a server, or with the client of one.
TALK = "socket,connect,sendto,recvfrom,sendmsg,recvmsg,pipe2,clone,clone3,vfork"
ERRORS = ("EIO", "EMFILE", "ENOSPC", "ENOMEM", "EACCES")
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)")
_OUTPUT = ("0<", "1<", "2<")
# Ansible's own words, with which it writes the answer: where that fails, no module can say so, and Ansible takes it for
# failed.
_CANNOT_ANSWER = re.compile(r"print\('\\n%s' % json\.dumps\(.*\n[ ~^]*\n?\w+Error: \[Errno ")
_MESSAGE = re.compile(r"Could not .+ \(.+\): .+\. .+", re.DOTALL)
Answer = dict[str, t.Any]


@dataclasses.dataclass
class Case:
    """A small run of one module.

    :param prepare: fills a directory and returns the module's options.
    :param check: sees, where the module tells a success, that it is one.
    :param check_rest: sees, however the module ended, that nothing is left that must not be.
    :param talks: whether calls count as well that touch no file of the test.
    """

    module: str
    prepare: t.Callable[[Path], dict[str, t.Any]]
    check: t.Callable[[Path, Answer], None]
    check_rest: t.Callable[[Path, Answer], None] = lambda directory, answer: None
    talks: bool = False
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.module

    @property
    def calls(self) -> str:
        """The system calls that may fail."""
        return f"{CALLS},{TALK}" if self.talks else CALLS


def run(module: str, options: dict[str, t.Any], *tracer: str) -> Answer:
    """Run a module as Ansible does.

    :param tracer: what traces it from when Ansible has read its options.
    """
    done = subprocess.run(
        [sys.executable, "-c", MODULE, module, json.dumps(options), *tracer],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    if done.returncode and _CANNOT_ANSWER.search(done.stderr):
        return {"failed": True, "msg": "Could not answer (stdout): what wrote the answer failed. Run again."}
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    assert isinstance(answer, dict)
    return answer


def calls_of(case: Case, directory: Path) -> list[tuple[str, int]]:
    """Tell which system calls of a run may be made to fail: name, and which of its name it is in its process."""
    directory.mkdir()
    options = case.prepare(directory)
    log = directory.with_suffix(".log")
    tracer = (*TRACER, "-y", "-s", "300", "-o", str(log), "-e", f"trace={case.calls}")
    answer = run(case.module, options, *tracer)
    assert not answer.get("failed"), answer
    case.check(directory, answer)
    case.check_rest(directory, answer)
    found = []
    counts: dict[tuple[str, str], int] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        process, call, rest = match.groups()
        counts[process, call] = counts.get((process, call), 0) + 1
        # What Ansible writes as the answer names the directory, too; and what is imported late is not ours.
        ours = str(directory) in rest or (case.talks and "/lib/" not in rest)
        if ours and not rest.startswith(_OUTPUT) and sys.executable not in rest:
            found.append((call, counts[process, call]))
    assert found
    return list(dict.fromkeys(found))


def check_failing_calls(case: Case, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that a failing call is reported by a message and causes no false success."""
    core.need("strace")
    monkeypatch.setenv(unforeseen.ENVIRONMENT, str(directory / "tracebacks"))
    seed = int(os.environ["SEED"])
    print(f"SEED={seed}")
    faults = [(*call, error) for call in calls_of(case, directory / "calls") for error in ERRORS]
    wanted = os.environ.get("FAULTS", "1")
    if wanted != "all":
        faults = random.Random(f"{seed} {case}").sample(faults, min(int(wanted), len(faults)))
    wrong = []
    for number, (call, which, error) in enumerate(faults):
        inject = f"inject={call}:error={error}:when={which}"
        print(f"{case}: {inject}", flush=True)
        try:
            _check_one(case, directory / f"{number:05}", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
        except Exception as problem:  # Of many runs every one that is wrong is told.
            wrong.append(f"{inject}: {problem!r}")
            print(f"WRONG: {problem!r}", flush=True)
    assert not wrong, "\n".join(wrong)


def _check_one(case: Case, directory: Path, *tracer: str) -> None:
    directory.mkdir()
    options = case.prepare(directory)
    answer = run(case.module, options, *TRACER, *tracer)
    if not answer.get("failed"):
        case.check(directory, answer)
    else:
        assert _MESSAGE.search(str(answer["msg"])), answer
    case.check_rest(directory, answer)
    left = list(directory.rglob(".*.partial"))
    assert not left, f"{left} is left of {answer}"
    shutil.rmtree(directory)


def dump_case(source: dict[str, t.Any]) -> Case:
    """Make the case of a dump of a server's database.

    :param source: the source, as the module ``database_dump`` takes it.
    """

    def prepare(directory: Path) -> dict[str, t.Any]:
        (directory / "medium").mkdir()
        medium = {"type": "directory", "path": str(directory / "medium")}
        return {"medium": medium, "host": "srv", "encryption": "none", "sources": [source]}

    def it_is_there(directory: Path, answer: Answer) -> None:
        assert len(answer["sets"]) == len(core.medium_at(directory / "medium").sets()) == 1

    return Case("database_dump", prepare, it_is_there, _sets_are_good, talks=True)


def restore_case(
    source: dict[str, t.Any], target: dict[str, t.Any], remove: t.Callable[[], None], check: t.Callable[[], None]
) -> Case:
    """Make the case of a restore into a server.

    :param source: what is dumped before, as the module ``database_dump`` takes it.
    :param target: as the module ``database_restore`` takes it.
    :param remove: removes the target, where it is there, and sees that nothing else has been left.
    :param check: sees that the target holds what was dumped.
    """

    def prepare(directory: Path) -> dict[str, t.Any]:
        remove()
        dump = dump_case(source).prepare(directory)
        answer = run("database_dump", dump)
        assert not answer.get("failed"), answer
        return {"medium": dump["medium"], "host": "srv", "source": source["name"], "ticket": "1", "target": target}

    def it_is_back(_directory: Path, _answer: Answer) -> None:
        check()

    return Case("database_restore", prepare, it_is_back, _sets_are_good, talks=True)


def _sets_are_good(directory: Path, _answer: Answer) -> None:
    place = core.medium_at(directory / "medium")
    for set_id in place.sets():
        set_verification.verify(place, set_id)


def account_case(options: dict[str, t.Any], remove: t.Callable[[], None]) -> Case:
    """Make the case of the module that makes the account of backups.

    :param options: of the module, with a password.
    :param remove: removes the account, where it is there.
    """
    module = "database_account"

    def prepare(_directory: Path) -> dict[str, t.Any]:
        remove()
        return options

    def it_has_all(_directory: Path, answer: Answer) -> None:
        assert answer["changed"]
        again = run(module, options)
        assert (again["changed"], again["rights"]) == (False, answer["rights"])

    def it_can_be_had(_directory: Path, answer: Answer) -> None:
        assert options["password"] not in json.dumps({**answer, "invocation": None})
        assert not run(module, options).get("failed")

    return Case(module, prepare, it_has_all, it_can_be_had, talks=True)
