# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each source is judged by the rule 3-2-1-1-0, by what a run has verified."""

from __future__ import annotations

import copy
import datetime
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.compliance.rule import Verdict
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from ansible_collections.infitulua.backup.plugins.plugin_utils import _compliance
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue

HOUR = datetime.timedelta(hours=1)
NOW = host_clock.now()
SERVER = "srv"
VARIABLES: dict[str, t.Any] = {"backup_databases": [{"name": "a"}]}


def made(hours: float) -> str:
    return f"srv/a/{(NOW - HOUR * hours).strftime('%Y%m%dT%H%M%SZ')}"


NEWEST, OLDER = made(2), made(25)
FACTS: dict[str, t.Any] = {"source": "a", "verified": host_clock.write(NOW), "suspect": None}


def a_good_day() -> dict[str, t.Any]:
    """What step 4 has returned when all is well: the vault, the cloud and the disk have the newest set."""
    return {
        "vaulted": {
            "destination": {
                "sets": [
                    {**FACTS, "id": OLDER, "tag_manifest_sha256": "o", "newest": False, "drill": None},
                    {**FACTS, "id": NEWEST, "tag_manifest_sha256": "n", "newest": True, "drill": {"outcome": "passed"}},
                ]
            }
        },
        "looked": {
            "sets": [
                {
                    "id": NEWEST,
                    "tag_manifest_sha256": "n",
                    "audited": host_clock.write(NOW),
                    "locked_until": host_clock.write(NOW + HOUR * 300),
                }
            ]
        },
        "pruned_disk": {"sets": [{"id": NEWEST, "kept": True, "lacking": [], "rule": "newest"}]},
    }


def judged(results: dict[str, t.Any], variables: dict[str, t.Any] | None = None, **facts: t.Any) -> list[Verdict]:
    options = {"cloud_off_site": True, **facts}
    return _compliance.verdicts_of(results, SERVER, VARIABLES if variables is None else variables, **options)


def without_cloud(results: dict[str, t.Any]) -> None:
    del results["looked"]


def another_content(results: dict[str, t.Any]) -> None:
    results["looked"]["sets"][0]["tag_manifest_sha256"] = "x"


def lock_ended(results: dict[str, t.Any]) -> None:
    results["looked"]["sets"][0]["locked_until"] = host_clock.write(NOW - HOUR)


def not_locked(results: dict[str, t.Any]) -> None:
    results["looked"]["sets"][0]["locked_until"] = None


def retention_found_no_lock(results: dict[str, t.Any]) -> None:
    followed = [{"id": NEWEST, "kept": True, "locked_until": None}]
    results["pruned_vault"] = {"object_store": {"sets": followed}}


def failed_drill(results: dict[str, t.Any]) -> None:
    """The newest is no good: the older one counts, which the cloud and the disk lack."""
    results["vaulted"]["destination"]["sets"][1]["drill"] = {"outcome": "failed"}


def damaged(results: dict[str, t.Any]) -> None:
    results["reread_vault"] = {"failures": [{"id": OLDER, "message": "rotten"}]}


def unverified(results: dict[str, t.Any]) -> None:
    for entry in results["vaulted"]["destination"]["sets"]:
        entry["verified"] = None


@pytest.mark.parametrize(
    ("change", "short"),
    [
        (lambda results: None, []),
        (lambda results: results.pop("pruned_disk"), []),
        (without_cloud, ["kinds", "off_site", "immutable"]),
        (another_content, ["kinds", "off_site", "immutable"]),
        (lock_ended, ["immutable"]),
        (not_locked, ["immutable"]),
        (retention_found_no_lock, ["immutable"]),
        (failed_drill, ["copies", "kinds", "off_site", "immutable", "errors"]),
        (damaged, ["errors"]),
        (unverified, ["copies", "kinds", "off_site", "immutable", "age"]),
        (
            lambda results: results["vaulted"]["destination"]["sets"].clear(),
            ["copies", "kinds", "off_site", "immutable", "age"],
        ),
    ],
)
def test_what_a_source_falls_short_of_is_said(change: t.Callable[[dict[str, t.Any]], None], short: list[str]) -> None:
    results = a_good_day()
    change(results)
    [verdict] = judged(results)
    assert (verdict.source, verdict.short) == ("srv/a", short)


def test_without_the_cloud_and_with_the_disk_there_are_still_three_copies() -> None:
    results = a_good_day()
    without_cloud(results)
    [verdict] = judged(results)
    assert (verdict.copies, verdict.media, verdict.kinds) == (3, ["vault", "disk"], ["disk"])


def test_a_cloud_in_the_house_is_not_off_site() -> None:
    [verdict] = judged(a_good_day(), cloud_off_site=False)
    assert verdict.short == ["off_site"]


@pytest.mark.parametrize(
    ("variables", "short"),
    [
        ({"backup_rpo_hours": 1.5}, ["age"]),
        ({"backup_rpo_hours": 2.5}, []),
        ({"backup_source_rpo_hours": {"a": 1}}, ["age"]),
        ({"backup_rpo_hours": 1, "backup_source_rpo_hours": {"a": "3"}}, []),
    ],
)
def test_how_old_a_source_may_be_is_its_own(variables: dict[str, t.Any], short: list[str]) -> None:
    [verdict] = judged(a_good_day(), {**VARIABLES, **variables})
    assert verdict.short == short


def test_each_source_of_the_inventory_is_judged_and_no_other() -> None:
    results = a_good_day()
    several = copy.deepcopy(results["vaulted"]["destination"]["sets"][1])
    several.update(id=several["id"].replace("/a/", "/all.sales/"), source="all.sales")
    results["vaulted"]["destination"]["sets"].append(several)
    variables = {
        "backup_databases": [{"name": "all", "databases": ["*"]}, {"name": "none", "databases": ["*"]}],
        "backup_files": [{"name": "users"}],
    }
    assert [verdict.source for verdict in judged(results, variables)] == ["srv/all.sales", "srv/none", "srv/users"]


@pytest.mark.parametrize(
    ("policy", "whats", "kinds"), [("warning", ["warning"], []), ("failure", [], ["compliance"]), ("none", [], [])]
)
def test_falling_short_is_what_the_inventory_says(policy: str, whats: list[str], kinds: list[str]) -> None:
    results = a_good_day()
    not_locked(results)
    told = _compliance.compliance(results, SERVER, VARIABLES, catalogue("en"), policy=policy, cloud_off_site=True)
    assert [entry["what"] for entry in told["done"]] == whats
    assert [(entry["kind"], entry["source"]) for entry in told["failures"]] == [(kind, "a") for kind in kinds]


def test_a_vault_that_could_not_be_reached_judges_nobody() -> None:
    told = _compliance.compliance({}, SERVER, VARIABLES, catalogue("es"), policy="failure", cloud_off_site=True)
    assert told == {"done": [], "failures": []}


def test_until_when_all_are_safe_is_the_day_of_the_first_lock_that_ends() -> None:
    told = _compliance.compliance(
        a_good_day(), SERVER, VARIABLES, catalogue("en"), policy="warning", cloud_off_site=True
    )
    [entry] = told["done"]
    assert "1 of 1 sources" in entry["message"]
    assert host_clock.write(NOW + HOUR * 300)[:10] in entry["message"]
