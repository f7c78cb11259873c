# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every medium can do. A medium stores and returns sets; it knows nothing of engines."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied, BackupError, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._sets.bag import BAGIT_TXT, CHUNK, Contents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.partial import PartialSet, prepare_path
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system.durable import HashedFile, sync_tree
from ansible_collections.infitulua.backup.plugins.module_utils._system.progress import ProgressCallback, no_progress


@dataclasses.dataclass(frozen=True)
class Access:
    """What this host may do with a medium; found by really trying. None: not tried, since trying leaves traces.

    :param delete: remove what stands; where versions are kept, hide it.
    :param list_versions: list what newer objects hide; None also where there are no versions, as for the next.
    :param delete_versions: remove a version for good.
    """

    list: bool | None
    read: bool | None
    write: bool | None
    delete: bool | None
    list_versions: bool | None = None
    delete_versions: bool | None = None


@dataclasses.dataclass(frozen=True)
class AuditedCopy:
    """A copy that was read whole on its medium, and whose files are still there as they were then.

    :param tag_manifest_sha256: names its exact content.
    :param audited: when it was read, UTC, ISO 8601.
    :param locked_until: until when the medium refuses to delete it, UTC, ISO 8601; None: it does not, or that is not
        known.
    """

    tag_manifest_sha256: str
    audited: str
    locked_until: str | None


