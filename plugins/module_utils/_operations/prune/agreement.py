# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was agreed about one thing, and the request that waits for signatures to change it.

A directory below ``.approvals`` of the medium holds ``agreed.json``, what was agreed last, with a number that counts up
whenever that changes; at most one ``request-<digest>.json`` that waits, with its signatures
``request-<digest>.json.<name>.sig``; and ``approved.jsonl``, the requests that were approved, whose files stay as
evidence. A request names the number from which it departs: one that was used, or withdrawn, is never good again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import hashlib
import json
import os
import re
import stat
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotStarted,
    ProcessFailed,
    describe_os_error,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets import signature
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable, host_clock
from ansible_collections.infitulua.backup.plugins.module_utils._system.secrets import SecretFile

from .approvers import NAMESPACE, Approver, Approvers

_AGREED, _APPROVED = "agreed.json", "approved.jsonl"
_PREFIX, _SUFFIX, _SIGNATURE_SUFFIX = "request-", ".json", ".sig"
_FILE = re.compile(r"(?P<request>request-[0-9a-f]{16}\.json)(\..*\.sig|\.sig)?")
_MOST_BYTES = 64 * 1024
_MOST_SIGNATURES = 100
_NEXT_STEP = "Find out who changed it. Nothing was removed."
Record = dict[str, t.Any]


def canonical(record: t.Mapping[str, t.Any]) -> str:
    """Return the one text of a record, for people to read and to sign."""
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def name_of(digest: str) -> str:
    """Return the name of the file of the request that has this SHA-256."""
    return f"{_PREFIX}{digest[:16]}{_SUFFIX}"


