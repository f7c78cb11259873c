# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills of MariaDB sets: into a real throw-away server, confined, of which nothing is left."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import objects
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import objects as family_objects
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import Drill
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.request import (
    DrillRequest,
    Limits,
    Query,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.supervisor import Supervisor
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.conftest import running_server
from tests.integration.mariadb.support import Site, create_everything, databases, drop_all, engine, own_version

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
GIBIBYTE = 1024**3
CANARY = "canary-that-only-root-may-read"


@pytest.fixture
def own() -> Iterator[MariadbServer]:
    """A server of the machine's own version."""
    server = running_server(own_version())
    drop_all(server)
    yield server
    drop_all(server)


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


def drill(site: Site, work: Path, set_id: SetId | None, **changes: t.Any) -> Drill:
    """Drills one set."""
    assert set_id is not None
    options: dict[str, t.Any] = {
        "open_medium": lambda: DirectoryMedium(path=str(site.root)),
        "medium_name": site.medium.describe(),
        "identity_files": (str(site.identity),),
        "allowed_signers": None,
        "work_directory": str(work),
        "user": "nobody",
        "programs_directory": None,
        "queries": (),
        "limits": Limits(seconds=120, bytes=None, memory_bytes=8 * GIBIBYTE),
        "jobs": 2,
        **changes,
    }
    return Supervisor(DrillRequest(**options)).drill(set_id)


def test_everything_is_drilled(own: MariadbServer, site: Site, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_everything(own, "conta")
    dumped = site.dump(engine(own, "conta"))
    query = Query("los asientos", "SELECT COUNT(*), NULL FROM asiento", "3000|")
    # A temporary table of another server of the same user, such as that of a drill beside this one.
    with tempfile.TemporaryDirectory() as shared:
        other = Path(shared, "#sql-temptable-of-another-0.MAI")
        other.touch()
        os.chmod(shared, 0o777)
        monkeypatch.setenv("TMPDIR", shared)
        passed = drill(site, work, dumped.set_id, queries=(query,))
        monkeypatch.delenv("TMPDIR")
        assert other.exists()
    assert passed.outcome == "passed", passed
    assert passed.left_out == []
    checks = {check["name"]: check for check in passed.checks}
    assert {"row counts", "objects", "CHECK TABLE", "server", "los asientos"} <= set(checks)
    assert all(check["passed"] for check in checks.values())
    wrong = Query("los asientos", "SELECT COUNT(*) FROM asiento", "2999")
    assert drill(site, work, dumped.set_id, queries=(wrong,)).outcome == "failed"


def test_a_host_without_the_key_of_an_encrypted_table_blames_no_set(
    own: MariadbServer, site: Site, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int) COMMENT='x'; INSERT INTO libro.t VALUES (1)")
    with monkeypatch.context() as encrypted:
        written = family_objects.without_database
        encrypted.setattr(family_objects, "without_database", lambda *given: f"{written(*given)} `ENCRYPTED`=YES")
        dumped = site.dump(engine(own, "libro"))
    drilled = drill(site, work, dumped.set_id)
    assert drilled.outcome == "not_done", drilled
    assert "t on " in str(drilled.message)
    assert "it is encrypted by its server, and this one lacks the key" in str(drilled.message)


def test_what_cannot_be_made_is_told_by_a_drill_that_passes(own: MariadbServer, site: Site, work: Path) -> None:
    own.sql("CREATE DATABASE caso")
    own.sql(
        "CREATE TABLE a (i int) ENGINE=MyISAM; INSERT INTO a VALUES (1); CREATE TABLE m (i int) ENGINE=MERGE UNION=(a);"
        " CREATE TABLE x (i int); CREATE VIEW rota AS SELECT i FROM x; DROP TABLE x",
        "caso",
    )
    dumped = site.dump(engine(own, "caso", nontransactional_tables="lock"))
    passed = drill(site, work, dumped.set_id)
    assert passed.outcome == "passed", passed
    assert [warning for warning in passed.warnings if "Left out: view rota" in warning]


def test_a_version_that_is_too_old_is_not_done(own: MariadbServer, site: Site, work: Path) -> None:
    newer = running_server("11.8")
    if own_version() == "11.8":
        pytest.skip("the machine's own MariaDB is the newest that there is")
    newer.sql("CREATE OR REPLACE DATABASE nueva")
    dumped = site.dump(engine(newer, "nueva"))
    newer.sql("DROP DATABASE nueva")
    missing = drill(site, work, dumped.set_id)
    assert missing.outcome == "not_done"
    assert "MariaDB 11.8 or newer is not installed" in str(missing.message)
    assert "mariadb-server" in str(missing.message)


def test_a_hostile_database_reaches_nothing(own: MariadbServer, site: Site, work: Path, tmp_path: Path) -> None:
    """Programs that run when the operator's query does: they read no file, write none, and connect to nobody."""
    secret = Path("/etc/infitulua-canary")
    secret.write_text(CANARY)
    secret.chmod(0o644)
    try:
        own.sql("CREATE DATABASE hostil")
        own.sql(
            "CREATE FUNCTION lee() RETURNS text RETURN LOAD_FILE('/etc/infitulua-canary');"
            "CREATE VIEW v AS SELECT COALESCE(lee(), 'nada') AS leido;"
            "CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1)",
            "hostil",
        )
        assert own.sql("SELECT leido FROM v", "hostil") == CANARY
        dumped = site.dump(engine(own, "hostil"))
        asked = Query("vista", "SELECT leido FROM v", "nada")
        result = drill(site, work, dumped.set_id, queries=(asked,))
        assert result.outcome == "passed", result
        assert CANARY not in str(result)
    finally:
        secret.unlink()


def test_a_damaged_set_fails(own: MariadbServer, site: Site, work: Path) -> None:
    own.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int)")
    dumped = site.dump(engine(own, "libro"))
    payload = next(site.path(dumped.set_id).glob("data/structure*"))
    data = bytearray(payload.read_bytes())
    data[-1] ^= 1
    payload.write_bytes(data)
    assert drill(site, work, dumped.set_id).outcome == "failed"


def test_a_sequence_that_is_no_name_reaches_no_other_database(own: MariadbServer, site: Site) -> None:
    """What a set says of sequences only chooses what comes with a table; what is executed is the server's own text."""
    own.sql("CREATE DATABASE libro; CREATE DATABASE victima; CREATE TABLE libro.b (id int PRIMARY KEY, n int)")
    dumped = site.dump(engine(own, "libro"))
    directory = site.path(dumped.set_id)
    facts = (directory / "backup.json").read_text(encoding="utf-8")
    hostile = '"sequence_defaults": [["b", "id", "q`), RENAME TO `victima`.`plantada`, ALTER COLUMN n SET DEFAULT (1"]]'
    changed = facts.replace('"sequence_defaults": []', hostile)
    assert changed != facts
    (directory / "backup.json").write_text(changed)
    forge(directory)
    site.restore(engine(own, "copia"), dumped.set_id)
    site.restore(engine(own, "alguna", tables=["b"]), dumped.set_id)
    assert own.sql("SHOW TABLES FROM victima") == ""
    assert own.sql("SHOW TABLES FROM alguna") == "b"
    assert databases(own) == ["alguna", "copia", "libro", "victima"]


def test_a_default_takes_from_no_sequence_of_another_database(
    own: MariadbServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set by a hand that leaves in it what a dump leaves out."""
    own.sql(
        "CREATE DATABASE libro; CREATE DATABASE victima; CREATE SEQUENCE victima.s;"
        " CREATE TABLE libro.t (id int DEFAULT (NEXTVAL(victima.s)), n int); INSERT INTO libro.t VALUES (5, 1)"
    )
    with monkeypatch.context() as forged:
        forged.setattr(objects, "without_lost_sequences", lambda statement, _there: statement)
        dumped = site.dump(engine(own, "libro"))
    with pytest.raises(BackupError, match=r"command denied to user 'infitulua-restore-.*for table `victima`.`s`"):
        site.restore(engine(own, "copia"), dumped.set_id)
    assert own.sql("SELECT next_not_cached_value FROM victima.s") == "1"
    assert databases(own) == ["libro", "victima"]


def test_facts_that_no_engine_wrote_fail_with_their_place(own: MariadbServer, site: Site, work: Path) -> None:
    """A set whose manifests are right, from a hand that knows how to make one."""
    own.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int)")
    dumped = site.dump(engine(own, "libro"))
    directory = site.path(dumped.set_id)
    facts = (directory / "backup.json").read_text(encoding="utf-8")
    (directory / "backup.json").write_text(facts.replace('"sequence_defaults": []', '"sequence_defaults": [["t"]]'))
    forge(directory)
    result = drill(site, work, dumped.set_id)
    assert result.outcome == "failed"
    assert "engine_facts.sequence_defaults in its backup.json" in str(result.message)


def forge(directory: Path) -> None:
    """Makes a set's tag manifest fit its tag files."""
    manifest = directory / "tagmanifest-sha256.txt"
    names = [line.split("  ", 1)[1] for line in manifest.read_text(encoding="utf-8").splitlines()]
    lines = [f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    manifest.write_text("".join(lines), encoding="utf-8")
