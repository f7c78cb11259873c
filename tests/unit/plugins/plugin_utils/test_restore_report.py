# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report of a restore tells, and how it says that nothing was restored."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils import _restore_report
from ansible_collections.infitulua.backup.tests.unit.plugins.plugin_utils.catalogue import catalogue

TEXT = catalogue("es")
ASKED = {"ticket": "MDA-1", "server": "srv", "source": "till"}
VARIABLES = {"backup_cloud": {"bucket": "copies"}}
DRILLED = {"outcome": "passed", "drilled": "2026-11-22T04:00:00Z", "restore_seconds": 2.0}
RESTORED: dict[str, t.Any] = {
    "set": "srv/till/20261122T030000Z",
    "ticket": "MDA-1",
    "target": "SQLite database /srv/till.db",
    "kept": None,
    "removed": [],
    "checks": [],
    "remarks": [],
    "seconds": 1.5,
}


def a_set(day: int, **values: t.Any) -> dict[str, t.Any]:
    time = f"202611{day}T030000Z"
    own = {"id": f"srv/till/{time}", "order": time, "engine": "sqlite", "encryption": {"method": "age"}}
    return {**own, "drill": DRILLED, "suspect": None, **values}


def found(*, vault: dict[str, t.Any], **others: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a search from the nearest medium on has found."""
    return {**vault, "further_media": [others.get(place, {"sets": []}) for place in ("cloud", "disk")]}


def report(answers: dict[str, t.Any], *restored: dict[str, t.Any], check_mode: bool = False) -> list[dict[str, t.Any]]:
    return _restore_report.report(answers, restored, ASKED, VARIABLES, TEXT, language="es", check_mode=check_mode)


def test_a_restore_is_told_with_what_it_kept_removed_and_checked() -> None:
    removed = {"name": "till.db__replaced_20261001T030000Z", "since": "20261001T030000Z", "bytes": 5}
    result = {
        **RESTORED,
        "kept": "till.db__replaced_20261122T171503Z",
        "removed": [removed],
        "checks": [{"name": "integrity", "passed": True, "detail": "ok"}],
        "remarks": ["something to know"],
    }
    assert report(found(vault={"sets": [a_set(22)]}), {"skipped": True}, result) == [
        {
            "what": "restored",
            "id": RESTORED["set"],
            "warnings": ["something to know"],
            "words": {
                "ticket": "MDA-1",
                "id": RESTORED["set"],
                "target": "la base de datos SQLite /srv/till.db",
                "place": TEXT["vault"],
                "seconds": 1.5,
            },
        },
        {"what": "replaced", "words": {"kept": "till.db__replaced_20261122T171503Z"}},
        {
            "what": "replaced_removed",
            "subject": "till",
            "bytes": 5,
            "words": {"name": removed["name"], "since": removed["since"]},
        },
        {"what": "check_passed", "words": {"name": "integridad", "detail": "bien"}},
    ]


def test_a_rehearsal_is_told_as_one() -> None:
    result = {**RESTORED, "removed": [{"name": "old", "since": "20261001T030000Z", "bytes": 5}]}
    told = report(found(vault={"sets": [a_set(22)]}), result, check_mode=True)
    assert [entry["what"] for entry in told] == ["to_restore", "to_remove_replaced"]


def test_a_rehearsal_tells_what_the_drill_left_out_and_a_restore_tells_it_itself() -> None:
    drill = {**DRILLED, "left_out": ["view a.v: relation b does not exist"]}
    answers = found(vault={"sets": [a_set(22, drill=drill)]})
    told = ["something to know", "A restore will leave out view a.v: relation b does not exist"]
    result = {**RESTORED, "remarks": told[:1]}
    assert report(answers, result, check_mode=True)[0]["warnings"] == told
    assert report(answers, result)[0]["warnings"] == told[:1]


def test_a_restore_that_failed_tells_nothing_but_what_is_known_of_the_set() -> None:
    told = report(found(vault={"sets": [a_set(22, drill=None)]}), {"msg": "could not restore"})
    assert told == [{"what": "never_drilled", "id": "srv/till/20261122T030000Z"}]


def test_whatever_is_newer_and_was_not_taken_is_told_once_with_why() -> None:
    in_vault = {
        "sets": [a_set(22)],
        "passed_over": [{"id": "srv/till/20261127T030000Z", "reason": "suspect"}],
    }
    in_cloud = {"sets": [a_set(23, drill={"outcome": "failed"})]}
    on_disk = {
        "sets": [a_set(24)],
        "passed_over": [
            {"id": "srv/till/20261127T030000Z", "reason": "unreadable"},
            {"id": "srv/till/20991127T030000Z", "reason": "dated_after_now"},
        ],
    }
    told = report(found(vault=in_vault, cloud=in_cloud, disk=on_disk))
    assert [(entry["what"], entry["id"][9:17], entry["words"].get("why")) for entry in told] == [
        ("newer_passed_over", "20261127", TEXT["newer_suspect"]),
        ("newer_passed_over", "20261123", TEXT["newer_failed_drill"]),
        ("newer_elsewhere", "20261124", None),
        ("newer_passed_over", "20991127", TEXT["newer_dated_after_now"]),
    ]
    assert [entry["words"]["place"] for entry in told] == [TEXT[place] for place in ("vault", "cloud", "disk", "disk")]


def test_an_older_set_elsewhere_is_nothing_to_tell() -> None:
    assert report(found(vault={"sets": [a_set(22)]}, disk={"sets": [a_set(21), a_set(22)]})) == []


def test_what_was_not_considered_in_the_cloud_is_told() -> None:
    failure = {"id": "srv/till/20990101T000000Z", "message": "nobody signed it", "details": [], "changed": False}
    assert report(found(vault={"sets": []}, cloud={"sets": [], "failures": [failure]})) == [
        {"what": "passed_over", "id": failure["id"], "message": failure["message"]}
    ]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, "no hay copia de srv/till en: {vault}, {cloud}, {disk}. no connection forged"),
        ({"place": "vault"}, "no hay copia de srv/till en: {vault}. no connection"),
        (
            {"place": "vault", "at": "20261101T000000Z"},
            "no hay copia de srv/till hasta 20261101T000000Z en: {vault}. no connection",
        ),
        (
            {"place": "vault", "set": "srv/till/20261101T000000Z"},
            "no hay ninguna copia srv/till/20261101T000000Z en: {vault}. no connection",
        ),
    ],
)
def test_a_search_that_found_nothing_names_where_it_looked_and_what_went_wrong(
    request_: dict[str, t.Any], expected: str
) -> None:
    forged = {"sets": [], "failures": [{"id": "x", "message": "forged"}]}
    answers = found(vault={"sets": [], "msg": "no connection"}, cloud=forged)
    assert _restore_report.not_found(answers, {**ASKED, **request_}, VARIABLES, TEXT, "es") == expected.format(**TEXT)


def test_a_set_that_is_not_restored_is_told_with_every_reason() -> None:
    failed = {"outcome": "failed", "drilled": "2026-11-22T04:00:00Z", "message": "rows are missing"}
    doubtful = a_set(22, drill=failed, suspect="it holds no rows")
    answers = found(vault={"sets": [doubtful]})
    told = _restore_report.objections(answers, ASKED, VARIABLES, TEXT, "es")
    assert [(entry["kind"], entry["source"]) for entry in told] == [("failed_drill", "till"), ("doubted", "till")]
    assert (
        told[0]["message"]
        == f"{doubtful['id']} no pasó la restauración de prueba del {failed['drilled']}: rows are missing"
    )
    assert told[1]["message"].startswith(f"{doubtful['id']}: ")
    meant = {**ASKED, "despite_failed_drill": True, "despite_suspicion": True}
    assert _restore_report.objections(answers, meant, VARIABLES, TEXT, "es") == []
    assert _restore_report.objections({}, ASKED, VARIABLES, TEXT, "es") == []