@dataclasses.dataclass(frozen=True)
class Request:
    """What somebody is asked to approve.

    :param text: exactly what is signed.
    """

    text: str

    @property
    def record(self) -> Record:
        """What it says."""
        return t.cast(Record, json.loads(self.text))

    @property
    def sha256(self) -> str:
        """SHA-256 of its text, hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @property
    def name(self) -> str:
        """The name of its file."""
        return name_of(self.sha256)


@dataclasses.dataclass(frozen=True)
class Signatures:
    """Who has signed a request.

    :param people: each once, however many signatures there are of them.
    :param not_counted: the names of files that are no signature by one of the approvers, of this request.
    """

    people: tuple[Approver, ...] = ()
    not_counted: tuple[str, ...] = ()


class Agreement:
    """What was agreed about one thing.

    :param directory: where that is written down.
    :param root: of the medium, which exists.
    """

    def __init__(self, directory: str, *, root: str) -> None:
        self.directory = directory
        self._root = root

    def read(self) -> tuple[int, Record] | None:
        """Return the number of what is agreed, and what that is; None where nothing is.

        :raises BackupError: when it cannot be read. Nothing may be removed then.
        """
        path = os.path.join(self.directory, _AGREED)
        text = self._text(_AGREED, limit=None)
        if text is None:
            return None
        try:
            entry = json.loads(text)
            return int(entry["number"]), dict(entry["agreed"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise unreadable(path) from None

    def write(self, number: int, agreed: t.Mapping[str, t.Any]) -> None:
        """Write down what is agreed from now on, on the disk when this returns."""
        self._write(_AGREED, canonical({"number": number, "agreed": agreed}))

    def requests(self) -> list[Request]:
        """Return every request that is there. One whose text is not what its name says is none."""
        names = [name for name in self._names() if name.startswith(_PREFIX) and name.endswith(_SUFFIX)]
        found = [(name, Request(self._text(name, limit=None) or "")) for name in names]
        return [request for name, request in found if request.name == name]

    def stale(self, current: Request | None) -> list[str]:
        """Return the names of the files of requests that were not approved, except those of one."""
        keep = {name_of(digest) for digest in self._used()} | ({current.name} if current is not None else set())
        found = [_FILE.fullmatch(name) for name in self._names()]
        return [one[0] for one in found if one is not None and one["request"] not in keep]

    def ask(self, request: Request) -> None:
        """Write a request down, on the disk when this returns."""
        self._write(request.name, request.text)

    def withdraw(self, names: t.Sequence[str]) -> None:
        """Remove the files of requests that nobody is to sign any more."""
        with as_backup_error(self.directory):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.directory, name))
            durable.sync_directory(self.directory)

    def signatures(self, request: Request, approvers: Approvers, day: datetime.date) -> Signatures:
        """Return who has signed a request.

        :param day: a key that is valid no more on it does not count.
        :raises BackupError: when this host cannot check signatures.
        """
        valid = [one for one in approvers.people if one.is_valid_on(day)]
        names = [name for name in self._names() if name.startswith(f"{request.name}.")]
        found: dict[str, Approver] = {}
        not_counted = []
        for name in [name for name in names if name.endswith(_SIGNATURE_SUFFIX)][:_MOST_SIGNATURES]:
            text = self._text(name)
            signer = next((one for one in valid if text is not None and _has_signed(one, text, request)), None)
            if signer is None:
                not_counted.append(name)
            else:
                found[signer.name] = signer
        return Signatures(tuple(found[name] for name in sorted(found)), tuple(not_counted))

    def note_approved(self, request: Request, people: t.Sequence[Approver]) -> None:
        """Write down, before it is carried out, that a request was approved: when, by whom and with which keys."""
        if request.sha256 in self._used():
            return  # By a run that was cut short.
        line = {
            "request": request.sha256,
            "approved": host_clock.write(host_clock.now()),
            "by": [dataclasses.asdict(one) for one in people],
        }
        with as_backup_error(self.directory):
            durable.append_line(os.path.join(self.directory, _APPROVED), json.dumps(line, sort_keys=True))

    def _used(self) -> set[str]:
        used = set()
        for line in (self._text(_APPROVED, limit=None) or "").split("\n"):
            try:
                used.add(str(json.loads(line)["request"]))
            except (ValueError, TypeError, KeyError, RecursionError):
                continue  # Half-written at a crash.
        return used

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.directory))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _failed(self.directory, error) from error

    def _text(self, name: str, limit: int | None = _MOST_BYTES) -> str | None:
        """Return the text of a file, empty if it is no regular one or too long; None where there is none."""
        path = os.path.join(self.directory, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, encoding="utf-8", errors="replace", newline="") as stream:
                status = os.fstat(descriptor)
                is_fit = stat.S_ISREG(status.st_mode) and (limit is None or status.st_size <= limit)
                return stream.read() if is_fit else ""
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return ""  # A symbolic link: nothing here writes one.
            raise _failed(path, error) from error

    def _write(self, name: str, text: str) -> None:
        with as_backup_error(self.directory):
            durable.make_directories(self.directory, below=self._root)
            durable.replace_file(os.path.join(self.directory, name), text)


def _has_signed(approver: Approver, text: str, request: Request) -> bool:
    """Whether a signature is this person's, over exactly this request.

    :raises BackupError: when this host cannot check it.
    """
    with SecretFile(approver.line) as allowed:
        try:
            signature.verify_text(
                request.text,
                text,
                signer=approver.name,
                allowed_signers=allowed.path,
                namespace=NAMESPACE,
                action="check an approval",
                next_step="Let the person sign the request again.",
                pass_fds=[allowed.descriptor],
            )
        except NotStarted:
            raise
        except ProcessFailed:
            return False
    return True


def unreadable(path: str) -> BackupError:
    """Return the error for a file in which nothing is that was agreed."""
    return BackupError(
        "read what was agreed about retention", on=path, why="it is not what was written there", next_step=_NEXT_STEP
    )


def _failed(path: str, error: OSError) -> BackupError:
    return BackupError(
        "read or write what was agreed about retention",
        on=path,
        why=describe_os_error(error),
        next_step="Correct that, and repeat the step; nothing was removed.",
    )


@contextlib.contextmanager
def as_backup_error(path: str) -> t.Iterator[None]:
    """Turn what the operating system refuses into an error that says that nothing was removed."""
    try:
        yield
    except OSError as error:
        raise _failed(path, error) from error
