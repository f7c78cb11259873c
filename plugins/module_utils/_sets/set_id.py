# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set ids: ``<host>/<source>/<UTC time>``."""

from __future__ import annotations

import dataclasses
import datetime
import re

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError

# Names become directory names and object keys on every medium, so they are kept to what all of them take.
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
TIME_PATTERN = r"[0-9]{8}T[0-9]{6}Z"
_NAME = re.compile(NAME_PATTERN)
_TIME = re.compile(TIME_PATTERN)
TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclasses.dataclass(frozen=True, order=True)
class SetId:
    """Names one set. Sorts by host, source, then time.

    :param host: the server that the source lives on, as the inventory names it.
    :param source: the source's name.
    :param time: the moment of the backup, UTC, as ``20261122T030000Z``.
    :raises BackupError: when a part is not of its form.
    """

    host: str
    source: str
    time: str

    def __post_init__(self) -> None:
        for label, value in (("host", self.host), ("source", self.source)):
            if not is_name(value):
                raise BackupError(
                    "use a name in a set id",
                    on=f"{label} {value!r}",
                    why="it must start with a letter or digit and hold only letters, digits, '.', '_' and '-'"
                    " (128 at most)",
                    next_step="Rename it in the inventory.",
                )
        if not is_time(self.time):
            raise BackupError(
                "read the time of a set id",
                on=f"time {self.time!r}",
                why="it is not a UTC time such as 20261122T030000Z",
                next_step="Give the id as set_info prints it.",
            )

    def __str__(self) -> str:
        return f"{self.host}/{self.source}/{self.time}"

    @property
    def moment(self) -> datetime.datetime:
        """The moment of the backup, UTC."""
        return _moment(self.time)

    @classmethod
    def parse(cls, text: str) -> SetId:
        """Read ``host/source/time``.

        :raises BackupError: when the text is not a set id.
        """
        parts = text.split("/")
        if len(parts) != 3:
            raise BackupError(
                "read a set id",
                on=repr(text),
                why="it does not have the form host/source/time",
                next_step="Give the id as set_info prints it.",
            )
        return cls(*parts)

    @classmethod
    def at(cls, host: str, source: str, moment: datetime.datetime) -> SetId:
        """Return the id of a set of this source begun at ``moment`` (an aware datetime)."""
        return cls(host, source, moment.astimezone(datetime.timezone.utc).strftime(TIME_FORMAT))


def is_name(text: str) -> bool:
    """Whether ``text`` can name a host or a source."""
    return _NAME.fullmatch(text) is not None


def _moment(time: str) -> datetime.datetime:
    # Not strptime(), which imports its parser only when called: by then we may be a user who cannot read it.
    fields = (time[0:4], time[4:6], time[6:8], time[9:11], time[11:13], time[13:15])
    year, month, day, hour, minute, second = map(int, fields)
    return datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.timezone.utc)


def is_time(text: str) -> bool:
    """Whether ``text`` is a time as set ids write it, and a moment that exists."""
    if _TIME.fullmatch(text) is None:
        return False
    try:
        _moment(text)
    except ValueError:
        return False
    return True
