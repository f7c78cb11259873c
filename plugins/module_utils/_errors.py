# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the collection: each says what failed, on what, why, and what to do next."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable

_Same = t.TypeVar("_Same", bound="_Explained")


class _Explained(BaseException):
    """What failed, on what, why, and what to do next.

    :param what: the action that failed, as a verb phrase: "dump the database".
    :param on: the thing it failed on: a source, a set id, a path, a medium.
    :param why: the cause, as exactly as it is known.
    :param next_step: what the operator should do now, as a sentence.
    :param details: further lines, one finding each (kept out of the message, returned beside it).
    """

    def __init__(self, what: str, *, on: str, why: str, next_step: str, details: t.Sequence[str] | None = None) -> None:
        self.what = what
        self.on = printable(on)
        self.why = printable(why)
        self.next_step = printable(next_step)
        self.details = [printable(line) for line in details or ()]
        super().__init__(self.message)

    def with_next_step(self: _Same, next_step: str) -> _Same:
        """Return the same error with another next step."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        other.next_step = printable(next_step)
        other.args = (other.message,)
        return other

    @property
    def message(self) -> str:
        """One message in one paragraph: what, on what, why, what to do next."""
        return f"Could not {self.what} ({self.on}): {self.why.rstrip().rstrip('.')}. {self.next_step}"


class BackupError(_Explained, Exception):
    """A failure that an operator can read and act on."""


class Refused(BackupError):
    """The request was understood and is not carried out, because it could lose or expose something."""


class NotFound(BackupError):
    """A set, a program, a database or a path that is needed does not exist."""


class LockHeld(Refused):
    """Another run is working on the same source."""


class ProcessOutcome(t.Protocol):
    """How a process ended: what code that classifies an error needs to know."""

    @property
    def status(self) -> int:
        """The exit status; negative: the signal that killed it."""

    @property
    def stderr(self) -> str:
        """What it wrote to stderr."""


class ProcessFailed(BackupError):
    """A child process ended with a status that is not a success.

    :param details: one line for each failed process: name, status, last lines of its stderr.
    :param outcomes: how each process of its pipeline ended.
    """

    def __init__(
        self,
        what: str,
        *,
        on: str,
        why: str,
        next_step: str,
        details: t.Sequence[str] | None = None,
        outcomes: t.Sequence[ProcessOutcome] = (),
    ) -> None:
        super().__init__(what, on=on, why=why, next_step=next_step, details=details)
        self.outcomes = tuple(outcomes)

    def said(self, words: str) -> bool:
        """Whether one of the processes wrote these words to stderr."""
        return any(words in outcome.stderr for outcome in self.outcomes)


class NotStarted(ProcessFailed):
    """A program cannot be started on this host."""


class Cancelled(ProcessFailed):
    """A process did not start, or was killed, because its operation was cancelled: the cause is elsewhere."""


class SetInvalid(BackupError):
    """A set does not hold what its manifests say; ``details`` has one line for each finding."""


class Unreadable(BackupError):
    """A set, or a part of it, could not be read just now: that says nothing about what it holds."""


class AccessDenied(BackupError):
    """A medium understood the request and refused it for lack of rights."""


class AlreadyStored(BackupError):
    """A set, or a part of one, already stands where it was to be stored, with other content."""


class Interrupted(_Explained):
    """The run was told to stop (SIGTERM, SIGINT).

    Not a BackupError, as KeyboardInterrupt is not an Exception: it may arrive anywhere, and code that continues after
    one failure must not treat it as another.
    """


def describe_os_error(error: OSError) -> str:
    """Return the operating system's own words for an error, without Python's decoration."""
    text = error.strerror or str(error)
    if not error.filename:
        return text
    name = error.filename if isinstance(error.filename, int) else os.fsdecode(error.filename)
    return f"{text} ({name})"
