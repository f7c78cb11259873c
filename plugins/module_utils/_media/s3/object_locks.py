# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Object Lock: until when the store refuses to delete what stands there, and making that later. Never sooner.

A lock belongs to one version of one object. In ``COMPLIANCE`` mode nobody can take it back, in ``GOVERNANCE`` only who
has a right of its own; with neither can a new object at the same key take the old one away.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound

from .store import Declined, Store

COMPLIANCE = "COMPLIANCE"
# So many objects of a set are asked about at a time: a set has a dozen, and each answer takes a round trip.
_AT_A_TIME = 8
_NOT_LOCKED = ("NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest")
_GONE = ("NoSuchKey", "NoSuchVersion")

_Result = t.TypeVar("_Result")


class Locked(t.NamedTuple):
    """One object, and the version of it that is meant."""

    key: str
    version: str | None


@dataclasses.dataclass(frozen=True)
class ObjectLock:
    """The lock of one object.

    :param mode: ``COMPLIANCE`` or ``GOVERNANCE``.
    :param until: UTC.
    """

    mode: str
    until: datetime.datetime


class ObjectLocks:
    """The locks of the objects of a bucket.

    :param mode: of objects that have none yet.
    """

    def __init__(self, store: Store, mode: str | None) -> None:
        self._store = store
        self._mode = mode or COMPLIANCE

    def span(self, objects: t.Iterable[Locked], on: str) -> tuple[datetime.datetime | None, datetime.datetime | None]:
        """Return until when all of these objects are locked (None: one is not), and until when any is (None: none is).

        :raises NotFound: when one of them is not there.
        :raises BackupError: when that cannot be read.
        """
        locks = in_parallel(lambda one: self.read(one, on), objects)
        return _earliest(locks), max((lock.until for lock in locks if lock is not None), default=None)

    def extend(self, objects: t.Iterable[Locked], until: datetime.datetime, on: str) -> datetime.datetime | None:
        """Lock every one of these objects until then at least, and return until when all of them are locked.

        What is locked longer is left so. What was set is read again: only what the store confirms counts.

        :raises BackupError: when the store does not do it.
        """
        return _earliest(in_parallel(lambda one: self._extend(one, until, on), objects))

    def read(self, one: Locked, on: str) -> ObjectLock | None:
        """Return the lock of an object; None: it has none.

        :raises NotFound: when the object is not there.
        :raises BackupError: when it cannot be read.
        """
        try:
            answer = self._store.attempt(
                "get_object_retention", action="read until when an object is locked", on=on, **_named(one)
            )
        except Declined as declined:
            # Some stores do not know locks at all.
            if declined.code in _NOT_LOCKED or declined.status in (405, 501):
                return None
            if declined.code in _GONE:
                raise NotFound(
                    "read until when an object is locked",
                    on=f"{on}, {one.key}",
                    why="there is no such object",
                    next_step="Run step 4 again: its audit finds out what is missing.",
                ) from declined
            raise declined.error from declined.__cause__
        retention = answer.get("Retention") or {}
        until = retention.get("RetainUntilDate")
        if until is None:
            return None
        return ObjectLock(str(retention.get("Mode")), until.astimezone(datetime.timezone.utc))

    def _extend(self, one: Locked, until: datetime.datetime, on: str) -> ObjectLock | None:
        lock = self.read(one, on)
        if lock is not None and lock.until >= until:
            return lock
        # The store knows whole seconds.
        seconds = until.replace(microsecond=0) + datetime.timedelta(seconds=1 if until.microsecond else 0)
        self._store.call(
            "put_object_retention",
            action="lock an object",
            on=f"{on}, {one.key}",
            Retention={"Mode": lock.mode if lock is not None else self._mode, "RetainUntilDate": seconds},
            **_named(one),
        )
        lock = self.read(one, on)
        if lock is None or lock.until < until:
            raise BackupError(
                "lock an object",
                on=f"{on}, {one.key}",
                why="the store accepted the lock and does not keep it",
                next_step="Use a store with Object Lock; until then, whoever may delete there can delete this copy.",
            )
        return lock


def in_parallel(function: t.Callable[[Locked], _Result], objects: t.Iterable[Locked]) -> list[_Result]:
    """Return what a function gives for each object, several at a time. The first failure is raised after the others."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
        futures = [pool.submit(function, one) for one in objects]
        concurrent.futures.wait(futures)
        return [future.result() for future in futures]


def _named(one: Locked) -> dict[str, t.Any]:
    return {"Key": one.key, **({"VersionId": one.version} if one.version is not None else {})}


def _earliest(locks: t.Sequence[ObjectLock | None]) -> datetime.datetime | None:
    until = [lock.until for lock in locks if lock is not None]
    return min(until) if until and len(until) == len(locks) else None
