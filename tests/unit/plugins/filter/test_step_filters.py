# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the steps: each is documented, and what becomes a fact is plain data."""

from __future__ import annotations

import types
import typing as t
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.filter import inventory, restore, steps, text, wording

FILTERS = steps.FilterModule().filters()
ABOUT = {"step": "step2", "server": "srv", "kind": "dump", "host": "srv", "paths": "", "subject": ""}


def test_every_filter_has_its_documentation() -> None:
    modules = (inventory, restore, steps, text, wording)
    names = {name for module in modules for name in module.FilterModule().filters()}
    assert names == {path.stem for path in Path(steps.__file__).parent.glob("*.yml")}


def test_a_fact_is_plain_data_whatever_kind_of_mapping_it_was_made_of() -> None:
    result = types.MappingProxyType({"failures": ({"source": "{{ a }}", "details": ("x",)},)})
    noted: dict[str, t.Any] = FILTERS["noted_failure"]({}, "en", result=result, about=ABOUT)
    (failure,) = noted["failures"]
    assert (failure["source"], failure["details"]) == ("{{ a }}", ["x"])
    assert (type(noted), type(noted["failures"]), type(failure)) == (dict, list, dict)


def test_the_report_is_made_of_what_each_host_of_the_play_has_noted() -> None:
    noted = FILTERS["noted_failure"]({}, "en", result={"msg": "no room"}, about=ABOUT)
    hosts = {"srv": {"_backup_noted": noted}, "idle": {"_backup_noted": {"finished": ["step2"]}}, "other": {}}
    told = FILTERS["failures"](hosts, ["srv", "idle"], ["step2"], "en")
    assert told.startswith("FAILURE 1: host srv: it was not backed up. Reason: no room.")
    assert told.count("FAILURE") == 1
    lines = FILTERS["report"](
        hosts, ["idle", "srv"], ["step2"], "en", organization="INFI", check_mode=False, in_daily=False
    )
    assert lines[1:] == ["idle:", "  nothing to do", "Failures: 1, listed below."]
