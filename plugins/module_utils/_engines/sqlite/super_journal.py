# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions that change several files at once (``ATTACH``), as far as they can be seen in one of them.

A file does not tell that it is attached to others, nor which are attached to it. Only while such a transaction is
committed, in a rollback mode, the journal of each file names the super-journal, which names the journals of all: for
milliseconds, or, when the application or the machine dies in that moment, until somebody opens the database. SQLite
then decides by the super-journal alone: where it is still there, the transaction is undone, otherwise it counts as
done (https://www.sqlite.org/atomiccommit.html#multi_file_commit). In WAL mode each file is committed by itself.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from .connection import open_plain, shown

JOURNAL = "-journal"
# How long a commit under way is waited for: one of this age has died.
SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.05
_MAGIC = bytes.fromhex("d9d505f920a163d7")
# Behind the name: its length, the sum of its bytes, the magic number (https://www.sqlite.org/fileformat2.html and
# writeSuperJournal in SQLite's pager.c).
_TAIL = 4 + 4 + len(_MAGIC)
_MOST_BYTES = 1024 * 1024
_SHOWN = 10


def refuse_shared_transaction(path: str, together: t.Collection[str] = ()) -> None:
    """Check that no transaction is left that has changed other databases too. Changes nothing.

    :param together: databases that are dumped in the same moment: SQLite undoes it in these too, or in none.
    :raises Refused: when there is one.
    """
    known = {path, *together}
    if _is_of(super_journal(path + JOURNAL), path, known):
        return
    name = _lasting(path + JOURNAL)
    if name is None or _is_of(name, path, known):
        return
    if "\0" in name:
        raise Refused(
            "back up a SQLite database",
            on=shown(path),
            why=f"its journal names a file as SQLite never does ({shown(name)}), and SQLite would remove that file",
            next_step="Find out who wrote the journal. Look into both files before anybody opens the database.",
        )
    databases = _databases(name)
    if databases is None:
        why = f"but {shown(name)}, by which SQLite tells whether it was finished, is not there"
        next_step = (
            "If the files were moved or copied, copy that file too: without it SQLite treats half-written data as"
            " finished. Otherwise open each of the databases once with its application or sqlite3; then run again."
        )
    else:
        others = [database for database in databases if database not in known]
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        why = f"and has also changed {', '.join(map(shown, others[:_SHOWN])) or 'others'}{more}"
        next_step = (
            "Open each of them once with its application or sqlite3, by which SQLite undoes it in all; then run again."
            " Name them in the source's attached, which dumps all in one moment; otherwise stop the application while"
            " these databases are dumped, since each is dumped at a moment of its own."
        )
    raise Refused(
        "back up a SQLite database",
        on=shown(path),
        why=f"a transaction over several databases was interrupted in it, {why}",
        next_step=next_step,
    )


def _lasting(journal: str) -> str | None:
    """Return the super-journal that is named by a journal for so long that its transaction must have died."""
    name = super_journal(journal)
    since = time.monotonic()
    while name is not None and time.monotonic() - since < SECONDS:
        time.sleep(_LOOK_EVERY_SECONDS)
        now = super_journal(journal)
        if now != name:  # Another transaction.
            name, since = now, time.monotonic()
    return name


def super_journal(journal: str) -> str | None:
    """Return the super-journal that a rollback journal names; None where it names none, or is not there.

    It is not the name alone that SQLite takes for one: it stops at a NUL.
    """
    try:
        with open_plain(journal) as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            tail = stream.read(_TAIL)
            length = int.from_bytes(tail[:4], "big")
            if len(tail) < _TAIL or not tail.endswith(_MAGIC) or not 0 < length <= min(size - _TAIL, _MOST_BYTES):
                return None
            stream.seek(size - _TAIL - length)
            name = stream.read(length)
    except OSError:  # Of one that cannot be read SQLite itself tells.
        return None
    # A sum of characters, whose sign is the processor's choice.
    sums = {sum(name) % 2**32, sum(byte - 256 if byte > 127 else byte for byte in name) % 2**32}
    return os.fsdecode(name) if int.from_bytes(tail[4:8], "big") in sums else None


def _is_of(name: str | None, path: str, known: t.Collection[str]) -> bool:
    """Whether a super-journal is one of this database and others that are known, and of no more.

    SQLite removes what it takes for a super-journal once no journal that it lists needs it any more.
    """
    databases = _databases(name) if name is not None and "\0" not in name and len(known) > 1 else None
    return databases is not None and path in databases and set(databases) <= set(known)


def _databases(name: str) -> list[str] | None:
    """Return the databases of a super-journal; None where it is not there."""
    with contextlib.suppress(OSError), open_plain(name) as stream:
        journals = [os.fsdecode(entry) for entry in stream.read(_MOST_BYTES).split(b"\0") if entry]
        return [os.path.realpath(journal[: -len(JOURNAL)]) for journal in journals if journal.endswith(JOURNAL)]
    return None
