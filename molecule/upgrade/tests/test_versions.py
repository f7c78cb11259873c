# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From which version to which it was."""

from __future__ import annotations

import json
import typing as t

import pytest

VAULT = "/srv/backup/vault/srv-financiero"
VERSIONS = {"contabilidad": ("15.", "17."), "nomina": ("10.11.", "11.8.")}


@pytest.mark.parametrize("source", VERSIONS)
def test_the_sets_are_of_the_old_version_and_of_the_new_one(systems_computer: t.Any, source: str) -> None:
    paths = systems_computer.run(f"ls {VAULT}/{source}/*/backup.json").stdout.split()
    described = [json.loads(systems_computer.file(path).content_string) for path in paths]
    assert len(described) == len(VERSIONS[source])
    for description, version in zip(described, VERSIONS[source], strict=True):
        assert str(description["engine_facts"]["version"]).startswith(version)


@pytest.mark.parametrize("source", VERSIONS)
def test_the_sets_of_both_versions_were_restored_for_trial(systems_computer: t.Any, source: str) -> None:
    record = systems_computer.file(f"/var/lib/infitulua-backup/drills/srv-financiero/{source}.jsonl").content_string
    assert [json.loads(line)["outcome"] for line in record.splitlines()] == ["passed", "passed"]


def test_the_queries_of_the_old_days_still_run(server: t.Any) -> None:
    assert (
        server.run("cd / && runuser -u postgres -- psql -XAtc 'SELECT count(*) FROM saldo' contabilidad").stdout
        == "500\n"
    )
    assert server.run("mariadb -BNe 'SELECT COUNT(*) FROM netos' nomina").stdout == "500\n"
