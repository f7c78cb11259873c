# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine for trees of files: GNU tar, told by our own list what to archive, and guarded on the way back.

Each path of a source is one archive and one payload file, so that one can be restored without the others. tar does
what it does best (owners by name and number, modes, times to the nanosecond, ACLs, extended attributes, holes, hard
links, any byte in a name); which names belong, and what is in the archive in the end, is known here.
"""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import os
import re
import stat
import threading
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils import _filters, _programs
from ansible_collections.infitulua.backup.plugins.module_utils._bag import PAYLOAD_DIRECTORY
from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    LockHeld,
    NotFound,
    ProcessFailed,
    Refused,
    SetInvalid,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import (
    Command,
    Outcome,
    Processes,
    run_and_read,
)
from ansible_collections.infitulua.backup.plugins.module_utils._set_writer import SetWriter, Stream
from ansible_collections.infitulua.backup.plugins.module_utils.engines._base import (
    Check,
    Dumped,
    Engine,
    Examination,
    Replaced,
    RestoreWork,
    TargetState,
    is_count,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines._names import Names, escape, from_tar, unescape
from ansible_collections.infitulua.backup.plugins.module_utils.engines._staging import (
    Staging,
    as_backup_error,
    beside,
    kept_beside,
    remove_tree,
    sync_file_system,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.files import _owners
from ansible_collections.infitulua.backup.plugins.module_utils.engines.files._selection import Choice, Only
from ansible_collections.infitulua.backup.plugins.module_utils.engines.files._tar_guard import (
    ArchiveRefused,
    Tally,
    TarGuard,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.files._walking import Excludes, Walked, walk

# The first GNU tar that reads a list of names without interpreting any (--verbatim-files-from).
_OLDEST_TAR = (1, 29)
_TAR_ENVIRONMENT = {"TAR_OPTIONS": None, "POSIXLY_CORRECT": None, "TAPE": None}
_LIST_CHUNK = 64 * 1024
# tar says a line about each file that changed; a tree that changes wholly still has to be judged line by line.
_STDERR_LIMIT = 256 * 1024 * 1024
_SHOWN_WARNINGS = 20
_COUNTED = ("directories", "files", "hard_links", "symbolic_links", "fifos", "content_bytes")
_GONE = "No such file or directory|Not a directory|Too many levels of symbolic links|Stale file handle"
_CHANGED = re.compile(r"file changed as we read it|File shrank by \d+ bytes?; padding with zeros")
_VANISHED = re.compile(rf"File removed before we read it|Cannot \w+: (?:{_GONE})")
_LINE = re.compile(r"((?:[^:\\]|\\.)*): (.*)", re.DOTALL)

EXTRACT_OPTIONS = (
    "--extract",
    "--file=-",
    "--preserve-permissions",
    "--acls",
    "--xattrs",
    "--xattrs-include=*",
    "--delay-directory-restore",
    "--keep-old-files",
)


class FilesEngine(Engine):
    """Directories and files of one host, under one name.

    Source options: ``paths`` (absolute; links are resolved), ``exclude`` (patterns; see :class:`Excludes`),
    ``one_file_system`` (do not enter what is mounted below a path). Target options: ``directory`` (what the paths are
    put under; ``/`` is their original place), ``paths`` (only these of the set's), ``only`` (of
    what is in them, only what these patterns mean; see :class:`Only`).
    """

    name = "files"
    source_arguments = {
        "paths": {"type": "list", "elements": "path", "required": True},
        "exclude": {"type": "list", "elements": "str"},
        "one_file_system": {"type": "bool"},
    }
    target_arguments = {
        "directory": {"type": "path", "required": True},
        "paths": {"type": "list", "elements": "path"},
        "only": {"type": "list", "elements": "str"},
    }

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._paths = [_absolute(path) for path in options.get("paths") or ()]
        self._excludes = Excludes(options.get("exclude") or ())
        self._one_file_system = bool(options.get("one_file_system"))
        self._only = Only(options["only"]) if options.get("only") else None
        directory = options.get("directory")
        self._directory = _absolute(directory) if directory else b"/"
        self._trees: list[_Tree] = []

    def describe(self) -> str:
        """The paths."""
        shown = ", ".join(escape(path) for path in self._paths[:5])
        return f"files {shown}" + (f" and {len(self._paths) - 5} more" if len(self._paths) > 5 else "")

    # Dumping

    def examine(self) -> Examination:
        """Walks the trees: every path is there and can be read, and so much is in them."""
        roots = self._roots()
        total = 0
        unreadable = Names()
        for root in roots:
            walked = Walked()
            for _path in self._walk(root, walked, measure=True):
                pass
            total += walked.bytes
            unreadable.count += walked.unreadable.count
            unreadable.listed += walked.unreadable.listed
        if unreadable.count:
            raise BackupError(
                "read the files to back up",
                on=self.describe(),
                why=f"{unreadable.count} cannot be read: {unreadable.shown()}",
                next_step="Run as root, correct the permissions, or exclude them by name; nothing was written.",
                details=unreadable.listed,
            )
        return Examination(total, {"tar": tar_version()})

    def dump(self, writer: SetWriter, *, jobs: int) -> Dumped:
        """One archive for each path."""
        roots = self._roots()
        self._check_medium_outside(roots, os.fsencode(os.path.realpath(writer.partial.medium.root)))
        dumps = [_TreeDump(self, root, index, writer) for index, root in enumerate(roots)]
        _all([dump.run for dump in dumps], jobs=jobs, processes=writer.processes)
        warnings = [
            f"{escape(given)} is a symbolic link: what it points to, {escape(root)}, was backed up"
            for given, root in zip(self._paths, self._resolved())
            if given != root
        ]
        for dump in dumps:
            warnings += dump.warnings()
        suffix = writer.filters.suffix(compress=True)
        return Dumped(
            parts=[dump.part for dump in dumps],
            content={
                "files": sum(dump.tally.files for dump in dumps),
                "bytes": sum(dump.tally.content_bytes for dump in dumps),
            },
            facts={
                "paths": [dump.facts() for dump in dumps],
                "exclude": self._excludes.patterns,
                "one_file_system": self._one_file_system,
            },
            warnings=warnings,
            restore_by_hand=[
                f"{_filters.by_hand(f'{PAYLOAD_DIRECTORY}/{dump.file_name}{suffix}')}"
                f" | LC_ALL=C tar {' '.join(EXTRACT_OPTIONS).replace('*', chr(39) + '*' + chr(39))}"
                f" --directory=TARGET_DIRECTORY  # makes TARGET_DIRECTORY/{escape(os.path.basename(dump.root))},"
                f" which was {escape(dump.root)}"
                for dump in dumps
            ],
        )

    def _walk(self, root: bytes, walked: Walked, *, measure: bool) -> t.Iterator[bytes]:
        return walk(
            root, excludes=self._excludes, one_file_system=self._one_file_system, measure=measure, walked=walked
        )

    def _resolved(self) -> list[bytes]:
        return [os.path.realpath(path) for path in self._paths]

    def _roots(self) -> list[bytes]:
        """The paths, links resolved.

        :raises BackupError: when one is missing, is not a file or directory, or lies in another.
        """
        if not self._paths:
            raise Refused(
                "back up files", on="no paths", why="the source names none", next_step="Give paths: what to back up."
            )
        roots = self._resolved()
        for root in roots:
            try:
                mode = os.stat(root).st_mode
            except OSError as error:
                raise NotFound(
                    "read a path to back up",
                    on=escape(root),
                    why=describe_os_error(error),
                    next_step="Correct the source's paths, or bring back what is missing; nothing was written.",
                ) from error
            if root == b"/" or not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise Refused(
                    "back up a path",
                    on=escape(root),
                    why="only directories and regular files can be restored beside and swapped",
                    next_step="Name the directories in it that hold data.",
                )
        for outer in roots:
            for inner in roots:
                if inner is not outer and (inner + b"/").startswith(outer + b"/"):
                    raise Refused(
                        "back up paths",
                        on=f"{escape(outer)}, {escape(inner)}",
                        why="one lies in the other",
                        next_step="Name only the outer one, or put them into two sources and exclude the inner one.",
                    )
        return roots

    def _check_medium_outside(self, roots: t.Sequence[bytes], medium: bytes) -> None:
        for root in roots:
            inside = medium
            while (inside + b"/").startswith(root + b"/") and inside != root:
                if self._excludes.match(inside, os.path.basename(inside)):
                    break
                inside = os.path.dirname(inside)
            else:
                if inside == root:
                    raise Refused(
                        "back up a path",
                        on=escape(root),
                        why=f"the medium {escape(medium)} lies in it, and each set would hold all earlier ones",
                        next_step="Exclude the medium's directory, or use a medium elsewhere.",
                    )

    # Restoring

    def inspect_target(self, work: RestoreWork) -> TargetState:
        """What stands at the paths."""
        trees = self._trees = self._select(work)
        if self._only is not None:
            trees = self._trees = self._look(work, self._only, trees)
        needed: dict[int, int] = {}
        exists, empty = False, True
        for tree in trees:
            free_on, usable = _nearest(tree.live)
            if not usable:
                raise Refused(
                    "restore",
                    on=escape(tree.live),
                    why=f"{escape(free_on)} is not a directory that this user may write to",
                    next_step="Run as root, or restore into another directory.",
                )
            device = os.stat(free_on).st_dev
            needed[device] = needed.get(device, 0) + tree.bytes
            available = os.statvfs(free_on)
            free = available.f_bavail * available.f_frsize
            if free < needed[device]:
                raise BackupError(
                    "restore",
                    on=escape(tree.live),
                    why=f"{free} bytes are free there and about {needed[device]} are needed",
                    next_step="Free space, or restore into a directory on a larger file system; nothing was touched.",
                )
            if os.path.ismount(tree.live):
                raise Refused(
                    "restore",
                    on=escape(tree.live),
                    why="a file system is mounted there, and a mount point cannot be swapped by rename",
                    next_step="Restore into a directory on it (directory: …) and move what is needed.",
                )
            tree.staging.refuse_foreign()
            state = _state(tree.live)
            if self._only is not None and state is False:
                raise Refused(
                    "restore some of the files",
                    on=escape(tree.live),
                    why="it is there, and would be replaced by those few files",
                    next_step="Restore into a directory of their own (directory: …) and copy them from there.",
                )
            exists = exists or state is not None
            empty = empty and state is not False
        places = [path for tree in trees for path in tree.places()]
        shown = ", ".join(escape(path) for path in places[:5])
        more = f" and {len(places) - 5} more" if len(places) > 5 else ""
        return TargetState(f"files {shown}{more}", exists, empty)

    def _look(self, work: RestoreWork, only: Only, trees: t.Sequence[_Tree]) -> list[_Tree]:
        """Reads the archives, to see in which of them is what is meant.

        :raises NotFound: when a pattern means nothing.
        """
        possible = [tree for tree in trees if only.may_lie_in(tree.root)]
        work.progress.stage("looking", total_bytes=sum(tree.archive_bytes for tree in possible))
        _all([functools.partial(tree.look, work, only) for tree in possible], jobs=work.jobs, processes=work.processes)
        chosen = [(tree, tree.choice) for tree in possible if tree.choice is not None and tree.choice.meant]
        found = {pattern for _tree, choice in chosen for pattern in choice.found}
        missing = [pattern for pattern in only.patterns if pattern not in found]
        if missing:
            raise NotFound(
                "restore some of the files",
                on=", ".join(map(escape, missing)),
                why=f"nothing in the set {work.reader.set_id} has such a name; it holds what lies in"
                f" {', '.join(escape(tree.root) for tree in trees)}",
                next_step="Correct the names (*.odt finds them anywhere), or try an earlier set: it may have been lost"
                " before this one was made.",
            )
        for tree, choice in chosen:
            if choice.linked:
                shown = ", ".join(map(escape, choice.linked[:10]))
                work.warnings.append(
                    f"{escape(tree.root)}: {shown} came along, because hard links to it were asked for"
                )
        return [tree for tree, _choice in chosen]

    def restore_beside(self, work: RestoreWork) -> None:
        """Extracts each archive into its staging directory."""
        work.progress.stage("restoring", total_bytes=sum(tree.archive_bytes for tree in self._trees))
        for tree in self._trees:
            made = tree.prepare()
            if made:
                work.warnings.append(f"made {', '.join(map(escape, made))}, owned by this user, mode 0755: adjust them")
        _all([functools.partial(tree.extract, work) for tree in self._trees], jobs=work.jobs, processes=work.processes)
        if os.geteuid() != 0:
            work.warnings.append("not run as root: everything restored belongs to this user and group")
        for tree in self._trees:
            if tree.tally.privileged:
                work.warnings.append(
                    f"{escape(tree.root)}: {tree.tally.privileged} files were restored with setuid or setgid bits or"
                    f" capabilities, the first: {', '.join(map(escape, tree.tally.privileged_names[:10]))}"
                )

    def check(self, work: RestoreWork) -> list[Check]:
        """Counts what was extracted, by type and in bytes."""
        return [check for tree in self._trees for check in tree.check()]

    def restored(self) -> list[tuple[t.Mapping[str, t.Any], bytes]]:
        """What the set says of each path, and the directory in which it lies until it is swapped."""
        return [(tree.entry, tree.staging.content) for tree in self._trees]

    def swap(self, work: RestoreWork) -> str | None:
        """All paths, or none."""
        kept: list[bytes] = []
        try:
            for tree in self._trees:
                old = tree.staging.swap()
                if old is not None:
                    kept.append(old)
        except OSError as error:
            for tree in reversed(self._trees):
                tree.staging.undo()
            raise as_backup_error("put the restored files in their place", tree.live, error) from error
        for tree in self._trees:
            try:
                tree.staging.close()
            except BackupError as error:
                work.warnings.append(error.message)
        return ", ".join(escape(path) for path in kept) or None

    def discard(self, work: RestoreWork) -> None:
        """Removes the staging directories."""
        for tree in reversed(self._trees):
            tree.discard()

    # What restores have kept

    def _lives(self) -> list[bytes]:
        """The places of the target: of the set that was looked at, or else of the paths that are named."""
        if self._trees:
            return [tree.live for tree in self._trees]
        return [os.path.join(self._directory, path.lstrip(b"/")) for path in self._resolved()]

    def replaced(self) -> list[Replaced]:
        """What restores of these paths have kept, oldest first."""
        found = []
        for live in self._lives():
            for path, since in kept_beside(live):
                mounted = _mounted_below(path)
                size = 0 if mounted else _count_tree(path)[0]["content_bytes"]
                found.append(Replaced(escape(path), since, size, mounted))
        return sorted(found, key=lambda entry: (entry.since, entry.name))

    def check_live(self) -> None:
        """Sees that each path is there and holds something.

        :raises BackupError: when one is not, or is empty.
        """
        for live in self._lives():
            if _state(live) is not False:
                raise Refused(
                    "remove what was replaced",
                    on=escape(live),
                    why="it is not there or empty, and what was replaced may be all there is",
                    next_step="Look into both; remove what is not needed by hand.",
                )

    def remove_replaced(self, entry: Replaced) -> None:
        """Removes a tree or file that a restore has kept."""
        path = unescape(entry.name)
        for live in self._lives():
            staging = beside(live, "__restoring")
            if os.path.lexists(staging):
                raise LockHeld(
                    "remove what was replaced",
                    on=escape(live),
                    why=f"a restore of it is at work, or has died ({escape(staging)} is there)",
                    next_step="Let it end, or restore again.",
                )
        remove_tree(path)

    def _select(self, work: RestoreWork) -> list[_Tree]:
        """The set's trees, or those that were asked for.

        :raises NotFound: when the set does not hold one.
        """
        trees = [_Tree(work, entry, self._directory) for entry in _entries(work)]
        if not self._paths:
            return trees
        by_path = {tree.root: tree for tree in trees}
        missing = [path for path in self._paths if path not in by_path]
        if missing:
            raise NotFound(
                "restore paths",
                on=", ".join(map(escape, missing)),
                why=f"the set {work.reader.set_id} holds {', '.join(map(escape, by_path))}",
                next_step="Name one of these paths; each is restored whole.",
            )
        return [by_path[path] for path in dict.fromkeys(self._paths)]


class _TreeDump:
    """One path on its way into a set: walk → tar → guard → the set's filters."""

    def __init__(self, engine: FilesEngine, root: bytes, index: int, writer: SetWriter) -> None:
        self.root = root
        self._parent = os.path.dirname(root)
        self._engine = engine
        self._writer = writer
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", os.fsdecode(os.path.basename(root)))[:60]
        self.part = f"{index:03d}-{readable}"
        self.file_name = f"{self.part}.tar"
        self.walked = Walked()
        self.tally = Tally()
        self.changed = Names()
        self.vanished = Names()
        self.troubles = Names()
        self._errors: list[BaseException] = []

    def run(self) -> None:
        """Stores the archive."""
        names, names_in = os.pipe()
        archive, archive_in = os.pipe()
        threads = [
            threading.Thread(target=self._guarded, args=(self._list, names_in), daemon=True),
            threading.Thread(target=self._guarded, args=(self._archive, names, archive_in), daemon=True),
        ]
        try:
            for thread in threads:
                thread.start()
            self._writer.store(
                Stream(
                    part=self.part,
                    name=self.file_name,
                    commands=[],
                    stdin=archive,
                    action=f"archive {escape(self.root)}",
                    next_step="See the cause; nothing of the set was kept.",
                )
            )
        except BaseException:
            # What stopped the archive is the cause; that the filters then failed, or were killed, is not.
            self._writer.processes.cancel()
            os.close(archive)
            self._join(threads)
            self._raise_first()
            raise
        os.close(archive)
        self._join(threads)
        self._raise_first()

    @staticmethod
    def _join(threads: t.Sequence[threading.Thread]) -> None:
        for thread in threads:
            thread.join()

    def _raise_first(self) -> None:
        causes = [error for error in self._errors if not isinstance(error, BrokenPipeError)]
        for error in causes:
            if isinstance(error, OSError):
                raise BackupError(
                    "read the files to back up",
                    on=escape(self.root),
                    why=describe_os_error(error),
                    next_step="Correct what it names, then run again; nothing of the set was kept.",
                ) from error
        for error in causes:
            if not isinstance(error, ProcessFailed):
                raise error
        for error in causes:
            raise error

    def _guarded(self, work: t.Callable[..., None], *descriptors: int) -> None:
        try:
            work(*descriptors)
        except BaseException as error:  # Raised again where the set is written.
            self._errors.append(error)
            if not isinstance(error, BrokenPipeError):
                self._writer.processes.cancel()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _list(self, descriptor: int) -> None:
        """Writes the names, each ended by NUL, relative to the parent."""
        cut = len(self._parent.rstrip(b"/")) + 1
        buffer = bytearray()
        for path in self._engine._walk(self.root, self.walked, measure=False):
            buffer += path[cut:] + b"\0"
            if len(buffer) >= _LIST_CHUNK:
                _write(descriptor, buffer)
                buffer.clear()
        _write(descriptor, buffer)
        if self.walked.unreadable.count:
            raise self._unreadable(self.walked.unreadable)

    def _archive(self, names: int, archive: int) -> None:
        guard = TarGuard(os.path.basename(self.root), forward=lambda view: _write(archive, view))
        command = Command(
            [
                _programs.find("tar"),
                "--create",
                "--file=-",
                "--format=posix",
                "--pax-option=delete=atime,delete=ctime",
                "--sparse",
                "--acls",
                "--xattrs",
                "--xattrs-include=*",
                "--quoting-style=escape",
                "--no-recursion",
                "--null",
                "--no-unquote",
                "--verbatim-files-from",
                f"--directory={os.fsdecode(self._parent)}",
                "--files-from=-",
            ],
            environment=_TAR_ENVIRONMENT,
            # 1: files changed; 2: also when a file that was listed has gone. Each line is judged below.
            success=frozenset({0, 1, 2}),
            stderr_limit=_STDERR_LIMIT,
        )
        try:
            [outcome] = self._writer.processes.run(
                [command],
                action=f"archive {escape(self.root)}",
                on=self._writer.subject,
                next_step="See what tar says; nothing of the set was kept.",
                stdin=names,
                sink=guard.feed,
            )
            self._judge(outcome)
            self.tally = guard.finish()
        except ArchiveRefused as error:
            raise BackupError(
                "archive files",
                on=escape(self.root),
                why=f"tar wrote what a restore would refuse: {error}",
                next_step="Run again; if it stays, exclude what is named here and report it.",
            ) from error

    def _judge(self, outcome: Outcome) -> None:
        """Reads every line that tar said.

        :raises BackupError: when one is more than that a file changed or vanished.
        """
        failures: list[str] = []
        unreadable = Names()
        for line in outcome.stderr.splitlines():
            text = _without_program(line)
            match = _LINE.fullmatch(text)
            if match is None:
                if text != "Exiting with failure status due to previous errors" and text.strip():
                    failures.append(text)
                continue
            path = os.path.join(self._parent, from_tar(match.group(1).encode("latin-1", "replace")))
            what = match.group(2)
            if _CHANGED.fullmatch(what):
                self.changed.add(path)
            elif _VANISHED.fullmatch(what):
                self.vanished.add(path)
            elif what == "socket ignored":
                self.walked.sockets.add(path)
                self.walked.listed -= 1
            elif what.startswith("Warning: "):
                self.troubles.add(path, what[len("Warning: ") :])
            elif what.endswith("Permission denied"):
                unreadable.add(path, "Permission denied")
            else:
                failures.append(text)
        if unreadable.count:
            raise self._unreadable(unreadable)
        if failures or (outcome.status == 2 and not self.vanished.count):
            raise BackupError(
                "archive files",
                on=escape(self.root),
                why=f"tar ended with exit status {outcome.status}: {'; '.join(failures[:10]) or 'without a reason'}",
                next_step="Correct what it names, or exclude it; nothing of the set was kept.",
                details=failures[:1000],
            )

    def _unreadable(self, names: Names) -> BackupError:
        return BackupError(
            "read the files to back up",
            on=escape(self.root),
            why=f"{names.count} cannot be read: {names.shown()}",
            next_step="Run as root, correct the permissions, or exclude them by name; nothing of the set was kept.",
            details=names.listed,
        )

    def facts(self) -> dict[str, t.Any]:
        """What backup.json tells of this path.

        :raises BackupError: when the archive lacks names of which tar said nothing.
        """
        missing = self.walked.listed - self.tally.members - self.vanished.count
        if missing:
            raise BackupError(
                "archive files",
                on=escape(self.root),
                why=f"of {self.walked.listed} names {abs(missing)} {'are missing' if missing > 0 else 'are too many'}"
                " in the archive, and tar did not say why",
                next_step="Run again; nothing of the set was kept.",
            )
        return {
            "part": self.part,
            "path": escape(self.root),
            "archive_bytes": self.tally.archive_bytes,
            "sparse_files": self.tally.sparse_files,
            "privileged": self.tally.privileged,
            "owners": _owners.facts(self.tally.owners),
            **{name: getattr(self.tally, name) for name in _COUNTED},
            "excluded": self.walked.excluded,
            "changed_while_read": self.changed.facts(),
            "vanished_while_read": self.vanished.facts(),
            "sockets_left_out": self.walked.sockets.facts(),
            "devices_left_out": self.walked.devices.facts(),
            "mounts_not_entered": self.walked.not_entered.facts(),
            "attributes_not_read": self.troubles.facts(),
        }

    def warnings(self) -> list[str]:
        """The same, for the operator."""
        kinds = (
            (self.changed, "changed while they were read"),
            (self.vanished, "vanished before they were read"),
            (self.walked.sockets, "are sockets and were left out"),
            (self.walked.devices, "are device nodes and were left out"),
            (self.walked.not_entered, "are mount points and were not entered"),
            (self.troubles, "have attributes that could not be read"),
        )
        return [f"{escape(self.root)}: {names.count} {what}: {names.shown()}" for names, what in kinds if names.count]


