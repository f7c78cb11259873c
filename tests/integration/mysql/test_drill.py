# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of MySQL sets: into a real throw-away server, confined, of which nothing is left."""

from __future__ import annotations

import shutil
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import objects as family_objects
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import Drill
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.request import (
    DrillRequest,
    Limits,
    Query,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.supervisor import Supervisor
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import Site, create_everything, engine

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
GIBIBYTE = 1024**3
CANARY = "canary-that-only-root-may-read"


@pytest.fixture
def work() -> Iterator[Path]:
    """A work directory that other users can get through, and that is empty in the end."""
    with tempfile.TemporaryDirectory(prefix="w-") as directory:
        path = Path(directory)
        path.chmod(0o711)
        yield path
        assert list(path.iterdir()) == []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert str(path).encode() not in entry.read_bytes()
            except OSError:
                continue


def drill(server: MysqlServer, site: Site, work: Path, set_id: SetId | None, **changes: t.Any) -> Drill:
    """Drills one set."""
    assert set_id is not None
    options: dict[str, t.Any] = {
        "open_medium": lambda: DirectoryMedium(path=str(site.root)),
        "medium_name": site.medium.describe(),
        "identity_files": (str(site.identity),),
        "allowed_signers": None,
        "work_directory": str(work),
        "user": "nobody",
        "programs_directory": str(server.installation.server.parent),
        "queries": (),
        "limits": Limits(seconds=120, bytes=None, memory_bytes=8 * GIBIBYTE),
        "jobs": 2,
        **changes,
    }
    return Supervisor(DrillRequest(**options)).drill(set_id)


def test_everything_is_drilled(server: MysqlServer, site: Site, work: Path) -> None:
    create_everything(server, "conta")
    dumped = site.dump(engine(server, "conta"))
    query = Query("los asientos", "SELECT COUNT(*), NULL FROM asiento", "3000|")
    passed = drill(server, site, work, dumped.set_id, queries=(query,))
    assert passed.outcome == "passed", passed
    assert passed.left_out == []
    checks = {check["name"]: check for check in passed.checks}
    assert {"row counts", "objects", "programs", "CHECK TABLE", "server", "los asientos"} <= set(checks)
    assert all(check["passed"] for check in checks.values())


def test_a_host_without_the_key_of_an_encrypted_table_blames_no_set(
    server: MysqlServer, site: Site, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int) COMMENT='x'; INSERT INTO libro.t VALUES (1)")
    with monkeypatch.context() as encrypted:
        written = family_objects.without_database
        encrypted.setattr(family_objects, "without_database", lambda *given: f"{written(*given)} ENCRYPTION='Y'")
        dumped = site.dump(engine(server, "libro"))
    drilled = drill(server, site, work, dumped.set_id)
    assert drilled.outcome == "not_done", drilled
    assert "t on " in str(drilled.message)
    assert "it is encrypted by its server, and this one lacks the key" in str(drilled.message)


def test_what_cannot_be_made_is_told_by_a_drill_that_passes(server: MysqlServer, site: Site, work: Path) -> None:
    server.sql("CREATE DATABASE caso")
    server.sql(
        "CREATE TABLE a (i int) ENGINE=MyISAM; INSERT INTO a VALUES (1); CREATE TABLE m (i int) ENGINE=MERGE UNION=(a);"
        " CREATE TABLE x (i int); CREATE VIEW rota AS SELECT i FROM x; DROP TABLE x;"
        " CREATE TABLE lejos (i int) ENGINE=FEDERATED CONNECTION='mysql://u:c@127.0.0.1:1/b/t'",
        "caso",
    )
    dumped = site.dump(engine(server, "caso", nontransactional_tables="lock"))
    passed = drill(server, site, work, dumped.set_id)
    assert passed.outcome == "passed", passed
    assert [warning for warning in passed.warnings if "Left out: view rota" in warning]
    # The throw-away server has not got that storage engine.
    assert [warning for warning in passed.warnings if "Left out: table lejos: Unknown storage engine" in warning]
    # The dump knew of the view, and the other server's table is out of a drill's reach.
    assert passed.left_out == []


def test_a_host_without_mysql_says_what_to_install(server: MysqlServer, site: Site, work: Path) -> None:
    server.sql("CREATE DATABASE libro")
    dumped = site.dump(engine(server, "libro"))
    # Where MariaDB's server is, its name may be MySQL's.
    missing = drill(server, site, work, dumped.set_id, programs_directory="/usr/sbin")
    assert missing.outcome == "not_done"
    assert "or newer is not installed on this host" in str(missing.message)
    assert "mysql-server" in str(missing.message)


def test_a_hostile_database_reaches_nothing(server: MysqlServer, site: Site, work: Path) -> None:
    """Programs that run when the operator's query does: they read no file, write none, and connect to nobody."""
    secret = Path("/etc/infitulua-canary-mysql")
    secret.write_text(CANARY)
    secret.chmod(0o644)
    try:
        server.sql("CREATE DATABASE hostil")
        server.sql(
            "CREATE FUNCTION lee() RETURNS text DETERMINISTIC RETURN LOAD_FILE('/etc/infitulua-canary-mysql');"
            "CREATE VIEW v AS SELECT COALESCE(lee(), 'nada') AS leido;"
            "CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1)",
            "hostil",
        )
        assert server.sql("SELECT leido FROM v", "hostil") == CANARY
        dumped = site.dump(engine(server, "hostil"))
        asked = Query("vista", "SELECT leido FROM v", "nada")
        result = drill(server, site, work, dumped.set_id, queries=(asked,))
        assert result.outcome == "passed", result
        assert CANARY not in str(result)
    finally:
        secret.unlink()
