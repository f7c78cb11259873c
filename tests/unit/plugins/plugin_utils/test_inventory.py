# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A misspelt inventory is refused before anything begins, and a source that vanished from it is told."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.infitulua.backup.plugins.plugin_utils import _inventory, _inventory_check, _inventory_variables
from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_variables import VARIABLES

ROOT = Path(__file__).resolve().parents[4]
GROUPS = {"servers": ["srv"], "systems_computer": ["pc"]}
TEXT = {
    "no_servers": "no servers",
    "no_systems_computer": "%(count)s systems computers",
    "bad_value": "%(name)s%(place)s of %(hosts)s is %(value)s, not %(expected)s",
    "unreadable_variable": "%(name)s of %(host)s: %(why)s",
    "values_choices": "%(choices)s",
    "values_truth": "a truth",
    "values_path": "a path",
    "values_sentence": "a sentence",
    "values_whole_from": "whole, from %(least)s",
    "values_whole_from_to": "whole, %(least)s to %(most)s",
    "values_number_from": "from %(least)s",
    "at_place": " (%(file)s:%(line)s)",
    "private_escrow": "a private key",
    "unknown_variable": "%(name)s%(place)s of %(hosts)s: %(nearest)s?",
    "not_a_list_of_sources": "%(variable)s%(place)s of %(host)s is no list",
    "unknown_drill_host": "%(server)s is drilled on %(host)s: %(nearest)s?",
    "own_drill_host": "%(server)s drills itself",
    "unknown_key": "%(key)s%(place)s of %(variable)s of %(host)s: %(nearest)s?",
}
LEDGER = {"name": "contabilidad", "engine": "sqlite", "path": "/srv/contabilidad.db"}


def problems(server: dict[str, t.Any], systems: dict[str, t.Any] | None = None) -> list[str]:
    return _inventory_check.problems({"srv": server, "pc": systems or {}}, GROUPS, TEXT)


def test_an_inventory_in_order_has_no_problems() -> None:
    files = {"name": "usuarios", "series": "400.8.1", "paths": ["/srv/usuarios"], "exclude": ["*.tmp"]}
    server = {"ansible_host": "192.0.2.1", "backup_databases": [LEDGER], "backup_files": [files]}
    assert problems(server, {"backup_storage_path": "/srv/backup"}) == []
    assert problems({"backup_databases": None}) == []


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ({"backup_file": []}, "backup_file of srv: backup_files?"),
        ({"backup_restore_sorce": "x"}, "backup_restore_sorce of srv: backup_restore_source?"),
        (
            {"backup_databases": [{**LEDGER, "minimun_fraction": 0.2}]},
            "minimun_fraction of backup_databases (contabilidad) of srv: minimum_fraction?",
        ),
        (
            {"backup_files": [{"name": "usuarios", "path": "/srv"}]},
            "path of backup_files (usuarios) of srv: paths?",
        ),
        ({"backup_files": {"name": "usuarios"}}, "backup_files of srv is no list"),
        ({"backup_databases": ["contabilidad"]}, "backup_databases of srv is no list"),
        ({"backup_files": 5}, "backup_files of srv is no list"),
        ({"backup_files": [{"paths": ["/srv"]}]}, "backup_files of srv is no list"),
        ({"backup_retired_sources": ["viejo"]}, "backup_retired_sources of srv is no list"),
        ({"backup_cloud": {"bucket": "x", "retian_days": 3}}, "retian_days of backup_cloud of srv: retain_days?"),
        ({"backup_reach": "telnet"}, "backup_reach of srv is telnet, not ssh, directory"),
        ({"backup_encryption": "gpg"}, "backup_encryption of srv is gpg, not age, none"),
        ({"backup_compression_level": "22"}, "backup_compression_level of srv is 22, not whole, 1 to 19"),
        ({"backup_jobs": 1.5}, "backup_jobs of srv is 1.5, not whole, from 1"),
        ({"backup_drill_budget_minutes": "an hour"}, "backup_drill_budget_minutes of srv is an hour, not from 0"),
        ({"backup_disk_path": "var/backups"}, "backup_disk_path of srv is var/backups, not a path"),
        ({"backup_jobs": "2.0"}, "backup_jobs of srv is 2.0, not whole, from 1"),
        ({"backup_drill_budget_minutes": 10**400}, f"backup_drill_budget_minutes of srv is 1{'0' * 79}…, not from 0"),
        ({"backup_restore_replace": "y"}, "backup_restore_replace of srv is y, not a truth"),
        ({"backup_unprotected_local": "maybe"}, "backup_unprotected_local of srv is maybe, not a truth"),
        ({"backup_cloud_without_lock": "yes"}, "backup_cloud_without_lock of srv is yes, not a sentence"),
        ({"backup_cloud_without_lock": True}, "backup_cloud_without_lock of srv is True, not a sentence"),
        ({"backup_drill_host": "pcx"}, "srv is drilled on pcx: pc?"),
        ({"backup_drill_host": "srv"}, "srv drills itself"),
        ({"backup_escrow_recipient": "AGE-SECRET-KEY-1EXAMPLE"}, "a private key"),
    ],
)
def test_what_is_misspelt_is_named_with_what_was_meant(server: dict[str, t.Any], problem: str) -> None:
    assert problems(server) == [problem]