class _Tree:
    """One path of a set on its way back."""

    def __init__(self, work: RestoreWork, entry: t.Mapping[str, t.Any], directory: bytes) -> None:
        self.work = work
        self.entry = entry
        self.root = unescape(entry["path"])
        self.archive_bytes = int(entry["archive_bytes"])
        self.file = work.reader.description.file(entry["part"])
        self.live = os.path.join(directory, self.root.lstrip(b"/"))
        self.bytes = self.archive_bytes  # What it takes, once restored.
        self.choice: Choice | None = None
        self.tally = Tally()
        self.staging = Staging(self.live, work.stamp)

    def places(self) -> list[bytes]:
        """Where what is restored will lie."""
        above = self.live[: len(self.live) - len(self.root)]
        return [self.live] if self.choice is None else [above + path for path in self.choice.meant]

    def look(self, work: RestoreWork, only: Only) -> None:
        """Reads the archive, and notes what is meant of it."""
        choice = Choice(only, self.root)
        guard = TarGuard(
            os.path.basename(self.root),
            forward=lambda view: None,
            limit=self.archive_bytes,
            wanted=choice.look,
        )
        self._read(work, guard)
        self.choice = choice
        self.bytes = guard.tally.content_bytes

    def prepare(self) -> list[bytes]:
        """Makes the staging directory; the parents that had to be made."""
        try:
            return self.staging.create()
        except OSError as error:
            raise as_backup_error("restore beside the target", self.live, error) from error

    def discard(self) -> None:
        """Removes the staging directory."""
        self.staging.undo()
        self.staging.close()

    def extract(self, work: RestoreWork) -> None:
        """Streams the archive through the guard into tar."""
        archive, archive_in = os.pipe()
        errors: list[BaseException] = []
        lines: list[str] = []
        unpacking = threading.Thread(target=self._unpack, args=(work, archive, lines, errors), daemon=True)

        reading = True

        def forward(view: memoryview) -> None:
            nonlocal reading
            if reading:
                try:
                    _write(archive_in, view)
                except BrokenPipeError:
                    # tar has gone, and has been judged by its exit status before its end of the pipe was closed.
                    # When it was content it has seen the archive's end, and need not see the zeros that follow.
                    if errors:
                        raise
                    reading = False
            work.progress.advance(len(view))

        guard = TarGuard(
            os.path.basename(self.root),
            forward=forward,
            limit=self.archive_bytes,
            wanted=self.choice.take if self.choice is not None else None,
        )
        unpacking.start()
        try:
            try:
                self.tally = self._read(work, guard)
            except BrokenPipeError:
                pass  # tar has gone: it tells why.
            except BaseException:
                work.processes.cancel()
                raise
        finally:
            os.close(archive_in)
            unpacking.join()
        if errors:
            raise errors[0]
        for line in lines[:_SHOWN_WARNINGS]:
            work.warnings.append(f"{escape(self.root)}: tar: {line}")
        if len(lines) > _SHOWN_WARNINGS:
            work.warnings.append(f"{escape(self.root)}: tar: {len(lines) - _SHOWN_WARNINGS} more lines like these")
        try:
            sync_file_system(self.staging.path)
        except OSError as error:
            raise as_backup_error("bring the restored files to the disk", self.live, error) from error

    def _read(self, work: RestoreWork, guard: TarGuard) -> Tally:
        """Streams the archive through the guard.

        :raises SetInvalid: when the guard refuses it.
        """
        try:
            work.reader.run(
                self.file,
                [],
                processes=work.processes,
                action="read the payload of a set",
                next_step="The target is as it was. Restore from another copy of the set.",
                sink=guard.feed,
            )
            return guard.finish()
        except ArchiveRefused as error:
            work.processes.cancel()  # tar must not take what it has for all there is.
            raise SetInvalid(
                "restore files",
                on=f"{work.reader.set_id}, {self.file.path}",
                why=f"the archive holds what no archive of ours does: {error}",
                next_step="The target is as it was. Do not use this set; find out who wrote it.",
            ) from error

    def _unpack(self, work: RestoreWork, archive: int, lines: list[str], errors: list[BaseException]) -> None:
        owner = "--same-owner" if os.geteuid() == 0 else "--no-same-owner"
        command = Command(
            [
                _programs.find("tar"),
                *EXTRACT_OPTIONS,
                owner,
                "--restrict",
                "--quoting-style=escape",
                "--warning=no-timestamp",
                f"--directory={os.fsdecode(self.staging.content)}",
            ],
            environment=_TAR_ENVIRONMENT,
        )
        try:
            [outcome] = work.processes.run(
                [command],
                action="extract files",
                on=escape(self.live),
                next_step="The target is as it was. See what tar says, correct it and run again.",
                stdin=archive,
            )
            lines += [_without_program(line) for line in outcome.stderr.splitlines()]
        except BaseException as error:
            errors.append(error)
        finally:
            os.close(archive)

    def check(self) -> list[Check]:
        """Compares what lies in the staging directory with what the set says."""
        found, numbers = _count_tree(self.staging.new) if os.path.lexists(self.staging.new) else ({}, None)
        # Where only some are restored, the guard has counted what it let through.
        said = self.entry if self.choice is None else {name: getattr(self.tally, name) for name in _COUNTED}
        differing = [
            f"{found.get(name, 0)} {name}, the set says {said.get(name)}"
            for name in _COUNTED
            if found.get(name, 0) != said.get(name)
        ]
        detail = "; ".join(differing) or ", ".join(f"{found.get(name, 0)} {name}" for name in _COUNTED)
        unexpected = found.get("others", 0)
        return [
            Check(f"{escape(self.root)}: entries by type and bytes", not differing, detail),
            Check(f"{escape(self.root)}: no device nodes or sockets", not unexpected, f"{unexpected} found"),
            self._check_owners(numbers or collections.Counter()),
        ]

    def _check_owners(self, found: t.Counter[tuple[int, int]]) -> Check:
        """Only root can give files away; for anybody else, the archive is asked to whom it would give them."""
        owners = self.tally.owners
        said = owners if self.choice is not None else _owners.from_facts(self.entry["owners"])
        if os.geteuid() == 0:
            name, wanted = f"{escape(self.root)}: owners", _owners.on_disk(said)
            differing = [
                f"{found[pair]} members belong to {pair[0]}:{pair[1]}, the set says {wanted[pair]}"
                for pair in sorted(found.keys() | wanted.keys())
                if found[pair] != wanted[pair]
            ]
        else:
            name = f"{escape(self.root)}: owners in the archive"
            differing = [
                f"{owners[owner]} members belong to {escape(owner.user) or owner.uid}:"
                f"{escape(owner.group) or owner.gid}, the set says {said[owner]}"
                for owner in sorted(owners.keys() | said.keys())
                if owners[owner] != said[owner]
            ]
        detail = "; ".join(differing[:20]) or f"{sum(said.values())} members, {len(said)} owners"
        return Check(name, not differing, detail)


