# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rsync over SSH to one directory of another host: how it is called, and what its messages mean."""

from __future__ import annotations

import os
import posixpath
import re
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    BackupError,
    LockHeld,
    NotFound,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system import programs
from ansible_collections.infitulua.backup.plugins.module_utils._system.bandwidth import Bandwidth
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Command, Processes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback

# How often a transfer is taken up again when the link breaks, and how long (seconds) the first pause is; it doubles.
ATTEMPTS = 4
PAUSE_SECONDS = 1.0
# A listing of some hundred thousand files. More is an attack, or not a medium of ours.
MAX_LISTING_BYTES = 64 * 1024 * 1024
_IO_TIMEOUT_SECONDS = 300

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|[0-9A-Fa-f:]+(%[A-Za-z0-9._-]+)?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
# What no shell on the way takes for anything but a name: rsync before 3.2.4 hands the path to one.
_REMOTE_PATH = re.compile(r"[A-Za-z0-9._/@+,][A-Za-z0-9._/@+,-]*")
_LISTED = re.compile(r"(.)[-a-zA-Z]{9}[.+@]?\s+([0-9]+)\s+[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} (.+)")
_ESCAPED_BYTE = re.compile(rb"\\#([0-7]{3})")
# How ssh or rsync ended is in its last lines; what ssh says of a changed host key takes seventeen.
_SAID_LINES = 40
_LINK_LOST = re.compile(
    r"connection unexpectedly closed|connection reset|broken pipe|timeout in data send/receive|connection closed by"
    r"|connection to .* closed|server not responding|lost connection|packet corrupt|incorrect MAC",
    re.IGNORECASE,
)


