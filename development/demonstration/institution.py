# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are directories of this machine, the inventory that describes them, and the playbooks run over them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from development.environment import COLLECTIONS
from development.services.object_store import Credentials, ObjectStore

SYSTEMS_COMPUTER = "computador-sistemas"
_REPORT = "TASK [Informe del paso]"


@dataclass(frozen=True)
class Run:
    """One playbook that ran.

    :param report: the lines of its reports.
    :param seconds: how long it took.
    """

    status: int
    output: str
    report: list[str]
    seconds: float

    @property
    def changed(self) -> int:
        """How many tasks changed something, all hosts together, as the recap says."""
        recap = self.output.rsplit("PLAY RECAP", 1)[-1]
        return sum(int(word[8:]) for word in recap.split() if word.startswith("changed="))


@dataclass
class Institution:
    """A few servers and the systems computer, each with a directory of its own in the place of a disk.

    :param directory: everything is below it; it is made.
    :param servers: the variables of each server: ``backup_databases``, ``backup_files``.
    :param store: the cloud; None: no cloud.
    :param prefix: what the keys of this institution's sets begin with.
    :param variables: for all hosts.
    :param others: the variables of further hosts, such as one that drills.
    :param own: variables of the systems computer.
    """

    directory: Path
    servers: Mapping[str, Mapping[str, t.Any]]
    store: ObjectStore | None = None
    prefix: str = ""
    variables: Mapping[str, t.Any] = field(default_factory=dict)
    language: str = "es"
    others: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)
    own: Mapping[str, t.Any] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        """The inventory's directory."""
        return self.directory / "inventory"

    @property
    def escrow_identity(self) -> Path:
        """The director's private key, which no host ever sees."""
        return self.directory / "director" / "escrow.identity"

    @property
    def storage(self) -> Path:
        """The storage of the systems computer: incoming, vault, delivery."""
        return self.host_directory(SYSTEMS_COMPUTER) / "srv-backup"

    @property
    def vault(self) -> Path:
        """The second copy."""
        return self.storage / "vault"

    def host_directory(self, host: str) -> Path:
        """Return what a host has in the place of its disk."""
        return self.directory / host

    def disk(self, server: str) -> Path:
        """Return a server's disk medium."""
        return self.host_directory(server) / "disco"

    def build(self) -> None:
        """Make the hosts' directories, the director's key and the inventory."""
        for host in (*self.servers, *self.others, SYSTEMS_COMPUTER, "director", "inventory", "logs", "ansible"):
            self.host_directory(host).mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.directory / "ansible" / "ansible.cfg").touch()  # empty: nobody's own settings count
        if not self.escrow_identity.exists():
            keygen = ["age-keygen", "-o", str(self.escrow_identity)]
            subprocess.run(keygen, check=True, capture_output=True, timeout=60)
        self.write_inventory()

    def write_inventory(self) -> None:
        """Write the inventory, as an operator would."""
        keygen = ["age-keygen", "-y", str(self.escrow_identity)]
        escrow = subprocess.run(keygen, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
        everybody: dict[str, t.Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(self.directory / "ansible" / "tmp"),
            "backup_language": self.language,
            "ansible_become": False,
            "backup_reach": "directory",
            "backup_escrow_recipient": escrow,
            "backup_disk_minimum_free_bytes": 100_000_000,
            # The servers are directories of this machine; its own databases are none of theirs.
            "backup_unprotected_local": False,
        }
        if self.store is not None:
            everybody["backup_cloud"] = {
                "endpoint_url": self.store.endpoint_url,
                "region": self.store.region,
                "bucket": self.store.bucket,
                "ca_bundle": str(self.store.ca_file),
                "retain_days": 30,
                "retain_mode": "governance",
                **({"prefix": self.prefix} if self.prefix else {}),
            }
        everybody.update(self.variables)
        groups = {
            "servers": {"hosts": dict.fromkeys(self.servers)},
            "systems_computer": {"hosts": {SYSTEMS_COMPUTER: None}},
        }
        others = {"hosts": dict.fromkeys(self.others)} if self.others else {}
        self._write("hosts.yml", {"all": {**others, "children": groups}})
        self._write("group_vars/all.yml", everybody)
        for name, variables in self.servers.items():
            places = {"backup_disk_path": str(self.disk(name))}
            self._write(f"host_vars/{name}.yml", {**self._host(name), **places, **variables})
        for name, variables in self.others.items():
            self._write(f"host_vars/{name}.yml", {**self._host(name), **variables})
        places = {"backup_storage_path": str(self.storage)}
        self._write(f"host_vars/{SYSTEMS_COMPUTER}.yml", {**self._host(SYSTEMS_COMPUTER), **places, **self.own})

    def _host(self, name: str) -> dict[str, t.Any]:
        directory = self.host_directory(name)
        variables = {
            "backup_configuration_path": str(directory / "etc"),
            "backup_state_path": str(directory / "var"),
            "backup_runtime_path": str(directory / "run"),
        }
        if self.store is not None:
            who = self.credentials(name)
            variables |= {"backup_cloud_access_key": who.access_key, "backup_cloud_secret_key": who.secret_key}
            if name == SYSTEMS_COMPUTER:
                keeper = self.store.retention
                variables["backup_cloud_retention_access_key"] = keeper.access_key
                variables["backup_cloud_retention_secret_key"] = keeper.secret_key
        return variables

    def credentials(self, host: str) -> Credentials:
        """Return a host's key to the cloud."""
        assert self.store is not None
        if host == SYSTEMS_COMPUTER:
            return self.store.reader
        return self.store.writers.get(host, self.store.writer)

    def _write(self, name: str, content: t.Any) -> None:
        path = self.inventory / name
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text("---\n" + yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Return the variables that Ansible runs with: nothing of this user's own settings or cloud."""
        foreign = ("ANSIBLE_", "AWS_", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(self.directory / "ansible" / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(self.directory / "ansible" / "local"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
        }

    def run(self, playbook: str, *arguments: str, log: Path | None = None, timeout: float = 600) -> Run:
        """Run a playbook of the collection by its full name.

        :param log: where its output is kept as well.
        :raises KeyboardInterrupt: as it comes; everything that was started has ended by then.
        """
        return self.run_together([(playbook, arguments, log)], timeout=timeout)[0]

    def run_together(
        self, wanted: Sequence[tuple[str, Sequence[str], Path | None]], *, timeout: float = 600
    ) -> list[Run]:
        """Run playbooks side by side.

        :param wanted: the name, the arguments and the log of each.
        :raises KeyboardInterrupt: as it comes; everything that was started has ended by then.
        """
        processes: list[subprocess.Popen[str]] = []
        pool = ThreadPoolExecutor(max_workers=len(wanted))
        try:
            begin = time.monotonic()
            processes += [self._start(playbook, *arguments) for playbook, arguments, _log in wanted]
            runs = list(pool.map(lambda process: _outcome(process, begin, timeout), processes))
        except BaseException:
            for process in processes:
                _end(process)
            raise
        finally:
            pool.shutdown()
        for run, (_playbook, _arguments, log) in zip(runs, wanted):
            if log is not None:
                log.write_text(run.output, encoding="utf-8")
        return runs

    def run_killed(self, playbook: str, *arguments: str, when: Callable[[str], bool], timeout: float = 600) -> Run:
        """Run a playbook and kill it and everything that it started, all at once, as a power cut would.

        :param when: asked all the time, with the output so far; once it says so.
        :returns: how far it came: its status is negative, unless the playbook had ended before.
        :raises TimeoutError: when neither came about.
        """
        begin = time.monotonic()
        process = self._start(playbook, *arguments)
        output: list[str] = []
        reader = threading.Thread(target=_keep_output, args=(process, output), daemon=True)
        reader.start()
        try:
            while process.poll() is None and not when("".join(output)):
                if time.monotonic() > begin + timeout:
                    raise TimeoutError(f"{playbook} runs for {timeout:.0f} seconds, and was not to be killed")
                time.sleep(0.02)
        finally:
            if process.poll() is None:
                _kill_all(process.pid)
            process.wait()
            reader.join(20)
        told = "".join(output)
        return Run(process.returncode, told, reports(told), time.monotonic() - begin)

    def _start(self, playbook: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ansible-playbook", "-i", str(self.inventory), f"infitulua.backup.{playbook}", *arguments],
            env=self.environment(),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )


def _outcome(process: subprocess.Popen[str], begin: float, timeout: float) -> Run:
    output, _nothing = process.communicate(timeout=timeout)
    return Run(process.returncode, output, reports(output), time.monotonic() - begin)


def _keep_output(process: subprocess.Popen[str], output: list[str]) -> None:
    assert process.stdout is not None
    with process.stdout as pipe:
        output.extend(pipe)


def _kill_all(pid: int) -> None:
    """Kill a process and all below it. They are stopped first, so that none starts another meanwhile."""
    stopped: list[int] = []
    while new := [number for number in (pid, *_descendants(pid)) if number not in stopped]:
        stopped += new
        for number in new:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGSTOP)
    for number in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def reports(output: str) -> list[str]:
    """Return the lines of every report in a playbook's output."""
    lines: list[str] = []
    for part in output.split(_REPORT)[1:]:
        block = part.split("\n\n", 1)[0].split("\n", 1)[1]
        with contextlib.suppress(yaml.YAMLError, IndexError):
            content = yaml.safe_load(block.split("=>", 1)[1])
            lines += [str(line) for line in content["msg"]]
    return lines


def adopt_orphans() -> None:
    """Let the processes that Ansible's workers leave behind become this process's own, so that it can end them."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1)


def _end(process: subprocess.Popen[str]) -> None:
    """End a playbook and whatever it started: politely, so that the modules clean up, and then by force."""
    spared = set(_descendants(os.getpid())) - {process.pid, *_descendants(process.pid)}
    for number, patience in ((signal.SIGTERM, 8.0), (signal.SIGKILL, 2.0)):
        end = time.monotonic() + patience
        for pid in [process.pid, *_descendants(process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while time.monotonic() < end:
            process.poll()
            left = [pid for pid in _descendants(os.getpid()) if pid not in spared]
            if not left:
                return
            time.sleep(0.1)
            _reap(left)
        for pid in _descendants(os.getpid()):
            if pid not in spared:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _reap(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _descendants(pid: int) -> list[int]:
    """Every process below one, deepest last."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
