# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An institution of one server, whose daily run the modules' own code carries out in this process, step by step.

What the playbooks do with Ansible is done here without it, so that a day takes a second: the same modules, in the same
order, with the same options.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import shutil
import sqlite3
import subprocess
import typing as t
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.store import Declined, Store
from ansible_collections.infitulua.backup.plugins.module_utils._operations.audit import call as audit
from ansible_collections.infitulua.backup.plugins.module_utils._operations.compare_clocks import call as compare_clocks
from ansible_collections.infitulua.backup.plugins.module_utils._operations.copy import call as copy
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import Drill, DrillRecord
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import databases as dump
from ansible_collections.infitulua.backup.plugins.module_utils._operations.outermost import Answer
from ansible_collections.infitulua.backup.plugins.module_utils._operations.prune import sets_call as prune
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import call as verify
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.plugin_utils._clocks import wrong_clocks
from ansible_collections.infitulua.backup.plugins.plugin_utils._steps import verified_elsewhere
from development.services.object_store import Credentials, ObjectStore

from .clocks import SERVER, SYSTEMS, Clocks

SOURCE = "contabilidad"
SERIES = "400.8"
DISK_POLICY = {"last": 3}
#: The server locks what it stores for a day; the systems computer makes that longer.
RETAIN_DAYS = 1
Options = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Day:
    """What a day's run has done.

    :param dumped: the set that it made.
    :param taken: the sets that are new in the vault.
    :param verified: what the clock of the systems computer said when they were verified.
    :param pruned: whether retention was applied, as it is where no clock is wrong.
    """

    dumped: SetId
    taken: list[SetId]
    verified: datetime.datetime
    pruned: bool