def tar_version() -> str:
    """The version of GNU tar.

    :raises BackupError: when tar is missing, another program, or too old.
    """
    path = _programs.find("tar")
    text = run_and_read(
        Command([path, "--version"]), action="ask a program's version", on=path, next_step="Check that it runs by hand."
    )
    match = re.match(r"tar \(GNU tar\) (\d+)\.(\d+)(?:\.\d+)*", text)
    if match is None or (int(match.group(1)), int(match.group(2))) < _OLDEST_TAR:
        raise NotFound(
            "find GNU tar",
            on=path,
            why=f"it is {text.splitlines()[0] if text else 'silent'!r}, and GNU tar 1.29 or newer is needed",
            next_step="Install the package tar.",
        )
    return match.group()[len("tar (GNU tar) ") :]


def _entries(work: RestoreWork) -> list[t.Mapping[str, t.Any]]:
    """What the set says of its paths, checked: a set may come from anywhere.

    :raises SetInvalid: when it is not what this engine writes.
    """
    try:
        entries = list(work.reader.description.engine_facts["paths"])
        for entry in entries:
            path = unescape(entry["path"])
            is_plain = path[:1] == b"/" and path[:2] not in (b"/", b"//") and b"\0" not in path
            if not is_plain or os.path.normpath(path) != path:
                raise ValueError(f"its path {entry['path']!r} is not one")
            if not all(is_count(entry[name]) for name in (*_COUNTED, "archive_bytes")):
                raise ValueError(f"its counts of {entry['path']!r} are not numbers")
            _owners.from_facts(entry["owners"])
        if not entries or len({entry["path"] for entry in entries}) != len(entries):
            raise ValueError("it holds no path, or one twice")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SetInvalid(
            "read backup.json",
            on=str(work.reader.set_id),
            why=f"its description of the files is not one: {error}",
            next_step="Verify the set with set_verify; restore from another copy.",
        ) from error
    return entries


