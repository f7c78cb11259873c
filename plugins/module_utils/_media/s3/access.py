# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a key to a bucket may do, found by really trying.

No attempt touches a set. Each is made on an object that was never stored, with bytes that the store must refuse, or
on the small object ``.probe`` of a host's part of the bucket, which is there for this.
"""

from __future__ import annotations

import base64
import datetime
import secrets
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import AccessDenied
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from ..base import Access
from .store import ONLY_IF_ABSENT, PROBE_BODY, PROBE_NAME, PROBE_SHA256, Declined, Store

_NEVER_STORED = ".probe-never-stored"
# A digest that no bytes are known to have (RFC 1864): whoever may put gets BadDigest, and nothing is stored.
_WRONG_MD5 = base64.b64encode(bytes(16)).decode()
_ACTION = "test what a key may do"
_LONG = datetime.timedelta(days=1)
_SHORT = datetime.timedelta(hours=1)
# Among so many hosts' parts of a bucket one is looked for that has its probe object.
_MOST_PARTS = 20
# What whoever may lock is answered in a bucket without locks, for a delete marker, and by a store that knows none.
_WITHOUT_LOCKS = (400, 405, 501)


class Attempt(t.NamedTuple):
    """One thing that was tried.

    :param what: such as ``read`` or ``shorten_lock``.
    :param allowed: whether the store did it, or would have; None: that could not be tried.
    :param answer: the store's, as ``403 AccessDenied``; or why it was not tried.
    """

    what: str
    allowed: bool | None
    answer: str


class KeyTrial:
    """Attempts with one key, in one part of a bucket.

    :param prefix: what the keys of that part begin with; ends with a slash unless empty.
    :param outside: what keys begin with that are in no such part; None: all are.
    """

    def __init__(self, store: Store, *, prefix: str, outside: str | None = None) -> None:
        self._store = store
        self._beyond = outside
        self._own = prefix + PROBE_NAME
        self._never = prefix + _NEVER_STORED
        self._prefix = prefix

    def write(self) -> Attempt:
        """Put the probe object, if it is not there yet."""
        return self._attempt("write", "put_object", headers=ONLY_IF_ABSENT, **self._put())

    def list_objects(self) -> Attempt:
        return self._attempt("list", "list_objects_v2", Prefix=self._prefix, MaxKeys=1)

    def list_versions(self) -> Attempt:
        return self._attempt("list_versions", "list_object_versions", Prefix=self._prefix, MaxKeys=1)

    def read(self) -> Attempt:
        return self._attempt("read", "get_object", Key=self._own)

    def delete(self) -> Attempt:
        """Delete an object that was never stored: rights are checked before existence, and nothing can be lost.

        A marker that an all too mighty key leaves is what this looks for.
        """
        return self._attempt("delete", "delete_object", Key=self._never)

    def delete_version(self) -> Attempt:
        """Destroy a version, which is a right of its own."""
        return self._attempt("delete_versions", "delete_object", Key=self._never, VersionId="null")

    def of_server(self) -> list[Attempt]:
        """Try all that a server's key must and must not be able to do.

        :raises BackupError: for any answer that is neither a success nor a refusal.
        """
        written = self.write()
        others = [self.list_objects(), self.list_versions(), self.read(), self.delete(), self.delete_version()]
        if not written.allowed:
            return [written, *others, self._outside()]
        # Any key that may put may put a newer version; what must hold is that "only where nothing stands" is heeded.
        overwrite = self._attempt("overwrite", "put_object", headers=ONLY_IF_ABSENT, **self._put())
        if overwrite.answer.startswith(("409", "412")):
            overwrite = overwrite._replace(allowed=False)
        return [written, *others, overwrite, self._outside(), *self._of_locks({"Key": self._own})]

    def of_reader(self) -> list[Attempt]:
        """Try all that the systems computer's reading key must and must not be able to do; as :meth:`of_server`."""
        reading = [self.list_objects(), self.list_versions(), self.read()]
        return [*reading, *self._changing(), *self._of_locks({"Key": self._never})]

    def of_retention(self) -> list[Attempt]:
        """Try all that the retention key must and must not be able to do; as :meth:`of_server`.

        It may set locks. That it cannot end one early is tried on the probe object of a server, where there is one.
        """
        listing = [self.list_objects(), self.list_versions()]
        found = self._probe_of_a_server() if listing[1].allowed else None
        if found is None:
            absent = "no server has stored its probe object yet"
            locks = [Attempt(what, None, absent) for what in ("shorten_lock", "bypass_governance", "delete_locked")]
            locks.append(self._end_hold({"Key": self._never}))
        else:
            locks = self._of_locks(found)
            # Only what is known to be locked now: otherwise the object would go.
            if locks[1].allowed is False and self._is_locked(found):
                locks.append(_refused_if_400(self._attempt("delete_locked", "delete_object", also=(400,), **found)))
            else:
                locks.append(Attempt("delete_locked", None, "it is not known to be locked"))
        return [*listing, self.read(), *self._changing(), *locks]

    def of_lock_abilities(self) -> dict[str, t.Any]:
        """Return with which modes an object can be locked as it is put, and whether one that stands can be locked.

        None: this key may not, or the store does not tell.
        """
        modes = {mode: self._put_locked(mode) for mode in ("COMPLIANCE", "GOVERNANCE", "OF-NO-KIND")}
        is_told = modes.pop("OF-NO-KIND") is False and None not in modes.values()
        lock = self._lock("lock", _LONG, {"Key": self._own})
        return {
            "lock_modes": sorted(mode for mode, takes in modes.items() if takes) if is_told else None,
            # Refused: for want of the right, or because it is locked for longer.
            "object_retention": True if lock.allowed else False if lock.allowed is None else None,
        }

    def _put_locked(self, mode: str) -> bool | None:
        """Whether the store takes a put that locks, and then finds its digest wrong; None: it does not come so far."""
        until = (host_clock.now() + _LONG).replace(microsecond=0)
        lock = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}
        attempt = self._put_damaged("lock", self._never, **lock)
        return attempt.answer.endswith("BadDigest") if attempt.allowed else None

    def _changing(self) -> list[Attempt]:
        return [
            self._put_damaged("write", self._never),
            self._put_damaged("overwrite", self._own),
            self._outside(),
            self.delete(),
            self.delete_version(),
        ]

    def _outside(self) -> Attempt:
        if self._beyond is None:
            return Attempt("write_outside", None, "the whole bucket is its part")
        return self._put_damaged("write_outside", self._beyond + _NEVER_STORED)

    def _of_locks(self, one: dict[str, t.Any]) -> list[Attempt]:
        """Lock an object until tomorrow, and then try to end that earlier; whichever of the two shortens a lock fails.

        :param one: the object, as parameters of a call.
        """
        lock = self._lock("lock", _LONG, one)
        shorten = self._lock("shorten_lock", _SHORT, one)
        bypass = self._lock("bypass_governance", _SHORT, {**one, "BypassGovernanceRetention": True})
        if lock.allowed:
            shorten, bypass = _refused_if_400(shorten), _refused_if_400(bypass)
        return [lock, shorten, bypass, self._end_hold(one)]

    def _lock(self, what: str, period: datetime.timedelta, one: dict[str, t.Any]) -> Attempt:
        until = (host_clock.now() + period).replace(microsecond=0)
        retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
        return self._of_lock(self._attempt(what, "put_object_retention", _WITHOUT_LOCKS, Retention=retention, **one))

    def _end_hold(self, one: dict[str, t.Any]) -> Attempt:
        hold = {"Status": "OFF"}
        return self._of_lock(
            self._attempt("end_legal_hold", "put_object_legal_hold", _WITHOUT_LOCKS, LegalHold=hold, **one)
        )

    def _of_lock(self, attempt: Attempt) -> Attempt:
        """Take a lock that cannot be there for one that could not be tried."""
        return attempt._replace(allowed=None) if int(attempt.answer[:3]) in _WITHOUT_LOCKS else attempt

    def _is_locked(self, one: dict[str, t.Any]) -> bool:
        try:
            answer = self._store.attempt("get_object_retention", action=_ACTION, **one)
        except Declined:
            return False
        until = (answer.get("Retention") or {}).get("RetainUntilDate")
        return until is not None and until > host_clock.now() + _SHORT / 2

    def _probe_of_a_server(self) -> dict[str, t.Any] | None:
        """Find the probe object in a host's part of the bucket, as parameters of a call."""
        answer = self._store.call("list_object_versions", action=_ACTION, Prefix=self._prefix, Delimiter="/")
        for part in (answer.get("CommonPrefixes") or ())[:_MOST_PARTS]:
            key = part["Prefix"] + PROBE_NAME
            found = self._store.call("list_object_versions", action=_ACTION, Prefix=key, MaxKeys=5)
            for version in found.get("Versions") or ():
                if version["Key"] == key:
                    return {"Key": key, "VersionId": version["VersionId"]}
        return None

    def _put(self) -> dict[str, t.Any]:
        length = len(PROBE_BODY)
        return {"Key": self._own, "Body": PROBE_BODY, "ContentLength": length, "ChecksumSHA256": PROBE_SHA256}

    def _put_damaged(self, what: str, key: str, **lock: t.Any) -> Attempt:
        length = len(PROBE_BODY)
        put = {"Key": key, "Body": PROBE_BODY, "ContentLength": length, "ContentMD5": _WRONG_MD5, **lock}
        return self._attempt(what, "put_object", also=_WITHOUT_LOCKS if lock else (400,), **put)

    def _attempt(self, what: str, operation: str, also: t.Collection[int] = (), **parameters: t.Any) -> Attempt:
        """Try one thing.

        :param also: the HTTP statuses that are answered here to whoever has the right.
        """
        try:
            answer = self._store.attempt(operation, action=_ACTION, **parameters)
        except Declined as declined:
            said = f"{declined.status} {declined.code}"
            if isinstance(declined.error, AccessDenied):
                return Attempt(what, False, said)
            # Allowed, but nothing there (as long as the bucket is), there already, or not what was announced.
            if declined.status in (404, 409, 412) and declined.code != "NoSuchBucket":
                return Attempt(what, True, said)
            if declined.status in also and not declined.is_of_request:
                return Attempt(what, True, said)
            raise declined.error from declined.__cause__
        body = answer.get("Body")
        if body is not None:
            body.close()
        return Attempt(what, True, str(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 200)))


