# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One entry for many databases of a PostgreSQL server, and several of them at a time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.operation import (
    SourcesReport,
    dump_sources,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sources import database_of
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core
from development.services.postgresql import PostgresqlServer
from tests.integration.many import Running, leftovers, names, parameters, wait_for
from tests.integration.postgresql.support import Site, engine, identifier
from tests.integration.postgresql.test_discovery import login

ODD = 'Ñandú "de" la casa\' $1'
ODD_SOURCE = "todo..c3.91and.c3.ba.20.22de.22.20la.20casa.27.20.241"
KEPT = "nomina__replaced_20261122T171503Z"
MADE = (ODD, "Caja", "nomina", "nomina_2025", KEPT)


def fill(server: PostgresqlServer) -> Iterator[PostgresqlServer]:
    for name in MADE:
        server.psql(f"CREATE DATABASE {identifier(name)}")
        server.psql("CREATE TABLE asiento AS SELECT generate_series(1, 100) AS n", name)
    yield server
    for name in server.psql("SELECT datname FROM pg_database WHERE datname !~ '^(template|postgres)'").splitlines():
        server.psql(f"DROP DATABASE {identifier(name)} WITH (FORCE)")


@pytest.fixture
def filled(server: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server of each version, with some databases."""
    yield from fill(server)


@pytest.fixture
def filled17(server17: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server of one version, with some databases."""
    yield from fill(server17)


def entry(server: PostgresqlServer, *wanted: str, **more: t.Any) -> dict[str, t.Any]:
    """An entry for several databases."""
    return {"name": "todo", "engine": "postgresql", "databases": list(wanted), **login(server), **more}


def back_up(site: Site, *entries: dict[str, t.Any], check_mode: bool = False, **changes: t.Any) -> SourcesReport:
    """What the module database_dump does."""
    return dump_sources(parameters(site.root, site.recipient, entries, **changes), check_mode=check_mode)


@contextlib.contextmanager
def held(server: PostgresqlServer, *databases: str) -> Iterator[None]:
    """Keeps every dump of these databases waiting for a table."""
    holders = []
    try:
        for database in databases:
            holder = subprocess.Popen(
                [server.program("psql"), "-X", "-q", "-A", "-t"],
                env=server.environment(database),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            holders.append(holder)
            assert holder.stdin is not None and holder.stdout is not None
            holder.stdin.write("BEGIN; LOCK TABLE asiento; SELECT 'held';\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "held\n"
        yield
    finally:
        for holder in holders:
            holder.communicate()


def under_way(server: PostgresqlServer) -> set[str]:
    """The databases in which a dump waits for its table."""
    return set(
        server.psql(
            "SELECT datname FROM pg_stat_activity WHERE application_name = 'infitulua.backup'"
            " AND wait_event_type = 'Lock'"
        ).splitlines()
    )


def test_all_is_what_the_server_has_today_and_each_database_is_a_source(filled: PostgresqlServer, site: Site) -> None:
    everything = entry(filled, "*", except_databases=["post*"])
    predicted = back_up(site, everything, check_mode=True)
    assert site.files() == []
    first = back_up(site, everything, concurrency=2)
    assert first.failures == []
    assert names(predicted) == names(first) == ["todo.Caja", "todo.nomina", "todo.nomina_2025", ODD_SOURCE]
    assert database_of("todo", ODD_SOURCE) == ODD
    # Tomorrow: one is new, one has gone, and one of the others fails.
    filled.psql('CREATE DATABASE "año"; DROP DATABASE nomina_2025')
    filled.psql('ALTER DATABASE "Caja" ALLOW_CONNECTIONS false')
    try:
        second = back_up(site, everything, concurrency=2)
    finally:
        filled.psql('ALTER DATABASE "Caja" ALLOW_CONNECTIONS true')

    assert set(names(second)) == {"todo.a.c3.b1o", "todo.nomina", ODD_SOURCE}
    (failure,) = second.failures
    assert failure["source"] == "todo.Caja" and "not currently accepting connections" in failure["message"]
    (gone,) = second.gone
    kept = next(made["id"] for made in first.sets if made["source"] == "todo.nomina_2025")
    assert (gone.source, gone.entry, gone.database, gone.newest) == ("todo.nomina_2025", "todo", "nomina_2025", kept)
    assert "no database nomina_2025 any more" in second.all_warnings()[0]
    assert site.path(SetId.parse(kept)).is_dir()


def test_a_derived_source_is_restored_as_the_database_that_it_is(filled: PostgresqlServer, site: Site) -> None:
    (made,) = back_up(site, entry(filled, ODD)).sets
    assert made["source"] == ODD_SOURCE
    filled.psql("DELETE FROM asiento", ODD)
    database = database_of("todo", ODD_SOURCE)
    assert database is not None
    site.restore(engine(filled, database), SetId.parse(made["id"]), replace=True)
    assert filled.psql("SELECT count(*) FROM asiento", ODD) == "100"
    # What the restore has kept is no source of its own.
    assert names(back_up(site, entry(filled, "*", except_databases=["postgres"]), check_mode=True)) == [
        "todo.Caja",
        "todo.nomina",
        "todo.nomina_2025",
        ODD_SOURCE,
    ]


def test_what_is_missing_is_a_failure_beside_what_is_found(filled17: PostgresqlServer, site: Site) -> None:
    report = back_up(
        site,
        entry(filled17, "nomina", "nomian", "web_*", KEPT, "Caja", except_databases=["Caja"]),
        entry(filled17, "*", name="abajo", login_port=9),
        entry(filled17, "nomina*", name="otra", except_databases=["*"]),
    )
    assert names(report) == ["todo.nomina", f"todo.{KEPT}"]
    missing, down, nothing = report.failures
    assert [failure["source"] for failure in report.failures] == ["todo", "abajo", "otra"]
    assert "none for nomian, web_*, Caja (but for those of except_databases)" in missing["message"]
    assert f"The server has Caja, nomina, nomina_2025, postgres, {ODD}." in missing["message"]
    assert "Check that the server runs" in down["message"]
    assert "none for nomina* (but for those of except_databases)" in nothing["message"]


def test_an_operator_accepts_one_derived_source(filled17: PostgresqlServer, site: Site) -> None:
    two = entry(filled17, "nomina*", "Caja")
    back_up(site, two)
    for name in ("nomina", "Caja"):
        filled17.psql("DELETE FROM asiento", name)
    report = back_up(site, two, accept=["todo.Caja"])
    assert names(report) == ["todo.nomina_2025", "todo.Caja"]
    assert [failure["source"] for failure in report.failures] == ["todo.nomina"]
    assert report.failures[0]["suspect"]


def test_as_many_sources_as_were_asked_for_are_under_way_together(
    filled17: PostgresqlServer, site: Site, tmp_path: Path
) -> None:
    sources = entry(filled17, "Caja", "nomina", "nomina_2025")
    status = tmp_path / "status.json"
    with held(filled17, "Caja", "nomina", "nomina_2025"):
        alone = Running(parameters(site.root, site.recipient, [sources]))
        wait_for(lambda: under_way(filled17))
        assert under_way(filled17) == {"Caja"}
    assert alone.made() == ["todo.Caja", "todo.nomina", "todo.nomina_2025"]
    with held(filled17, "Caja", "nomina", "nomina_2025"):
        two = Running(parameters(site.root, site.recipient, [sources], concurrency=2, status_file=str(status)))
        wait_for(lambda: len(under_way(filled17)) > 1)
        assert under_way(filled17) == {"Caja", "nomina"}
        # The file is written twice a second.
        wait_for(lambda: len(json.loads(status.read_text(encoding="utf-8"))["under_way"]) == 2)
        state = json.loads(status.read_text(encoding="utf-8"))
        assert state["stage"] == "0 of 3 done"
        assert {each["subject"].split(".")[1] for each in state["under_way"]} == {"Caja", "nomina"}
    assert two.made() == ["todo.Caja", "todo.nomina", "todo.nomina_2025"]
    state = json.loads(status.read_text(encoding="utf-8"))
    assert (state["stage"], state["finished"], state["under_way"]) == ("3 of 3 done", True, [])
    assert state["bytes"] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_run_that_is_ended_leaves_nothing_of_any_source(
    filled17: PostgresqlServer, site: Site, number: signal.Signals
) -> None:
    core.adopt_orphans()
    before = core.descendants()
    sources = entry(filled17, "Caja", "nomina")
    with held(filled17, "Caja", "nomina"):
        run = Running(parameters(site.root, site.recipient, [sources], concurrency=2, nice=15, io_class="idle"))
        wait_for(lambda: len(under_way(filled17)) == 2)
        assert len(leftovers(site.root)) == 2
        clients = [child for child in core.descendants(run.process.pid).values() if "psql" in child.argv]
        assert clients
        for child in clients:
            assert os.getpriority(os.PRIO_PROCESS, child.pid) == 15
            asked = subprocess.run(["ionice", "-p", str(child.pid)], check=True, capture_output=True, text=True)
            assert asked.stdout.strip() == "idle"
        run.process.send_signal(number)
        said = run.said()
    # The holders that this test began are among them, and have ended.
    assert not core.wait_until_gone(before, seconds=20)
    assert wait_for(lambda: not leftovers(site.root))
    assert "told to stop (SIGTERM)" in said or number == signal.SIGKILL
    assert site.medium.sets() == []
    assert names(back_up(site, sources, concurrency=2)) == ["todo.Caja", "todo.nomina"]


def test_a_source_whose_process_dies_takes_no_other_with_it(filled17: PostgresqlServer, site: Site) -> None:
    sources = entry(filled17, "Caja", "nomina")
    with held(filled17, "Caja", "nomina"):
        run = Running(parameters(site.root, site.recipient, [sources], concurrency=2))
        wait_for(lambda: len(under_way(filled17)) == 2)
        # The processes of the two sources, the first that was begun first.
        first, _second = sorted(
            child.pid for child in core.descendants(run.process.pid).values() if child.parent == run.process.pid
        )
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: len(leftovers(site.root)) == 1)
    report = json.loads(run.said())
    assert [made["source"] for made in report["sets"]] == ["todo.nomina"]
    (failure,) = report["failures"]
    assert failure["source"] == "todo.Caja" and "killed by SIGKILL" in failure["message"]
    assert leftovers(site.root) == []
