# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of what keys to a bucket were tried to do there, and what the store answered: evidence, never changed.

``<state directory>/trials/<16 digits of the bucket's SHA-256>/<rights>.jsonl``: a line for each trial. No secret.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable_value
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, host_clock

from .access import Attempt
from .journal import make_private


@dataclasses.dataclass(frozen=True)
class Trial:
    """What one key was tried to do.

    :param rights: the kind of key: ``put_only``, ``read_only`` or ``retention``.
    :param host: the server whose part of the bucket it was tried in; None: the whole bucket.
    :param medium: the bucket, in words.
    :param tried: when, UTC, ISO 8601.
    :param accepted: whether it may do all that it must, and was refused all that it must not; and, where it was asked,
        whether the bucket protects copies, or need not.
    :param protection: how the bucket protects copies, where this key is the one to ask.
    """

    rights: str
    host: str | None
    medium: str
    tried: str
    accepted: bool
    attempts: t.Sequence[Attempt]
    protection: t.Mapping[str, t.Any] | None = None

    def result(self) -> dict[str, t.Any]:
        """Return it as modules return it and as the record has it."""
        values = {**vars(self), "attempts": [attempt._asdict() for attempt in self.attempts]}
        return t.cast("dict[str, t.Any]", printable_value(values))


class Trials:
    """The record in a directory of this host.

    :param directory: made where missing.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def add(self, trial: Trial) -> None:
        """Write a trial down, on the disk when this returns.

        :raises BackupError: when that fails.
        """
        path = self._path(trial.rights)
        try:
            make_private(self._directory)
            durable.append_line(path, json.dumps(trial.result(), ensure_ascii=False, sort_keys=True))
        except OSError as error:
            raise BackupError(
                "record what a cloud key may do",
                on=path,
                why=describe_os_error(error),
                next_step="Make that directory writable, with free space, and run again: this trial is not recorded.",
            ) from error

    def last(self, rights: str) -> str | None:
        """Return when a key of this kind was last tried and accepted, UTC, ISO 8601; None: that is not known."""
        try:
            with open(self._path(rights), encoding="utf-8") as stream:
                lines = stream.read().splitlines()
        except (OSError, ValueError):
            return None
        for line in reversed(lines):
            tried = _accepted(line)
            if tried is not None:
                return tried
        return None

    def _path(self, rights: str) -> str:
        return os.path.join(self._directory, f"{rights}.jsonl")


def _accepted(line: str) -> str | None:
    """Return when a trial was that passed; None for one that did not, and for half a line of a crash."""
    try:
        trial = json.loads(line)
        return host_clock.write(host_clock.read(trial["tried"])) if trial["accepted"] is True else None
    except (ValueError, KeyError, TypeError):
        return None
