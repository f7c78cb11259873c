# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Others that back databases up: what operators may have now. One that is not installed is a line that says so.

The modules of community.mysql and community.postgresql come from the Python package ``ansible``, in an environment of
their own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from bench import measuring
from development.environment import BUILD

COLLECTIONS = "community collections"
MYDUMPER = "mydumper"
RESTIC = "restic --stdin"
BORGMATIC = "borgmatic"
MYSQL_DUMP = "community.mysql state=dump (gzip)"
MYSQL_IMPORT = "community.mysql state=import (gzip)"
POSTGRESQL_DUMP = "community.postgresql state=dump (gzip)"
POSTGRESQL_RESTORE = "community.postgresql state=restore (gzip)"
_HOME = BUILD / "bench-ansible"
_PACKAGES = ("ansible", "PyMySQL", "psycopg2-binary")
# A peer to the programs that it takes.
_PROGRAMS = {RESTIC: ("restic",), BORGMATIC: ("borgmatic", "borg"), MYDUMPER: ("mydumper", "myloader")}
_PACKAGE_OF = {"borg": "borgbackup", "myloader": "mydumper"}
_TASKS = {COLLECTIONS: (MYSQL_DUMP, MYSQL_IMPORT, POSTGRESQL_DUMP, POSTGRESQL_RESTORE)}
# What ours does in the same time and a peer does not. Of the community's collections by the collection's name.
_LACKING = {
    "postgresql": "one job; neither encrypts nor hashes; takes a dump for good whose gzip failed",
    "mysql": "one job; neither encrypts nor hashes; unless told (pipefail), takes a dump for good that broke off",
    RESTIC: "one job; encrypts, but with a password that this host must know, so that it can read and remove every "
    "backup; keeps what it read as a backup where the dump before it failed",
    BORGMATIC: "one job; encrypts, but with a passphrase that this host must know, so that it can read every backup",
    MYDUMPER: "writes every row in plaintext to the disk before packing; keeps no hashes; cuts tables up only as told",
}


@dataclasses.dataclass(frozen=True)
class Login:
    """A server, for those that know no socket or ours.

    :param socket: the socket, or the directory of it.
    :param programs: the directory of its own client programs, to be found first; empty: the system's suit it.
    """

    socket: str
    port: int
    user: str
    password: str
    programs: str = ""

    def path(self, path: str) -> str:
        """Where programs are looked for."""
        return f"{self.programs}:{path}" if self.programs else path


def find() -> dict[str, str]:
    """The peers that there are, and why the others are not: a name to nothing or to the reason."""
    reasons = {}
    for name, programs in _PROGRAMS.items():
        absent = sorted({_PACKAGE_OF.get(program, program) for program in programs if shutil.which(program) is None})
        reasons[name] = f"not installed (apt install {' '.join(absent)})" if absent else ""
    reasons[COLLECTIONS] = _install()
    return reasons


def missing(found: dict[str, str]) -> dict[str, str]:
    """What the table says of the tasks of peers that are not there: a task to the reason.

    :param found: the peers, see :func:`find`.
    """
    return {task: reason for name, reason in found.items() if reason for task in _TASKS.get(name, (name,))}


def _install() -> str:
    if (_HOME / "bin/ansible").exists():
        return ""
    uv = shutil.which("uv")
    if uv is None:
        return "not installed (they are fetched where uv is installed)"
    for argv in ([uv, "venv", "-q", str(_HOME)], [uv, "pip", "install", "-q", "--python", str(_HOME), *_PACKAGES]):
        answer = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
        if answer.returncode:
            shutil.rmtree(_HOME, ignore_errors=True)
            return f"not installed ({' '.join(answer.stderr.split())[-200:]})"
    return ""


def module(bench: measuring.Bench, task: str, login: Login, name: str, arguments: dict[str, t.Any]) -> None:
    """Measure a module, in a run of Ansible of its own, as ours is measured in a Python of its own."""
    python = str(_HOME / "bin/python")
    argv = [python, "-m", "ansible", "adhoc", "localhost", "-c", "local", "-e", f"ansible_python_interpreter={python}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE")}
    environment["PATH"] = login.path(environment["PATH"])
    bench.theirs(task, [*argv, "-m", name, "-a", json.dumps(arguments)], environment=environment)


def mysql_db(bench: measuring.Bench, login: Login, database: str, target: str) -> None:
    """Measure community.mysql's dump and its import."""
    path = str(bench.root / "module.sql.gz")
    common = {"login_unix_socket": login.socket, "login_user": "root", "target": path}
    module(bench, MYSQL_DUMP, login, "community.mysql.mysql_db", {"name": database, "state": "dump", **common})
    module(bench, MYSQL_IMPORT, login, "community.mysql.mysql_db", {"name": target, "state": "import", **common})
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
    arguments = {"name": database, "state": "dump", **common}
    module(bench, POSTGRESQL_DUMP, login, "community.postgresql.postgresql_db", arguments)
    arguments = {"name": target, "state": "restore", **common}
    module(bench, POSTGRESQL_RESTORE, login, "community.postgresql.postgresql_db", arguments)
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


def _system_environment() -> dict[str, str]:
    """Variables by which a program finds the system's Python, and not that of the environment that this runs in."""
    places = os.environ["PATH"].split(":")
    own = ":".join(place for place in places if not place.startswith(sys.prefix) and "pyenv" not in place)
    return {**os.environ, "PATH": own}


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
    surroundings = {**_system_environment(), "HOME": str(home)}
    surroundings["PATH"] = login.path(surroundings["PATH"])
    argv = [str(shutil.which("borgmatic")), "-c", str(home / "config.yaml")]
    subprocess.run([*argv, "init", "-e", "repokey-blake2"], env=surroundings, check=True, capture_output=True)
    bench.theirs(BORGMATIC, [*argv, "create"], environment=surroundings, output=home / "repository")
    shutil.rmtree(home)


def notes(found: dict[str, str], *, collection: str, others: t.Sequence[str] = ()) -> list[str]:
    """A line for each peer that is there: which version it is, and what it lacks of what ours does.

    :param found: the peers, see :func:`find`.
    :param collection: the one of the community's collections that is measured.
    :param others: which of the others are measured, besides restic and borgmatic.
    """
    lines = []
    for name in (COLLECTIONS, *others, RESTIC, BORGMATIC):
        if not found[name]:
            if name == COLLECTIONS:
                lines.append(f"{_collection(collection)}: {_LACKING[collection]}.")
            else:
                lines.append(f"{', '.join(map(_version, _PROGRAMS[name]))}: {_LACKING[name]}.")
    return [*lines, "None of these restores what it wrote to see whether it can; ours does that in a drill, not here."]


def _collection(name: str) -> str:
    path = next(_HOME.glob(f"lib/python*/site-packages/ansible_collections/community/{name}/MANIFEST.json"))
    version = json.loads(path.read_text(encoding="utf-8"))["collection_info"]["version"]
    return f"community.{name} {version}"


def _version(program: str) -> str:
    argv = [program, "version" if program == "restic" else "--version"]
    answer = subprocess.run(argv, capture_output=True, text=True, env=_system_environment(), check=False)
    match = re.search(r"\d+(\.\d+)+", answer.stdout + answer.stderr)
    return f"{program} {match.group()}" if match else program
