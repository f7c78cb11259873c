# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore killed at any stage leaves the live database exactly as it was, or is complete; the next succeeds."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.postgresql import PostgresqlServer
from tests.integration.killing import STAGES, killed
from tests.integration.postgresql.support import (
    Site,
    databases,
    drop_everything,
    engine,
    fingerprint,
    leftovers,
)
from tests.integration.postgresql.test_faults import _child, _running

LEDGER = """
CREATE ROLE app_owner;
CREATE SCHEMA contable AUTHORIZATION app_owner;
CREATE TABLE contable.cuenta (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, nombre text);
CREATE TABLE contable.asiento (id serial PRIMARY KEY, cuenta int REFERENCES contable.cuenta, texto text);
ALTER TABLE contable.asiento OWNER TO app_owner;
INSERT INTO contable.cuenta (nombre) SELECT i FROM generate_series(1, 10) i;
INSERT INTO contable.asiento (cuenta, texto) SELECT 1 + i % 10, md5(i::text) FROM generate_series(1, 500) i;
CREATE INDEX ON contable.asiento (texto);
"""
SELECTION = {"tables": ["contable.asiento", "contable.cuenta"], "into_schema": "restaurado"}


class Ledger:
    """A live database that is not what its set says, and restores of that set in its place or within it."""

    def __init__(self, server: PostgresqlServer, site: Site) -> None:
        self.server, self.site = server, site
        drop_everything(server, *databases(server))
        server.psql("CREATE DATABASE libro")
        server.psql(LEDGER, "libro")
        self.wanted = fingerprint(server, "libro")
        dumped = site.dump(engine(server, "libro")).set_id
        assert dumped is not None
        self.set_id: SetId = dumped
        self.damage()
        self.live = fingerprint(server, "libro")

    def damage(self) -> None:
        self.server.psql("DELETE FROM contable.asiento WHERE id > 10; UPDATE contable.cuenta SET nombre = ''", "libro")

    def restore(self, **options: t.Any) -> None:
        self.site.restore(engine(self.server, "libro", **options), self.set_id, replace=True)

    def kill(self, victim: str, stage: str, number: int, **options: t.Any) -> bool:
        """Restores, killed there; whether the restore got that far."""
        if victim == "client":
            with killed(victim, stage, number) as happened:
                try:
                    self.restore(**options)
                except BackupError as error:
                    assert happened, error
            return bool(happened)
        process = _child(
            self.server,
            self.site,
            "from tests.integration.killing import killed\n"
            f"with killed('module', {stage!r}, {number}):\n"
            f"    set_id = SetId.parse({str(self.set_id)!r})\n"
            f"    site.restore(engine(server, 'libro', **{options!r}), set_id, replace=True)",
        )
        status = process.wait(120)
        assert status in (0, -9)
        return status == -9

    def wait(self) -> None:
        """Until nothing of a killed restore is at work any more: what its programs have begun, they end."""
        end = time.monotonic() + 30
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'infitulua.backup'"
        programs = ("psql", "pg_dump", "pg_restore")
        while time.monotonic() < end:
            running = any(_running(program, f"port='{self.server.port}'") for program in programs)
            if not running and self.server.psql(query) == "0":
                return
            time.sleep(0.1)

    def kept(self) -> list[str]:
        return [name for name in databases(self.server) if "__replaced_" in name]

    def schema(self) -> str:
        return self.server.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'restaurado'", "libro")


@pytest.fixture
def ledger(server17: PostgresqlServer, site: Site) -> Iterator[Ledger]:
    yield Ledger(server17, site)
    drop_everything(server17, *databases(server17))


@pytest.mark.parametrize("victim", ["module", "client"])
def test_the_live_database_is_as_it_was_or_wholly_restored(ledger: Ledger, victim: str) -> None:
    reached: dict[str, int] = {}
    outcomes = set()
    for stage in STAGES:
        for number in (1, 4):
            if not ledger.kill(victim, stage, number):
                break
            reached[stage] = number
            ledger.wait()
            found = fingerprint(ledger.server, "libro")
            assert found in (ledger.live, ledger.wanted), f"{victim} killed in {stage}, program {number}"
            outcomes.add(found == ledger.wanted)
            if victim == "client" and found == ledger.live:
                # It has told of the failure and tidied up; what was not told was only a clean-up's own client.
                assert leftovers(ledger.server) in ([], ["libro__restoring"])
            for name in ledger.kept():
                content = "SELECT count(*) FROM contable.asiento"
                assert ledger.server.psql(content, name) == "10", "what was replaced is not where it is said"
                ledger.server.psql(f'DROP DATABASE "{name}"')
            if found == ledger.wanted:
                ledger.damage()
        ledger.restore()
        assert fingerprint(ledger.server, "libro") == ledger.wanted, stage
        assert leftovers(ledger.server) == []
        for name in ledger.kept():
            ledger.server.psql(f'DROP DATABASE "{name}"')
        ledger.damage()
    assert set(reached) == set(STAGES)
    assert False in outcomes


@pytest.mark.parametrize("victim", ["module", "client"])
def test_a_schema_of_selected_tables_is_there_whole_or_not_at_all(ledger: Ledger, victim: str) -> None:
    reached: dict[str, int] = {}
    for stage in STAGES:
        for number in (1, 3):
            if not ledger.kill(victim, stage, number, **SELECTION):
                break
            reached[stage] = number
            ledger.wait()
            if ledger.schema() != "0":
                content = "SELECT (SELECT count(*) FROM restaurado.asiento), (SELECT count(*) FROM restaurado.cuenta)"
                assert ledger.server.psql(content, "libro") == "500|10"
                ledger.server.psql("DROP SCHEMA restaurado CASCADE", "libro")
            assert fingerprint(ledger.server, "libro") == ledger.live, f"{victim} killed in {stage}, program {number}"
        if ledger.schema() != "0":
            ledger.server.psql("DROP SCHEMA restaurado CASCADE", "libro")
        ledger.restore(**SELECTION)
        assert leftovers(ledger.server) == []
        assert databases(ledger.server) == {"libro"}
        ledger.server.psql("DROP SCHEMA restaurado CASCADE", "libro")
        assert fingerprint(ledger.server, "libro") == ledger.live
    assert set(reached) == set(STAGES)
