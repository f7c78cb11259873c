# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every medium can do. A medium stores and returns sets; it knows nothing of engines."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._bag import BAGIT_TXT, CHUNK, Contents, is_safe_path
from ansible_collections.infitulua.backup.plugins.module_utils._durable import HashedFile, make_directory, sync_tree
from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId

ProgressCallback = t.Callable[[int], None]


def no_progress(count: int) -> None:
    """Counts nothing."""


@dataclasses.dataclass(frozen=True)
class Access:
    """What this host may do with a medium; found by really trying. None: not tried, since trying leaves traces."""

    list: bool | None
    read: bool | None
    write: bool | None
    delete: bool | None


class Medium(abc.ABC):
    """A place that holds sets. Used as a context manager: leaving it closes connections.

    Every method raises BackupError (or a subclass) with a message that names the medium.
    """

    kind: t.ClassVar[str]
    # The medium's part of an argument specification, as AnsibleModule takes it: its constructor's parameters.
    arguments: t.ClassVar[dict[str, dict[str, t.Any]]]

    @abc.abstractmethod
    def describe(self) -> str:
        """The medium in a few words, for messages: "directory /srv/backup/vault". Never a secret."""

    @abc.abstractmethod
    def sets(self, *, host: str | None = None, source: str | None = None) -> list[SetId]:
        """The complete sets it holds, oldest first within a source. A set without ``bagit.txt`` is not a set."""

    @abc.abstractmethod
    def contents(self, set_id: SetId) -> Contents:
        """The files of one set.

        :raises NotFound: when the medium does not hold it.
        """

    @abc.abstractmethod
    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        """Copies a complete set from a local directory onto the medium.

        Until the last byte is there, the medium does not list the set. On failure nothing of it stays that
        the medium would list or that a later attempt would stumble over. What is read is compared with the set's
        manifests on the way: a file that has gone bad meanwhile never becomes part of a listed set.

        :param progress: called with the number of bytes just stored.
        :raises AlreadyStored: when the medium holds a set of this id.
        :raises SetInvalid: when a file is not what the set's manifests say.
        """

    @abc.abstractmethod
    def remove(self, set_id: SetId) -> None:
        """Removes one set: it stops being listed first, then its files go."""

    def probe(self, *, host: str | None = None) -> Access:
        """Tries what this host may do. A second time leaves nothing that the first did not.

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
        """Copies a set's files into an existing, empty local directory, fsynced.

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

    def local_path(self, set_id: SetId) -> str | None:
        """The local directory that is this set, where the medium has such a thing."""
        return None

    def holds(self, set_id: SetId) -> bool:
        """Whether the medium lists this set."""
        return set_id in self.sets(host=set_id.host, source=set_id.source)

    def has_stored(self, set_id: SetId, tag_manifest: str) -> bool:
        """Whether exactly this set is known to be there, for a medium that who stores may not read.

        Asked only after :meth:`holds` raised AccessDenied, so that storing a set a second time changes nothing.

        :param tag_manifest: the text of the set's tag manifest, which names its exact content.
        """
        return False

    def free_bytes(self) -> int | None:
        """How many bytes can still be stored; None where a medium has no such bound."""
        return None

    def close(self) -> None:  # noqa: B027 - most media have nothing to let go of
        """Lets go of connections and temporary files."""

    def __enter__(self) -> Medium:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()


def require_digest(path: str, *, found: str, expected: t.Mapping[str, str], set_id: SetId) -> None:
    """Compares what was just read of a set with what its manifests say.

    :param found: SHA-256, hexadecimal.
    :param expected: path to SHA-256, as :func:`~._bag.expected_digests` gives it.
    :raises SetInvalid: when they differ.
    """
    if path in expected and found != expected[path]:
        raise SetInvalid(
            "copy a set",
            on=f"{set_id}, {path}",
            why=f"its SHA-256 is {found}, the manifest says {expected[path]}",
            next_step="Nothing was stored. Use another copy of this set, and look after the medium it came from.",
        )


def prepare_path(directory: str, path: str, set_id: SetId) -> str:
    """The local path for a set's file, its directory made.

    :raises SetInvalid: when the path would leave the directory: a medium's listing is not to be trusted.
    """
    if not is_safe_path(path):
        raise SetInvalid(
            "copy a set",
            on=str(set_id),
            why=f"it holds a file with an unsafe path: {path!r}",
            next_step="Do not use this set; find out who wrote it.",
        )
    target = os.path.join(directory, path)
    parents = os.path.relpath(os.path.dirname(target), directory)
    current = directory
    for name in parents.split(os.sep) if parents != os.curdir else ():
        current = os.path.join(current, name)
        with contextlib.suppress(FileExistsError):
            make_directory(current)
    return target
