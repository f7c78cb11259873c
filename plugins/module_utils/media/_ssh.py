# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ssh medium: a directory of another host, read and written with rsync over SSH.

The other host binds the key to one directory, and to one direction, with a forced command (rrsync(1)):
``restrict,command="rrsync -ro DIR"`` for who verifies, ``restrict,command="rrsync -wo -no-del -no-overwrite DIR"`` for
who stores. Nothing that the other host says is believed: names are parsed strictly, links and devices are refused,
and what was copied is hashed by the caller.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import shutil
import stat
import tempfile
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _bag, _durable, _programs
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    LockHeld,
    NotFound,
    ProcessFailed,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Command, Processes
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId, is_name, is_time
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import (
    Access,
    Medium,
    ProgressCallback,
    no_progress,
)
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryContents

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
# rsync's name for a file that is still arriving; a killed one stays.
_ARRIVING = re.compile(r"(.*/|)\.([^/]+)\.[A-Za-z0-9]{6}")
_LINK_LOST = re.compile(
    r"connection unexpectedly closed|connection reset|broken pipe|timeout in data send/receive|connection closed by"
    r"|connection to .* closed|server not responding|lost connection|packet corrupt|incorrect MAC",
    re.IGNORECASE,
)


class SshMedium(Medium):
    """Sets in a directory of another host.

    :param ssh_host: its name or address.
    :param ssh_key_file: the private key; no other key, agent or password is tried.
    :param ssh_known_hosts_file: holds the host's public key; a host that is not in it is refused.
    :param ssh_user: whom to log in as; None: as the current user.
    :param ssh_remote_path: the root as the remote rsync sees it; behind a forced rrsync that is ``.``.
    :raises Refused: when an option could be taken for something else by ssh, rsync or a remote shell.
    """

    kind = "ssh"
    arguments = {
        "ssh_host": {"type": "str"},
        "ssh_port": {"type": "int"},
        "ssh_user": {"type": "str"},
        "ssh_key_file": {"type": "path", "no_log": False},
        "ssh_known_hosts_file": {"type": "path"},
        "ssh_remote_path": {"type": "str"},
    }

    def __init__(
        self,
        *,
        ssh_host: str,
        ssh_key_file: str,
        ssh_known_hosts_file: str,
        ssh_port: int = 22,
        ssh_user: str | None = None,
        ssh_remote_path: str = ".",
    ) -> None:
        self.host = ssh_host
        self.port = ssh_port
        self.user = ssh_user
        self.remote_path = ssh_remote_path.rstrip("/") or "/"
        self._private: list[tempfile.TemporaryDirectory[str]] = []
        self._fsync: bool | None = None
        if not _HOST.fullmatch(ssh_host):
            self._refuse(f"{ssh_host!r} is no host name or address")
        if not 0 < ssh_port < 65536:
            self._refuse(f"{ssh_port} is no port")
        if ssh_user is not None and not _USER.fullmatch(ssh_user):
            self._refuse(f"{ssh_user!r} is no user name")
        if not _REMOTE_PATH.fullmatch(ssh_remote_path) or ".." in ssh_remote_path.split("/"):
            self._refuse(f"the remote path {ssh_remote_path!r} holds more than letters, digits and . _ / @ + , -")
        for path in (ssh_key_file, ssh_known_hosts_file):
            if re.search(r"[\s\"'%\\$]", path) or not path.startswith("/"):
                self._refuse(f"the path {path!r} is not absolute, or holds spaces, quotes, '%', '$' or backslashes")
            if not os.access(path, os.R_OK):
                raise NotFound(
                    "use a medium",
                    on=self.describe(),
                    why=f"the file {path} is not there or may not be read",
                    next_step="Prepare this host (playbook infitulua.backup.step1_prepare_media), or correct the path.",
                )
        self._shell = " ".join(self._ssh_argv(ssh_key_file, ssh_known_hosts_file))

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
        argv = [_programs.find("ssh"), "-F", "/dev/null", "-T", "-p", str(self.port), "-i", key_file]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        return [*argv, *(["-l", self.user] if self.user else [])]

    def describe(self) -> str:
        who = f"{self.user}@{self.host}" if self.user else self.host
        return f"directory {self.remote_path} on {who}, port {self.port}"

    def close(self) -> None:
        while self._private:
            self._private.pop().cleanup()

    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        within = [_literal(host or "*", host), _literal(source or "*", source), "*", _bag.BAGIT_TXT]
        found = []
        for kind, _size, path in self._list(within):
            parts = path.split("/")
            if kind == "-" and len(parts) == 4 and parts[3] == _bag.BAGIT_TXT:
                # The far end may name what was not asked for.
                asked = host in (None, parts[0]) and source in (None, parts[1])
                if asked and is_name(parts[0]) and is_name(parts[1]) and is_time(parts[2]):
                    found.append(SetId(parts[0], parts[1], parts[2]))
        return sorted(set(found))

    def contents(self, set_id: SetId) -> SshContents:
        below = f"{set_id}/"
        sizes: dict[str, int] = {}
        special: set[str] = set()
        for kind, size, path in self._list([set_id.host, set_id.source, set_id.time, "**"]):
            if kind == "d" or not path.startswith(below):
                continue
            path = path[len(below) :]
            if path in sizes:
                raise self._hostile(set_id, f"it lists {path!r} twice")
            sizes[path] = size
            if kind != "-":
                special.add(path)
        for path in [path for path in sizes if _is_arriving(path, sizes)]:
            del sizes[path]
        if _bag.BAGIT_TXT not in sizes:
            raise NotFound(
                "find a set",
                on=f"{set_id} on {self.describe()}",
                why="there is no such set",
                next_step="List the sets with set_info.",
            )
        return SshContents(self, set_id, sizes, special)

    def fetch(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        directory = os.path.abspath(directory)
        sizes = self.contents(set_id).sizes()
        try:
            status = os.statvfs(directory)
            if sum(sizes.values()) > status.f_bavail * status.f_frsize:
                raise Refused(
                    "fetch a set",
                    on=f"{set_id} from {self.describe()}",
                    why=f"it has {sum(sizes.values())} bytes, and {status.f_bavail * status.f_frsize} are free here",
                    next_step="Free space; nothing was copied.",
                )
            self._pull(set_id, directory, ["--partial", "--exclude=.*.??????"], progress)
            self._check_fetched(set_id, directory, sizes)
        except OSError as error:
            raise BackupError(
                "fetch a set",
                on=f"{set_id} from {self.describe()}",
                why=describe_os_error(error),
                next_step="Correct the cause and run again; nothing incomplete is kept.",
            ) from error

    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        """Copies a complete set from a local directory to the other host: ``bagit.txt`` last, in a pass of its own.

        What an interrupted one leaves there is not listed; the next one sends what is missing.

        :raises AlreadyStored: when a set of this id is there.
        :raises AccessDenied: when the key may not write.
        """
        directory = os.path.abspath(directory)
        on = f"{set_id} to {self.describe()}"
        if self._differing(set_id, {_bag.BAGIT_TXT: _bag.DECLARATION}) != {_bag.BAGIT_TXT}:
            raise AlreadyStored(
                "store a set",
                on=on,
                why="a set of this id is there already",
                next_step="Verify both with set_verify, each where it may be read; sets are never overwritten.",
            )
        self._make_directories(set_id)
        target = self._at(f"{set_id}/")
        flags = ["-rt", "--omit-dir-times", *(["--fsync"] if self._fsync else [])]
        self._persist([*flags, f"--exclude=/{_bag.BAGIT_TXT}", directory + "/", target], "store a set", on, progress)
        # rsync read the files; only when they are, in the same page cache, what the manifests say, the set appears.
        findings = _bag.validate(DirectoryContents(directory)).findings
        if findings:
            raise SetInvalid(
                "store a set",
                on=on,
                why="; ".join(map(str, findings)),
                next_step="The other host does not list the set. Verify it where it lies, and store another copy.",
                details=[str(finding) for finding in findings],
            )
        bagit = os.path.join(directory, _bag.BAGIT_TXT)
        self._persist([*flags, "--ignore-existing", bagit, target], "store a set", on, progress)

    def has_stored(self, set_id: SetId, tag_manifest: str) -> bool:
        files = {_bag.BAGIT_TXT: _bag.DECLARATION, _bag.TAG_MANIFEST: tag_manifest}
        return not self._differing(set_id, files)

    def remove(self, set_id: SetId) -> None:
        """Is refused: a key that may read or write at the far end is never one that may delete.

        :raises Refused: always.
        """
        raise Refused(
            "remove a set",
            on=f"{set_id} on {self.describe()}",
            why="sets on another host are not removed over the network",
            next_step="Remove it on that host, where it is a directory medium (set_prune, or by hand).",
        )

    def probe(self, *, host: str | None = None) -> Access:
        found = super().probe(host=host)
        with tempfile.TemporaryDirectory(prefix="ssh-") as stage:
            with open(os.path.join(stage, ".probe"), "w", encoding="utf-8"):
                pass
            try:
                self._run(["--dry-run", "-r", stage + "/", self._at("")], "try a medium", self.describe())
            except AccessDenied:
                return Access(list=found.list, read=found.read, write=False, delete=False)
        return Access(list=found.list, read=found.read, write=True, delete=None)

    def _list(self, levels: t.Sequence[str]) -> list[tuple[str, int, str]]:
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
                    next_step="Look at that directory on the other host; it does not look like a medium of ours.",
                )

        argv = ["--list-only", "--no-human-readable", "-r", *filters, self._at("")]
        self._run(argv, "list a medium", self.describe(), keep)
        found = []
        for line in bytes(output).decode("ascii", "surrogateescape").split("\n"):
            match = _LISTED.fullmatch(line)
            if match is not None and match.group(3) != ".":
                found.append((match.group(1), int(match.group(2)), _unescape(match.group(3))))
        return found

    def _differing(self, set_id: SetId, files: t.Mapping[str, str]) -> set[str]:
        """Which of a set's tag files the far end has not got, or with another content.

        A dry run asks this of a key that may only write. (Behind ``rrsync -no-overwrite`` only the absence is told.)
        """
        output = bytearray()
        with tempfile.TemporaryDirectory(prefix="ssh-") as stage:
            self._stage(stage, set_id, files)
            argv = ["--dry-run", "--itemize-changes", "--checksum", "-r", stage + "/", self._at("")]
            self._run(argv, "look whether a set is there", f"{set_id} on {self.describe()}", output.extend)
        lines = output.decode("utf-8", "replace").splitlines()
        changed = {line.split(" ", 1)[1] for line in lines if line.startswith("<f") and " " in line}
        return {path for path in files if f"{set_id}/{path}" in changed}

    def _make_directories(self, set_id: SetId) -> None:
        """Makes the set's directory at the far end, and finds out whether its rsync can bring files to the disk."""
        on = f"{set_id} to {self.describe()}"
        with tempfile.TemporaryDirectory(prefix="ssh-") as stage:
            self._stage(stage, set_id, {})
            for fsync in (True, False) if self._fsync is None else (self._fsync,):
                try:
                    self._run(["-r", *(["--fsync"] if fsync else []), stage + "/", self._at("")], "store a set", on)
                except BackupError as error:
                    # rsync before 3.2.4, or its rrsync, does not know the option.
                    if not fsync or "--fsync" not in error.why:
                        raise
                    continue
                self._fsync = fsync
                return

    def _stage(self, stage: str, set_id: SetId, files: t.Mapping[str, str]) -> None:
        path = stage
        for name in str(set_id).split("/"):
            path = os.path.join(path, name)
            os.mkdir(path, _durable.DIRECTORY_MODE)
        for name, text in files.items():
            with open(os.path.join(path, name), "w", encoding="utf-8") as stream:
                stream.write(text)

    def _at(self, path: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{posixpath.join(self.remote_path, path) if path else self.remote_path.rstrip('/') + '/'}"

    def _pull(self, set_id: SetId, directory: str, flags: t.Sequence[str], progress: ProgressCallback) -> None:
        # Neither links nor devices nor owners: -r alone takes plain files and directories.
        argv = ["-r", "--no-links", "--no-devices", "--no-specials", "--chmod=D0750,F0640", *flags]
        on = f"{set_id} from {self.describe()}"
        self._persist([*argv, self._at(f"{set_id}/"), directory + "/"], "fetch a set", on, progress)

    def _check_fetched(self, set_id: SetId, directory: str, sizes: t.Mapping[str, int]) -> None:
        for parent, subdirectories, files in os.walk(directory):
            for name in subdirectories + files:
                path = os.path.join(parent, name)
                mode = os.lstat(path).st_mode
                if stat.S_ISDIR(mode):
                    continue
                within = os.path.relpath(path, directory)
                if not stat.S_ISREG(mode):
                    os.unlink(path)
                    raise self._hostile(set_id, f"{within!r} came as something else than a plain file")
                if within not in sizes:
                    raise self._hostile(set_id, f"{within!r} came, which it does not list")
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    os.fchmod(descriptor, _durable.FILE_MODE)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        _durable.sync_tree(directory)

    def pull_files(self, set_id: SetId, paths: t.Sequence[str], directory: str) -> None:
        """Copies some files of a set into a local directory, which then holds them under their paths.

        :raises BackupError: when the link or the far end fails.
        """
        filters = []
        for path in paths:
            parts = path.split("/")
            filters += [f"--include=/{'/'.join(map(_escape, parts[:depth]))}/" for depth in range(1, len(parts))]
            filters.append(f"--include=/{'/'.join(map(_escape, parts))}")
        self._pull(set_id, directory, ["--partial", *dict.fromkeys(filters), "--exclude=*"], no_progress)

    def private_directory(self) -> str:
        """A new local directory that nobody else may look into; it goes when the medium is closed."""
        # Not /tmp, which is often in memory: a payload file may be as large as a disk.
        place = "/var/tmp" if os.access("/var/tmp", os.W_OK | os.X_OK) else None  # noqa: S108 - made by mkdtemp(3)
        self._private.append(tempfile.TemporaryDirectory(prefix="ssh-", dir=place))
        return self._private[-1].name

    def _hostile(self, set_id: SetId, why: str) -> SetInvalid:
        return SetInvalid(
            "read a set",
            on=f"{set_id} on {self.describe()}",
            why=why,
            next_step="Do not use this copy; find out what happened on that host.",
        )

    def _persist(self, argv: t.Sequence[str], action: str, on: str, progress: ProgressCallback) -> None:
        """A transfer that is taken up again when the link breaks."""
        rest = b""

        def count(chunk: memoryview) -> None:
            nonlocal rest
            *lines, rest = (rest + bytes(chunk)).split(b"\n")
            for line in lines:
                if line.isdigit() and len(line) < 20:
                    progress(int(line))

        for attempt in range(ATTEMPTS):
            try:
                self._run(["--out-format=%l", *argv], action, on, count)
                return
            except LinkLost:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE_SECONDS * 2**attempt)

    def _run(
        self, argv: t.Sequence[str], action: str, on: str, sink: t.Callable[[memoryview], t.Any] | None = None
    ) -> None:
        command = Command(
            [
                _programs.find("rsync"),
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
            raise self._explain(error.why, action, on) from error

    def _explain(self, said: str, action: str, on: str) -> BackupError:
        where = f"{self.host}, port {self.port}"
        kind: type[BackupError] = BackupError
        why = said
        next_step = "Try the same with ssh and rsync by hand as this user."
        lowered = said.lower()
        if "remote host identification has changed" in lowered:
            why = f"the host key of {where} is not the one in the known-hosts file"
            next_step = "Find out whether the host was set up anew; if not, somebody is in between. Nothing was sent."
        elif "host key verification failed" in lowered or "no matching host key" in lowered:
            why = f"the host key of {where} is not in the known-hosts file"
            next_step = "Put it there after comparing its fingerprint on the host itself (step1_prepare_media does)."
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
            why, next_step = "another transfer into that directory is under way", "Wait for it to end; then run again."
        elif "no space left" in lowered or "disk quota" in lowered:
            why, next_step = "the disk is full (on either side)", "Free space; what arrived is not listed."
        elif re.search(r"no such file or directory|does not exist", lowered):
            kind = NotFound
            why = f"the directory {self.remote_path}, or what was asked for in it, is not there"
            next_step = "Prepare the medium (playbook infitulua.backup.step1_prepare_media), or mount its volume there."
        elif "rsync: command not found" in lowered or "rsync: not found" in lowered:
            kind = NotFound
            why, next_step = f"rsync is not installed on {self.host}", "Install the package rsync there."
        elif "rrsync" not in lowered and _LINK_LOST.search(said):
            kind = LinkLost
            why, next_step = f"the link to {where} was lost", "Run again; nothing incomplete is listed."
        return kind(action, on=on, why=why, next_step=next_step)


class LinkLost(BackupError):
    """The connection broke while something was under way."""


class SshContents:
    """The files of a set on another host.

    :param special: paths that are no plain files; they cannot be opened.
    """

    def __init__(self, medium: SshMedium, set_id: SetId, sizes: dict[str, int], special: set[str]) -> None:
        self._medium = medium
        self._set_id = set_id
        self._sizes = sizes
        self._special = special
        self._tags: str | None = None

    def sizes(self) -> dict[str, int]:
        return dict(self._sizes)

    def open(self, path: str) -> t.BinaryIO:
        if path not in self._sizes:
            raise FileNotFoundError(errno.ENOENT, "there is no such file", path)
        if path in self._special or not _bag.is_safe_path(path):
            raise OSError(errno.EINVAL, "it is not a plain file with a safe name", path)
        try:
            if path.startswith(_bag.PAYLOAD_DIRECTORY + "/"):
                directory = self._medium.private_directory()
                self._medium.pull_files(self._set_id, [path], directory)
            else:
                # The few small tag files come together, in one connection.
                if self._tags is None:
                    tags = [each for each in self._sizes if self._is_tag(each)]
                    directory = self._medium.private_directory()
                    self._medium.pull_files(self._set_id, tags, directory)
                    self._tags = directory
                directory = self._tags
        except BackupError as error:
            raise OSError(errno.EIO, error.why) from error
        local = os.path.join(directory, path)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        stream = open(os.open(local, flags), "rb", buffering=0)  # noqa: SIM115 - the caller closes it
        if directory != self._tags:
            shutil.rmtree(directory, ignore_errors=True)  # The open file stays readable, and goes when it is closed.
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            stream.close()
            raise OSError(errno.EINVAL, "it came as something else than a plain file", path)
        return stream

    def _is_tag(self, path: str) -> bool:
        small = self._sizes[path] <= _bag.MAX_TAG_FILE_BYTES
        plain = path not in self._special and _bag.is_safe_path(path)
        return small and plain and not path.startswith(_bag.PAYLOAD_DIRECTORY + "/")


def _literal(pattern: str, name: str | None) -> str:
    return pattern if name is None else _escape(name)


def _escape(name: str) -> str:
    """A name as a filter pattern that matches only it (rsync(1): in a pattern with wildcards a backslash escapes)."""
    if not re.search(r"[*?\[]", name):
        return name
    return re.sub(r"([*?\[\\])", r"\\\1", name)


def _is_arriving(path: str, sizes: t.Mapping[str, int]) -> bool:
    match = _ARRIVING.fullmatch(path)
    return match is not None and match.group(1) + match.group(2) in sizes


def _unescape(name: str) -> str:
    r"""A name as rsync prints it in the C locale: bytes outside ASCII are ``\#`` and three octal digits."""
    data = name.encode("ascii", "surrogateescape")
    data = _ESCAPED_BYTE.sub(lambda match: bytes([int(match.group(1), 8) & 0xFF]), data)
    return data.decode("utf-8", "surrogateescape")
