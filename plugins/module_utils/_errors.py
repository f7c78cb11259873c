# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the collection: each says what failed, on what, why, and what to do next."""

from __future__ import annotations

import typing as t


def _printable(text: str) -> str:
    # A file's name may be no text at all (PEP 383), and a message that holds it must still reach the operator.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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
        self.on = _printable(on)
        self.why = _printable(why)
        self.next_step = next_step
        self.details = [_printable(line) for line in details or ()]
        super().__init__(self.message)

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
    """Another run is at work on the same source."""


class ProcessFailed(BackupError):
    """A child process ended with a status that is not a success.

    :param outcomes: one line for each failed process: name, status, last lines of its stderr.
    """


class SetInvalid(BackupError):
    """A set does not hold what its manifests say; ``details`` has one line for each finding."""


class AccessDenied(BackupError):
    """A medium understood the request and refused it for lack of rights."""


class AlreadyStored(BackupError):
    """A set, or a part of one, already stands where it was to be stored, with other content."""


class Interrupted(_Explained):
    """The run was told to stop (SIGTERM, SIGINT).

    Not a BackupError, as KeyboardInterrupt is not an Exception: it may arrive anywhere, and whoever goes on after
    one failure must not take it for another.
    """


def describe_os_error(error: OSError) -> str:
    """The operating system's own words for an error, without Python's decoration."""
    text = error.strerror or str(error)
    return f"{text} ({error.filename})" if error.filename else text