class Medium(abc.ABC):
    """A place that holds sets. Used as a context manager: leaving it closes connections.

    Every method raises BackupError (or a subclass) with a message that names the medium.
    """

    kind: t.ClassVar[str]
    #: The kind of thing that it is on: copies on two of the same may be lost in the same way.
    material: t.ClassVar[str] = "disk"

    @abc.abstractmethod
    def describe(self) -> str:
        """Return the medium in a few words, for messages: "directory /srv/backup/vault". Never a secret."""

    @abc.abstractmethod
    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        """Return its complete sets (those with ``bagit.txt``), sorted by id. Which is newer, ids do not say."""

    @abc.abstractmethod
    def contents(self, set_id: SetId) -> Contents:
        """Return the files of one set.

        :raises NotFound: when the medium does not hold it.
        """

    @abc.abstractmethod
    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        """Copy a complete set from a local directory onto the medium.

        Until the last byte is there, the medium does not list the set. On failure nothing of it stays that
        the medium would list or that a later attempt would stumble over. What is read is compared with the set's
        manifests on the way: a file that has gone bad meanwhile never becomes part of a listed set.

        :param progress: called with the number of bytes just stored.
        :raises AlreadyStored: when the medium holds a set of this id.
        :raises SetInvalid: when a file is not what the set's manifests say.
        """

    def store_anew(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        """As :meth:`store`, for a set of which no good copy is there, as an audit has found.

        A medium whose places others can take before it is stored, or spoil, stores it at another place of its.
        """
        self.store(set_id, directory, progress)

    @abc.abstractmethod
    def remove(self, set_id: SetId) -> None:
        """Remove one set: it stops being listed first, then its files go."""

    def probe(self, *, host: str | None = None) -> Access:
        """Try what this host may do. A second time leaves nothing that the first did not.

        :param host: try below this host's part of the medium, where rights are given by host.
        :raises BackupError: when the medium cannot be reached at all.
        """
        try:
            found = self.sets(host=host)
            readable = None
            if found:
                with self.contents(found[-1]).open(BAGIT_TXT) as stream:
                    readable = stream.read(1) != b""
        except AccessDenied:
            return Access(list=False, read=None, write=None, delete=None)
        return Access(list=True, read=readable, write=None, delete=None)

    def fetch(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        """Copy a set's files into an existing, empty local directory, fsynced.

        The copy is *not* verified: that is for the caller, who knows what to do with a bad one.
        """
        contents = self.contents(set_id)
        for path in sorted(contents.sizes()):
            with (
                contents.open(path) as stream,
                HashedFile(prepare_path(directory, path, set_id), progress=progress) as file,
            ):
                while True:
                    chunk = stream.read(CHUNK)
                    if not chunk:
                        break
                    file.write(chunk)
        sync_tree(directory)

    @contextlib.contextmanager
    def reading(self, set_id: SetId) -> t.Iterator[None]:
        """Hold a set while it is read, where retention could remove it meanwhile."""
        yield

    @property
    def local(self) -> LocalMedium | None:
        """This medium, where its sets are directories of this host; None where they are not."""
        return None

    def local_path(self, set_id: SetId) -> str | None:
        """Return the local directory that is this set, where the medium has such a thing."""
        return self.local.path(set_id) if self.local is not None else None

    def holds(self, set_id: SetId) -> bool:
        """Whether the medium lists this set."""
        return set_id in self.sets(host=set_id.host, source=set_id.source)

    def eligible(
        self, sets: t.Sequence[SetId], passed_over: list[tuple[SetId, BackupError]] | None = None
    ) -> list[SetId]:
        """Those of one source's sets, oldest first, among which the newest is looked for.

        :param passed_over: takes each of the others that could be the newest, with the error that says why not.
        """
        return list(sets)

    def has_stored(self, set_id: SetId, tag_manifest: str) -> bool:
        """Whether exactly this set is known to be there, on a medium that this host may write to but not read.

        Asked only after :meth:`holds` raised AccessDenied, so that storing a set a second time changes nothing.

        :param tag_manifest: the text of the set's tag manifest, which names its exact content.
        """
        return False

    def locked_until(self, set_id: SetId) -> str | None:
        """Until when the medium itself refuses to delete this set, as was last seen there, UTC, ISO 8601.

        None: it does not, or it is not known.
        """
        return None

    def audited_copies(self, *, host: str) -> dict[SetId, AuditedCopy] | None:
        """Return the copies that were audited in place, as this host has recorded; None where nobody audits.

        :param host: of which host.
        :raises BackupError: when the medium cannot be listed.
        """
        return None

    def abilities(self, *, host: str | None, anew: bool = False) -> dict[str, t.Any] | None:
        """Return what the store behind this medium can do; None: nothing that would have to be found out.

        :param host: as for :meth:`probe`.
        :param anew: try it now, whatever was found before.
        :raises BackupError: when it cannot be tried.
        """
        return None

    def last_trial(self, rights: str) -> str | None:
        """When this host's key of a kind was last tried and accepted, UTC, ISO 8601; None: never, or it needs none.

        :param rights: the kind: ``put_only``, ``read_only`` or ``retention``.
        """
        return None

    def free_bytes(self) -> int | None:
        """How many bytes can still be stored; None where a medium has no such bound."""
        return None

    def close(self) -> None:  # noqa: B027 - most media have nothing to let go of
        """Release connections and temporary files."""

    def __enter__(self) -> Medium:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()


class LocalMedium(Medium):
    """A medium whose sets are directories on this host, and what can be done with these in addition."""

    root: str

    @property
    def local(self) -> LocalMedium:
        return self

    @abc.abstractmethod
    def check_present(self) -> None:
        """Check that the medium is really there.

        :raises NotFound: when it is not.
        """

    @abc.abstractmethod
    def free_bytes(self) -> int:
        """How many bytes can still be stored."""

    @abc.abstractmethod
    def path(self, set_id: SetId) -> str:
        """Return the directory of a set."""

    @abc.abstractmethod
    def locked(self, host: str, source: str) -> contextlib.AbstractContextManager[None]:
        """Hold the lock of one source, its directory made where missing, leftovers of dead runs removed.

        :raises LockHeld: when another run has it.
        """

    @abc.abstractmethod
    def check_unread(self, set_id: SetId) -> None:
        """Check that nobody holds a set as :meth:`reading` does.

        :raises LockHeld: when somebody does.
        """

    @abc.abstractmethod
    def remove_unread(self, set_id: SetId, note: t.Callable[[], None]) -> None:
        """Remove a set as :meth:`remove` does, unless somebody is reading it.

        :param note: called when nothing can keep it any more, before it stops being listed; what it raises does.
        :raises LockHeld: when somebody is reading it, or works on its source.
        """

    @abc.abstractmethod
    def begin(self, set_id: SetId) -> PartialSet:
        """Begin a set. The caller holds the source's lock.

        :raises AlreadyStored: when the medium holds a set of this id.
        """

    @abc.abstractmethod
    def adopt(self, set_id: SetId, directory: str) -> None:
        """Take a complete set over by renaming its directory, which must be on the same file system.

        :raises AlreadyStored: when the medium holds a set of this id.
        :raises OSError: EXDEV, and only that, when it is on another file system.
        """

    @abc.abstractmethod
    def set_aside(self, set_id: SetId) -> str:
        """Move a bad set to where nothing lists it and somebody can look at it.

        :returns: where it is now.
        """


def require_digest(path: str, *, found: str, expected: t.Mapping[str, str], set_id: SetId) -> None:
    """Compare what was just read of a set with what its manifests say.

    :param found: SHA-256, hexadecimal.
    :param expected: path to SHA-256, as :func:`~._sets.bag.expected_digests` gives it.
    :raises SetInvalid: when they differ.
    """
    if path in expected and found != expected[path]:
        raise SetInvalid(
            "copy a set",
            on=f"{set_id}, {path}",
            why=f"its SHA-256 is {found}, the manifest says {expected[path]}",
            next_step="Nothing was stored. Use another copy of this set, and check the medium it came from.",
        )
