# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One entry for many databases of a MariaDB server."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump.operation import (
    SourcesReport,
    dump_sources,
)
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sources import database_of
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from development.services.mariadb import MariadbServer
from tests.integration.many import names, parameters
from tests.integration.mariadb.support import Site, engine, identifier
from tests.integration.mariadb.test_discovery import login

ODD = 'Ñandú "de" la `casa\''
ODD_SOURCE = "todo..c3.91and.c3.ba.20.22de.22.20la.20.60casa.27"
MADE = (ODD, "Caja", "nomina", "vieja")


@pytest.fixture
def filled(server: MariadbServer) -> Iterator[MariadbServer]:
    """A server of each version, with some databases."""
    for name in MADE:
        server.sql(f"CREATE DATABASE {identifier(name)}")
        server.sql("CREATE TABLE asiento (n int PRIMARY KEY); INSERT INTO asiento SELECT seq FROM seq_1_to_100", name)
    yield server


def back_up(server: MariadbServer, site: Site, *wanted: str, **more: t.Any) -> SourcesReport:
    """What the module database_dump does."""
    check_mode = more.pop("check_mode", False)
    entry = {"name": "todo", "engine": "mariadb", "databases": list(wanted), **login(server), **more}
    return dump_sources(parameters(site.root, site.recipient, [entry], concurrency=2), check_mode=check_mode)


def test_all_is_what_the_server_has_today_and_each_database_is_a_source(filled: MariadbServer, site: Site) -> None:
    predicted = back_up(filled, site, "*", check_mode=True)
    assert site.files() == []
    first = back_up(filled, site, "*")
    assert first.failures == []
    assert names(predicted) == names(first) == ["todo.Caja", "todo.nomina", "todo.vieja", ODD_SOURCE]
    # Tomorrow: one is new, one has gone, and one of the others fails.
    filled.sql("CREATE DATABASE `año`; DROP DATABASE nomina; ALTER TABLE vieja.asiento ENGINE = MyISAM")
    second = back_up(filled, site, "*")
    assert names(second) == ["todo.Caja", "todo.a.c3.b1o", ODD_SOURCE]
    (failure,) = second.failures
    assert failure["source"] == "todo.vieja" and "MyISAM" in failure["message"]
    assert [(gone.source, gone.database) for gone in second.gone] == [("todo.nomina", "nomina")]
    # A database comes back from its sets, under its own name.
    newest = next(made["id"] for made in second.sets if made["source"] == ODD_SOURCE)
    filled.sql("DELETE FROM asiento", ODD)
    database = database_of("todo", ODD_SOURCE)
    assert database == ODD
    site.restore(engine(filled, database), SetId.parse(newest), replace=True)
    assert filled.sql("SELECT COUNT(*) FROM asiento", ODD) == "100"
    # What the restore has kept is no source of its own.
    assert names(back_up(filled, site, "*", check_mode=True, except_databases=["vieja"])) == names(second)


def test_a_list_and_patterns_find_what_is_there_and_tell_the_rest(server1011: MariadbServer, site: Site) -> None:
    server1011.sql("CREATE DATABASE nomina; CREATE USER corto@'%' IDENTIFIED BY 'secreto'")
    server1011.sql("GRANT RELOAD, PROCESS, BINLOG MONITOR ON *.* TO corto@'%'; GRANT SELECT ON mysql.proc TO corto@'%'")
    for name in ("web_1", "web_2", "web_prueba"):
        server1011.sql(f"CREATE DATABASE {name}")
        server1011.sql(f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON {name}.* TO corto@'%'")
    report = back_up(server1011, site, "web_?", "nomina", login_user="corto", login_password="secreto")
    assert names(report) == ["todo.web_1", "todo.web_2"], report.failures
    (failure,) = report.failures
    # A database that the account may not see is not silently left out.
    assert (
        failure["source"] == "todo" and "none for nomina; The account may not see every database" in failure["message"]
    )
    (warning,) = report.warnings
    assert "grant it SHOW DATABASES" in warning
