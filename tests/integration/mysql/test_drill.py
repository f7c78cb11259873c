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

from ansible_collections.infitulua.backup.plugins.module_utils._drill_record import Drill
from ansible_collections.infitulua.backup.plugins.module_utils._drilling import DrillRequest, Limits, Query, Supervisor
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium
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
    checks = {check["name"]: check for check in passed.checks}
    assert {"row counts", "objects", "programs", "CHECK TABLE", "server", "los asientos"} <= set(checks)
    assert all(check["passed"] for check in checks.values())


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
