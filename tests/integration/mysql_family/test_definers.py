# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A definer that has lost its rights costs nothing but what it defines, and that only where the server wants it so."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from tests.integration.postgresql.support import Site

from .product import EVERY_VERSION, Product

pytestmark = pytest.mark.parametrize("product", EVERY_VERSION, indirect=True)
MADE = (
    "CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1), (2); CREATE TABLE u (j int);"
    " INSERT INTO u VALUES (7); CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1;"
    " CREATE USER pobre@localhost; GRANT ALL ON caso.* TO pobre@localhost;"
    " CREATE DEFINER=pobre@localhost VIEW de_tabla AS SELECT j FROM u;"
    " CREATE DEFINER=pobre@localhost VIEW de_funcion AS SELECT f() AS z;"
    " CREATE DEFINER=pobre@localhost FUNCTION g() RETURNS int READS SQL DATA RETURN (SELECT MAX(j) FROM u);"
    " CREATE DEFINER=pobre@localhost TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.i = NEW.i + 0;"
    " CREATE VIEW sobre_de_tabla AS SELECT j FROM de_tabla;"
    " CREATE VIEW sobre_g AS SELECT g() AS z; CREATE VIEW buena AS SELECT i FROM t;"
    " REVOKE ALL ON caso.* FROM pobre@localhost; GRANT SELECT ON caso.t TO pobre@localhost"
)


def test_what_a_definer_may_no_longer_do_costs_no_other_object(product: Product, site: Site) -> None:
    product.sql("CREATE DATABASE caso")
    product.sql(MADE, "caso")
    dumped = site.dump(product.engine("caso"))
    assert dumped.description is not None
    with pytest.raises(BackupError):
        site.restore(product.engine("copia"), dumped.set_id, strict=True)
    restored = site.restore(product.engine("copia"), dumped.set_id)
    again = site.restore(product.engine("copia"), dumped.set_id, replace=True)
    for result in (restored, again):
        assert sorted((entry.kind, entry.name) for entry in result.left_out) == [
            ("view", "sobre_de_tabla"),
            ("view", "sobre_g"),
        ]
    rows = product.sql("SELECT SUM(i) FROM t; SELECT j FROM u; SELECT COUNT(*) FROM buena", "copia")
    assert rows.split() == ["3", "7", "2"]
    made = product.sql("SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'copia' ORDER BY 1")
    assert made.split() == ["buena", "de_funcion", "de_tabla"]
    # In the place of those that have them: they are told, with the statements that make them.
    replaced = site.restore(product.engine("caso"), dumped.set_id, replace=True)
    kept = [warning for warning in replaced.warnings if warning.startswith(str(replaced.kept))]
    assert len(kept) == 1, replaced.warnings
    assert "sobre_g" in kept[0]
    assert product.sql("SELECT SUM(i) FROM t", "caso") == "3"
    # What it may do is what it might before.
    assert "EXECUTE" not in product.sql("SHOW GRANTS FOR pobre@localhost")
    product.assert_nothing_left(site, sets=1)


# Nothing but programs: no table tells whether they were put in place before.
PROGRAMS_ONLY = (
    "CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1; CREATE FUNCTION h() RETURNS int DETERMINISTIC RETURN 2;"
    " CREATE USER pobre@localhost; GRANT ALL ON solo.* TO pobre@localhost;"
    " CREATE DEFINER=pobre@localhost VIEW de_funcion AS SELECT f() AS z; CREATE VIEW sobre AS SELECT z FROM de_funcion;"
    " CREATE VIEW buena AS SELECT h() AS z;"
    " REVOKE ALL ON solo.* FROM pobre@localhost; GRANT EXECUTE ON FUNCTION solo.h TO pobre@localhost"
)


def test_a_database_of_programs_alone_comes_back_without_what_its_definer_may_not(product: Product, site: Site) -> None:
    product.sql("CREATE DATABASE solo")
    product.sql(PROGRAMS_ONLY, "solo")
    dumped = site.dump(product.engine("solo"))
    for _time in range(2):
        restored = site.restore(product.engine("solo"), dumped.set_id, replace=True)
        assert [(entry.kind, entry.name) for entry in restored.left_out] == [("view", "sobre")], restored.left_out
        assert product.sql("SELECT f() + h() + z FROM buena", "solo") == "5"
        assert "EXECUTE ON FUNCTION" in product.sql("SHOW GRANTS FOR pobre@localhost")
    product.assert_nothing_left(site, sets=1)