def test_values_of_every_spelling_that_ansible_takes_are_in_order() -> None:
    fine = {
        "backup_compression_level": "19",
        "backup_jobs": 2,
        "backup_drill_budget_minutes": "0.5",
        "backup_unprotected_local": "no",
        "backup_restore_keep_replaced_days": 0,
        "backup_drill_policy": "none",
        "backup_disk_require_mount": "",
        "backup_io_class": None,
        "backup_cloud_without_lock": "Aceptado hasta marzo de 2027",
        "backup_drill_concurrency": 0,
        "backup_drill_programs_directory": False,
        "backup_drill_interval_days": 0,
        "backup_state_path": "$HOME/state",
        "backup_concurrency": "{{ later }}",  # ansible-core before 2.19: what cannot be filled in yet.
        "backup_nice": "__omit_place_holder__9f",
    }
    assert problems(fine) == []


@pytest.mark.slow
def test_what_is_wrong_is_named_with_its_file_and_its_line(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    everybody = "---\nbackup_langauge: es\nbackup_jobs: many\nbackup_databases: '{{ databases_of_the_site }}'\n"
    (tmp_path / "group_vars" / "all.yml").write_text(everybody, encoding="utf-8")
    hosts = {
        "servers": {"hosts": {"srv": {"backup_files": [{"name": "usuarios", "pahts": ["/srv"]}]}}},
        "systems_computer": {"hosts": {"pc": None}},
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}), encoding="utf-8")
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(tmp_path / "hosts.yml")])
    variables = HostVars(inventory, VariableManager(loader=loader, inventory=inventory), loader)
    assert _inventory_check.problems(variables, GROUPS, TEXT) == [
        f"backup_langauge ({tmp_path}/group_vars/all.yml:2) of srv, pc: backup_language?",
        f"backup_jobs ({tmp_path}/group_vars/all.yml:3) of srv, pc is many, not whole, from 1",
        # A template that cannot be filled in is no source fewer.
        "backup_databases of srv: 'databases_of_the_site' is undefined",
        f"pahts ({tmp_path}/hosts.yml:8) of backup_files (usuarios) of srv: paths?",
        "backup_databases of pc: 'databases_of_the_site' is undefined",
    ]


def test_a_misspelt_variable_of_a_drill_host_is_named() -> None:
    hosts = {"srv": {"backup_drill_host": "lab"}, "pc": {}, "lab": {"backup_drill_pth": "/srv"}}
    groups = {**GROUPS, "ungrouped": ["lab"]}
    assert _inventory_check.problems(hosts, groups, TEXT) == ["backup_drill_pth of lab: backup_drill_path?"]


def test_every_problem_is_told_at_once() -> None:
    assert len(problems({"backup_file": [], "backup_reach": "telnet"}, {"backup_languaje": "es"})) == 3


def test_groups_that_are_missing_are_named() -> None:
    assert _inventory_check.problems({}, {}, TEXT) == ["no servers"]
    assert _inventory_check.problems({"srv": {}}, {"servers": ["srv"]}, TEXT) == ["0 systems computers"]


def test_a_source_with_sets_that_vanished_from_the_inventory_is_told_until_it_is_retired() -> None:
    sets = [
        {"source": source, "id": f"srv/{source}/{day}"}
        for source in ("contabilidad", "portales.web", "viejo")
        for day in ("20261101T030000Z", "20261102T030000Z")
    ]
    many = {"name": "portales", "engine": "mariadb", "databases": ["*"]}
    variables: dict[str, t.Any] = {"backup_databases": [LEDGER, many]}
    assert _inventory.lost_sources(variables, sets) == [{"source": "viejo", "newest": "srv/viejo/20261102T030000Z"}]
    variables["backup_retired_sources"] = [{"name": "viejo", "reason": "the application was switched off"}]
    assert _inventory.lost_sources(variables, sets) == []


