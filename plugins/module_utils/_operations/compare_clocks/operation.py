# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing this host's clock with others', and with what it wrote down itself."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from ..drill.record import DrillRecord

# A difference of this many seconds or less is not worth a word: asking takes time too.
UNREMARKABLE = 60
OWN_RECORD = "record"


@dataclasses.dataclass(frozen=True)
class Difference:
    """A clock, or this host's own record, that does not agree with this host's clock.

    :param clock: whose.
    :param seconds: how far it is ahead of this host's clock; negative: behind.
    :param serious: whether it is more than any clock that is looked after differs.
    :param host: whose drills the record is of; None: it is no record.
    """

    clock: str
    seconds: int
    serious: bool
    host: str | None = None


def seconds_after(reference: str, now: datetime.datetime) -> float:
    """How far ``now`` is ahead of a time that another host tells, in seconds.

    :param reference: UTC, ISO 8601, with or without a time zone.
    :raises Refused: when it is not a time.
    """
    try:
        moment = datetime.datetime.fromisoformat(reference)
    except ValueError as error:
        raise Refused(
            "compare clocks",
            on=repr(reference),
            why=str(error),
            next_step="Give a UTC time in ISO 8601: {{ now(utc=true).isoformat() }}.",
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return (now - moment).total_seconds()


def differences(own: float, others: t.Mapping[str, float]) -> list[Difference]:
    """Return the clocks that do not agree with this host's.

    :param own: how far this host's clock is ahead of the reference, in seconds.
    :param others: the same of other clocks, by name.
    """
    found = ((name, round(seconds - own)) for name, seconds in others.items())
    return [_difference(name, seconds) for name, seconds in found if abs(seconds) > UNREMARKABLE]


def differences_from_record(
    directory: str, sources: t.Mapping[str, t.Sequence[str]], now: datetime.datetime
) -> tuple[list[Difference], list[BackupError]]:
    """How far this host's clock is behind the last drills that it wrote down, and what of them cannot be read.

    :param directory: the record of drills.
    :param sources: whose drills count, by host: nobody writes on in the record of a source that is gone. ``name.*``
        stands for all that begin so.
    :returns: one difference for each host whose drills it is behind.
    """
    record = DrillRecord(directory)
    found = []
    problems = []
    for host, names in sources.items():
        try:
            recorded = [source for source in record.sources(host) if any(_is_meant(source, name) for name in names)]
        except BackupError as error:
            problems.append(error)
            continue
        ahead = [0]
        for source in recorded:
            try:
                last = record.of_source(host, source)[-1:]
            except BackupError as error:
                problems.append(error)
                continue
            ahead += [round((drill.moment - now).total_seconds()) for drill in last]
        if max(ahead) > UNREMARKABLE:
            found.append(dataclasses.replace(_difference(OWN_RECORD, max(ahead)), host=host))
    return found, problems


def _is_meant(source: str, name: str) -> bool:
    return source.startswith(name[:-1]) if name.endswith(".*") else source == name


def _difference(clock: str, seconds: int) -> Difference:
    return Difference(clock, seconds, abs(seconds) > host_clock.TOLERANCE.total_seconds())