def _without_program(line: str) -> str:
    """What tar says, less its own name; a colon within a file's name is escaped."""
    return re.sub(r"^[^:]*tar: ", "", line)


def _absolute(path: str) -> bytes:
    if not path.startswith("/"):
        raise Refused(
            "use a path",
            on=repr(path),
            why="it is not absolute",
            next_step="Give the whole path, beginning with a slash.",
        )
    return b"/" + os.path.normpath(os.fsencode(path)).lstrip(b"/")


def _nearest(path: bytes) -> tuple[bytes, bool]:
    """The nearest parent that exists, and whether entries can be made in it."""
    parent = os.path.dirname(path)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    return parent, os.path.isdir(parent) and os.access(parent, os.W_OK | os.X_OK)


def _state(path: bytes) -> bool | None:
    """None: nothing there; True: an empty directory; False: something."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return False
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def _mounted_below(path: bytes) -> str | None:
    """A file system that went along with a tree when it was renamed, and must not be emptied with it."""
    with open("/proc/self/mounts", "rb") as stream:
        mounts = [from_tar(line.split(b" ")[1]) for line in stream]
    inside = [mount for mount in mounts if mount == path or mount.startswith(path + b"/")]
    return f"the file system mounted on {escape(inside[0])}" if inside else None


def _count_tree(root: bytes) -> tuple[dict[str, int], t.Counter[tuple[int, int]]]:
    """What lies in a tree, counted as :class:`Tally` counts, and how many members belong to which user and group."""
    counts: dict[str, int] = {"content_bytes": 0}
    owners: t.Counter[tuple[int, int]] = collections.Counter()
    seen: set[tuple[int, int]] = set()

    def count(status: os.stat_result) -> None:
        kind = stat.S_IFMT(status.st_mode)
        name = {
            stat.S_IFDIR: "directories",
            stat.S_IFREG: "files",
            stat.S_IFLNK: "symbolic_links",
            stat.S_IFIFO: "fifos",
        }.get(kind, "others")
        if kind != stat.S_IFDIR and status.st_nlink > 1:
            if (status.st_dev, status.st_ino) in seen:
                name = "hard_links"
            seen.add((status.st_dev, status.st_ino))
        counts[name] = counts.get(name, 0) + 1
        if name != "hard_links":
            owners[status.st_uid, status.st_gid] += 1
        if name == "files":
            counts["content_bytes"] += status.st_size

    try:
        count(os.lstat(root))
        pending = [root] if os.path.isdir(root) and not os.path.islink(root) else []
        while pending:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    count(entry.stat(follow_symlinks=False))
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    except OSError as error:
        raise as_backup_error("read what was restored", root, error) from error
    return counts, owners


def _write(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    with memoryview(data) as view:
        position = 0
        while position < len(view):
            position += os.write(descriptor, view[position:])


def _all(works: t.Sequence[t.Callable[[], None]], *, jobs: int, processes: Processes) -> None:
    """Runs them, ``jobs`` at a time. The first failure stops the others, and is raised."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        futures = [pool.submit(work) for work in works]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            processes.cancel()
            raise
