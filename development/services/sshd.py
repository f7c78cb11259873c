# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OpenSSH server on the loopback address, with keys of its own, for this user."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import types
import typing as t
from pathlib import Path

from development.services._process import LOOPBACK, Server, ServiceFailedError, free_ports

#: sshd refuses to start as root without this directory, which Debian makes at boot only.
PRIVILEGE_SEPARATION = Path("/run/sshd")


def find_sshd() -> str:
    """Return the path of sshd, which is not on an ordinary user's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/usr/lib/ssh"])
    sshd = shutil.which("sshd", path=path)
    if sshd is None:
        raise ServiceFailedError("sshd is not installed (Debian: openssh-server)")
    return str(Path(sshd).resolve())


class SshServer:
    """OpenSSH's sshd, run by the current user (root or not), who is also the only one who can log in.

    The key in :attr:`identity_file` opens a full session. :meth:`authorize` makes another key, as free or as
    restricted as its options say: ``server.authorize("pull", command="rrsync -ro /srv/backup", restrict=True)``.
    """

    host = LOOPBACK

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory).resolve()
        self.user = pwd.getpwuid(os.geteuid()).pw_name or getpass.getuser()
        self.port = free_ports(1)[0]
        self.identity_file = self.directory / "id_full"
        self.known_hosts_file = self.directory / "known_hosts"
        self.authorized_keys_file = self.directory / "authorized_keys"
        self.log_file = self.directory / "sshd.log"
        self._server: Server | None = None

    @property
    def connection(self) -> dict[str, t.Any]:
        """How to reach the server with the key that may do everything."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "identity_file": str(self.identity_file),
            "known_hosts_file": str(self.known_hosts_file),
        }

    def __enter__(self) -> SshServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        self.stop()

    def _make_key(self, path: Path) -> str:
        """Make a key pair and return the public half."""
        if not path.exists():
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
            subprocess.run(argv, stdin=subprocess.DEVNULL, check=True, timeout=30)
        return path.with_name(path.name + ".pub").read_text().strip()

    def authorize(
        self, name: str, *, command: str | None = None, restrict: bool = False, public_key: str | None = None
    ) -> Path:
        """Let one more key in, optionally only to run ``command``; return the path of its private half.

        Where ``public_key`` is given, that key is let in and the returned path names no file.
        """
        path = self.directory / f"id_{name}"
        public_key = public_key or self._make_key(path)
        options = ["restrict"] if restrict else []
        if command is not None:
            escaped = command.replace('"', '\\"')
            options.append(f'command="{escaped}"')
        line = f"{','.join(options)} {public_key}".strip()
        with open(self.authorized_keys_file, "a") as stream:
            stream.write(line + "\n")
        return path

    def ssh_arguments(self, identity_file: Path | None = None) -> list[str]:
        """Return the argument list of an ssh that trusts this server and reads no configuration of the user's."""
        options = {
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts_file),
            "GlobalKnownHostsFile": os.devnull,
            "BatchMode": "yes",
            "ConnectTimeout": "10",
        }
        argv = ["ssh", "-F", os.devnull, "-p", str(self.port), "-i", str(identity_file or self.identity_file)]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        return [*argv, "-l", self.user, self.host]

    def run(self, command: str, *, identity_file: Path | None = None, timeout: float = 60) -> str:
        """Run a command over SSH and return what it printed."""
        argv = [*self.ssh_arguments(identity_file), command]
        answer = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
        if answer.returncode:
            raise ServiceFailedError(
                f"{shlex.join(argv)} ended with status {answer.returncode}: {answer.stderr.strip()}"
            )
        return answer.stdout

    def _configuration(self) -> str:
        lines = {
            "ListenAddress": f"{self.host}:{self.port}",
            "HostKey": self.directory / "host_key",
            "AuthorizedKeysFile": self.authorized_keys_file,
            "PidFile": self.directory / "sshd.pid",
            "PubkeyAuthentication": "yes",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "UsePAM": "no",
            # The directories of tests are writable by others somewhere above (/tmp).
            "StrictModes": "no",
            "Subsystem": "sftp internal-sftp",
            "MaxStartups": "100:30:200",
            "LogLevel": "VERBOSE",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def start(self, *, timeout: float = 20) -> None:
        """Start the server and wait until it greets."""
        if self._server is not None:
            return
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        host_key = self._make_key(self.directory / "host_key")
        kind, key = host_key.split()[:2]
        self.known_hosts_file.write_text(f"[{self.host}]:{self.port} {kind} {key}\n")
        if not self.authorized_keys_file.exists():
            self.authorized_keys_file.touch(mode=0o600)
            self.authorize("full")
        configuration = self.directory / "sshd_config"
        configuration.write_text(self._configuration())
        argv = [find_sshd(), "-D", "-e", "-f", str(configuration)]
        self._server = Server(argv, log=self.log_file, stop_signal=signal.SIGTERM)
        try:
            self._server.wait_until(self._greets, timeout=timeout, what="sshd")
        except ServiceFailedError:
            self._server = None
            raise

    def _greets(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
        return False

    def stop(self) -> None:
        """End the server and, because a session outlives its server, the sessions that it opened."""
        if self._server is not None:
            self._server.stop(patience=5)
            self._server = None
