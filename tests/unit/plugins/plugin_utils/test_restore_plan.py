# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which set is restored, whether it may be, and where it goes."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.sources import derived_name
from ansible_collections.infitulua.backup.plugins.plugin_utils._restore_plan import Plan, plan, search

SERVER: dict[str, t.Any] = {
    "backup_databases": [
        {
            "name": "till",
            "series": "400.8",
            "engine": "sqlite",
            "path": "/srv/till.db",
            "attached": ["/srv/books.db"],
            "scratch_directory": "/var/tmp",
            "minimum_fraction": 0.5,
            "content_digest": True,
        },
        {"name": "payroll", "engine": "postgresql", "database": "nomina", "login_user": "backup", "login_port": 5433},
        {"name": "web", "engine": "mariadb", "databases": ["*"], "except_databases": ["test"], "login_user": "root"},
    ],
    "backup_files": [{"name": "users", "paths": ["/srv/users"], "exclude": ["*.tmp"]}],
}
ASKED = {"ticket": "MDA-2026/17", "source": "till"}


def a_set(source: str, engine: str = "sqlite", **values: t.Any) -> dict[str, t.Any]:
    identity = {"id": f"srv/{source}/20261122T030000Z", "engine": engine, "encryption": {"method": "age"}}
    return {**identity, "suspect": None, "drill": None, **values}


def planned(source: str, chosen: dict[str, t.Any], variables: dict[str, t.Any] | None = None, **request: t.Any) -> Plan:
    asked = {**ASKED, "source": source, **request}
    return plan({"sets": [chosen]}, asked, {**SERVER, **(variables or {})}, "/var/lib/b")


def target(source: str, engine: str, variables: dict[str, t.Any] | None = None, **request: t.Any) -> dict[str, t.Any]:
    return planned(source, a_set(source, engine), variables, **request)["target"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"path": "/srv/till.db", "attached": ["/srv/books.db"]}),
        ({"path": "/srv/look/till.db"}, {"path": "/srv/look/till.db"}),
        ({"path": "/a.db", "attached": ["/b.db"]}, {"path": "/a.db", "attached": ["/b.db"]}),
        ({"attached": ["/b.db"]}, {"path": "/srv/till.db", "attached": ["/b.db"]}),
    ],
    ids=["in place", "elsewhere", "all elsewhere", "the others elsewhere"],
)
def test_attached_databases_have_their_own_places_only_where_the_main_one_has(
    given: dict[str, t.Any], expected: dict[str, t.Any]
) -> None:
    assert target("till", "sqlite", target=given) == expected


def test_a_source_goes_to_its_own_place_without_what_says_nothing_of_it() -> None:
    assert target("users", "files") == {"directory": "/"}
    assert target("payroll", "postgresql") == {"database": "nomina", "login_user": "backup", "login_port": 5433}


@pytest.mark.parametrize("database", ["shop", 'Año "1"', "a.b", "50%", "x.y.%41"])
def test_one_of_several_databases_goes_to_the_database_that_its_name_was_made_of(database: str) -> None:
    source = derived_name("web", database)
    assert target(source, "mariadb") == {"login_user": "root", "database": database}


def test_what_is_not_described_goes_where_it_was_said() -> None:
    given = '{"path": "/srv/gone.db"}'
    assert target("gone", "sqlite", target=given) == {"path": "/srv/gone.db"}


def test_an_account_that_only_backs_up_gives_way_to_the_administrator_who_made_it() -> None:
    administrator = {"name": "backup", "engine": "postgresql", "login_user": "postgres", "login_unix_socket": "/run/pg"}
    expected = {"database": "nomina", "login_user": "postgres", "login_unix_socket": "/run/pg"}
    assert target("payroll", "postgresql", {"backup_database_accounts": [administrator]}) == expected
    # The account of another product, or of another name, has made nothing here.
    for other in ({"engine": "mysql"}, {"name": "reports"}):
        accounts = {"backup_database_accounts": [{**administrator, **other}]}
        assert target("payroll", "postgresql", accounts)["login_user"] == "backup"


def test_tables_alone_go_beside_the_live_ones_under_a_name_of_the_ticket() -> None:
    place = {"login_user": "backup", "login_port": 5433}
    asked: dict[str, t.Any] = {"tables": "public.a, b", "schemas": ["s"]}
    assert target("payroll", "postgresql", **asked) == {
        **place,
        "database": "nomina",
        "tables": ["public.a", "b"],
        "schemas": ["s"],
        "into_schema": "restaurado_mda_2026_17",
    }
    assert target("web.shop", "mariadb", tables=["a"]) == {
        "login_user": "root",
        "database": "shop_restaurado_mda_2026_17",
        "tables": ["a"],
    }
    assert target("payroll", "postgresql", tables="a", target={"into_schema": "x"}) == {
        **place,
        "database": "nomina",
        "tables": ["a"],
        "into_schema": "x",
    }


def test_files_alone_go_into_a_directory_of_their_own() -> None:
    assert target("users", "files", only="/srv/users/a, b.odt") == {
        "only": ["/srv/users/a, b.odt"],
        "directory": "/var/lib/b/restored/mda_2026_17",
    }


