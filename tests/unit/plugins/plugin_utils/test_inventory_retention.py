# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says of retention is read before anything begins: a rule that nobody meant would remove sets."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils import _inventory, _inventory_check
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue

GROUPS = {"servers": ["srv"], "systems_computer": ["pc"]}
TEXT = catalogue("en").texts
SOURCES = {"backup_databases": [{"name": "contabilidad"}, {"name": "servidor", "databases": ["*"]}]}
POLICY = {"daily": 14, "monthly": "12", "minimum_days": 3}


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
APPROVER = {"name": "ana", "public_key": f"{KEY} ana@pc"}


def problems(everywhere: dict[str, t.Any], server: dict[str, t.Any] | None = None) -> list[str]:
    hosts = {"pc": {"backup_language": "en", **everywhere}, "srv": {**SOURCES, **everywhere, **(server or {})}}
    return _inventory_check.problems(hosts, GROUPS, TEXT)


def test_what_is_in_order_has_no_problems() -> None:
    everywhere = {
        "backup_retention": {"400.8": POLICY, "default": {"last": 3, "destroy_after_days": 3650}},
        "backup_holds": [
            {"source": "conta*", "from": "2026-01-01", "reason": "Proceso 15"},
            {"source": "servidor.nomina", "host": "*", "reason": "Proceso 16"},
        ],
        "backup_approvals": {"required": 1, "approvers": [{**APPROVER, "valid_before": "2027-01-01"}]},
        "backup_time_zone": "America/Bogota",
        "backup_disk_retention": {"last": 2},
    }
    own = {"contabilidad": POLICY, "servidor": POLICY, "servidor.nomina": POLICY}
    assert problems(everywhere, {"backup_source_retention": own}) == []
    assert problems({"backup_retention": None, "backup_holds": [], "backup_time_zone": ""}) == []
    assert problems({"backup_approvals": {}}) == problems({"backup_approvals": None}) == []


@pytest.mark.parametrize(
    ("everywhere", "says"),
    [
        ({"backup_retention": {"400.8": {"dayly": 3}}}, ["backup_retention of pc", "400.8", "dayly"]),
        ({"backup_retention": {"400.8": {"daily": "many"}}}, ["backup_retention of pc", "400.8", "many"]),
        ({"backup_retention": {"400.8": {}}}, ["400.8", "keeps nothing"]),
        ({"backup_retention": [POLICY]}, ["backup_retention of pc", "not a mapping"]),
        ({"backup_holds": [{"source": "a"}]}, ["backup_holds of pc", "reason"]),
        ({"backup_holds": {"reason": "r"}}, ["backup_holds of pc", "names no sets"]),
        ({"backup_holds": "a"}, ["backup_holds of pc", "reason"]),
        ({"backup_retention": {400.1: POLICY}}, ["backup_retention of pc", "400.1", "quotes"]),
        (
            {"backup_holds": [{"source": "*", "from": datetime.date(2026, 1, 1), "reason": "r"}]},
            ["2026-01-01", "quotes"],
        ),
        ({"backup_holds": [{"source": "contabilidda", "reason": "r"}]}, ["contabilidda", "did you mean contabilidad?"]),
        ({"backup_holds": [{"host": "serv", "reason": "r"}]}, ["serv", "did you mean srv?"]),
        ({"backup_holds": [{"reason": "r", "source": "a", "til": "2026-01-01"}]}, ["backup_holds of pc", "til"]),
        (
            {"backup_approvals": {"required": 2, "approvers": [APPROVER]}},
            ["backup_approvals of pc", "2 signatures of 1"],
        ),
        ({"backup_approvals": {"approvers": [APPROVER]}}, ["backup_approvals of pc", "required"]),
        ({"backup_approvals": [APPROVER]}, ["backup_approvals of pc", "not a mapping"]),
        ({"backup_approvals": {"required": 1, "approvers": [{**APPROVER, "mail": "x"}]}}, ["mail"]),
        ({"backup_approvals": {"required": 1, "approvers": [APPROVER, {**APPROVER, "name": "b"}]}}, ["the same key"]),
        (
            {
                "backup_approvals": {
                    "required": 1,
                    "approvers": [{**APPROVER, "valid_before": datetime.date(2027, 1, 1)}],
                }
            },
            ["ana", "2027-01-01", "quotes"],
        ),
        ({"backup_time_zone": "America/Tulua"}, ["backup_time_zone of pc", "America/Tulua"]),
    ],
)
def test_a_rule_of_the_institution_that_makes_no_sense_is_told_once(
    everywhere: dict[str, t.Any], says: list[str]
) -> None:
    (problem,) = problems(everywhere)
    assert all(part in problem for part in says), problem


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ({"backup_disk_retention": {"last": 0}}, ["backup_disk_retention of srv", "keeps nothing"]),
        ({"backup_source_retention": {"contabilidad": {"last": -1}}}, ["of srv", "contabilidad", "less than 0"]),
        (
            {"backup_source_retention": {"contabilida": POLICY}},
            ["of srv", "contabilida,", "did you mean contabilidad?"],
        ),
        ({"backup_retention": {"default": POLICY}}, ["backup_retention", "on srv", "not the same as on pc"]),
        ({"backup_approvals": {}}, ["backup_approvals", "on srv", "not the same as on pc"]),
    ],
)
def test_a_rule_of_a_server_that_makes_no_sense_is_told(server: dict[str, t.Any], says: list[str]) -> None:
    (problem,) = problems({}, server)
    assert all(part in problem for part in says), problem


def test_a_source_of_several_databases_has_its_policy_for_each() -> None:
    own = {"servidor": {"last": 2}, "servidor.nomina": {"yearly": 10}, "contabilidad": {"last": 5}}
    found = _inventory.source_policies({**SOURCES, "backup_source_retention": own}, "srv")
    assert [(one["source"], one.get("last")) for one in found] == [
        ("servidor", 2),
        ("servidor.nomina", None),  # Its own goes before that of its entry.
        ("contabilidad", 5),
        ("servidor.*", 2),
    ]
    assert {one["host"] for one in found} == {"srv"}
    assert _inventory.source_policies({}, "srv") == []