class Rsync:
    """The way to one directory of another host.

    :param host: its name or address.
    :param key_file: the private key; no other key, agent or password is tried.
    :param known_hosts_file: holds the host's public key; a host that is not in it is refused.
    :param user: whom to log in as; None: as the current user.
    :param remote_path: the directory as the remote rsync sees it; behind a forced rrsync that is ``.``.
    :raises Refused: when an option could be taken for something else by ssh, rsync or a remote shell.
    :raises NotFound: when the key or the known hosts may not be read.
    """

    def __init__(
        self,
        *,
        host: str,
        key_file: str,
        known_hosts_file: str,
        port: int,
        user: str | None,
        remote_path: str,
    ) -> None:
        self.host = host
        self.port = port
        self.user = user
        self.remote_path = remote_path.rstrip("/") or "/"
        if not _HOST.fullmatch(host):
            self._refuse(f"{host!r} is no host name or address")
        if not 0 < port < 65536:
            self._refuse(f"{port} is no port")
        if user is not None and not _USER.fullmatch(user):
            self._refuse(f"{user!r} is no user name")
        if not _REMOTE_PATH.fullmatch(remote_path) or ".." in remote_path.split("/"):
            self._refuse(f"the remote path {remote_path!r} holds more than letters, digits and . _ / @ + , -")
        for path in (key_file, known_hosts_file):
            if re.search(r"[\s\"'%\\$]", path) or not path.startswith("/"):
                self._refuse(f"the path {path!r} is not absolute, or holds spaces, quotes, '%', '$' or backslashes")
            if not os.access(path, os.R_OK):
                raise NotFound(
                    "use a medium",
                    on=self.describe(),
                    why=f"the file {path} does not exist or may not be read",
                    next_step="Prepare this host (playbook infitulua.backup.step1_prepare_media), or correct the path.",
                )
        self._shell = " ".join(self._ssh_argv(key_file, known_hosts_file))

    def _refuse(self, why: str) -> t.NoReturn:
        raise Refused("use a medium", on=f"ssh to {self.host!r}", why=why, next_step="Correct the medium's options.")

    def _ssh_argv(self, key_file: str, known_hosts_file: str) -> list[str]:
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "PreferredAuthentications": "publickey",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": known_hosts_file,
            "GlobalKnownHostsFile": "/dev/null",
            "UpdateHostKeys": "no",
            "ClearAllForwardings": "yes",
            "ForwardAgent": "no",
            "ForwardX11": "no",
            "ControlPath": "none",
            "Compression": "no",
            "ConnectTimeout": "15",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "4",
            "LogLevel": "ERROR",
        }
        argv = [programs.find("ssh"), "-F", "/dev/null", "-T", "-p", str(self.port), "-i", key_file]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        return [*argv, *(["-l", self.user] if self.user else [])]

    def describe(self) -> str:
        """Return the directory and the host."""
        who = f"{self.user}@{self.host}" if self.user else self.host
        return f"directory {self.remote_path} on {who}, port {self.port}"

    def at(self, path: str) -> str:
        """Return a path below the directory as an argument of rsync; the empty one is the directory itself."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{posixpath.join(self.remote_path, path) if path else self.remote_path.rstrip('/') + '/'}"

    def list(self, levels: t.Sequence[str]) -> list[tuple[str, int, str]]:
        """Kind (``-``, ``d``, ``l``, …), bytes and path of everything below the root that the patterns name.

        The filters go to the far end in rsync's own protocol: no remote shell sees them, whatever they hold.
        """
        filters = ["--exclude=/.*"]
        for depth in range(1, len(levels)):
            filters.append(f"--include=/{'/'.join(levels[:depth])}/")
        filters += [f"--include=/{'/'.join(levels)}", "--exclude=*"]
        output = bytearray()

        def keep(chunk: memoryview) -> None:
            output.extend(chunk)
            if len(output) > MAX_LISTING_BYTES:
                raise BackupError(
                    "list a medium",
                    on=self.describe(),
                    why=f"its listing is longer than {MAX_LISTING_BYTES} bytes",
                    next_step="Check that directory on the other host; it does not look like a medium of this"
                    " collection.",
                )

        argv = ["--list-only", "--no-human-readable", "-r", *filters, self.at("")]
        self.run(argv, "list a medium", self.describe(), keep)
        found = []
        for line in bytes(output).decode("ascii", "surrogateescape").split("\n"):
            match = _LISTED.fullmatch(line)
            if match is not None and match.group(3) != ".":
                found.append((match.group(1), int(match.group(2)), _unescape(match.group(3))))
        return found

    def transfer(
        self, argv: t.Sequence[str], action: str, on: str, progress: ProgressCallback, pace: Bandwidth
    ) -> None:
        """Transfer, and take it up again when the link breaks.

        :param pace: rsync keeps its rate of the moment in which it begins (rsync(1), --bwlimit: KiB per second).
        """
        rest = b""

        def count(chunk: memoryview) -> None:
            nonlocal rest
            *lines, rest = (rest + bytes(chunk)).split(b"\n")
            for line in lines:
                if line.isdigit() and len(line) < 20:
                    progress(int(line))

        for attempt in range(ATTEMPTS):
            try:
                rate = pace.rate
                limit = [] if rate is None else [f"--bwlimit={rate // 1024}"]
                self.run([*limit, "--out-format=%l", *argv], action, on, count)
                return
            except LinkLost:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE_SECONDS * 2**attempt)

    def run(
        self, argv: t.Sequence[str], action: str, on: str, sink: t.Callable[[memoryview], t.Any] | None = None
    ) -> None:
        command = Command(
            [
                programs.find("rsync"),
                "--no-protect-args",  # rrsync refuses it, and nothing in our paths needs it.
                f"--timeout={_IO_TIMEOUT_SECONDS}",
                f"--rsh={self._shell}",
                *argv,
            ],
            environment={
                # Whatever the user has set for rsync, by variable or in ~/.popt, is not meant for this.
                "HOME": "/nonexistent",
                "RSYNC_RSH": None,
                "RSYNC_PARTIAL_DIR": None,
                "RSYNC_PROTECT_ARGS": None,
                "RSYNC_OLD_ARGS": None,
                "RSYNC_ICONV": None,
                "SSH_AUTH_SOCK": None,
            },
        )
        try:
            with Processes() as processes:
                processes.run([command], action=action, on=on, next_step="", sink=sink)
        except ProcessFailed as error:
            raise self._explain(error, action, on) from error

    def _explain(self, error: ProcessFailed, action: str, on: str) -> BackupError:
        """Say what ssh or rsync meant: they tell it in words (English, by ``LC_ALL=C``), hardly by exit statuses."""
        where = f"{self.host}, port {self.port}"
        kind: type[BackupError] = BackupError
        why = error.why
        said = "; ".join(line for outcome in error.outcomes for line in outcome.stderr.splitlines()[-_SAID_LINES:])
        next_step = "Try the same with ssh and rsync by hand as this user."
        lowered = said.lower()
        if "remote host identification has changed" in lowered:
            why = f"the host key of {where} is not the one in the known-hosts file"
            next_step = (
                "Find out whether the host was reinstalled; if not, somebody may be intercepting the connection."
                " Nothing was sent."
            )
        elif "host key verification failed" in lowered or "no matching host key" in lowered:
            why = f"the host key of {where} is not in the known-hosts file"
            next_step = "Add it there after comparing its fingerprint on the host itself (step1_prepare_media does)."
        elif "unprotected private key file" in lowered:
            why, next_step = "others may read the private key file, so ssh does not use it", "Give it mode 0600."
        elif "permission denied (" in lowered or "too many authentication failures" in lowered:
            why = f"{where} does not accept the key for the user {self.user or 'that runs this'}"
            next_step = "Put the public key into that user's authorized_keys (step1_prepare_media does)."
        elif re.search(r"could not resolve|connection refused|timed out|no route|network is unreachable", lowered):
            cause = re.search(r"could not resolve[^;:]*|connection refused|[^;:]*timed out|no route[^;:]*", lowered)
            why = f"no connection to {where} ({cause.group().strip() if cause else 'network is unreachable'})"
            next_step = "Check the network, the name and that its SSH server is up; then run again."
        elif re.search(r"reading from write-only|write-only server|sending to read-only|read-only server", lowered):
            kind = AccessDenied
            way = "write and not read" if "write-only" in lowered else "read and not write"
            why, next_step = f"the key is bound to {way} there", "Use the key that is meant for this."
        elif "another instance of rrsync" in lowered:
            kind = LockHeld
            why, next_step = "another transfer into that directory is running", "Wait for it to end; then run again."
        elif "no space left" in lowered or "disk quota" in lowered:
            why, next_step = "the disk is full (on either side)", "Free space; what arrived is not listed."
        elif re.search(r"no such file or directory|does not exist", lowered):
            kind = NotFound
            why = f"the directory {self.remote_path}, or what was requested in it, does not exist"
            next_step = "Prepare the medium (playbook infitulua.backup.step1_prepare_media), or mount its volume there."
        elif "rsync: command not found" in lowered or "rsync: not found" in lowered:
            kind = NotFound
            why, next_step = f"rsync is not installed on {self.host}", "Install the package rsync there."
        elif "rrsync" not in lowered and _LINK_LOST.search(said):
            kind = LinkLost
            why, next_step = f"the connection to {where} was lost", "Run again; nothing incomplete is listed."
        return kind(action, on=on, why=why, next_step=next_step)


class LinkLost(BackupError):
    """The connection broke while something was under way."""


def literal(pattern: str, name: str | None) -> str:
    """Return a filter pattern that matches only this name; where there is none, ``pattern``."""
    return pattern if name is None else escape(name)


def escape(name: str) -> str:
    """Return a filter pattern that matches only this name (rsync(1): with wildcards, a backslash escapes)."""
    if not re.search(r"[*?\[]", name):
        return name
    return re.sub(r"([*?\[\\])", r"\\\1", name)


def _unescape(name: str) -> str:
    r"""Return a name as rsync prints it in the C locale: bytes outside ASCII are ``\#`` and three octal digits."""
    data = name.encode("ascii", "surrogateescape")
    data = _ESCAPED_BYTE.sub(lambda match: bytes([int(match.group(1), 8) & 0xFF]), data)
    return data.decode("utf-8", "surrogateescape")