class Institution:
    """A server with a SQLite database, the systems computer with its vault, and a bucket."""

    def __init__(self, directory: Path, store: ObjectStore, prefix: str, clocks: Clocks, zone: str) -> None:
        self.directory, self.store, self.prefix, self.clocks, self.zone = directory, store, prefix, clocks, zone
        self.zone_info = zoneinfo.ZoneInfo(zone)
        self.disk, self.incoming, self.vault = (self._medium(name) for name in ("disk", "incoming", "vault"))
        self.drills = DrillRecord(str(directory / "drills"))
        key = directory / "signing_key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=60, capture_output=True
        )
        public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        self.signers = directory / "allowed_signers"
        self.signers.write_text(f'{SERVER} namespaces="infitulua.backup" {public}\n')
        self.database = directory / "contabilidad.db"
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.execute("CREATE TABLE movimientos (dia TEXT, valor INTEGER)")
            connection.executemany("INSERT INTO movimientos VALUES ('saldo', ?)", [(n,) for n in range(100)])
            connection.commit()

    def _medium(self, name: str) -> DirectoryMedium:
        (self.directory / name).mkdir()
        return DirectoryMedium(path=str(self.directory / name))

    def cloud(self, who: Credentials, host: str, **more: t.Any) -> Options:
        """Return the options of the bucket, as a host reaches it."""
        return {
            "type": "s3",
            "bucket": self.store.bucket,
            "prefix": self.prefix,
            "endpoint_url": self.store.endpoint_url,
            "access_key": who.access_key,
            "secret_key": who.secret_key,
            "ca_bundle": str(self.store.ca_file),
            "state_directory": str(self.directory / f"state-of-{host}"),
            **more,
        }

    def reader(self) -> Options:
        """As the systems computer reads it."""
        return self.cloud(self.store.reader, SYSTEMS, allowed_signers_file=str(self.signers))

    def run(self, retention: Options, holds: t.Sequence[Options], before_pruning: Callable[[], None]) -> Day:
        """Do what the daily playbook does: steps 2, 3 and 4."""
        dumped = self._dump()
        verified = self._verify()
        vaulted = self._move()
        taken = [str(entry["id"]) for entry in vaulted["sets"] if entry["changed"]]
        found = {"_backup_vaulted": vaulted, **self._store(taken)}
        pruned = not self._wrong_clocks()
        before_pruning()
        if pruned:
            common = {"host": SERVER, "holds": list(holds), "time_zone": self.zone}
            self._prune_disk(found, common)
            self._prune_vault(found, {**common, "policies": {SERIES: retention}})
        return Day(dumped, [SetId.parse(name) for name in taken], verified, pruned)

    def _dump(self) -> SetId:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.execute("INSERT INTO movimientos VALUES (?, 1)", [str(self.clocks.true())])
            connection.commit()
        with self.clocks.on(SERVER):
            answer = _call(
                dump,
                host=SERVER,
                encryption="none",
                jobs=1,
                medium={"type": "directory", "path": self.disk.root},
                sources=[{"name": SOURCE, "series": SERIES, "engine": "sqlite", "path": str(self.database)}],
                signing_key_file=str(self.directory / "signing_key"),
            )
        assert not answer.failure, answer.failure
        (made,) = answer.result["sets"]
        return SetId.parse(made["id"])

    def _verify(self) -> datetime.datetime:
        incoming = {"type": "directory", "path": self.incoming.root}
        disk = {"type": "directory", "path": self.disk.root}
        excepted: Options = {"except_those_in": self.vault.root, "drill_record_directory": self.drills.directory}
        _done(_call(copy, origin=disk, destination=incoming, host=SERVER, verify=False, **excepted))
        now = host_clock.now()
        _done(_call(verify, medium=incoming, host=SERVER, allowed_signers_file=str(self.signers), set_aside=True))
        return now

    def _move(self) -> Options:
        return _done(
            _call(
                copy,
                origin={"type": "directory", "path": self.incoming.root},
                destination={"type": "directory", "path": self.vault.root},
                host=SERVER,
                move=True,
                require_verified=True,
                list_destination=True,
                drill_record_directory=self.drills.directory,
            )
        )

    def _store(self, taken: list[str]) -> Options:
        """Store in the cloud what is new in the vault, and whatever else is missing there, and read it there."""
        self._upload(taken)
        looked = _call(audit, medium=self.reader(), reference=self.vault.root, host=SERVER, may_fail=True)
        missing = looked.result.get("missing", [])
        if not missing:
            return {"_backup_looked": looked.result}
        uploaded = self._upload(missing, anew=True)
        read = _call(audit, medium=self.reader(), reference=self.vault.root, sets=uploaded, host=SERVER, may_fail=True)
        return {"_backup_looked": looked.result, "_backup_audited": read.result}

    def _upload(self, ids: list[str], **more: t.Any) -> list[str]:
        if not ids:
            return []
        lock = {"retain_days": RETAIN_DAYS, "retain_mode": "governance"}
        with self.clocks.on(SERVER):
            answer = _call(
                copy,
                origin={"type": "directory", "path": self.disk.root},
                destination=self.cloud(self.store.writer, SERVER, **lock),
                sets=ids,
                only_fit=True,
                verify=False,
                **more,
            )
        return [entry["id"] for entry in answer.result["sets"] if entry["changed"]]

    def _wrong_clocks(self) -> list[str]:
        reference = self.clocks.true().isoformat()
        record: Options = {"record_directory": self.drills.directory, "record_sources": {SERVER: [SOURCE]}}
        with self.clocks.on(SERVER):
            server = _call(compare_clocks, reference=reference).result
        systems = _call(compare_clocks, reference=reference, others={"control_node": 0}, **record).result
        return wrong_clocks(server, systems, SERVER)

    def _prune_disk(self, found: Options, common: Options) -> None:
        elsewhere = verified_elsewhere(found, in_vault=True, in_cloud=True)
        with self.clocks.on(SERVER):
            _done(
                _call(
                    prune,
                    medium={"type": "directory", "path": self.disk.root},
                    policies={"default": DISK_POLICY},
                    verified_here=False,
                    verified_elsewhere=elsewhere,
                    **common,
                )
            )

    def _prune_vault(self, found: Options, given: Options) -> None:
        keeper = self.cloud(self.store.retention, SYSTEMS, retain_days=RETAIN_DAYS, retain_mode="governance")
        _done(
            _call(
                prune,
                medium={"type": "directory", "path": self.vault.root},
                drill_record_directory=self.drills.directory,
                verified_elsewhere=verified_elsewhere(found, in_vault=False, in_cloud=True),
                object_store=keeper if "missing" in found["_backup_looked"] else None,
                **given,
            )
        )

    def drill(self, set_id: SetId, outcome: str) -> None:
        """Write down how a trial restore of a set in the vault went; the restore itself is tested elsewhere."""
        content = set_verification.recall(self.vault, set_id)
        assert content is not None
        now = host_clock.write(host_clock.now())
        self.drills.add(Drill(str(set_id), outcome, now, "vault", tag_manifest_sha256=content.tag_manifest_sha256))

    def lose(self, set_id: SetId) -> None:
        """Let the vault lose a set, as a disk does; what is written down of it elsewhere stays."""
        shutil.rmtree(self.vault.path(set_id))

    def fetch(self, set_id: SetId) -> None:
        """Bring a set that the vault has lost back out of the cloud."""
        vault = {"type": "directory", "path": self.vault.root}
        signers = str(self.signers)
        _done(_call(copy, origin=self.reader(), destination=vault, sets=[str(set_id)], allowed_signers_file=signers))


def _call(verb: t.Any, *, may_fail: bool = False, **given: t.Any) -> Answer:
    """Call a module's own code with these options.

    :param may_fail: what it cannot do at all is its answer, as it is where a playbook goes on all the same.
    """
    checked = ArgumentSpecValidator(verb.ARGUMENTS).validate(given)
    assert not checked.error_messages, checked.error_messages
    try:
        if verb is compare_clocks:
            return compare_clocks.call(checked.validated_parameters)
        return t.cast(Answer, verb.call(checked.validated_parameters, check_mode=False))
    except BackupError as error:
        if not may_fail:
            raise
        return Answer({}, failure=error.message)


def _done(answer: Answer) -> Options:
    assert not answer.failure, answer.failure
    return dict(answer.result)


@contextlib.contextmanager
def out_of_reach() -> Iterator[None]:
    """No call reaches the cloud."""
    real = Store.attempt

    def attempt(self: Store, operation: str, **_parameters: t.Any) -> t.Any:
        error = BackupError("reach the cloud", on=operation, why="there is no connection", next_step="Wait.")
        raise Declined(error)

    setattr(Store, "attempt", attempt)  # noqa: B010  # For the type checker a method cannot be assigned.
    try:
        yield
    finally:
        setattr(Store, "attempt", real)  # noqa: B010
