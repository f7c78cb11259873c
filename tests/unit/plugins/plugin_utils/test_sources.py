# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each source has its own name; what says where it is restored to is told from what says how it is backed up."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils import _sources

ALL_OF_SERVER = {"name": "contable", "engine": "mariadb", "databases": ["*"]}
LEDGER = {
    "name": "ledger",
    "engine": "postgresql",
    "database": "ledger",
    "login_host": "db",
    "login_user": "copias",
    "login_password": "x",
    "series": "400.8",
    "minimum_fraction": 0.5,
}


@pytest.mark.parametrize(
    ("databases", "files", "ambiguous"),
    [
        ([{"name": "a"}, {"name": "b"}], [{"name": "c"}], False),
        ([{"name": "a"}], [{"name": "a"}], True),
        ([ALL_OF_SERVER], [{"name": "contable.nomina"}], True),
        ([ALL_OF_SERVER], [{"name": "contables"}], False),
        ([{"name": "contable"}], [{"name": "contable.nomina"}], False),
        ([], [], False),
    ],
)
def test_two_sources_of_one_name_are_told_with_all_names(
    databases: list[dict[str, t.Any]], files: list[dict[str, t.Any]], ambiguous: bool
) -> None:
    names = [entry["name"] for entry in [*databases, *files]]
    assert _sources.ambiguous_names(databases, files) == (names if ambiguous else [])


def test_an_entry_for_several_databases_is_recorded_under_the_name_of_each() -> None:
    hosts: dict[str, dict[str, t.Any]] = {
        "srv": {"backup_databases": [ALL_OF_SERVER, {"name": "a"}], "backup_files": [{"name": "u"}]},
        "new": {"backup_databases": None},
    }
    assert _sources.recorded_sources(["srv", "new"], hosts) == {"srv": ["contable", "a", "u", "contable.*"], "new": []}


def test_a_place_has_nothing_of_how_its_source_is_backed_up() -> None:
    files = {"name": "users", "paths": ["/srv"], "exclude": ["*.tmp"], "one_file_system": True}
    kept = {key: value for key, value in LEDGER.items() if key not in ("series", "minimum_fraction")}
    assert _sources.restore_places([LEDGER], [files], []) == [kept, {"name": "users", "paths": ["/srv"]}]
    # Which databases of a server are meant says where they are.
    assert _sources.restore_places([ALL_OF_SERVER], [], []) == [ALL_OF_SERVER]


def test_where_the_account_may_only_back_up_the_administrator_looks() -> None:
    maker = {"engine": "postgresql", "name": "copias", "login_user": "admin", "ca_cert": "/ca", "databases": ["ledger"]}
    (place,) = _sources.restore_places([LEDGER], [], [maker])
    assert place == {
        "name": "ledger",
        "engine": "postgresql",
        "database": "ledger",
        "login_user": "admin",
        "ca_cert": "/ca",
    }


def test_an_account_of_another_engine_is_another_account() -> None:
    maker = {"engine": "mysql", "name": "copias", "login_user": "admin"}
    (place,) = _sources.restore_places([LEDGER], [], [maker])
    assert place["login_user"] == "copias"
