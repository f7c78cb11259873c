# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped playbooks with many sources: as many tasks as with one, and one entry for a whole database server."""

from __future__ import annotations

import sqlite3
import tempfile
import typing as t
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from development.demonstration.institution import Institution
from development.services.postgresql import PostgresqlServer
from tests.integration.playbooks.ran_tasks import tasks_of

SERVER = "srv-financiero"
MOST_TASKS = 22
# More than are backed up side by side.
MANY = 4
ODD = 'Año "1"'
ODD_SOURCE = "todo.A.c3.b1o.20.221.22"


def make_databases(directory: Path, count: int) -> list[dict[str, t.Any]]:
    """Small SQLite databases, each a source."""
    sources = []
    directory.mkdir(parents=True)
    for number in range(count):
        path = directory / f"base-{number}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript("CREATE TABLE t (n); INSERT INTO t VALUES (1);")
        sources.append({"name": f"base-{number}", "series": "400.8", "engine": "sqlite", "path": str(path)})
    return sources


@pytest.mark.slow
def test_a_day_takes_as_many_tasks_with_many_sources_as_with_one(tmp_path: Path) -> None:
    sources = make_databases(tmp_path / SERVER / "srv", MANY)
    tree = tmp_path / SERVER / "usuarios"
    tree.mkdir()
    (tree / "carta.txt").write_text("hola", encoding="utf-8")
    files = [{"name": f"datos-{number}", "paths": [str(tree)]} for number in range(MANY)]
    counts = []
    for count in (1, MANY):
        described = {"backup_databases": sources[:count], "backup_files": files[:count], "backup_concurrency": 3}
        institution = Institution(tmp_path, {SERVER: described}, variables={"backup_drill_policy": "none"})
        institution.build()
        if count == 1:
            prepared = institution.run("step1_prepare_media")
            assert prepared.status == 0, prepared.output
        day = institution.run("daily", "-e", f"backup_run_id=dia-{count}")
        assert day.status == 0, day.output
        stored = {path.parent.parent.name for path in institution.vault.glob(f"{SERVER}/*/*/bagit.txt")}
        assert len(stored) == 2 * count
        counts.append(tasks_of(day.output, SERVER))
    assert counts[0] == counts[1]
    assert 10 < len(counts[0]) < MOST_TASKS, counts[0]


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server with two databases."""
    server = PostgresqlServer(17)
    server.start()
    try:
        for name in (ODD, "nomina"):
            quoted = '"' + name.replace('"', '""') + '"'
            server.psql(f"CREATE DATABASE {quoted}")
            server.psql("CREATE TABLE asiento AS SELECT generate_series(1, 100) AS n", name)
        yield server
    finally:
        server.stop()
        server.remove()


@pytest.fixture
def drill_path() -> Iterator[Path]:
    """A place for throw-away servers: short enough for a socket, and others get through."""
    with tempfile.TemporaryDirectory(prefix="drill-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.mark.slow
def test_one_entry_for_a_server_is_backed_up_drilled_and_restored_database_by_database(
    tmp_path: Path, server: PostgresqlServer, drill_path: Path
) -> None:
    entry = {
        "name": "todo",
        "series": "400.8",
        "engine": "postgresql",
        "databases": ["*"],
        "except_databases": ["postgres"],
        "login_host": server.host,
        "login_port": server.port,
        "login_user": server.user,
        "login_password": server.password,
        "client_directory": str(server.bin),
    }
    query = {"name": "cien asientos", "source": ODD_SOURCE, "query": "SELECT count(*) FROM asiento", "expected": "100"}
    sources = {"backup_databases": [entry], "backup_drill_queries": [query], "backup_concurrency": 2}
    institution = Institution(
        tmp_path,
        {SERVER: sources},
        language="en",
        variables={"backup_drill_programs_directory": str(server.bin), "backup_drill_path": str(drill_path)},
    )
    institution.build()
    # What the systems computer lacks for trial restores is known before the first set comes.
    lacking = institution.run("step1_prepare_media", "-e", "backup_drill_programs_directory=/nonexistent")
    assert lacking.status != 0
    assert "PostgreSQL 17 is not installed on this host" in lacking.output
    assert "it will not be able to restore every server's sets for trial" in lacking.output
    # The rest of the preparation was done all the same.
    day = institution.run("daily", "-e", "backup_run_id=dia-1")
    assert day.status == 0, day.output
    for source in (ODD_SOURCE, "todo.nomina"):
        assert f"{SERVER}/{source}/" in "\n".join(line for line in day.report if "restored for trial" in line)
    # Both have lost what they held, and one has gone.
    server.psql("DELETE FROM asiento", ODD)
    server.psql("DROP DATABASE nomina")
    bad = institution.run("step2_back_up", "-e", "backup_run_id=dia-2")
    assert bad.status != 0
    assert any("WARNING: todo.nomina: the server has no database nomina any more" in line for line in bad.report)
    assert f"-e backup_accept={ODD_SOURCE}" in bad.output
    chosen = ("-e", "backup_ticket=MDA-1", "-e", f"backup_restore_server={SERVER}")
    replace = ("-e", "backup_restore_replace=true")
    restored = institution.run("step5_restore", *chosen, "-e", f"backup_restore_source={ODD_SOURCE}", *replace)
    assert restored.status == 0, restored.output
    assert server.psql("SELECT count(*) FROM asiento", ODD) == "100"
    twice = {**sources, "backup_files": [{"name": "todo.usuarios", "paths": ["/srv"]}]}
    clash = Institution(tmp_path, {SERVER: twice}, language="en")
    clash.write_inventory()
    refused = clash.run("step2_back_up", "-e", "backup_run_id=dia-3")
    assert refused.status != 0 and "todo.usuarios" in refused.output
    assert server.password not in day.output + bad.output + refused.output
