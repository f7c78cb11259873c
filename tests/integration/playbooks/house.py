# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An institution after its first day, and what the tests of the playbooks ask of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from development.demonstration.accounting import make_accounting
from development.demonstration.documents import make_documents, read_tree
from development.demonstration.institution import SYSTEMS_COMPUTER, Institution, Run

if t.TYPE_CHECKING:
    from development.services.object_store import ObjectStore

FINANCE, FILES = "srv-financiero", "srv-archivos"
PLAYBOOKS = (
    "step1_prepare_media",
    "step2_back_up",
    "step3_verify_result",
    "step4_store_media",
    "step5_restore",
    "daily",
)
PASSWORD = "canario-Cl4ve-de-la-base"
TICKET = ("-e", "backup_ticket=MDA-2026-0117")


class House:
    """An institution after its first day: prepared, backed up, verified, stored."""

    def __init__(self, directory: Path, store: ObjectStore) -> None:
        self.directory = directory
        self.database = directory / FINANCE / "srv" / "contabilidad.db"
        self.documents = directory / FILES / "srv" / "usuarios"
        self.institution = Institution(directory, self.sources(), store=store, prefix=directory.name)
        self.institution.build()
        make_accounting(self.database, vouchers=800).close()
        make_documents(self.documents, per_office=4)
        self.prepared = self.institution.run("step1_prepare_media")
        self.day = self.institution.run("daily", "-e", "backup_run_id=dia-1")

    def keep(self) -> None:
        """Keep the institution as it is now."""
        subprocess.run(["cp", "-a", str(self.directory), str(self._kept)], check=True, timeout=60)
        self._versions = self._versions_in_cloud()

    def bring_back(self) -> None:
        """Make the institution what it was when it was kept."""
        shutil.rmtree(self.directory)
        subprocess.run(["cp", "-a", str(self._kept), str(self.directory)], check=True, timeout=60)
        client = self.store.client()
        for key, version in self._versions_in_cloud() - self._versions:
            client.delete_object(Bucket=self.store.bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)
        assert self._versions_in_cloud() == self._versions

    @property
    def store(self) -> ObjectStore:
        """Its cloud."""
        store = self.institution.store
        assert store is not None
        return store

    @property
    def _kept(self) -> Path:
        return self.directory.with_name(f"{self.directory.name}-kept")

    def _versions_in_cloud(self) -> set[tuple[str, str]]:
        """The key and the version of every object, and of every mark that one was deleted."""
        pages = self.store.client().get_paginator("list_object_versions")
        listed = pages.paginate(Bucket=self.store.bucket, Prefix=f"{self.directory.name}/")
        entries = [entry for page in listed for kind in ("Versions", "DeleteMarkers") for entry in page.get(kind, [])]
        return {(entry["Key"], entry["VersionId"]) for entry in entries}

    def sources(self) -> dict[str, dict[str, t.Any]]:
        database = {"name": "contabilidad", "series": "400.8", "engine": "sqlite", "path": str(self.database)}
        files = {"name": "datos-usuarios", "series": "400.8.1", "paths": [str(self.documents)]}
        return {FINANCE: {"backup_databases": [database]}, FILES: {"backup_files": [files]}}

    def with_trouble(self) -> Institution:
        """The same house on a bad day: a database whose server is down, and a server that is switched off."""
        sources = self.sources()
        sources[FINANCE]["backup_databases"] += [
            {
                "name": "nomina",
                "engine": "postgresql",
                "database": "nomina",
                "login_host": "127.0.0.1",
                "login_port": 9,
                "login_user": "copias",
                "login_password": PASSWORD,
            }
        ]
        sources["srv-apagado"] = {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": 9,
            "backup_databases": [{"name": "historico", "engine": "sqlite", "path": "/srv/historico.db"}],
        }
        return Institution(
            self.directory, sources, store=self.institution.store, prefix=self.directory.name, language="en"
        )

    def sets(self, medium: Path) -> set[str]:
        """The ids of the sets on a directory medium."""
        return {str(path.parent.relative_to(medium)) for path in medium.glob("*/*/*/bagit.txt")}

    def sets_in_cloud(self) -> set[str]:
        """The ids of the sets in the bucket."""
        pages = (
            self.store.client()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.store.bucket, Prefix=f"{self.directory.name}/")
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        # A set whose place was taken lies at another: its time, a dot and 16 digits.
        return {"/".join(key.split("/")[1:4]).partition(".")[0] for key in keys if key.endswith("/bagit.txt")}

    def listing(self) -> dict[str, t.Any]:
        """Every file of every host, with its content.

        Not the locks, which name whoever held them last, nor the evidence of the trials of keys: each preparation
        tries them and adds a line.
        """
        return {
            f"{host}/{name}": facts
            for host in (FINANCE, FILES, SYSTEMS_COMPUTER)
            for name, facts in read_tree(self.directory / host).items()
            if not name.endswith("/.lock") and "/var/trials/" not in f"/{name}"
        }

    def restore(self, server: str, source: str, *arguments: str) -> Run:
        """Ask for a restore with a ticket."""
        chosen = ("-e", f"backup_restore_server={server}", "-e", f"backup_restore_source={source}")
        return self.institution.run("step5_restore", *TICKET, *chosen, *arguments)


def left_of_a_restore(house: House) -> list[Path]:
    """One-time keys and delivered copies, on either side."""
    places = [house.directory / host / place for host in (FINANCE, FILES) for place in ("var", "run")]
    found = [path for place in places for path in place.rglob("*restore-*")]
    return [*found, *(house.institution.storage / "delivery").iterdir()]


def drills(house: House, server: str, source: str) -> list[dict[str, t.Any]]:
    """The record of a source's trial restores."""
    path = house.directory / SYSTEMS_COMPUTER / "var" / "drills" / server / f"{source}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def asking(expected: str) -> str:
    """Extra variables: a question to the accounting, with an answer."""
    question = {"name": "los comprobantes", "source": "contabilidad", "query": "SELECT count(*) FROM comprobantes"}
    return json.dumps({"backup_drill_queries": [{**question, "expected": expected}]})


def python_without(directory: Path, program: str, *, python: str = sys.executable) -> Path:
    """Make an interpreter for whose modules a program is not installed."""
    directory.mkdir(parents=True)
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for path in Path(place).glob("*"):
            if path.name != program:
                (directory / path.name).unlink(missing_ok=True)
                (directory / path.name).symlink_to(path)
    wrapper = directory / "python-of-the-host"
    wrapper.write_text(f'#!/bin/sh\nPATH={directory} exec {python} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper
