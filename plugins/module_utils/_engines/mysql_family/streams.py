# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spreading a database's rows over streams that are dumped and restored at the same time."""

from __future__ import annotations

import dataclasses
import typing as t

from .catalogue import Table

# Below this much, a stream of its own costs more than it gains.
_STREAM_BYTES = 32 * 1024 * 1024
# More streams than jobs, so that no job idles at the end because another got more than its share.
_STREAMS_PER_JOB = 2


@dataclasses.dataclass(frozen=True)
class Piece:
    """Some rows of one table.

    :param condition: which; None: all.
    """

    table: Table
    condition: str | None = None


@dataclasses.dataclass
class RowStream:
    """One stream of rows.

    :param pieces: what is in it. Several tables are told apart by lines with the token.
    :param locked: whether its tables are of an engine that knows no snapshot, and stay locked until it has ended.
    """

    pieces: list[Piece]
    bytes: int
    locked: bool = False


def plan(tables: t.Sequence[Table], jobs: int, ranges: t.Callable[[Table, int], list[str]]) -> list[RowStream]:
    """Spread the tables over streams of about the same size, and cut up those that are larger than a stream's share.

    :param ranges: the conditions that cut a table into this many pieces.
    :returns: the streams, the largest first, but locked ones before all others.
    """
    streams: list[RowStream] = []
    locked = [table for table in tables if not table.transactional]
    if locked:
        streams.append(RowStream([Piece(table) for table in locked], sum(table.bytes for table in locked), True))
    free = [table for table in tables if table.transactional]
    total = sum(table.bytes for table in free)
    count = max(1, min(jobs * _STREAMS_PER_JOB, total // _STREAM_BYTES)) if jobs > 1 else 1
    share = max(total // count, 1)
    rest = []
    for table in free:
        number = round(table.bytes / share) if count > 1 else 1
        if table.key is not None and number > 1:
            conditions = ranges(table, number)
            size = table.bytes // len(conditions)
            streams += [RowStream([Piece(table, condition)], size) for condition in conditions]
        elif count > 1 and table.bytes >= max(share // 2, _STREAM_BYTES):
            streams.append(RowStream([Piece(table)], table.bytes))
        else:
            rest.append(table)
    groups = max(1, min(count, sum(table.bytes for table in rest) // _STREAM_BYTES))
    spread = [RowStream([], 0) for _group in range(groups)]
    for table in rest:
        smallest = min(spread, key=lambda stream: stream.bytes)
        smallest.pieces.append(Piece(table))
        smallest.bytes += table.bytes
    streams += [stream for stream in spread if stream.pieces]
    return sorted(streams, key=lambda stream: (not stream.locked, -stream.bytes))
