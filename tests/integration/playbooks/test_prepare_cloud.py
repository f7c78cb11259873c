# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an administrator's key to a first preparation: the bucket is made, each host gets its key, nothing stays."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import typing as t
from pathlib import Path

import pytest

from development.demonstration.institution import SYSTEMS_COMPUTER, Institution
from development.services.object_store import Credentials, ObjectStore

SERVER = "srv-financiero"


@pytest.mark.slow
def test_a_new_bucket_is_prepared_by_its_administrator_and_then_step_1_accepts_every_key(tmp_path: Path) -> None:
    with ObjectStore(tmp_path / "store", bucket="used-by-others") as store:
        institution = Institution(tmp_path / "house", {SERVER: {}}, store=store, prefix="copias")
        institution.build()
        cloud = {
            "endpoint_url": store.endpoint_url,
            "region": store.region,
            "bucket": "infitulua-copias",
            "prefix": "copias",
            "ca_bundle": str(store.ca_file),
        }
        institution.variables = {"backup_cloud": cloud, "backup_cloud_lock_days": 1}
        institution.write_inventory()
        administrator = tmp_path / "administrator.json"
        administrator.touch(mode=0o600)
        key = {"access_key": store.admin.access_key, "secret_key": store.admin.secret_key}
        administrator.write_text(json.dumps({f"backup_cloud_administrator_{name}": text for name, text in key.items()}))
        given = ("-e", f"@{administrator}")

        # Where servers lock what they store, the bucket need not.
        institution.variables = {"backup_cloud": {**cloud, "retain_days": 30}}
        institution.write_inventory()
        own_locks = institution.run("prepare_cloud", *given, "--check", "--diff")
        assert own_locks.status == 0, own_locks.output
        assert "DefaultRetention" not in own_locks.output and "PutObjectRetention" in own_locks.output
        institution.variables = {"backup_cloud": cloud, "backup_cloud_lock_days": 1}
        institution.write_inventory()
        predicted = institution.run("prepare_cloud", *given, "--check")
        assert predicted.status == 0, predicted.output
        assert "infitulua-copias" not in {one["Name"] for one in store.client().list_buckets()["Buckets"]}
        done = institution.run("prepare_cloud", *given, "-vvv")
        assert (done.status, done.changed) == (0, 1), done.output
        for said in (
            "El depósito tiene lo que debe",
            "no ofrece: public_access_block",
            "infitulua-backup-server-srv-financiero",
        ):
            assert said in done.output
        again = institution.run("prepare_cloud", *given)
        assert (again.status, again.changed) == (0, 0), again.output
        assert store.admin.secret_key not in predicted.output + done.output + again.output
        left = subprocess.run(
            ["grep", "-rlF", store.admin.secret_key, str(institution.directory)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert left.stdout == ""

        # An administrator makes a key for each identity; step 1 proves what each can do.
        retention = _key(store, "retention")
        store.retention = retention
        keys = {SERVER: _key(store, f"server-{SERVER}"), SYSTEMS_COMPUTER: _key(store, "reader")}
        store.writers, store.reader = {SERVER: keys[SERVER]}, keys[SYSTEMS_COMPUTER]
        institution.write_inventory()
        prepared = institution.run("step1_prepare_media")
        assert prepared.status == 0, prepared.output


def _key(store: ObjectStore, name: str) -> Credentials:
    import boto3

    iam: t.Any = boto3.session.Session().client(
        "iam",
        endpoint_url=store.endpoint_url,
        region_name=store.region,
        aws_access_key_id=store.admin.access_key,
        aws_secret_access_key=store.admin.secret_key,
        verify=str(store.ca_file),
    )
    made = iam.create_access_key(UserName=f"infitulua-backup-{name}")["AccessKey"]
    return dataclasses.replace(
        store.admin, name=name, access_key=made["AccessKeyId"], secret_key=made["SecretAccessKey"]
    )
