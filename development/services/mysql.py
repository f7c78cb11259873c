# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MySQL server of the version that Debian's unstable release has, private to one test run.

No stable release of Debian has MySQL, so it is unpacked below ``.build``. Nobody knows which version unstable will have
tomorrow: the tests ask for what there is, and :func:`find` says why there is none.
"""

from __future__ import annotations

import fcntl
import os
import platform
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import types
import typing as t
from collections.abc import Mapping
from pathlib import Path

from development.environment import BUILD
from development.services._process import LOOPBACK, Server, ServiceFailedError, free_ports

RELEASE = "sid"
MIRROR = "http://deb.debian.org/debian"
ADMINISTRATOR = "root"
_PACKAGES = ("mysql-server-core", "mysql-client-core", "patchelf")
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_PROGRAMS = ("usr/sbin/mysqld", "usr/bin/mysql")


class NotAvailableError(ServiceFailedError):
    """MySQL cannot be had on this machine; the message says why."""


class Installation:
    """Where the programs are. They run of themselves, with the loader and the libraries of their release."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def server(self) -> Path:
        """The server program."""
        return self.root / _PROGRAMS[0]

    @property
    def client(self) -> Path:
        """The client program."""
        return self.root / _PROGRAMS[1]

    @property
    def version(self) -> str:
        """Of the server, such as ``9.7.4``; empty where it does not run."""
        try:
            answer = subprocess.run(
                [self.server, "--no-defaults", "--version"], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
        match = re.search(r"Ver (\d+\.\d+\.\d+)", answer.stdout)
        return match.group(1) if match else ""


def find() -> Installation:
    """Return the programs, fetched if they are not there yet (or do not run: the checkout may have moved).

    :raises NotAvailableError: when they cannot be had.
    """
    home = BUILD / "mysql"
    home.mkdir(parents=True, exist_ok=True)
    found = Installation(home / RELEASE)
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.version:
            _fetch(found.root)
            if not found.version:
                raise NotAvailableError("the MySQL that was fetched does not run on this machine")
    return found


def _fetch(target: Path) -> None:
    program = shutil.which("mmdebstrap")
    if program is None or platform.machine() != "x86_64":
        raise NotAvailableError("to fetch MySQL takes mmdebstrap and a machine of the kind x86_64")
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        tree = Path(temporary) / "tree"
        answer = subprocess.run(
            [
                program,
                "--variant=extract",
                f"--include={','.join(_PACKAGES)}",
                # A mirror may be some weeks behind. What it has is signed all the same.
                '--aptopt=Acquire::Check-Valid-Until "false"',
                RELEASE,
                str(tree),
                MIRROR,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if answer.returncode:
            raise NotAvailableError(f"cannot fetch MySQL: {answer.stderr[-500:]}")
        _let_run(tree, target)
        for name in ("var", "dev", "etc", "tmp", "usr/share/doc", "usr/share/locale", "usr/share/man"):
            shutil.rmtree(tree / name, ignore_errors=True)
        for path in (tree / "usr/bin").iterdir():
            if path != tree / _PROGRAMS[1]:
                path.unlink()
        tree.rename(target)


def _let_run(tree: Path, target: Path) -> None:
    """Tells the programs where their loader and their libraries will be."""
    libraries = tree / _LIBRARIES
    loader = "ld-linux-x86-64.so.2"
    for program in _PROGRAMS:
        argv = [str(libraries / loader), "--library-path", str(libraries), str(tree / "usr/bin/patchelf")]
        argv += ["--set-interpreter", str(target / _LIBRARIES / loader)]
        argv += ["--force-rpath", "--set-rpath", str(target / _LIBRARIES), str(tree / program)]
        subprocess.run(argv, capture_output=True, check=True, timeout=60)


class MysqlServer:
    """One server, on a Unix socket and on a free loopback port.

    Through the socket, whoever reaches its directory is its administrator; through TCP, :attr:`user` has a random
    password. As root, the server runs as ``mysql``, or as ``nobody`` where that user does not exist.

    :param tls: whether it has a certificate, which it makes of itself.
    """

    host = LOOPBACK

    def __init__(self, *, tls: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self.installation = find()
        self.version = self.installation.version
        self.user = "dba"
        self.password = secrets.token_urlsafe(24)
        self.port = free_ports(1)[0]
        self.directory = Path(tempfile.mkdtemp(prefix="my-"))
        self.directory.chmod(0o711)
        self.socket = self.directory / "socket"
        self._account = _unprivileged_account()
        self._settings = {
            "bind-address": self.host,
            "port": str(self.port),
            "mysqlx": "OFF",
            "innodb-buffer-pool-size": "256M",
            "innodb-flush-log-at-trx-commit": "2",
            "log-bin": "binlog",
            "sync-binlog": "0",
            "server-id": "1",
            "log-bin-trust-function-creators": "1",
            "local-infile": "1",
            "secure-file-priv": "",
            **({} if tls else {"tls-version": "", "auto-generate-certs": "OFF"}),
            **(settings or {}),
        }
        self._server: Server | None = None
        self._hand_over(self.directory)

    def __enter__(self) -> MysqlServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        self.remove()

    def _hand_over(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _as_account(self) -> dict[str, t.Any]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    @property
    def pid(self) -> int:
        """Process id of the server."""
        if self._server is None:
            raise ServiceFailedError("the server does not run")
        return self._server.pid

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    @property
    def _argv(self) -> list[str]:
        usr = self.installation.root / "usr"
        return [
            str(self.installation.server),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--basedir={usr}",
            f"--lc-messages-dir={usr}/share/mysql",
            f"--character-sets-dir={usr}/share/mysql/charsets",
            f"--plugin-dir={usr}/lib/mysql/plugin",
        ]

    def _initialise(self) -> None:
        self.data.mkdir(mode=0o700)
        self._hand_over(self.data)
        answer = subprocess.run(
            [*self._argv, "--initialize-insecure", "--innodb-flush-log-at-trx-commit=0", "--auto-generate-certs=OFF"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.directory,
            timeout=180,
            check=False,
            **self._as_account(),
        )
        if answer.returncode:
            raise ServiceFailedError(f"MySQL could not make its tables: {answer.stdout[-1000:]}")

    def start(self, *, timeout: float = 60) -> None:
        """Start the server, after making its tables where there are none, and wait until it answers."""
        if self._server is not None:
            return
        first = not self.data.exists()
        if first:
            self._initialise()
        log = self.directory / "log"
        log.touch()
        self._hand_over(log)
        argv = [*self._argv, f"--socket={self.socket}", f"--pid-file={self.directory}/pid"]
        argv += [f"--{name}={value}" for name, value in self._settings.items()]
        account = self._account
        self._server = Server(
            argv,
            log=log,
            cwd=self.directory,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
        )
        try:
            self._server.wait_until(self._answers, timeout=timeout, what=f"MySQL {self.version}")
        except ServiceFailedError:
            self._server = None
            raise
        if first:
            self.sql(f"CREATE USER {self.user} IDENTIFIED BY '{self.password}'")
            self.sql(f"GRANT ALL ON *.* TO {self.user} WITH GRANT OPTION")

    def _answers(self) -> bool:
        return not subprocess.run([*self._client(), "-e", "DO 0"], capture_output=True, check=False).returncode

    def _client(self) -> list[str]:
        return [str(self.installation.client), "--no-defaults", f"--socket={self.socket}", f"--user={ADMINISTRATOR}"]

    def sql(self, statements: str, database: str = "", *, timeout: float = 600, force: bool = False) -> str:
        """Run statements as the administrator; return the rows, one a line, columns separated by tabs.

        With `force`, statements that fail are passed over.
        """
        argv = [*self._client(), "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]
        argv += ["--binary-mode", *(["-D", database] if database else [])]
        argv += ["--force"] if force else []
        answer = subprocess.run(argv, input=statements.encode(), capture_output=True, timeout=timeout, check=False)
        if answer.returncode and not force:
            raise ServiceFailedError(f"mysql ended with status {answer.returncode}: {answer.stderr.decode()[-2000:]}")
        return answer.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def stop(self) -> None:
        """End the server; its data stay, and start() brings it back on the same port."""
        if self._server is not None:
            self._server.stop(patience=30)
            self._server = None

    def remove(self) -> None:
        """End the server and delete its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def _unprivileged_account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("mysql", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServiceFailedError("MySQL should not run as root, and there is neither a user mysql nor a user nobody")
