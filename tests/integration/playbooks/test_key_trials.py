# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the keys to the cloud must be refused is tried by step 1, and again by the daily run when a week has passed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from development.demonstration.institution import SYSTEMS_COMPUTER
from tests.integration.playbooks.house import FILES, FINANCE, House

OLD = "2026-01-01T00:00:00Z"


def records(house: House) -> dict[tuple[str, str], Path]:
    """Return the record of each host and kind of key."""
    hosts = (FINANCE, FILES, SYSTEMS_COMPUTER)
    return {(host, path.stem): path for host in hosts for path in (house.directory / host).glob("var/trials/*/*.jsonl")}


def trials(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_keys_are_tried_by_step_1_and_then_weekly_and_one_that_may_too_much_is_named(house: House) -> None:
    kept = records(house)
    of_systems = {(SYSTEMS_COMPUTER, "read_only"), (SYSTEMS_COMPUTER, "retention")}
    assert set(kept) == {(FINANCE, "put_only"), (FILES, "put_only")} | of_systems
    assert {len(trials(path)) for path in kept.values()} == {1}

    for path in kept.values():
        path.write_text(json.dumps({**trials(path)[0], "tried": OLD}) + "\n", encoding="utf-8")
    store = house.store
    files_key = house.directory / FILES / "etc" / "cloud_credentials"
    own = house.institution.credentials(FILES)
    text = files_key.read_text(encoding="utf-8").replace(own.access_key, store.admin.access_key)
    files_key.write_text(text.replace(own.secret_key, store.admin.secret_key), encoding="utf-8")
    predicted = house.institution.run("step4_store_media", "--check")
    assert predicted.status == 0, predicted.output
    assert {len(trials(path)) for path in kept.values()} == {1}

    weekly = house.institution.run("step4_store_media")
    assert weekly.status != 0
    told = "\n".join(weekly.report)
    assert "puede lo que no debe: list, list_versions, read, delete, delete_versions" in weekly.output
    assert [trials(path)[-1]["accepted"] for path in kept.values()] == [key[0] != FILES for key in kept]
    assert {len(trials(path)) for path in kept.values()} == {2}
    # Once for the server, and both of the systems computer's keys in the first server's turn.
    assert told.count("se probó la llave de la nube") == 3
    assert store.admin.secret_key not in weekly.output

    files_key.write_text(text.replace(store.admin.access_key, own.access_key), encoding="utf-8")
    limited = ("--limit", f"localhost,{FINANCE},{SYSTEMS_COMPUTER}")
    accepted = ("-e", json.dumps({"backup_cloud_without_lock": "Hasta que el proveedor tenga Object Lock."}))
    ordinary = house.institution.run("step4_store_media", *limited, *accepted)
    assert ordinary.status == 0, ordinary.output
    assert any("quite backup_cloud_without_lock («Hasta que el proveedor" in line for line in ordinary.report)
    assert "se probó la llave" not in "\n".join(ordinary.report)
    assert {len(trials(path)) for path in kept.values()} == {2}
