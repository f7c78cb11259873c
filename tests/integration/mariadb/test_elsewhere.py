# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables whose rows are elsewhere: how they are made comes back, and what they show is never written to."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.registration import Mariadb
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import elsewhere
from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import kept_data
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.conftest import VERSIONS, running_server
from tests.integration.mariadb.support import Site, databases, drop_all, engine, fingerprint, leftovers
from tests.integration.silence import SilentServer

SECRET = "Clave-de-lejos-1"
# Nobody may write to any of them, nor read the remote one: a day's work is in it.
MERGED = (
    "CREATE TABLE a (i int NOT NULL) ENGINE=MyISAM; CREATE TABLE b LIKE a; INSERT INTO a VALUES (1), (2);"
    " INSERT INTO b VALUES (3); CREATE TABLE m (i int NOT NULL) ENGINE=MERGE UNION=(a, b) INSERT_METHOD=LAST;"
    " CREATE VIEW sobre_m AS SELECT i FROM m; CREATE TABLE t (i int PRIMARY KEY, c int CHECK (c > 0));"
    " INSERT INTO t VALUES (1, 1); CREATE TRIGGER antes BEFORE INSERT ON m FOR EACH ROW SET NEW.i = NEW.i + 0"
)
FEDERATED = "CREATE TABLE lejos (i int NOT NULL PRIMARY KEY, v varchar(9)) ENGINE=FEDERATED CONNECTION='remoto/r'"


@pytest.fixture
def remote() -> Iterator[MariadbServer]:
    """A server that can reach into others, with a table in it that another database's shows: caso.lejos is remota.r."""
    found = [server for server in map(running_server, VERSIONS) if server.installation.has_plugin("ha_federatedx")]
    if not found:
        pytest.skip("no MariaDB of this machine has the plugin ha_federatedx")
    server = found[0]
    drop_all(server)
    server.sql("INSTALL SONAME 'ha_federatedx'; INSTALL SONAME 'ha_blackhole'")
    server.sql(
        f"CREATE USER lee@'%' IDENTIFIED BY '{SECRET}'; CREATE DATABASE remota; GRANT ALL ON remota.* TO lee@'%';"
        "CREATE TABLE remota.r (i int NOT NULL PRIMARY KEY, v varchar(9)); INSERT INTO remota.r VALUES (1, 'uno');"
        f"CREATE OR REPLACE SERVER remoto FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1', PORT {server.port},"
        f" USER 'lee', PASSWORD '{SECRET}', DATABASE 'remota'); CREATE DATABASE caso"
    )
    server.sql(f"{MERGED}; {FEDERATED}; CREATE TABLE nada (i int) ENGINE=BLACKHOLE", "caso")
    server.sql("CREATE VIEW sobre_lejos AS SELECT v FROM lejos", "caso")
    yield server
    drop_all(server)
    server.sql("DROP SERVER remoto; FLUSH TABLES; UNINSTALL SONAME 'ha_federatedx'; UNINSTALL SONAME 'ha_blackhole'")


def test_a_merge_comes_back_and_its_rows_once(server: MariadbServer, site: Site) -> None:
    server.sql("CREATE DATABASE caso")
    server.sql(MERGED, "caso")
    before = fingerprint(server, "caso")
    began = time.monotonic()
    dumped = site.dump(engine(server, "caso", nontransactional_tables="lock", content_digest=True))
    # It locked what it then waited for.
    assert time.monotonic() - began < 20
    assert dumped.description is not None
    assert dumped.description.engine_facts["elsewhere"] == {"m": "MRG_MyISAM"}
    assert dumped.description.engine_facts["row_counts"] == {"a": 2, "b": 1, "t": 1}
    assert "m (MRG_MyISAM)" in dumped.description.warnings[0]
    site.restore(engine(server, "copia"), dumped.set_id)
    site.restore(engine(server, "caso"), dumped.set_id, replace=True)
    for name in ("copia", "caso"):
        assert fingerprint(server, name) == before
    assert leftovers(server) == []
    with pytest.raises(NotFound, match="their rows are stored elsewhere"):
        site.restore(engine(server, "otra", tables=["m"]), dumped.set_id)
    site.restore(engine(server, "otra", tables=["a", "b"]), dumped.set_id)
    assert server.sql("SELECT COUNT(*) FROM a", "otra") == "2"


