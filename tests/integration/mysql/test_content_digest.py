# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored MySQL database is proven to hold what was dumped, value by value."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql import restore as mysql_restore
from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import Site, create_everything, databases, engine, leftovers


def digests_of(site: Site, server: MysqlServer, database: str, *, jobs: int = 2) -> dict[str, str]:
    """What a set of the database says of its tables."""
    dumped = site.dump(engine(server, database, content_digest=True), jobs=jobs, source=f"con{jobs}")
    assert dumped.description is not None
    return t.cast("dict[str, str]", dumped.description.engine_facts["content_digests"])


def test_digests_are_those_of_the_content_however_it_is_read(
    server: MysqlServer, site: Site, many_streams: None
) -> None:
    """Cut up or whole, alone or with others in a stream; and JSON's numbers as they will be once they are restored."""
    create_everything(server, "conta")
    server.sql("CREATE TABLE doc (v json)", "conta")
    server.sql("INSERT INTO doc VALUES (JSON_OBJECT('a', CAST(1.10 AS DECIMAL(5, 2))))", "conta")
    server.sql("INSERT INTO doc VALUES (JSON_ARRAY(CAST('2020-01-01' AS DATE), CAST('x' AS BINARY), 1e0))", "conta")
    whole = digests_of(site, server, "conta", jobs=1)
    dumped = site.dump(engine(server, "conta", content_digest=True), jobs=2)
    assert dumped.description is not None
    assert dumped.description.engine_facts["content_digests"] == whole
    assert set(dumped.description.engine_facts["row_counts"]) == set(whole)
    checks = {check.name: check for check in site.restore(engine(server, "otra"), dumped.set_id).checks}
    assert checks["content digests"].passed
    assert digests_of(site, server, "otra") == whole


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("doc", "UPDATE doc SET v = '[2]'"),
        ("enumerado", "UPDATE enumerado SET e = 0 WHERE e = 1"),
    ],
)
def test_one_value_that_differs_is_found_and_its_table_named(
    server: MysqlServer, site: Site, table: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts are right, and yet it is not what was dumped."""
    server.sql("CREATE DATABASE conta; CREATE TABLE conta.doc (v json); INSERT INTO conta.doc VALUES ('[1]')")
    server.sql("CREATE TABLE enumerado (e enum('a', 'b')); INSERT INTO enumerado VALUES ('a'), ('b')", "conta")
    dumped = site.dump(engine(server, "conta", content_digest=True))
    real = mysql_restore.Restoration.check

    def spoil(restoration: mysql_restore.Restoration, work: t.Any) -> t.Any:
        server.sql(f"SET sql_mode = ''; {change}", restoration.beside)
        return real(restoration, work)

    monkeypatch.setattr(mysql_restore.Restoration, "check", spoil)
    with pytest.raises(SetInvalid, match=rf"the content differs in {table}\b"):
        site.restore(engine(server, "otra"), dumped.set_id)
    assert databases(server) == ["conta"]
    assert leftovers(server) == []
