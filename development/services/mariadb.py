# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MariaDB server of Debian 12's version or of Debian 13's, private to one test run or benchmark."""

from __future__ import annotations

import fcntl
import os
import pwd
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

#: The version of MariaDB to the release of Debian that has it.
RELEASES = {"10.11": "bookworm", "11.8": "trixie"}
MIRROR = "http://deb.debian.org/debian"
ADMINISTRATOR = "root"
#: The longest path at which a Unix socket can be made.
LONGEST_SOCKET = 107
# Where the servers look for their plugins, below the root of an installation.
_PLUGINS = "usr/lib/mysql/plugin"
# Puts the plugins into the tree that mmdebstrap makes, of a package that needs a hundred others to be installed.
_FETCH_PLUGINS = (
    'cd "$1" && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get download mariadb-server'
    " && dpkg-deb -x mariadb-server_*.deb . && rm mariadb-server_*.deb"
)


class Installation:
    """Where the programs of one version are: the machine's own, or another release's, unpacked below ``.build``.

    Those run with the libraries of their own release, through its loader, so that no container is needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def share(self) -> Path:
        """Messages, character sets and the statements that make the system's tables."""
        places = [self.root / "usr/share" / name for name in ("mariadb", "mysql")]
        return next(place for place in places if list(place.glob("*_system_tables.sql")))

    def has_plugin(self, name: str) -> bool:
        """Whether the server can load this plugin. Debian has most in a package of their own."""
        return (self.root / _PLUGINS / f"{name}.so").exists()

    def argv(self, program: str) -> list[str]:
        """Words that start one of its programs."""
        path = str(self.root / program)
        if self.root == Path("/"):
            return [path]
        libraries = self.root / "usr/lib/x86_64-linux-gnu"
        return [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), path]


def find(version: str) -> Installation:
    """Return the machine's own MariaDB where it is of this version, else one fetched from the Debian that has it."""
    own = shutil.which("mariadbd", path="/usr/sbin:/usr/libexec")
    if own is not None:
        answer = subprocess.run([own, "--version"], capture_output=True, text=True, check=True)
        if f"Ver {version}." in answer.stdout:
            return Installation(Path("/"))
    home = BUILD / "mariadb"
    home.mkdir(parents=True, exist_ok=True)
    target = home / version
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / _PLUGINS / "ha_federatedx.so").exists():
            shutil.rmtree(target, ignore_errors=True)
            _fetch(version, target)
    return Installation(target)


