# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes of MySQL's large tables are made after their rows, and are those that were."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import indexes
from development.services._process import ServiceFailedError
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import Site, engine, fingerprint, numbers

TIGHT = (
    "CREATE TABLE p (id int PRIMARY KEY, u int, KEY k (id, u) COMMENT 'con, coma y \\'comilla\\'', UNIQUE KEY u (u),"
    " KEY z (u DESC, id) INVISIBLE);"
    "CREATE TABLE c (id int AUTO_INCREMENT, u int, p int, t varchar(99), KEY a (p), KEY b (id), UNIQUE KEY n (u, t(9)),"
    " KEY d (t(20) DESC), FULLTEXT KEY f (t), FOREIGN KEY (u) REFERENCES p (u) ON DELETE CASCADE,"
    " FOREIGN KEY (p) REFERENCES p (id));"
    # Without foreign keys nothing has to stay but what the counter needs, and an expression, which comes last.
    "CREATE TABLE libre (id bigint PRIMARY KEY, a int, b varchar(40), j json, KEY a (a),"
    " UNIQUE KEY ab (a, b, id), KEY b (b(7) DESC) /*!80000 INVISIBLE */ COMMENT 'la última');"
    "CREATE TABLE calculada (id int PRIMARY KEY, a int, KEY a (a), KEY e ((a + 1)));"
    f"INSERT INTO p SELECT seq, seq FROM {numbers(500)};"
    f"INSERT INTO c SELECT seq, seq, 1 + seq % 100, LEFT(SHA2(seq, 512), 96) FROM {numbers(500)};"
    f"INSERT INTO libre SELECT seq, seq % 7, LEFT(SHA2(seq, 256), 32), '{{}}' FROM {numbers(500)}"
)


def test_indexes_that_are_made_after_the_rows_are_those_that_were(
    server: MysqlServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order, under their names; and foreign keys hold in both directions."""
    monkeypatch.setattr(indexes, "_LARGE_ROWS", 1)
    server.sql("CREATE DATABASE claves")
    server.sql(TIGHT, "claves")
    before = fingerprint(server, "claves")
    made: list[str] = []
    real = indexes.Deferred.make

    def make(deferred: indexes.Deferred, session: object) -> None:
        made.extend(deferred.names)
        real(deferred, session)  # type: ignore[arg-type]

    monkeypatch.setattr(indexes.Deferred, "make", make)
    site.restore(engine(server, "copia"), site.dump(engine(server, "claves")).set_id)
    # Those that foreign keys need stay, and those before them.
    assert sorted(made) == ["`a`", "`ab`", "`b`", "`d`"]
    assert fingerprint(server, "copia") == before
    for statement in ("INSERT INTO c VALUES (0, 9999, 1, '')", "DELETE FROM p WHERE id = 2", "UPDATE p SET u = u + 9"):
        with pytest.raises(ServiceFailedError, match=r"foreign key constraint fails|Duplicate entry"):
            server.sql(statement, "copia")
    server.sql("DELETE FROM p WHERE id = 400", "copia")
    assert server.sql("SELECT COUNT(*) FROM c", "copia") == "499"


def test_indexes_of_tables_that_are_not_chosen_are_not_looked_for(
    server: MysqlServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "_LARGE_ROWS", 1)
    server.sql("CREATE DATABASE claves")
    server.sql(TIGHT, "claves")
    site.restore(engine(server, "copia", tables=["libre"]), site.dump(engine(server, "claves")).set_id)
    assert fingerprint(server, "copia")["table libre"] == fingerprint(server, "claves")["table libre"]


def test_tables_without_a_primary_key_where_the_server_wants_one(
    server: MysqlServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their indexes are made later, or a foreign key to what was not chosen is dropped: the server asks each time."""
    monkeypatch.setattr(indexes, "_LARGE_ROWS", 1)
    server.sql("CREATE DATABASE claves; CREATE TABLE claves.p (id int PRIMARY KEY); INSERT INTO claves.p VALUES (1)")
    server.sql(
        "CREATE TABLE sin (a int, b int, KEY b (b)); INSERT INTO sin VALUES (1, 2);"
        "CREATE TABLE hija (p int, c int, KEY c (c), FOREIGN KEY (p) REFERENCES p (id));"
        "INSERT INTO hija VALUES (1, 2)",
        "claves",
    )
    dumped = site.dump(engine(server, "claves"))
    before = fingerprint(server, "claves")
    server.sql("SET GLOBAL sql_require_primary_key = ON")
    try:
        site.restore(engine(server, "copia"), dumped.set_id)
        restored = site.restore(engine(server, "algunas", tables=["hija"]), dumped.set_id)
    finally:
        server.sql("SET GLOBAL sql_require_primary_key = DEFAULT")
    assert fingerprint(server, "copia") == before
    assert "The foreign key hija_ibfk_1 of hija was left out" in " ".join(restored.warnings)
    assert server.sql("SELECT * FROM hija", "algunas") == "1\t2"
