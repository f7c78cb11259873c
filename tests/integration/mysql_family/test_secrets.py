# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What objects hold in their definitions stands in the encrypted payload, and nowhere else."""

from __future__ import annotations

import traceback

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.server_error import error_number
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from tests.integration.postgresql.support import Site

from .product import EVERY_VERSION, Product

pytestmark = pytest.mark.parametrize("product", EVERY_VERSION, indirect=True)

CANARY = "Cl4ve-Sup3r"
EVERY_PLACE = """
CREATE TABLE t (i int PRIMARY KEY COMMENT '§', s varchar(50) DEFAULT '§', e enum ('§', 'b'), CHECK (s <> '§9'),
    g varchar(90) AS (concat(s, '§')) STORED, INDEX x (s) COMMENT '§') COMMENT '§';
INSERT INTO t (i, s, e) VALUES (1, '§', '§');
CREATE TABLE p (s varchar(50)) PARTITION BY LIST COLUMNS (s) (PARTITION uno VALUES IN ('§') COMMENT '§');
CREATE VIEW v AS SELECT concat(s, '§') AS x FROM t WHERE s <> '§2';
CREATE FUNCTION f() RETURNS varchar(50) DETERMINISTIC COMMENT '§' RETURN '§';
CREATE PROCEDURE pr() COMMENT '§' SELECT '§';
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.s = '§';
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY COMMENT '§' DO INSERT INTO t (i, s) VALUES (9, '§');
CREATE SERVER sv FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1', USER 'u', PASSWORD '§');
CREATE USER contadora IDENTIFIED BY '§'; GRANT SELECT ON libro.* TO contadora;
"""


def test_no_secret_of_a_database_outside_its_payload(product: Product, site: Site) -> None:
    comment = f" COMMENT '{CANARY}'" if product.name == "mariadb" else ""
    product.sql(f"CREATE DATABASE libro{comment}; DROP SERVER IF EXISTS sv")
    product.sql(EVERY_PLACE.replace("§", CANARY), "libro")
    dumped = site.dump(product.engine("libro", content_digest=True))
    product.sql("DROP SERVER sv")
    restored = site.restore(product.engine("copia"), dumped.set_id)
    again = site.restore(product.engine("copia"), dumped.set_id, replace=True)
    assert CANARY not in repr((dumped, restored, again))
    if product.name == "mariadb":
        commented = f"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_COMMENT = '{CANARY}'"
        assert set(product.sql(commented).split()) == {"libro", "copia", str(again.kept)}
    for path in site.root.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_a_statement_that_a_server_refuses_is_kept_to_its_error(product: Product) -> None:
    """What follows from it is decided by its number. MariaDB's client writes the whole statement."""
    session = product.part("session").Session
    statement = f"CREATE USER root@localhost IDENTIFIED BY '{CANARY}'"
    with (
        pytest.raises(ProcessFailed) as caught,
        product.connection("mysql") as connection,
        Processes() as processes,
        session(processes, connection) as connected,
    ):
        connected.execute(statement, action="make an account")
    error = caught.value
    assert error_number(error) == 1396
    assert (CANARY in error.outcomes[0].stderr) == (product.name == "mariadb")
    assert CANARY not in "".join(traceback.format_exception(type(error), error, error.__traceback__))
    assert CANARY not in repr((error.message, error.details, error))


def test_a_statement_that_no_server_understands_is_not_quoted(product: Product) -> None:
    session = product.part("session").Session
    with (
        pytest.raises(ProcessFailed) as caught,
        product.connection("mysql") as connection,
        Processes() as processes,
        session(processes, connection) as connected,
    ):
        connected.execute(f"CREATE USER\nx\nIDENTIFED BY\n'{CANARY}'", action="make an account")
    error = caught.value
    assert error_number(error) == 1064
    assert CANARY in error.outcomes[0].stderr
    assert CANARY not in repr((error.message, error.details, error))


def test_an_account_that_cannot_be_made_is_told_without_its_statement(
    product: Product, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants_of = product.part("grants")
    using = {"mariadb": "VIA no_lo_hay USING", "mysql": "WITH 'no_lo_hay' AS"}[product.name]
    bad = f"CREATE USER `malo`@`%` IDENTIFIED {using} '{CANARY}'"
    real = grants_of.statements
    product.sql("CREATE DATABASE libro")
    product.sql("CREATE TABLE t (i int PRIMARY KEY)", "libro")
    with monkeypatch.context() as patch:
        grant = "GRANT SELECT ON `libro`.* TO `malo`@`%`"
        patch.setattr(grants_of, "statements", lambda *given: [bad, *real(*given), grant])
        dumped = site.dump(product.engine("libro"))
    restored = site.restore(product.engine("libro"), dumped.set_id, replace=True)
    assert "`malo`@`%` (ERROR 152" in " ".join(restored.warnings)
    assert CANARY not in repr((dumped, restored))
    for path in site.root.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
