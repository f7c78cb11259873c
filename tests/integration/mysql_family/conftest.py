# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests that MariaDB and MySQL have in common."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.mariadb import conftest as mariadb
from tests.integration.mariadb import support as mariadb_support
from tests.integration.mysql import conftest as mysql
from tests.integration.mysql import support as mysql_support
from tests.integration.postgresql.support import Site

from .product import ONE_VERSION, Product


@pytest.fixture(scope="session", autouse=True)
def _stop_servers() -> Iterator[None]:
    yield
    mariadb.stop_servers()
    mysql.stop_servers()


@pytest.fixture(params=ONE_VERSION)
def product(request: pytest.FixtureRequest) -> Iterator[Product]:
    """A server of each product, without databases of other tests."""
    name, _dash, version = request.param.partition("-")
    if name == "mariadb":
        found = Product(name, mariadb.running_server(version), mariadb_support)
    else:
        found = Product(name, mysql.running_server(), mysql_support)
    found.support.drop_all(found.server)
    yield found
    found.server.start()
    found.support.drop_all(found.server)


@pytest.fixture
def site() -> Iterator[Site]:
    """An empty medium, which other users can reach as well."""
    with tempfile.TemporaryDirectory(prefix="medium-") as directory:
        Path(directory).chmod(0o755)
        yield Site(Path(directory) / "medium")


@pytest.fixture
def ledger(product: Product) -> str:
    """A small database with something of each kind that a swap must drop and make again."""
    product.sql("CREATE DATABASE libro")
    product.sql(
        "CREATE TABLE asiento (id int PRIMARY KEY, texto varchar(100));"
        f"INSERT INTO asiento SELECT seq, SHA2(seq, 256) FROM {product.numbers(900)};"
        "CREATE TABLE apartada (i int, a int, FOREIGN KEY (a) REFERENCES asiento (id));"
        "CREATE TRIGGER visto BEFORE INSERT ON asiento FOR EACH ROW SET NEW.texto = 'visto';"
        "CREATE FUNCTION doble(n int) RETURNS int DETERMINISTIC RETURN n * 2;"
        "CREATE VIEW ultimos AS SELECT id, doble(id) AS d FROM asiento WHERE id > 890;"
        "CREATE EVENT anual ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01 00:00:00' DO DELETE FROM apartada",
        "libro",
    )
    return "libro"
