# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unexpected errors: each becomes a message like any other, and its traceback a file.

The files are in :func:`directory`, mode 0600, the newest :data:`MOST_FILES` of them. They name places in the code and
kinds of errors. What an exception says, and the values of variables, may be secrets: neither is written down, but for
what the operating system says, and for the kinds of errors that speak of the code alone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import traceback
import types
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Unreadable, describe_os_error

from . import host_clock
from .patience import is_passing

SYSTEM_DIRECTORY = "/var/lib/infitulua-backup/tracebacks"
ENVIRONMENT = "INFITULUA_BACKUP_TRACEBACKS"
MOST_FILES = 20
MOST_BYTES = 64 * 1024
_MOST_FRAMES = 60
_SUFFIX = ".txt"
# What these say are names of the code, positions and sizes, and no values.
_OF_CODE = (
    ArithmeticError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    NameError,
    RecursionError,
    TypeError,
    UnicodeError,
)


@contextlib.contextmanager
def contained(action: str, *, on: str, blame: type[BackupError] = BackupError) -> t.Iterator[None]:
    """Turn whatever the block raises into a ``BackupError``, unless it is one.

    :param action: what the block does, as a verb phrase.
    :param on: the thing that it does it on; where there are several, that thing alone fails.
    :param blame: the class of the error where the thing itself is to blame: not where the operating system refused
        something, and not where memory was short.
    """
    try:
        yield
    except BackupError:
        raise
    except Exception as error:
        raise unforeseen(action, on=on, error=error, blame=blame) from error


def unforeseen(action: str, *, on: str, error: Exception, blame: type[BackupError] = BackupError) -> BackupError:
    """Return the message for an unexpected error; its traceback is written down.

    :param blame: see :func:`contained`.
    """
    place = _write_down(error)
    told = f"the traceback is in {place}" if place else "its traceback could not be written down"
    # The code itself cannot be read, or was read in part: what it was to work on is not to blame.
    if isinstance(error, (ImportError, NameError)) or isinstance(getattr(error, "obj", None), types.ModuleType):
        blame = BackupError
    if isinstance(error, (OSError, MemoryError)):
        kind = Unreadable if is_passing(error) else BackupError
        why = describe_os_error(error) if isinstance(error, OSError) else "there was too little memory"
        return kind(action, on=on, why=f"{why} ({told})", next_step="Correct the cause, and run again.")
    return blame(
        action,
        on=on,
        why=f"an unexpected error: {describe(error)}{_where(error)} ({told})",
        next_step="The others continued without it. Report it with that file, which contains no data.",
    )


def describe(error: BaseException) -> str:
    """Return the kind of an error, with what it says only where that cannot be a secret."""
    name = type(error).__name__
    if isinstance(error, OSError):
        return f"{name}: {describe_os_error(error)}"
    text = str(error)[:200] if isinstance(error, _OF_CODE) else ""
    return f"{name}: {text}" if text else name


def directory() -> str:
    """Where tracebacks are kept: of root with the state of the collection, of others below their home."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return named
    if os.geteuid() == 0:
        return SYSTEM_DIRECTORY
    return os.path.join(os.path.expanduser("~"), ".local", "state", "infitulua-backup", "tracebacks")


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" in {os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else ""


def _write_down(error: BaseException) -> str | None:
    """Write the traceback into a new file; None: that could not be done."""
    try:
        folder = directory()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        now = host_clock.now().strftime("%Y%m%dT%H%M%S.%fZ")
        path = os.path.join(folder, f"{now}-{secrets.token_hex(4)}{_SUFFIX}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(path, flags, 0o600), "wb") as stream:
            stream.write(_text_of(error).encode("utf-8", "backslashreplace")[:MOST_BYTES])
        _remove_oldest(folder)
    except (OSError, ValueError, MemoryError):
        return None
    return path


def _text_of(error: BaseException) -> str:
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None and len(parts) < 10:
        frames = traceback.extract_tb(current.__traceback__)
        kept = [*frames[: _MOST_FRAMES // 2], *frames[-_MOST_FRAMES // 2 :]] if len(frames) > _MOST_FRAMES else frames
        parts.append("".join(traceback.format_list(kept)) + describe(current) + "\n")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\nwhich came from\n\n".join(parts)


def _remove_oldest(folder: str) -> None:
    names = sorted(name for name in os.listdir(folder) if name.endswith(_SUFFIX))
    for name in names[:-MOST_FILES]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