def test_nothing_is_written_to_another_server(remote: MariadbServer, site: Site, tmp_path: Path) -> None:
    server = remote
    before, there = fingerprint(server, "caso"), fingerprint(server, "remota")
    dumped = site.dump(engine(server, "caso", nontransactional_tables="lock", content_digest=True))
    assert dumped.description is not None
    assert set(dumped.description.engine_facts["elsewhere"]) == {"lejos", "m", "nada"}
    assert dumped.description.unrestorable == []
    assert dumped.description.source_bytes < 1024 * 1024
    directory = site.path(dumped.set_id)
    text = (directory / "backup.json").read_text(encoding="utf-8")
    assert SECRET not in text
    assert "remoto/r" not in text
    copied = site.restore(engine(server, "copia"), dumped.set_id, strict=True)
    replaced = site.restore(engine(server, "caso"), dumped.set_id, replace=True)
    assert (copied.left_out, replaced.left_out) == ([], [])
    assert fingerprint(server, "copia") == fingerprint(server, "caso") == before
    assert len(kept_data.prune(engine(server, "caso").kept_data(), keep_days=0).removed) == 1
    # By hand.
    server.sql("DROP DATABASE caso")
    (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={server.socket}\nuser=root\n")
    script = "\n".join(json.loads(text)["restore_by_hand"]).replace("IDENTITY_FILE", str(site.identity))
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=directory,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert fingerprint(server, "caso") == before
    assert fingerprint(server, "remota") == there
    assert leftovers(server) == []


def test_another_server_that_is_silent_holds_nothing_up(remote: MariadbServer, site: Site) -> None:
    server = remote
    with SilentServer() as silent:
        server.sql(f"ALTER SERVER remoto OPTIONS (PORT {silent.port}); FLUSH TABLES")
        source = engine(server, "caso", nontransactional_tables="lock", content_digest=True)
        dumped = site.dump(source)
        Mariadb.discover(source._options, sizes=True)
        predicted = site.predict(engine(server, "caso"), dumped.set_id, replace=True)
        kept_data.prune(source.kept_data(), keep_days=None)
        assert silent.connections == []
    assert predicted.left_out == []
    # Now it is gone: the server makes no such table, and no view on it. A view of the target's would hold nothing up.
    restored = site.restore(engine(server, "caso"), dumped.set_id, replace=True)
    assert [(entry.kind, entry.name) for entry in restored.left_out] == [("table", "lejos"), ("view", "sobre_lejos")]
    assert not [warning for warning in restored.warnings if SECRET in warning]
    assert set(server.sql("SHOW TABLES", "caso").splitlines()) == {"a", "b", "m", "nada", "sobre_m", "t"}
    assert server.sql("SELECT SUM(i) FROM sobre_m", "caso") == "6"
    assert leftovers(server) == []


def test_rows_of_an_older_set_are_not_written_elsewhere(
    remote: MariadbServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sets of earlier versions hold rows of such tables."""
    server = remote
    there = fingerprint(server, "remota")
    # Which no earlier version could dump.
    server.sql("DROP VIEW sobre_m; DROP TABLE m", "caso")
    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "tables", lambda *_place: {})
        dumped = site.dump(engine(server, "caso", nontransactional_tables="lock"))
    assert dumped.description is not None
    assert "lejos" in dumped.description.engine_facts["row_counts"]
    with pytest.raises(SetInvalid, match=r"would write there: lejos \(FEDERATED\), nada \(BLACKHOLE\)"):
        site.restore(engine(server, "copia"), dumped.set_id)
    assert fingerprint(server, "remota") == there
    assert "copia" not in databases(server)
    site.restore(engine(server, "copia", tables=["t"]), dumped.set_id)
    assert server.sql("SELECT COUNT(*) FROM t", "copia") == "1"
