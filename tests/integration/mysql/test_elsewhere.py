# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables whose rows are elsewhere: how they are made comes back, and what they show is never written to."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.registration import Mysql
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import elsewhere
from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import kept_data
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import Site, databases, engine, fingerprint, leftovers
from tests.integration.silence import SilentServer

SECRET = "Clave-de-lejos-1"
MADE = (
    "CREATE TABLE a (i int NOT NULL) ENGINE=MyISAM; CREATE TABLE b LIKE a; INSERT INTO a VALUES (1), (2);"
    " INSERT INTO b VALUES (3); CREATE TABLE m (i int NOT NULL) ENGINE=MERGE UNION=(a, b) INSERT_METHOD=LAST;"
    " CREATE VIEW sobre_m AS SELECT i FROM m; CREATE TABLE t (i int PRIMARY KEY, c int CHECK (c > 0));"
    " INSERT INTO t VALUES (1, 1); CREATE TRIGGER antes BEFORE INSERT ON m FOR EACH ROW SET NEW.i = NEW.i + 0;"
    " CREATE TABLE nada (i int CHECK (i > 0)) ENGINE=BLACKHOLE; CREATE VIEW sobre_lejos AS SELECT v FROM lejos"
)


def make(server: MysqlServer, port: int) -> None:
    """Makes the database caso, with a table that is another server's at a port: remota.r."""
    server.sql(
        "CREATE DATABASE remota; CREATE TABLE remota.r (i int NOT NULL PRIMARY KEY, v varchar(9));"
        f"INSERT INTO remota.r VALUES (1, 'uno'); CREATE USER lee@'%' IDENTIFIED BY '{SECRET}';"
        "GRANT ALL ON remota.* TO lee@'%'; CREATE DATABASE caso"
    )
    server.sql(
        "CREATE TABLE lejos (i int NOT NULL PRIMARY KEY, v varchar(9)) ENGINE=FEDERATED"
        f" CONNECTION='mysql://lee:{SECRET}@127.0.0.1:{port}/remota/r'; {MADE}",
        "caso",
    )


def test_nothing_is_written_to_another_server_nor_asked_of_it(server: MysqlServer, site: Site, tmp_path: Path) -> None:
    tables = ["lejos", "m", "nada"]
    with SilentServer() as silent:
        make(server, silent.port)
        source = engine(server, "caso", nontransactional_tables="lock", content_digest=True)
        before = server.sql("SHOW CREATE TABLE lejos; SHOW CREATE TABLE m; SELECT i FROM sobre_m ORDER BY i", "caso")
        began = time.monotonic()
        dumped = site.dump(source)
        assert time.monotonic() - began < 30
        assert dumped.description is not None
        assert sorted(dumped.description.engine_facts["elsewhere"]) == tables
        assert dumped.description.engine_facts["row_counts"] == {"a": 2, "b": 1, "t": 1}
        assert dumped.description.source_bytes < 1024 * 1024
        assert "lejos (FEDERATED)" in dumped.description.warnings[0]
        text = (site.path(dumped.set_id) / "backup.json").read_text(encoding="utf-8")
        assert SECRET not in text
        Mysql.discover(source._options, sizes=True)
        copied = site.restore(engine(server, "copia"), dumped.set_id, strict=True)
        replaced = site.restore(engine(server, "caso"), dumped.set_id, replace=True)
        assert (copied.left_out, replaced.left_out) == ([], [])
        assert len(kept_data.prune(engine(server, "caso").kept_data(), keep_days=0).removed) == 1
        server.sql("CREATE DATABASE mano; DROP DATABASE caso")
        (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={server.socket}\nuser=root\n")
        script = "\n".join(json.loads(text)["restore_by_hand"]).replace("IDENTITY_FILE", str(site.identity))
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=site.path(dumped.set_id),
            env={
                **os.environ,
                "HOME": str(tmp_path),
                "PATH": os.pathsep.join([str(server.installation.client.parent), os.environ["PATH"]]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for name in ("copia", "caso"):
            shown = server.sql("SHOW CREATE TABLE lejos; SHOW CREATE TABLE m; SELECT i FROM sobre_m ORDER BY i", name)
            assert shown == before
            assert "sobre_lejos" in server.sql("SHOW TABLES", name).split()
        assert leftovers(server) == []
        assert silent.connections == []
    with pytest.raises(NotFound, match="their rows are stored elsewhere"):
        site.restore(engine(server, "otra", tables=["lejos", "t"]), dumped.set_id)
    site.restore(engine(server, "otra", tables=["a", "t"]), dumped.set_id)
    assert server.sql("SELECT COUNT(*) FROM a", "otra") == "2"


def test_what_this_server_cannot_have_is_left_out(server: MysqlServer, site: Site) -> None:
    """Where the storage engine is missing, none of its own takes its place."""
    make(server, server.port)
    dumped = site.dump(engine(server, "caso", nontransactional_tables="lock"))
    before = fingerprint(server, "remota")
    with MysqlServer(settings={"innodb-buffer-pool-size": "64M"}) as other:
        restored = site.restore(engine(other, "caso"), dumped.set_id)
        assert [(entry.kind, entry.name) for entry in restored.left_out] == [
            ("table", "lejos"),
            ("view", "sobre_lejos"),
        ]
        assert "FEDERATED" in restored.left_out[0].why
        assert set(other.sql("SHOW TABLES", "caso").split()) == {"a", "b", "m", "nada", "sobre_m", "t"}
    assert fingerprint(server, "remota") == before


def test_rows_of_an_older_set_are_not_written_elsewhere(
    server: MysqlServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sets of earlier versions hold rows of such tables."""
    server.sql("CREATE DATABASE caso")
    server.sql("CREATE TABLE a (i int NOT NULL) ENGINE=MyISAM; INSERT INTO a VALUES (1)", "caso")
    server.sql("CREATE TABLE m (i int NOT NULL) ENGINE=MERGE UNION=(a) INSERT_METHOD=LAST", "caso")
    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "tables", lambda *_place: {})
        dumped = site.dump(engine(server, "caso", nontransactional_tables="lock"))
    with pytest.raises(SetInvalid, match=r"would write there: m \(MRG_MYISAM\)"):
        site.restore(engine(server, "copia"), dumped.set_id)
    assert databases(server) == ["caso"]