def _fetch(version: str, target: Path) -> None:
    program = shutil.which("mmdebstrap")
    if program is None:
        raise ServiceFailedError(f"MariaDB {version} is not installed, and neither is mmdebstrap, to fetch it with")
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        tree = Path(temporary) / "tree"
        argv = [program, "--variant=extract", "--include=mariadb-server-core,mariadb-client-core"]
        argv.append(f"--extract-hook={_FETCH_PLUGINS}")
        answer = subprocess.run(
            [*argv, RELEASES[version], str(tree), MIRROR],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if answer.returncode:
            raise ServiceFailedError(f"cannot fetch MariaDB {version}: {answer.stderr[-500:]}")
        for path in (tree / "var", tree / "dev"):
            shutil.rmtree(path, ignore_errors=True)
        tree.rename(target)


class MariadbServer:
    """One server, on a Unix socket and on a free loopback port.

    Through the socket, whoever reaches its directory is its administrator; through TCP, :attr:`user` has a random
    password. As root, the server runs as ``mysql``, or as ``nobody`` where that user does not exist.

    :param settings: of the server, besides ours or in their place; None: as the server comes.
    """

    host = LOOPBACK

    def __init__(self, version: str, *, settings: Mapping[str, str | None] | None = None) -> None:
        self.version = version
        self.installation = find(version)
        self.user = "dba"
        self.password = secrets.token_urlsafe(24)
        self.port = free_ports(1)[0]
        self.directory = Path(tempfile.mkdtemp(prefix=f"m{version}-"))
        self.socket = self.directory / "socket"
        self._account = _unprivileged_account()
        self._settings: dict[str, str | None] = {
            "bind-address": self.host,
            "port": str(self.port),
            "innodb-buffer-pool-size": "256M",
            "innodb-flush-log-at-trx-commit": "2",
            "log-bin": "binlog",
            "server-id": "1",
            "log-bin-trust-function-creators": "1",
            "character-set-server": "utf8mb4",
            **(settings or {}),
        }
        self._server: Server | None = None
        self.temporary.mkdir()
        for path in (self.directory, self.temporary):
            self._hand_over(path)

    def __enter__(self) -> MariadbServer:
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
    def temporary(self) -> Path:
        """The directory of its temporary files."""
        return self.directory / "tmp"

    @property
    def _argv(self) -> list[str]:
        root = self.installation.root
        argv = [*self.installation.argv("usr/sbin/mariadbd"), "--no-defaults", f"--datadir={self.data}"]
        # A server that starts removes what others have left there, and what others are using.
        argv.append(f"--tmpdir={self.temporary}")
        if root != Path("/"):
            argv += [f"--basedir={root}/usr", f"--lc-messages-dir={self.installation.share}"]
            argv += [
                f"--character-sets-dir={self.installation.share}/charsets",
                f"--plugin-dir={root}/{_PLUGINS}",
            ]
        return argv

    def _initialise(self) -> None:
        self.data.mkdir(mode=0o700)
        self._hand_over(self.data)
        share = self.installation.share
        kinds = ("*_system_tables.sql", "*_performance_tables.sql", "*_system_tables_data.sql", "*_sys_schema.sql")
        files = [next(iter(sorted(share.glob(kind)))) for kind in kinds]
        statements = "create database mysql;\nuse mysql;\nSET @auth_root_socket=NULL;\n"
        statements += "".join(path.read_text(encoding="utf-8") for path in files)
        answer = subprocess.run(
            [*self._argv, "--bootstrap"],
            input=statements,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.directory,
            timeout=180,
            check=False,
            **self._as_account(),
        )
        if answer.returncode:
            raise ServiceFailedError(f"MariaDB {self.version} could not make its tables: {answer.stdout[-1000:]}")

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
        argv += [f"--{name}={value}" for name, value in self._settings.items() if value is not None]
        account = self._account
        self._server = Server(
            argv,
            log=log,
            cwd=self.directory,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
        )
        try:
            self._server.wait_until(self._answers, timeout=timeout, what=f"MariaDB {self.version}")
        except ServiceFailedError:
            self._server = None
            raise
        if first:
            self.sql(f"CREATE USER {self.user} IDENTIFIED BY '{self.password}'")
            self.sql(f"GRANT ALL ON *.* TO {self.user} WITH GRANT OPTION")

    def _answers(self) -> bool:
        return not subprocess.run([*self._client(), "-e", "DO 0"], capture_output=True, check=False).returncode

    def _client(self) -> list[str]:
        return ["mariadb", "--no-defaults", f"--socket={self.socket}", f"--user={ADMINISTRATOR}"]

    def sql(self, statements: str, database: str = "", *, timeout: float = 600, force: bool = False) -> str:
        """Run statements as the administrator; return the rows, one a line, columns separated by tabs.

        With `force`, statements that fail are passed over.
        """
        argv = [*self._client(), "--batch", "--skip-column-names", "--default-character-set=utf8mb4", "-D", database]
        argv += ["--force"] if force else []
        answer = subprocess.run(argv, input=statements.encode(), capture_output=True, timeout=timeout, check=False)
        if answer.returncode and not force:
            raise ServiceFailedError(f"mariadb ended with status {answer.returncode}: {answer.stderr.decode()[-2000:]}")
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
    raise ServiceFailedError("MariaDB should not run as root, and there is neither a user mysql nor a user nobody")
