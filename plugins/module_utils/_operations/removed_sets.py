# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of the sets that retention has removed from a local medium.

For each source a file ``.removed/<host>/<source>.jsonl``, one line per set, only ever added to, and written before the
set goes. By it, whoever still has such a set knows that it is not missing: it need not come again, and it is no
stranger.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, host_clock

_DIRECTORY = ".removed"
_SUFFIX = ".jsonl"


@dataclasses.dataclass(frozen=True)
class RemovedSet:
    """One set that was removed.

    :param id: the set's.
    :param tag_manifest_sha256: names its exact content; empty: it could not be read.
    :param removed: when, UTC, ISO 8601.
    :param rule: why: a rule of :class:`~.prune.plan.Rule`.
    :param bytes: how much room it took.
    :param request: SHA-256 of the request (see :mod:`~.prune.agreement`) by which it went ahead of policy; empty: its
        policy kept it no longer.
    :param approved_by: the names of those who had signed that.
    """

    id: str
    tag_manifest_sha256: str
    removed: str
    rule: str
    bytes: int
    request: str = ""
    approved_by: tuple[str, ...] = ()


_FIELDS = [field.name for field in dataclasses.fields(RemovedSet)]


def note_removed(medium: LocalMedium, removed: RemovedSet) -> None:
    """Write down that a set is about to be removed, on the disk when this returns.

    :raises BackupError: when that fails.
    """
    set_id = SetId.parse(removed.id)
    path = _path(medium, set_id.host, set_id.source)
    try:
        durable.make_directories(os.path.dirname(path), below=medium.root)
        durable.append_line(path, json.dumps(dataclasses.asdict(removed), sort_keys=True))
    except OSError as error:
        raise BackupError(
            "record that a set is removed",
            on=path,
            why=describe_os_error(error),
            next_step="Make that directory writable; the set was not removed.",
        ) from error


def removed_sets(medium: LocalMedium, *, host: str | None = None, source: str | None = None) -> list[RemovedSet]:
    """Return what was removed of these sources, in the order of removal. A set may have been copied there again since.

    :raises BackupError: when the record cannot be read.
    """
    root = os.path.join(medium.root, _DIRECTORY)
    found: list[RemovedSet] = []
    for host_name in [host] if host is not None else _names(root):
        names = [source + _SUFFIX] if source is not None else _names(os.path.join(root, host_name))
        for name in names:
            if name.endswith(_SUFFIX):
                found += _read(os.path.join(root, host_name, name))
    return found


def _read(path: str) -> t.Iterator[RemovedSet]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().split("\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(path, error) from error
    for line in lines:
        try:
            entry = json.loads(line)
            known = {name: entry[name] for name in _FIELDS}
            removed = RemovedSet(**{**known, "bytes": int(known["bytes"]), "approved_by": tuple(known["approved_by"])})
            SetId.parse(removed.id)
            host_clock.read(removed.removed)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError, BackupError):
            continue  # Not a line of this format: half-written at a crash, or damaged.
        yield removed


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> BackupError:
    return BackupError(
        "read the record of removed sets",
        on=path,
        why=describe_os_error(error),
        next_step="Run as the user that owns it.",
    )


def _path(medium: LocalMedium, host: str, source: str) -> str:
    return os.path.join(medium.root, _DIRECTORY, host, source + _SUFFIX)
