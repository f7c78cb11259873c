# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on the fresh machines when everything has come back, and the first day after."""

from __future__ import annotations

import json
import shlex
import typing as t
from pathlib import Path

import pytest

CONFIGURATION = "/etc/infitulua-backup"
STORAGE = "/srv/backup"
SOURCES = ["contabilidad", "nomina", "usuarios"]


@pytest.mark.parametrize("source", SOURCES)
def test_what_the_cloud_held_was_drilled_before_it_was_restored(systems_computer: t.Any, source: str) -> None:
    record = systems_computer.file(f"/var/lib/infitulua-backup/drills/srv-financiero/{source}.jsonl")
    first = json.loads(record.content_string.splitlines()[0])
    assert first["medium"].startswith("bucket ")
    assert first["outcome"] == "passed"


@pytest.mark.parametrize("source", SOURCES)
def test_new_sets_are_written_to_the_new_key_and_to_the_director(
    systems_computer: t.Any, source: str, ephemeral: Path
) -> None:
    [path] = systems_computer.run(f"ls {STORAGE}/vault/srv-financiero/{source}/*/backup.json").stdout.split()
    recipients = json.loads(systems_computer.file(path).content_string)["encryption"]["recipients"]
    identity = f"{CONFIGURATION}/operational.identity"
    new = systems_computer.run(f"age-keygen -y {identity}").stdout.strip()
    director = json.loads((ephemeral / "secrets.json").read_text())["escrow_recipient"]
    assert set(recipients) == {new, director}


def test_the_cloud_holds_the_sets_of_both_times(systems_computer: t.Any, cloud: dict[str, t.Any]) -> None:
    script = f"""
import boto3
client = boto3.session.Session(profile_name="infitulua-backup").client(
    "s3", endpoint_url={cloud["endpoint_url"]!r}, region_name={cloud["region"]!r}, verify="/etc/ssl/cloud.pem")
pages = client.list_objects_v2(Bucket={cloud["bucket"]!r})["Contents"]
print(len([entry for entry in pages if entry["Key"].endswith("/bagit.txt")]))
"""
    environment = f"AWS_SHARED_CREDENTIALS_FILE={CONFIGURATION}/cloud_credentials"
    assert systems_computer.run(f"{environment} python3 -c {shlex.quote(script)}").stdout.split() == [
        str(2 * len(SOURCES))
    ]
