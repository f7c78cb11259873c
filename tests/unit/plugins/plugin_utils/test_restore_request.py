# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that was not asked for properly is refused before anything begins, in a sentence that says how to ask."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils._restore_request import Request, refusal
from ansible_collections.infitulua.backup.tests.unit.plugins.plugin_utils.catalogue import catalogue

TEXT = catalogue("en")
GROUPS = {"servers": ["srv", "other"], "systems_computer": ["pc"]}
SERVER = {
    "backup_databases": [
        {"name": "ledger", "engine": "sqlite", "path": "/srv/ledger.db"},
        {"name": "web", "engine": "mariadb", "databases": ["*"]},
    ],
    "backup_files": [{"name": "users", "paths": ["/srv/users"]}],
}
ASKED = {"ticket": "MDA-1", "server": "srv", "source": "ledger"}


def refused(variables: dict[str, t.Any] | None = None, **request: t.Any) -> str:
    hosts = {"srv": {**SERVER, **(variables or {})}, "other": {}, "pc": {}}
    return refusal({**ASKED, **request}, hosts, GROUPS, TEXT)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"source": "users"},
        {"source": "web.shop_2e"},
        {"source": "web.A.c3.b1o"},
        {"at": "20261122T030000Z"},
        {"set": "srv/ledger/20261122T030000Z"},
        {"source": "gone", "target": '{"path": "/srv/gone.db"}'},
        {"source": "gone", "target": {"path": "/srv/gone.db"}},
        {"place": "disk", "target": "", "set": None},
    ],
)
def test_what_was_asked_for_properly_is_not_refused(request_: dict[str, t.Any]) -> None:
    assert refused(**request_) == ""


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"ticket": None}, "no_ticket"),
        ({"ticket": "  "}, "no_ticket"),
        ({"ticket": "***"}, "no_ticket"),
        ({"server": "srw"}, "no_restore_server"),
        ({"server": "pc"}, "no_restore_server"),
        ({"source": ""}, "no_restore_source"),
        ({"source": "leger"}, "no_restore_target"),
        ({"source": "web"}, "no_restore_target"),
        ({"source": "web."}, "no_restore_target"),
        ({"target": "{path: /srv}"}, "bad_restore_target"),
        ({"target": '["/srv"]'}, "bad_restore_target"),
        ({"target": ["/srv"]}, "bad_restore_target"),
        ({"place": "tape"}, "bad_restore_from"),
        ({"place": "cloud"}, "no_restore_cloud"),
        ({"at": "yesterday"}, "bad_restore_at"),
        ({"at": "20261122T030000Z\n"}, "bad_restore_at"),
        ({"set": "srv/users/20261122T030000Z"}, "bad_restore_set"),
        ({"set": "other/ledger/20261122T030000Z"}, "bad_restore_set"),
    ],
)
def test_what_is_missing_or_wrong_is_named(request_: dict[str, t.Any], reason: str) -> None:
    words = {
        "server": "srv",
        "servers": "srv, other",
        "source": request_.get("source", "ledger"),
        "sources": "ledger, web.<database>, users",
    }
    assert refused(**request_) == TEXT[reason] % words


def test_a_name_that_no_database_makes_is_no_source_of_an_entry_for_several() -> None:
    assert refused(source="web.a.b") == TEXT["no_restore_target"] % {
        "server": "srv",
        "source": "web.a.b",
        "sources": "ledger, web.<database>, users",
    }


def test_the_cloud_is_asked_for_only_where_there_is_one() -> None:
    assert refused({"backup_cloud": {"bucket": "copies"}}, place="cloud") == ""
    assert refused({"backup_cloud": None}, place="cloud") == TEXT["no_restore_cloud"]


def test_an_entry_without_a_name_is_left_to_who_checks_the_inventory() -> None:
    assert refused({"backup_databases": ["ledger", {"engine": "sqlite"}]}).startswith("The inventory does not describe")


@pytest.mark.parametrize(
    ("given", "read"),
    [("a, b,", ["a", "b"]), (["a,b", "c"], ["a,b", "c"]), ("", []), (None, []), ([], [])],
)
def test_names_are_a_list_or_have_commas_between_them(given: t.Any, read: list[str]) -> None:
    request = Request.read({"tables": given, "schemas": given})
    assert request.tables == request.schemas == read


@pytest.mark.parametrize(
    ("given", "read"),
    [("/srv/a, b.odt", ["/srv/a, b.odt"]), (["/srv/a", "b"], ["/srv/a", "b"]), ("", []), (None, [])],
)
def test_a_comma_may_stand_in_a_path(given: t.Any, read: list[str]) -> None:
    assert Request.read({"only": given}).only == read


@pytest.mark.parametrize(
    ("given", "meant"), [("yes", True), ("true", True), (True, True), ("no", False), (None, False)]
)
def test_what_is_meant_is_said_as_ansible_says_it(given: t.Any, meant: bool) -> None:
    request = Request.read({"despite_suspicion": given})
    assert (request.despite_suspicion, request.despite_failed_drill) == (meant, False)