def test_the_servers_to_restore_for_trial_are_those_of_the_sources_each_once() -> None:
    def found(*databases: tuple[str, str | None, str | None]) -> dict[str, t.Any]:
        keys = ("engine", "version", "source")
        return {"_backup_found_databases": {"databases": [dict(zip(keys, database)) for database in databases]}}

    hosts = {
        "a": found(("postgresql", "15.8", "conta"), ("postgresql", "15.8", "nomina"), ("postgresql", "15.8", None)),
        "b": {
            **found(("postgresql", "15.8", "x"), ("sqlite", None, "y")),
            "backup_drill_programs_directory": "/opt/pg",
        },
        "c": {"_backup_found_databases": {"msg": "could not look"}},
        "d": {},
    }
    groups = {"servers": list(hosts), "systems_computer": ["pc"], "all": ["pc", "lab", *hosts]}
    usual = {"engine": "postgresql", "version": "15.8", "programs_directory": None}
    unusual = {**usual, "programs_directory": "/opt/pg"}
    assert _inventory.trial_servers(hosts, groups, "pc") == [usual, unusual]
    assert _inventory.drill_hosts(hosts, groups) == []
    # Only who drills a server's sets needs its programs.
    elsewhere = {
        **hosts,
        "b": {**hosts["b"], "backup_drill_host": "lab"},
        "a": {**hosts["a"], "backup_drill_host": "pc"},
    }
    assert _inventory.trial_servers(elsewhere, groups, "pc") == [usual]
    assert _inventory.trial_servers(elsewhere, groups, "lab") == [unusual]
    assert _inventory.drill_hosts(elsewhere, groups) == ["lab"]


@pytest.mark.parametrize("page", ["inventory-variables.md", "es/variables-del-inventario.md"])
def test_the_documentation_lists_exactly_the_variables_there_are(page: str) -> None:
    rows = re.findall(r"^\| `(backup_\w+)` \|", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(VARIABLES)


def test_every_variable_that_an_inventory_may_have_is_read_and_no_other() -> None:
    def named(paths: t.Iterable[Path]) -> set[str]:
        return {name for path in paths for name in re.findall(r"(?<!\w)backup_\w+", path.read_text(encoding="utf-8"))}

    playbooks = named((ROOT / "playbooks").rglob("*.*"))
    filters = named(set((ROOT / "plugins" / "plugin_utils").glob("*.py")) - {Path(_inventory_variables.__file__)})
    assert playbooks <= set(VARIABLES)
    assert set(VARIABLES) - playbooks - filters <= {"backup_retention"}, "only a later release reads these"


def test_the_public_keys_of_the_servers_that_this_run_has_read() -> None:
    hosts: dict[str, dict[str, t.Any]] = {
        "far": {
            "ansible_host": "192.0.2.1",
            "ansible_port": "2222",
            "_backup_keys": {"signing_public_key": "ssh-ed25519 AAAA"},
            "_backup_let_in": {"host_keys": ["ssh-rsa BBBB", "ssh-ed25519 CCCC"]},
        },
        "named": {"backup_ssh_host": "named.example.org", "_backup_let_in": {"host_keys": ["ssh-rsa DDDD"]}},
        # Reached as a directory; unreachable; in check mode before the first run.
        "near": {"_backup_keys": {"signing_public_key": "ssh-ed25519 EEEE"}, "_backup_let_in": {"skipped": True}},
        "down": {},
        "new": {"_backup_keys": {"signing_public_key": ""}},
    }
    assert _inventory.signers(hosts, list(hosts)) == [
        {"host": "far", "key": "ssh-ed25519 AAAA"},
        {"host": "near", "key": "ssh-ed25519 EEEE"},
        {"host": "new", "key": ""},
    ]
    assert _inventory.known_hosts(hosts, list(hosts)) == [
        {"host": "192.0.2.1", "port": 2222, "keys": ["ssh-rsa BBBB", "ssh-ed25519 CCCC"]},
        {"host": "named.example.org", "port": 22, "keys": ["ssh-rsa DDDD"]},
    ]
