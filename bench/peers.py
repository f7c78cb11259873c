# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Others that back databases up: what operators may have now. Each runs where it is installed, or is left out.

The modules of community.mysql and community.postgresql come from PyPI's ``ansible``, in an environment of their own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from bench import measuring
from development.environment import BUILD

COLLECTIONS = "community collections"
RESTIC = "restic --stdin"
BORGMATIC = "borgmatic"
MYSQL_DUMP = "community.mysql state=dump (gzip)"
MYSQL_IMPORT = "community.mysql state=import (gzip)"
POSTGRESQL_DUMP = "community.postgresql state=dump (gzip)"
POSTGRESQL_RESTORE = "community.postgresql state=restore (gzip)"
_HOME = BUILD / "bench-ansible"
_PACKAGES = ("ansible", "PyMySQL", "psycopg2-binary")


@dataclasses.dataclass(frozen=True)
class Login:
    """A server, for those that know no socket or ours.

    :param socket: the socket, or the directory of it.
    """

    socket: str
    port: int
    user: str
    password: str


def find() -> dict[str, str]:
    """The peers that there are, and why the others are not: a name to nothing or to the reason."""
    reasons = {name: "" if shutil.which(name.split()[0]) else "it is not installed" for name in (RESTIC, BORGMATIC)}
    reasons["mydumper"] = "" if shutil.which("mydumper") else "it is not installed"
    reasons[COLLECTIONS] = _install()
    return reasons


def _install() -> str:
    if (_HOME / "bin/ansible").exists():
        return ""
    uv = shutil.which("uv")
    if uv is None:
        return "uv is not installed, to fetch them with"
    for argv in ([uv, "venv", "-q", str(_HOME)], [uv, "pip", "install", "-q", "--python", str(_HOME), *_PACKAGES]):
        answer = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
        if answer.returncode:
            shutil.rmtree(_HOME, ignore_errors=True)
            return f"they cannot be installed: {answer.stderr.strip()[-200:]}"
    return ""


def module(bench: measuring.Bench, task: str, name: str, arguments: dict[str, t.Any]) -> None:
    """Measure a module, in a run of Ansible of its own, as ours is measured in a Python of its own."""
    python = str(_HOME / "bin/python")
    argv = [python, "-m", "ansible", "adhoc", "localhost", "-c", "local", "-e", f"ansible_python_interpreter={python}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE")}
    bench.theirs(task, [*argv, "-m", name, "-a", json.dumps(arguments)], environment=environment)


def mysql_db(bench: measuring.Bench, login: Login, database: str, target: str) -> None:
    """Measure community.mysql's dump and its import."""
    path = str(bench.root / "module.sql.gz")
    common = {"login_unix_socket": login.socket, "login_user": "root", "target": path}
    module(bench, MYSQL_DUMP, "community.mysql.mysql_db", {"name": database, "state": "dump", **common})
    module(bench, MYSQL_IMPORT, "community.mysql.mysql_db", {"name": target, "state": "import", **common})
    Path(path).unlink()


def postgresql_db(bench: measuring.Bench, login: Login, database: str, target: str) -> None:
    """Measure community.postgresql's dump and its restore."""
    path = str(bench.root / "module.sql.gz")
    common = {
        "login_host": login.socket,
        "login_port": login.port,
        "login_user": login.user,
        "login_password": login.password,
        "target": path,
    }
    module(bench, POSTGRESQL_DUMP, "community.postgresql.postgresql_db", {"name": database, "state": "dump", **common})
    arguments = {"name": target, "state": "restore", **common}
    module(bench, POSTGRESQL_RESTORE, "community.postgresql.postgresql_db", arguments)
    Path(path).unlink()


def restic(bench: measuring.Bench, dump: str, *, environment: dict[str, str] | None = None) -> None:
    """Measure restic, which compresses, encrypts and hashes what a dump prints.

    :param dump: a shell's command line.
    """
    repository = bench.root / "restic"
    surroundings = {**(environment or os.environ), "RESTIC_PASSWORD": "banco de pruebas"}
    subprocess.run(["restic", "-q", "-r", str(repository), "init"], env=surroundings, check=True)
    line = f"{dump} | restic -q -r {repository} backup --stdin"
    bench.theirs(RESTIC, [line], environment=surroundings, output=repository)
    shutil.rmtree(repository)


def borgmatic(bench: measuring.Bench, hook: str, login: Login, database: str) -> None:
    """Measure borgmatic, which hands a dump to borg.

    :param hook: the name of its section for this kind of database.
    """
    home = bench.root / "borgmatic"
    home.mkdir()
    (home / "nothing").mkdir()
    settings = {
        "location": {"source_directories": [str(home / "nothing")], "repositories": [str(home / "repository")]},
        "storage": {"encryption_passphrase": "banco de pruebas", "compression": "zstd,1"},
        "hooks": {
            hook: [
                {
                    "name": database,
                    "hostname": "127.0.0.1",
                    "port": login.port,
                    "username": login.user,
                    "password": login.password,
                }
            ]
        },
    }
    # JSON is YAML.
    (home / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
    surroundings = {**os.environ, "HOME": str(home)}
    # The system's Python, and not that of the environment that this runs in.
    surroundings["PATH"] = ":".join(
        place for place in os.environ["PATH"].split(":") if not place.startswith(sys.prefix) and "pyenv" not in place
    )
    argv = [str(shutil.which("borgmatic")), "-c", str(home / "config.yaml")]
    subprocess.run([*argv, "init", "-e", "repokey-blake2"], env=surroundings, check=True, capture_output=True)
    bench.theirs(BORGMATIC, [*argv, "create"], environment=surroundings, output=home / "repository")
    shutil.rmtree(home)


def notes(found: dict[str, str]) -> list[str]:
    """Which peers are left out, and why; the versions of the others."""
    lines = [f"Left out: {name}, because {reason}." for name, reason in found.items() if reason]
    versions = []
    for name in ("mydumper", "restic", "borgmatic"):
        program = shutil.which(name)
        if program:
            flag = "version" if name == "restic" else "--version"
            answer = subprocess.run([program, flag], capture_output=True, text=True, check=False)
            versions.append(f"{name} {(answer.stdout or answer.stderr).split(',')[0].split('compiled')[0].strip()}")
    return [*lines, f"Versions: {', '.join(versions)}."]
