# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each playbook that takes options of one run (``-e``) declares them, as ansible-core reads them from 2.20 on."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.infitulua.backup.plugins.plugin_utils._inventory_variables import RUN

PLAYBOOKS = Path(__file__).resolve().parents[4] / "playbooks"
DECLARED = {path.name.partition(".")[0]: path for path in PLAYBOOKS.glob("*.meta.yml")}
# What reads the text of a playbook by name; vars/settings.yml is read by all of them.
READS = {
    "step2_back_up": ("step2_back_up.yml",),
    "daily": ("step2_back_up.yml",),
    "prepare_cloud": ("prepare_cloud.yml",),
    "restore_drill": ("restore_drill.yml",),
    "step4_store_media": ("step4_store_media.yml", "tasks/repair_vault.yml"),
    "step5_restore": ("step5_restore.yml", "vars/restore.yml"),
}
OF_A_LOST_HOUSE = {"backup_identity_file", "backup_despite_unknown_signers"}


def options_of(playbook: str) -> dict[str, dict[str, t.Any]]:
    specs = yaml.safe_load(DECLARED[playbook].read_text(encoding="utf-8"))["argument_specs"]
    assert list(specs) == [playbook]
    options: dict[str, dict[str, t.Any]] = specs[playbook]["options"]
    return options


def test_every_option_of_a_run_is_declared_by_a_playbook_and_no_other() -> None:
    assert set(DECLARED) == set(READS)
    assert {name for playbook in DECLARED for name in options_of(playbook)} == set(RUN)


@pytest.mark.parametrize("playbook", sorted(READS))
def test_a_playbook_declares_what_it_reads(playbook: str) -> None:
    text = "".join((PLAYBOOKS / name).read_text(encoding="utf-8") for name in READS[playbook])
    read = set(re.findall(r"(?<!\w)backup_\w+", text)) & set(RUN)
    if playbook in ("step2_back_up", "daily"):
        read |= {"backup_run_id", "backup_accept"}
    elif playbook not in ("prepare_cloud", "step4_store_media"):
        read |= OF_A_LOST_HOUSE
    assert set(options_of(playbook)) == read


@pytest.mark.parametrize("playbook", sorted(READS))
def test_what_is_declared_is_what_the_check_of_the_inventory_takes(playbook: str) -> None:
    for name, option in options_of(playbook).items():
        if "choices" in option and RUN[name].choices:
            assert tuple(option["choices"]) == RUN[name].choices
        assert (option["type"] == "bool") == (RUN[name].kind == "truth")
        assert option["description"].endswith(".")


def test_a_request_for_a_restore_fits_what_is_declared() -> None:
    arguments = {
        name: {**option, "required": option.get("required", False)}
        for name, option in options_of("step5_restore").items()
    }
    for option in arguments.values():
        option.pop("description")
    request = {
        "backup_ticket": "MDA-2026-0117",
        "backup_restore_server": "srv-financiero",
        "backup_restore_source": "contabilidad",
        "backup_restore_replace": "true",
        "backup_restore_tables": ["asiento"],
    }
    assert ArgumentSpecValidator(arguments).validate(request).error_messages == []
    del request["backup_ticket"]
    assert "backup_ticket" in ArgumentSpecValidator(arguments).validate(request).error_messages[0]