ALL = {"vault": {"type": "directory"}, "cloud": {"type": "s3"}, "disk": {"type": "ssh"}}
CLOUD = {"backup_cloud": {"bucket": "copies"}}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ["directory", "s3 if none", "ssh"]),
        ({"place": "vault"}, ["directory", "ssh"]),
        ({"place": "cloud"}, ["s3", "directory", "ssh"]),
        ({"place": "disk"}, ["ssh", "directory"]),
        # What was named is looked for, and nothing is newer.
        ({"set": "srv/till/1"}, ["directory", "s3 if none", "ssh if none"]),
        ({"set": "srv/till/1", "place": "cloud"}, ["s3"]),
    ],
)
def test_the_search_goes_from_the_nearest_medium_on_and_looks_for_newer_ones(
    request_: dict[str, t.Any], expected: list[str]
) -> None:
    asked = search(ALL, {**ASKED, **request_}, {**SERVER, **CLOUD})
    further = [entry["medium"]["type"] + " if none" * entry["only_if_none"] for entry in asked["further_media"]]
    assert [asked["medium"]["type"], *further] == expected


def test_without_a_cloud_none_is_asked() -> None:
    assert search(ALL, ASKED, SERVER) == {
        "medium": ALL["vault"],
        "further_media": [{"medium": ALL["disk"], "only_if_none": False}],
    }


def test_the_nearest_medium_that_has_a_set_gives_it_and_only_those_that_were_asked_for() -> None:
    in_cloud, on_disk = a_set("till", id="srv/till/1"), a_set("till", id="srv/till/2")
    found = {"msg": "could not list", "further_media": [{"sets": [in_cloud]}, {"sets": [on_disk]}]}
    variables = {**SERVER, **CLOUD}
    assert (plan(found, ASKED, variables, "/v")["place"], plan(found, ASKED, variables, "/v")["set"]) == (
        "cloud",
        in_cloud,
    )
    found = {"sets": [], "further_media": [{"sets": []}, {"sets": [on_disk]}]}
    assert plan(found, ASKED, variables, "/v")["place"] == "disk"
    # That another one has it as well is told, and no more.
    assert (
        plan({"sets": [], "further_media": [{"sets": [on_disk]}]}, {**ASKED, "place": "vault"}, variables, "/v") == {}
    )
    assert plan({}, ASKED, variables, "/v") == {}


def test_of_sets_up_to_a_time_the_newest_is_meant_whichever_medium_has_it_and_of_equals_the_nearest() -> None:
    def held(time: str) -> dict[str, t.Any]:
        return a_set("till", id=f"srv/till/{time}", order=f"{time}+000000")

    # The vault has let the days go that the cloud still has; the disk has one of long ago that is held.
    month, day, held_one = held("20261101T030000Z"), held("20261120T030000Z"), held("20260101T030000Z")
    asked, variables = {**ASKED, "at": "20261120T120000Z"}, {**SERVER, **CLOUD}
    (in_cloud, on_disk) = search(ALL, asked, variables)["further_media"]
    assert not in_cloud["only_if_none"] and not on_disk["only_if_none"]
    found = {"sets": [month], "further_media": [{"sets": [day]}, {"sets": [held_one]}]}
    assert (plan(found, asked, variables, "/v")["place"], plan(found, asked, variables, "/v")["set"]) == ("cloud", day)
    equal = {"sets": [day], "further_media": [{"sets": [day]}, {"sets": [day]}]}
    assert plan(equal, asked, variables, "/v")["place"] == "vault"
    assert plan(found, {**asked, "place": "vault"}, variables, "/v")["set"] == month


@pytest.mark.parametrize(
    ("values", "request_", "objections"),
    [
        ({}, {}, (False, False)),
        ({"drill": {"outcome": "passed"}}, {}, (False, False)),
        ({"drill": {"outcome": "failed"}}, {}, (True, False)),
        ({"drill": {"outcome": "failed"}}, {"despite_suspicion": True}, (True, False)),
        ({"drill": {"outcome": "failed"}}, {"despite_failed_drill": "yes"}, (False, False)),
        ({"suspect": "it holds no rows"}, {}, (False, True)),
        ({"suspect": "it holds no rows"}, {"despite_suspicion": "true"}, (False, False)),
        ({"suspect": "it holds no rows", "drill": {"outcome": "failed"}}, {}, (True, True)),
    ],
)
def test_a_doubtful_set_is_restored_only_to_whoever_says_that_it_is_meant(
    values: dict[str, t.Any], request_: dict[str, t.Any], objections: tuple[bool, bool]
) -> None:
    made = planned("till", a_set("till", **values), **request_)
    assert (made["failed_drill"], made["doubted"]) == objections
    assert made["allowed"] == (objections == (False, False))


@pytest.mark.parametrize(("method", "encrypted"), [("age", True), ("none", False)])
def test_an_encrypted_set_needs_a_key(method: str, encrypted: bool) -> None:
    assert planned("till", a_set("till", encryption={"method": method}))["encrypted"] is encrypted


def test_the_last_drill_says_how_long_a_restore_may_take_unless_the_inventory_does() -> None:
    drilled = a_set("till", drill={"outcome": "passed", "restore_seconds": 36.9})
    assert planned("till", drilled)["max_seconds"] == 3969
    assert planned("till", drilled, max_seconds=60)["max_seconds"] == 60
    assert "max_seconds" not in planned("till", a_set("till"))
    assert "max_seconds" not in planned("till", a_set("till", drill={"outcome": "failed", "restore_seconds": None}))