def _refused_if_400(attempt: Attempt) -> Attempt:
    """Return an attempt on what is known to be locked: some stores (MinIO) answer that with 400 instead of 403."""
    return attempt._replace(allowed=False) if attempt.answer.startswith("400") else attempt


def probe_bucket(store: Store, *, prefix: str) -> Access:
    """Try to put, list, get and delete. A second try leaves nothing that the first did not.

    :param prefix: what the probe's key begins with; ends with a slash unless empty.
    :raises BackupError: for any answer that is neither a success nor a refusal of rights.
    """
    trial = KeyTrial(store, prefix=prefix)
    write, listing, versions = trial.write(), trial.list_objects(), trial.list_versions()
    return Access(
        listing.allowed or versions.allowed,
        trial.read().allowed,
        write.allowed,
        trial.delete().allowed,
        list_versions=versions.allowed,
        delete_versions=trial.delete_version().allowed,
    )


def may_read(store: Store, *, prefix: str) -> bool:
    """Whether a key that may list may read at all: then what it is not given is withheld by how it was put.

    :param prefix: as for :func:`probe_bucket`.
    :raises BackupError: for any answer that is neither a success nor a refusal of rights.
    """
    # Nobody can have put this one: its name is made now.
    nobodys = f"{prefix}{_NEVER_STORED}-{secrets.token_hex(8)}/"
    return KeyTrial(store, prefix=nobodys).read().allowed is True
