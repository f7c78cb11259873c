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

import contextlib
import errno
import os
import re
import shutil
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    AlreadyStored,
    BackupError,
    NotFound,
    ProcessFailed,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId, is_name, is_time
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, temporary_files
from ansible_collections.infitulua.backup.plugins.module_utils._system.bandwidth import Bandwidth, read_bandwidth
from ansible_collections.infitulua.backup.plugins.module_utils._system.free_space import free_bytes
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback, no_progress

from ..base import Access, Medium
from .rsync import Rsync, escape, literal

# rsync's name for a file that is still arriving; a killed one stays.
_ARRIVING = re.compile(r"(.*/|)\.([^/]+)\.[A-Za-z0-9]{6}")


class SshMedium(Medium):
    """Sets in a directory of another host.

    :param ssh_host: its name or address.
    :param ssh_key_file: the private key; no other key, agent or password is tried.
    :param ssh_known_hosts_file: holds the host's public key; a host that is not in it is refused.
    :param ssh_user: whom to log in as; None: as the current user.
    :param ssh_remote_path: the root as the remote rsync sees it; behind a forced rrsync that is ``.``.
    :param bandwidth: ``upload`` and ``download``, each as :class:`~._system.bandwidth.Timetable` takes it. rsync keeps
        the rate of the moment in which it begins, and it begins with each set, and anew where the link broke.
    :raises Refused: when an option could be taken for something else by ssh, rsync or a remote shell.
    """

    kind = "ssh"

    def __init__(
        self,
        *,
        ssh_host: str,
        ssh_key_file: str,
        ssh_known_hosts_file: str,
        ssh_port: int = 22,
        ssh_user: str | None = None,
        ssh_remote_path: str = ".",
        bandwidth: t.Mapping[str, str | None] | None = None,
    ) -> None:
        self._rsync = Rsync(
            host=ssh_host,
            port=ssh_port,
            user=ssh_user,
            remote_path=ssh_remote_path,
            key_file=ssh_key_file,
            known_hosts_file=ssh_known_hosts_file,
        )
        upload, download = read_bandwidth(bandwidth, self.describe())
        self._upload_pace, self._download_pace = Bandwidth(upload), Bandwidth(download)
        self._private = contextlib.ExitStack()
        self._fsync: bool | None = None

    def describe(self) -> str:
        return self._rsync.describe()

    def close(self) -> None:
        self._private.close()

    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        within = [literal(host or "*", host), literal(source or "*", source), "*", bag.BAGIT_TXT]
        found = []
        for kind, _size, path in self._rsync.list(within):
            parts = path.split("/")
            if kind == "-" and len(parts) == 4 and parts[3] == bag.BAGIT_TXT:
                # The far end may name what was not asked for.
                asked = host in (None, parts[0]) and source in (None, parts[1])
                if asked and is_name(parts[0]) and is_name(parts[1]) and is_time(parts[2]):
                    found.append(SetId(parts[0], parts[1], parts[2]))
        return sorted(set(found))

    def contents(self, set_id: SetId) -> SshContents:
        below = f"{set_id}/"
        sizes: dict[str, int] = {}
        special: set[str] = set()
        for kind, size, path in self._rsync.list([set_id.host, set_id.source, set_id.time, "**"]):
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
        if bag.BAGIT_TXT not in sizes:
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
            needed, free = sum(sizes.values()), free_bytes(directory)
            if free < needed:
                raise Refused(
                    "fetch a set",
                    on=f"{set_id} from {self.describe()}",
                    why=f"it has {needed} bytes, and {free} are free here",
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
        """Copy a complete set from a local directory to the other host: ``bagit.txt`` last, in a pass of its own.

        What an interrupted one leaves there is not listed; the next one sends what is missing.

        :raises AlreadyStored: when a set of this id is there.
        :raises AccessDenied: when the key may not write.
        """
        directory = os.path.abspath(directory)
        on = f"{set_id} to {self.describe()}"
        if self._differing(set_id, {bag.BAGIT_TXT: bag.DECLARATION}) != {bag.BAGIT_TXT}:
            raise AlreadyStored(
                "store a set",
                on=on,
                why="a set of this id is there already",
                next_step="Verify both with set_verify, each where it may be read; sets are never overwritten.",
            )
        self._make_directories(set_id)
        target = self._rsync.at(f"{set_id}/")
        flags = ["-rt", "--omit-dir-times", *(["--fsync"] if self._fsync else [])]
        self._rsync.transfer(
            [*flags, f"--exclude=/{bag.BAGIT_TXT}", directory + "/", target],
            "store a set",
            on,
            progress,
            self._upload_pace,
        )
        # rsync read the files; only when they are, in the same page cache, what the manifests say, the set appears.
        findings = bag.validate(DirectoryContents(directory)).findings
        if findings:
            raise SetInvalid(
                "store a set",
                on=on,
                why="; ".join(map(str, findings)),
                next_step="The other host does not list the set. Verify it on its medium, and store another copy.",
                details=[str(finding) for finding in findings],
            )
        bagit = os.path.join(directory, bag.BAGIT_TXT)
        self._rsync.transfer(
            [*flags, "--ignore-existing", bagit, target], "store a set", on, progress, self._upload_pace
        )

    def has_stored(self, set_id: SetId, tag_manifest: str) -> bool:
        files = {bag.BAGIT_TXT: bag.DECLARATION, bag.TAG_MANIFEST: tag_manifest}
        return not self._differing(set_id, files)

    def remove(self, set_id: SetId) -> None:
        """Refuse: a key that may read or write at the far end is never one that may delete.

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
        with temporary_files.directory("ssh") as stage:
            with open(os.path.join(stage, ".probe"), "w", encoding="utf-8"):
                pass
            try:
                self._rsync.run(["--dry-run", "-r", stage + "/", self._rsync.at("")], "try a medium", self.describe())
            except AccessDenied:
                return Access(list=found.list, read=found.read, write=False, delete=False)
        return Access(list=found.list, read=found.read, write=True, delete=None)

    def _differing(self, set_id: SetId, files: t.Mapping[str, str]) -> set[str]:
        """Return those of a set's tag files that the far end lacks or has with other content.

        A dry run asks this of a key that may only write. (Behind ``rrsync -no-overwrite`` only the absence shows.)
        """
        output = bytearray()
        with temporary_files.directory("ssh") as stage:
            self._stage(stage, set_id, files)
            argv = ["--dry-run", "--itemize-changes", "--checksum", "-r", stage + "/", self._rsync.at("")]
            self._rsync.run(argv, "look whether a set is there", f"{set_id} on {self.describe()}", output.extend)
        lines = output.decode("utf-8", "replace").splitlines()
        changed = {line.split(" ", 1)[1] for line in lines if line.startswith("<f") and " " in line}
        return {path for path in files if f"{set_id}/{path}" in changed}

    def _make_directories(self, set_id: SetId) -> None:
        """Make the set's directory at the far end, and find out whether its rsync can bring files to the disk."""
        on = f"{set_id} to {self.describe()}"
        with temporary_files.directory("ssh") as stage:
            self._stage(stage, set_id, {})
            for fsync in (True, False) if self._fsync is None else (self._fsync,):
                try:
                    self._rsync.run(
                        ["-r", *(["--fsync"] if fsync else []), stage + "/", self._rsync.at("")], "store a set", on
                    )
                except BackupError as error:
                    # rsync before 3.2.4, or its rrsync, does not know the option.
                    cause = error.__cause__
                    if not fsync or not isinstance(cause, ProcessFailed) or not cause.said("--fsync"):
                        raise
                    continue
                self._fsync = fsync
                return

    def _stage(self, stage: str, set_id: SetId, files: t.Mapping[str, str]) -> None:
        path = stage
        for name in str(set_id).split("/"):
            path = os.path.join(path, name)
            os.mkdir(path, durable.DIRECTORY_MODE)
        for name, text in files.items():
            with open(os.path.join(path, name), "w", encoding="utf-8") as stream:
                stream.write(text)

    def _pull(self, set_id: SetId, directory: str, flags: t.Sequence[str], progress: ProgressCallback) -> None:
        # Neither links nor devices nor owners: -r alone takes plain files and directories.
        argv = ["-r", "--no-links", "--no-devices", "--no-specials", "--chmod=D0750,F0640", *flags]
        on = f"{set_id} from {self.describe()}"
        self._rsync.transfer(
            [*argv, self._rsync.at(f"{set_id}/"), directory + "/"], "fetch a set", on, progress, self._download_pace
        )

    def _check_fetched(self, set_id: SetId, directory: str, sizes: t.Mapping[str, int]) -> None:
        def fail(error: OSError) -> None:
            raise error

        for parent, subdirectories, files in os.walk(directory, onerror=fail):
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
                    os.fchmod(descriptor, durable.FILE_MODE)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        durable.sync_tree(directory)

    def pull_files(self, set_id: SetId, paths: t.Sequence[str], directory: str) -> None:
        """Copy some files of a set into a local directory, which then holds them under their paths.

        :raises BackupError: when the link or the far end fails.
        """
        filters = []
        for path in paths:
            parts = path.split("/")
            filters += [f"--include=/{'/'.join(map(escape, parts[:depth]))}/" for depth in range(1, len(parts))]
            filters.append(f"--include=/{'/'.join(map(escape, parts))}")
        self._pull(set_id, directory, ["--partial", *dict.fromkeys(filters), "--exclude=*"], no_progress)

    def private_directory(self) -> str:
        """Return a new local directory that nobody else may look into; it goes when the medium is closed."""
        # Not /tmp, which is often in memory: a payload file may be as large as a disk.
        place = "/var/tmp" if os.access("/var/tmp", os.W_OK | os.X_OK) else None  # noqa: S108 - mode 0700, and a new name
        return self._private.enter_context(temporary_files.directory("ssh", within=place))

    def _hostile(self, set_id: SetId, why: str) -> SetInvalid:
        return SetInvalid(
            "read a set",
            on=f"{set_id} on {self.describe()}",
            why=why,
            next_step="Do not use this copy; find out what happened on that host.",
        )


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
        if path in self._special or not bag.is_safe_path(path):
            raise bag.NoPlainFile(errno.EINVAL, "it is not a plain file with a safe name", path)
        try:
            if path.startswith(bag.PAYLOAD_DIRECTORY + "/"):
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
            raise OSError(errno.ECONNABORTED, error.why) from error  # It has been tried again by now.
        local = os.path.join(directory, path)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        stream = open(os.open(local, flags), "rb", buffering=0)  # noqa: SIM115 - the caller closes it
        if directory != self._tags:
            shutil.rmtree(directory, ignore_errors=True)  # The open file stays readable, and goes when it is closed.
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            stream.close()
            raise bag.NoPlainFile(errno.EINVAL, "it came as something else than a plain file", path)
        return stream

    def _is_tag(self, path: str) -> bool:
        small = self._sizes[path] <= bag.MAX_TAG_FILE_BYTES
        plain = path not in self._special and bag.is_safe_path(path)
        return small and plain and not path.startswith(bag.PAYLOAD_DIRECTORY + "/")


def _is_arriving(path: str, sizes: t.Mapping[str, int]) -> bool:
    match = _ARRIVING.fullmatch(path)
    return match is not None and match.group(1) + match.group(2) in sizes
