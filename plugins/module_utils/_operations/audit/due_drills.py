# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sets of an object store are to be restored from there for trial: of each source one, every so many days.

What was restored from the vault says nothing of the keys, the links and the bytes by which a restore from the cloud
would have to do.
"""

from __future__ import annotations

import datetime
import itertools
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from ..drill.record import DrillRecord
from ..known_sets import known_sets, newest


def due_drills(
    reference: Medium, audited: t.Iterable[SetId], record: DrillRecord, *, store: str, days: int
) -> list[SetId]:
    """Return the newest set of each source of which none in this store has passed a drill for so many days.

    The days of a source begin with its first drill, wherever its set lay then: what has never been drilled is not
    asked for from here first.

    :param reference: has the sets too, so that their order is found there.
    :param audited: those that the store has.
    :param store: as the record names it.
    """
    due = []
    now = host_clock.now()
    for (host, source), sets in itertools.groupby(sorted(audited), key=lambda set_id: (set_id.host, set_id.source)):
        try:
            if not _is_due(record, host, source, store=store, since=now - datetime.timedelta(days=days)):
                continue
            best = newest(known_sets(reference, sets, now=now))
        except BackupError:
            continue  # Whoever lists the vault tells of a record, and of sets, that cannot be read.
        due += [best.set_id] if best is not None else []
    return due


def _is_due(record: DrillRecord, host: str, source: str, *, store: str, since: datetime.datetime) -> bool:
    passed = record.last_passed(host, source, medium=store)
    first = next(iter(record.of_source(host, source)), None)
    last = passed or first
    return last is not None and (last.moment < since or host_clock.is_after(last.moment, host_clock.now()))
