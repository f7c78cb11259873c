# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test: sanity on the newest and the oldest supported ansible-core, units on the oldest Python.

ansible-test wants a collection at its right path, resolves symbolic links, and ignores what lies in a directory that
git ignores. So it works on a copy, below ``.build/ansible-test``, with a git repository of its own. Its caches lie
beside the copy, in what it takes for the home directory; that makes a second run several times faster.

Most of its tests use one processor, so two runs go on side by side, each with its own copy and home.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from development import environment

BUILD = environment.BUILD / "ansible-test"
#: What managed nodes may run: the span that ansible-core 2.21 supports there.
NODE_PYTHONS = ((3, 9), (3, 10), (3, 11), (3, 12), (3, 13), (3, 14))
OLDEST_CORE = "ansible-core==2.17.14"
OLDEST_CORE_PYTHON = (3, 10)
#: The Python of Debian 11 and RHEL 9. ``make unit`` runs them on the newest.
UNIT_PYTHONS = ((3, 9),)
#: Each ansible-core installs one version of pip into its environments, with a script that it would fetch from a host of
#: its own. This stands in for the script, with the pip that Python carries to begin with.
PIP_BOOTSTRAP = """\
import subprocess, sys
subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
arguments = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *arguments]).returncode)
"""


def say(message: str) -> None:
    """Tell the person at the terminal what is going on."""
    print(f"ansible-test: {message}", flush=True)


@dataclass(frozen=True)
class Workspace:
    """A copy of the work tree and a home directory, for runs one after the other."""

    directory: Path

    @property
    def home(self) -> Path:
        """The directory that ansible-test takes for the home directory."""
        return self.directory / "home"

    @property
    def copy(self) -> Path:
        """The copy of the work tree, at its right path."""
        return self.directory / "ansible_collections" / "infitulua" / "backup"

    def make(self) -> None:
        """Bring the copy up to date, and make the home directory."""
        make_copy(self.copy)
        make_home(self.home)


@dataclass(frozen=True)
class Run:
    """One run of ansible-test with one ansible-core."""

    name: str
    bin: Path
    arguments: tuple[str, ...]


def tracked_files() -> list[Path]:
    """Files of the work tree that git tracks or would track, relative to its root."""
    argv = ["git", "-C", str(environment.ROOT), "ls-files", "-coz", "--exclude-standard"]
    names = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    paths = [Path(os.fsdecode(name)) for name in names.split(b"\0") if name]
    return [path for path in paths if os.path.lexists(environment.ROOT / path)]


def make_copy(copy: Path) -> None:
    """Bring a copy up to date with the work tree, keeping what ansible-test cached in it."""
    wanted = set(tracked_files())
    copy.mkdir(parents=True, exist_ok=True)
    for directory, names, files in os.walk(copy):
        here = Path(directory).relative_to(copy)
        names[:] = [name for name in names if here / name not in (Path(".git"), Path("tests/output"))]
        for file in files:
            if here / file not in wanted:
                (copy / here / file).unlink()
    for path in wanted:
        source, target = environment.ROOT / path, copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(os.readlink(source))
        else:
            shutil.copy2(source, target)
    for directory, _names, _files in os.walk(copy, topdown=False):
        path = Path(directory)
        if path != copy and not any(path.iterdir()) and ".git" not in path.parts:
            path.rmdir()
    if not (copy / ".git").exists():
        subprocess.run(["git", "init", "--quiet", str(copy)], stdin=subprocess.DEVNULL, check=True)


def provide_pip(bin_directory: Path, home: Path) -> None:
    """Put the stand-in where an installed ansible-test keeps the scripts that it has fetched."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (source,) = bin_directory.parent.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py")
    for version in re.findall(r"\bpip='([0-9.]+)'", source.read_text()):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(PIP_BOOTSTRAP)


def make_home(home: Path) -> None:
    """Make a home directory, with pip's own settings from this environment in it."""
    home.mkdir(exist_ok=True)
    # ansible-test hands none of pip's variables on, and the user's settings are in another home.
    settings = {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name[:4] == "PIP_"}
    configuration = home / ".pip" / "pip.conf"
    configuration.parent.mkdir(exist_ok=True)
    configuration.touch(mode=0o600)
    configuration.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(settings.items())))
    for name in (".config/pip", ".cache/pip"):
        original, link = Path.home() / name, home / name
        if original.is_dir() and not link.exists():
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(original)


def find_pythons(wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], environment.Interpreter]:
    """Return those of the wanted Pythons that are on this machine; say which are not."""
    found = {}
    for series in wanted:
        interpreter = environment.find_interpreter(series)
        if interpreter is None:
            say("skipped on Python {}.{}: no such interpreter on this machine".format(*series))
        else:
            found[series] = interpreter
    return found


