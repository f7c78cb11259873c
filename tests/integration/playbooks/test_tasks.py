# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many modules each step calls. Each is a second of every server's turn: a step that grows is noticed here."""

from __future__ import annotations

import pytest

from development.demonstration.institution import SYSTEMS_COMPUTER
from tests.integration.playbooks.house import FILES, FINANCE, House
from tests.integration.playbooks.ran_tasks import RanTask, module_calls

MOST_OF_A_SERVER = 15
MOST_OF_SYSTEMS_COMPUTER = 20
MOST_OF_A_STEP = 6
# Once a run, on the systems computer, in the turn of the first server: its clock, and in step 2 what interrupted
# restores and drills left there.
ONCE_A_RUN = (
    "Mirar el del computador de sistemas",
    "REALIZAR COPIA DE SEGURIDAD | Borrar del computador de sistemas lo que dejaron",
)
MOST_OF_A_RESTORE = 10


@pytest.mark.slow
def test_preparing_calls_few_modules_on_each_host(house: House) -> None:
    for server in (FINANCE, FILES):
        assert 4 < len(module_calls(house.prepared.output, server)) <= MOST_OF_A_SERVER
    assert 4 < len(module_calls(house.prepared.output, SYSTEMS_COMPUTER)) <= MOST_OF_SYSTEMS_COMPUTER


@pytest.mark.slow
def test_each_step_of_a_day_calls_few_modules_for_each_server(house: House) -> None:
    for step in ("step2_back_up", "step3_verify_result", "step4_store_media"):
        run = house.institution.run(step, "-e", "backup_run_id=dia-2")
        assert run.status == 0, run.output
        for server in (FINANCE, FILES):
            calls = module_calls(run.output, server)
            own = [call for call in calls if call.name not in ONCE_A_RUN]
            assert 2 <= len(own) <= MOST_OF_A_STEP, own
            assert len(calls) - len(own) <= len(ONCE_A_RUN)
            assert_few_on_each_host(calls)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["vault", "cloud", "disk"])
def test_a_restore_calls_few_modules_wherever_its_set_lies(house: House, place: str) -> None:
    arguments = ("-e", f"backup_restore_from={place}", "-e", "backup_restore_replace=true")
    run = house.restore(FILES, "datos-usuarios", *arguments)
    assert run.status == 0, run.output
    calls = module_calls(run.output, FILES)
    assert 6 < len(calls) <= MOST_OF_A_RESTORE, calls
    assert_few_on_each_host(calls)


def assert_few_on_each_host(calls: list[RanTask]) -> None:
    for host in (FINANCE, FILES, SYSTEMS_COMPUTER):
        assert len([call for call in calls if call.host == host]) <= MOST_OF_A_STEP, calls
