# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a set's objects: what cannot be made at first is tried again, and what still cannot is left out."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from ..base import LeftOut
from .archive import Entry, Failure, keep_path
from .own_path import OwnPath
from .pg_restore import UNTOUCHED, PgRestore, memory_file, use_list

# Without these there would be no place for rows.
_NEEDED = frozenset({"TABLE", "SEQUENCE", "BLOB", "BLOB METADATA", "LARGE OBJECT"})
# What belongs to another entry, and is not told where that one was left out.
_ATTRIBUTES = frozenset({"ACL", "COMMENT", "SECURITY LABEL"})


class Objects:
    """The entries of a set's archive of everything but rows.

    :param path: the archive, for a process that inherits its descriptor.
    """

    def __init__(self, pg_restore: PgRestore, path: str, descriptor: int) -> None:
        self._pg_restore = pg_restore
        self._path = path
        self._descriptor = descriptor
        self._entries = {entry.number: entry for entry in pg_restore.entries(path, descriptor)}
        # In the order of failing, which is the archive's.
        self._failed: dict[str, str] = {}
        self.own_path: OwnPath | None = None

    def entries(self, section: str) -> list[Entry]:
        """Return the entries of a section."""
        return self._pg_restore.entries(self._path, self._descriptor, f"--section={section}")

    def restore_section(self, section: str) -> None:
        """Restore a whole section, as far as it goes at first."""
        command = self._pg_restore.command(f"--section={section}", self._path, pass_fds=[self._descriptor])
        self._note(self._pg_restore.run(command))

    def restore(self, numbers: t.Sequence[str], jobs: int) -> None:
        """Restore some entries, as far as it goes at first."""
        self._note(self._run(numbers, jobs, self._path, self._descriptor))

    def _run(
        self, numbers: t.Sequence[str], jobs: int, archive: str, descriptor: int, path: str | None = None
    ) -> list[Failure]:
        with use_list(self._pg_restore.connection, numbers) as (chosen, chosen_descriptor):
            # Without jobs, what it prints of different entries never mixes.
            parallel = [f"--jobs={jobs}"] if jobs > 1 else []
            choice = [*parallel, f"--use-list={chosen}", archive]
            command = self._pg_restore.command(*choice, pass_fds=[descriptor, chosen_descriptor], path=path)
            return self._pg_restore.run(command)

    def _note(self, failures: t.Sequence[Failure]) -> None:
        for failure in failures:
            self._failed.setdefault(str(failure.number), failure.why)

    def retry(self) -> None:
        """Try again what failed: once more as it was (others may be there now), then in the database's own path."""
        self._rounds(list(self._failed), self._path, self._descriptor, None)
        own = self.own_path
        if own is None:
            return
        allowed = [
            number for number in self._failed if number in self._entries and own.allows_entry(self._entries[number])
        ]
        if allowed:
            with open(f"/proc/self/fd/{self._descriptor}", "rb") as stream:
                content = keep_path(stream.read())
            with memory_file("schema", content) as (archive, descriptor):
                self._pg_restore.connection.hand_over(descriptor)
                self._rounds(allowed, archive, descriptor, own.text)
                # What only failed for the want of another.
                self._rounds(list(self._failed), self._path, self._descriptor, None)

    def _rounds(self, numbers: t.Sequence[str], archive: str, descriptor: int, path: str | None) -> None:
        left = [number for number in numbers if number in self._entries]
        while left:
            failures = {failure.number: failure.why for failure in self._run(left, 1, archive, descriptor, path)}
            again = [number for number in left if number in failures]
            for number in left:
                if number not in failures:
                    del self._failed[number]
                elif path is None and "already exists" not in failures[number]:
                    self._failed[number] = failures[number]
            if len(again) == len(left):
                return
            left = again

    def require_tables(self, wanted: t.Callable[[Entry], bool] = lambda _entry: True) -> None:
        """Make a place for all rows.

        :param wanted: says of which tables.
        :raises ProcessFailed: when a table or a sequence could not be made.
        """
        for number, why in self._failed.items():
            entry = self._entries.get(number)
            if entry is not None and entry.kind in _NEEDED and wanted(entry):
                others = [f"{other.describe()}" for other in self.left_out() if other.name != entry.name]
                also = f" (before it: {'; '.join(others[:3])})" if others else ""
                raise ProcessFailed(
                    "restore the database's objects",
                    on=self._pg_restore.on,
                    why=f"{entry.shown_kind} {entry.name}: {why}{also}",
                    next_step=UNTOUCHED,
                    details=[entry.describe() for entry in self.left_out()],
                )

    @property
    def left_out_kinds(self) -> set[str]:
        """The kinds of what could not be made, as the archive names them."""
        return {self._entries[number].kind for number in self._failed if number in self._entries}

    @property
    def left_out_extensions(self) -> set[str]:
        """The extensions that could not be made."""
        found = (self._entries[number] for number in self._failed if number in self._entries)
        return {entry.name for entry in found if entry.kind == "EXTENSION"}

    def left_out(self) -> list[LeftOut]:
        """Return what could not be made. Rights and comments of what could not be made are not told."""
        found = [(self._entries[number], why) for number, why in self._failed.items() if number in self._entries]
        gone = {_place(entry) for entry, _why in found if entry.kind not in _ATTRIBUTES}
        return [
            LeftOut(entry.shown_kind, entry.name, why)
            for entry, why in found
            if not (entry.kind in _ATTRIBUTES and _is_of_any(entry, gone))
        ]


def _place(entry: Entry) -> tuple[str, str]:
    """Return schema (or a dash) and name."""
    schema = entry.rest.partition(" ")[0]
    return schema, entry.name if schema == "-" else entry.name[len(schema) + 1 :]


def _is_of_any(attribute: Entry, gone: t.Collection[tuple[str, str]]) -> bool:
    """Whether rights or a comment, whose name is kind and name of what they are of, belong to one of these."""
    its_schema, its_name = _place(attribute)
    return any(its_schema == schema and its_name.endswith(f" {name}") for schema, name in gone)
