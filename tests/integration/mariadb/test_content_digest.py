# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored MariaDB database is proven to hold what was dumped, value by value."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import restore as mariadb_restore
from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.conftest import running_server
from tests.integration.mariadb.support import Site, create_everything, databases, drop_all, engine, leftovers


def digests_of(site: Site, server: MariadbServer, database: str, *, jobs: int = 2) -> dict[str, str]:
    """What a set of the database says of its tables."""
    dumped = site.dump(engine(server, database, content_digest=True), jobs=jobs, source=f"con{jobs}")
    assert dumped.description is not None
    return t.cast("dict[str, str]", dumped.description.engine_facts["content_digests"])


def test_digests_are_those_of_the_content_however_it_is_read_and_in_every_version(
    site: Site, many_streams: None
) -> None:
    """Cut up or whole, alone or with others in a stream, in the newer server that it was restored into."""
    old, new = running_server("10.11"), running_server("11.8")
    for server in (old, new):
        drop_all(server)
    create_everything(old, "conta")
    whole = digests_of(site, old, "conta", jobs=1)
    dumped = site.dump(engine(old, "conta", content_digest=True), jobs=2)
    assert dumped.description is not None
    assert dumped.description.engine_facts["content_digests"] == whole
    assert set(dumped.description.engine_facts["row_counts"]) == set(whole)
    # Of tables without rows alone all digests are alike.
    assert len(set(whole.values())) == len(whole)
    site.restore(engine(new, "conta"), dumped.set_id)
    assert digests_of(site, new, "conta") == whole
    for server in (old, new):
        drop_all(server)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("asiento", "UPDATE asiento SET haber = haber + 0.01 WHERE id = 2"),
        ("tipos", "UPDATE tipos SET mb = CONCAT(mb, x'00') WHERE id = 6"),
        ("tipos", "UPDATE tipos SET te = 'NULL' WHERE id = 1"),
        ("sin_clave", "UPDATE sin_clave SET b = 'X' WHERE a = 1 LIMIT 1"),
        ("historia", "DELETE HISTORY FROM historia; INSERT INTO historia VALUES (7, 'a'); DELETE FROM historia"),
    ],
)
def test_one_value_that_differs_is_found_and_its_table_named(
    server1011: MariadbServer, site: Site, table: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts are right, and yet it is not what was dumped."""
    create_everything(server1011, "conta")
    dumped = site.dump(engine(server1011, "conta", content_digest=True))
    real = mariadb_restore.Restoration.check

    def spoil(restoration: mariadb_restore.Restoration, work: t.Any) -> t.Any:
        server1011.sql(change, restoration.beside)
        return real(restoration, work)

    monkeypatch.setattr(mariadb_restore.Restoration, "check", spoil)
    with pytest.raises(SetInvalid, match=rf"the content differs in {table}\b"):
        site.restore(engine(server1011, "otra"), dumped.set_id)
    assert databases(server1011) == ["conta"]
    assert leftovers(server1011) == []