def link_pythons(pythons: dict[tuple[int, int], environment.Interpreter]) -> Path:
    """Make a directory with the interpreters under the names by which ansible-test looks for them.

    They are small scripts, not links: a Python started through a link looks for its library beside the link.
    """
    directory = BUILD / "pythons"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for (major, minor), interpreter in pythons.items():
        script = directory / f"python{major}.{minor}"
        script.write_text(f'#!/bin/sh\nexec "{interpreter.executable}" "$@"\n')
        script.chmod(0o755)
    return directory


def oldest_core(python: environment.Interpreter) -> Path:
    """Make a virtual environment with the oldest supported ansible-core; return its directory of programs."""
    directory = BUILD / "oldest-core"
    stamp = directory / "stamp.json"
    wanted = json.dumps([OLDEST_CORE, python.executable, str(python)])
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(directory, ignore_errors=True)
        say(f"installing {OLDEST_CORE} with Python {python}")
        environment.run([python.executable, "-m", "venv", str(directory)], what="making the virtual environment")
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install"]
        environment.run([*pip, OLDEST_CORE], what="pip install")
        stamp.write_text(wanted)
    return directory / "bin"


def execute(run: Run, workspace: Workspace, pythons: Path, limit: float) -> int:
    """Run ansible-test on the copy; show what it printed only where it failed."""
    variables = {
        "HOME": str(workspace.home),
        "PATH": os.pathsep.join([str(run.bin), str(pythons), environment.outside_path()]),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }
    for name in ("TMPDIR", "LD_LIBRARY_PATH"):
        if name in os.environ:
            variables[name] = os.environ[name]
    provide_pip(run.bin, workspace.home)
    begin = time.monotonic()
    argv = [str(run.bin / "ansible-test"), *run.arguments, "--color", "no", "--truncate", "0"]
    try:
        answer = subprocess.run(
            argv,
            cwd=workspace.copy,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
        )
        status, output = answer.returncode, answer.stdout
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        status, output = 124, f"{text}\nended after {limit:.0f} seconds"
    log = BUILD / f"{run.name.replace(' ', '-')}.log"
    log.write_text(output)
    if status:
        lines = [line for line in output.splitlines() if line.startswith(("ERROR", "FATAL", "E  ", "FAILED"))]
        print("\n".join(lines or output.splitlines()[-40:]), flush=True)
    elif "units" in run.arguments:
        print("\n".join(line for line in output.splitlines() if " passed" in line), flush=True)
    verdict = f"FAILED, all it said is in {log.relative_to(environment.ROOT)}" if status else "passed"
    say(f"{run.name}: {verdict} ({time.monotonic() - begin:.0f} s)")
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["sanity", "units"], help="leave the other out")
    parser.add_argument("--newest", action="store_true", help="leave the oldest ansible-core out")
    options = parser.parse_args(arguments)
    pythons = find_pythons(NODE_PYTHONS)
    directory = link_pythons(pythons)
    newest = environment.VENV / "bin"
    on_newest: list[Run] = []
    on_oldest: list[Run] = []
    if options.only != "units":
        on_newest.append(Run(name="sanity on the newest core", bin=newest, arguments=("sanity",)))
        if not options.newest and OLDEST_CORE_PYTHON in pythons:
            bin_directory = oldest_core(pythons[OLDEST_CORE_PYTHON])
            # On its controller's Python only: the newest core has tried all Pythons of managed nodes. And without
            # pylint, which takes half of the time: the newest core's has seen all that an older one would.
            version = "{}.{}".format(*OLDEST_CORE_PYTHON)
            words: tuple[str, ...] = ("sanity", "--python", version, "--skip-test", "pylint")
            on_oldest.append(Run(name="sanity on the oldest core", bin=bin_directory, arguments=words))
    if options.only != "sanity":
        for series in UNIT_PYTHONS:
            if series in pythons:
                version = "{}.{}".format(*series)
                words = ("units", "--venv", "--python", version, "tests/unit/plugins/")
                on_oldest.append(Run(name=f"units on Python {version}", bin=newest, arguments=words))

    def one_after_the_other(name: str, runs: Sequence[Run]) -> list[int]:
        workspace = Workspace(BUILD / name)
        workspace.make()
        return [execute(run, workspace, directory, limit=1200) for run in runs]

    with ThreadPoolExecutor() as pool:
        statuses = list(pool.map(one_after_the_other, ("newest", "oldest"), (on_newest, on_oldest)))
    return int(any(itertools.chain(*statuses)))


if __name__ == "__main__":
    sys.exit(main())
