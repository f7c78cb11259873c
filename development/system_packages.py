# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the Debian packages that the tests use, where they are missing and where that is possible.

This never fails: a test whose program is missing is skipped with the reason, and where ``CI`` is set a skipped test is
a failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from development import environment


@dataclass(frozen=True)
class Package:
    """A Debian package and how to see that what it brings is there, however it came."""

    name: str
    programs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def is_there(self) -> bool:
        """Whether everything that the tests need of it is on the machine."""
        path = os.pathsep.join([environment.outside_path(), "/usr/sbin", "/sbin"])
        if not all(shutil.which(program, path=path) for program in self.programs):
            return False
        return not self.paths or any(any(Path("/").glob(pattern.lstrip("/"))) for pattern in self.paths)


#: Debian 12 has PostgreSQL 15, Debian 13 has 17; the other major comes as a Python package (services/postgresql.py) but
#: uses the libraries that this one brings.
TEST_PACKAGES = [
    Package("postgresql", programs=("psql",), paths=("/usr/lib/postgresql/*/bin/postgres",)),
    Package("postgresql-contrib", paths=("/usr/share/postgresql/*/extension/hstore.control",)),
    # Not mariadb-server, which starts one.
    Package("mariadb-server-core", programs=("mariadbd", "mariadb-install-db")),
    Package("mariadb-client", programs=("mariadb",)),
    # Fetches the MariaDB of another release of Debian, without installing it (services/mariadb.py).
    Package("mmdebstrap", programs=("mmdebstrap",)),
    Package("zstd", programs=("zstd",)),
    Package("age", programs=("age", "age-keygen")),
    Package("rsync", programs=("rsync", "rrsync")),
    Package("openssh-server", programs=("sshd",)),
    Package("openssh-client", programs=("ssh", "ssh-keygen")),
    Package("acl", programs=("setfacl", "getfacl")),
    Package("attr", programs=("setfattr", "getfattr")),
    Package("bubblewrap", programs=("bwrap",)),
    Package("strace", programs=("strace",)),
    Package("sqlite3", programs=("sqlite3",)),
    Package("tar", programs=("tar",)),
]

#: Hosts for molecule are podman containers, from images made of Debian's packages.
MOLECULE_PACKAGES = [
    Package("podman", programs=("podman",)),
    # The runtime for control groups of the first version (molecule/shared/containers.conf); podman itself brings crun.
    Package("runc", programs=("runc",)),
    Package("iptables", programs=("iptables",)),
    Package("mmdebstrap", programs=("mmdebstrap",)),
    Package("openssh-client", programs=("ssh", "ssh-keygen")),
]
GROUPS = {"tests": TEST_PACKAGES, "molecule": MOLECULE_PACKAGES}

#: Where postgresql-common looks before it makes the first cluster.
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.conf")


def say(message: str) -> None:
    """Tell the person at the terminal what is going on."""
    print(f"system packages: {message}", flush=True)


def missing(packages: Sequence[Package]) -> list[Package]:
    """Return packages of which something is missing on this machine."""
    return [package for package in packages if not package.is_there()]


def privilege() -> list[str] | None:
    """Words to put before a command that needs root; None where there is no way to become root without asking."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo:
        answer = subprocess.run([sudo, "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if answer.returncode == 0:
            return [sudo, "-n"]
    return None


def apt(prefix: Sequence[str], *arguments: str, timeout: float) -> bool:
    """Run apt-get without questions; on failure show the end of what it said."""
    # SYSTEMD_OFFLINE keeps the packages' own scripts from starting what they bring.
    settings = ["DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1", "SYSTEMD_OFFLINE=1"]
    argv = [*prefix, "env", *settings, "apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", *arguments]
    try:
        answer = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(str(error))
        return False
    if answer.returncode:
        print("\n".join(answer.stdout.splitlines()[-15:]), flush=True)
    return answer.returncode == 0


def prevent_cluster(prefix: Sequence[str]) -> None:
    """Keep Debian from making and starting a PostgreSQL cluster: the tests make their own."""
    if not CLUSTER_SETTINGS.exists():
        subprocess.run([*prefix, "mkdir", "-p", str(CLUSTER_SETTINGS.parent)], check=False)
        argv = [*prefix, "tee", str(CLUSTER_SETTINGS)]
        subprocess.run(argv, input=b"create_main_cluster = false\n", stdout=subprocess.DEVNULL, check=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("group", nargs="?", choices=sorted(GROUPS), default="tests")
    packages = GROUPS[parser.parse_args(arguments).group]
    absent = missing(packages)
    if not absent:
        say("all there")
        return 0
    names = [package.name for package in absent]
    prefix = privilege()
    if shutil.which("apt-get") is None or prefix is None:
        why = "this is no Debian or Ubuntu" if prefix is not None else "neither root nor password-less sudo"
        say(f"missing, and not installed ({why}): {' '.join(names)}; the tests that need them are skipped")
        return 0
    say(f"installing {' '.join(names)}")
    if "postgresql" in names:
        prevent_cluster(prefix)
    apt(prefix, "update", timeout=180)
    arguments = ["install", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"]
    if not apt(prefix, *arguments, *names, timeout=400):
        for name in names:  # one that cannot be had must not keep the others out
            apt(prefix, *arguments, name, timeout=200)
    if "openssh-server" in names and shutil.which("systemctl"):
        # It was not there before, so nobody asked for it to run at the next boot.
        subprocess.run([*prefix, "systemctl", "-q", "disable", "ssh.service"], capture_output=True, check=False)
    still = [package.name for package in missing(packages)]
    if still:
        say(f"could not install {' '.join(still)}; the tests that need them are skipped")
    # What stood in for a program that is there now runs with this Python, which other users may not be able to.
    environment.link_stand_ins()
    return 0


if __name__ == "__main__":
    sys.exit(main())
