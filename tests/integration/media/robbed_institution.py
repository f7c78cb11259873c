# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server, the systems computer's vault, and the cloud, to which a thief has the server's key."""

from __future__ import annotations

import itertools
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.audit.operation import (
    AuditReport,
    audit_sets,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.object_store import Credentials, ObjectStore

from .conftest import Connect, contents_of, copy_set, random_bytes, write_set

TIME = "20261122T030000Z"


class Institution:
    """One server, the systems computer's vault, and the cloud as either of them reaches it."""

    def __init__(
        self,
        directory: Path,
        connect: Connect,
        store: ObjectStore,
        *,
        host: str = "web1",
        key: Credentials | None = None,
        **options: t.Any,
    ) -> None:
        self.directory = directory
        self.store = store
        self.connect = connect
        self.host = host
        self.options = options
        self.disk, self.vault, self.forgery = (self.medium(name) for name in ("disk", "vault", "forgery"))
        self.signing_key = directory / "signing_key"
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.signing_key)]
        subprocess.run(keygen, check=True, timeout=60)
        public = " ".join(self.signing_key.with_suffix(".pub").read_text().split()[:2])
        self.signers = directory / "allowed_signers"
        self.signers.write_text(f'{host} namespaces="infitulua.backup" {public}\n')
        self.server = connect(key or store.writer, retain_days=1, retain_mode="governance", **options)
        self.thief = store.client(key or store.writer)

    def medium(self, name: str) -> DirectoryMedium:
        (self.directory / name).mkdir()
        return DirectoryMedium(path=str(self.directory / name))

    def reader(self, state: str = "systems-computer") -> S3Medium:
        """The systems computer, in a new process; or another one, with another state, that has no receipts."""
        return self.connect(
            self.store.reader,
            state_directory=str(self.directory / f"state-of-{state}"),
            allowed_signers_file=str(self.signers),
            **self.options,
        )

    def back_up(self, source: str, seed: int, time: str = TIME) -> SetId:
        """A set on the server's disk and in the vault."""
        set_id = SetId(self.host, source, time)
        payload = {"1.zst.age": random_bytes(20_000, seed=seed), "2.zst.age": b"roles"}
        write_set(self.disk, set_id, payload, signing_key=str(self.signing_key))
        copy_set(self.disk, self.vault, set_id)
        return set_id

    def audit(self, *ids: SetId) -> AuditReport:
        selection = SetSelection(ids=ids) if ids else SetSelection(host=self.host)
        return audit_sets(self.reader(), self.vault, selection, status_file=None, check_mode=False)

    def upload(self, report: AuditReport) -> list[SetId]:
        missing = [SetId.parse(text) for text in report.missing]
        for set_id in missing:
            assert copy_set(self.disk, self.server, set_id, anew=True, verify=False).changed
        return missing

    def step4(self) -> list[AuditReport]:
        """What the systems computer and the server do each day."""
        first = self.audit()
        uploaded = self.upload(first)
        return [first, self.audit(*uploaded)] if uploaded else [first]

    def put(self, set_id: SetId, path: str, body: bytes) -> None:
        """The thief puts an object under a set's id."""
        key = f"{self.server.prefix}/{set_id}/{path}"
        self.thief.put_object(Bucket=self.store.bucket, Key=key, Body=body)

    def restored(self, set_id: SetId, state: str) -> dict[str, bytes]:
        """What a restore of the source's newest set from the cloud begins with."""
        reader = self.reader(state)
        (chosen,) = SetSelection(host=set_id.host, source=set_id.source, newest=True).choose(reader)
        assert chosen == set_id
        target = self.medium(f"restored-{next(_numbers)}")
        assert copy_set(reader, target, set_id, allowed_signers=str(self.signers)).verified
        return contents_of(target.contents(set_id))


_numbers = itertools.count()
