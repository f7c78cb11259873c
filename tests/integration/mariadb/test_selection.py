# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some tables of a set come back into a database of their own, and nothing else of the server is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import (
    Site,
    accounts,
    create_everything,
    databases,
    drop_all,
    engine,
    fingerprint,
    leftovers,
)


@pytest.fixture
def books(server: MariadbServer) -> Iterator[str]:
    drop_all(server)
    create_everything(server, "conta")
    yield "conta"
    drop_all(server)


def test_selected_tables_come_whole_and_the_rest_stays_as_it_was(
    server: MariadbServer, books: str, site: Site, many_streams: None
) -> None:
    wanted = fingerprint(server, books)
    dumped = site.dump(engine(server, books))
    names = sorted(name[len("rows ") :] for name in wanted if name.startswith("rows "))
    referring = server.sql(
        "SELECT DISTINCT TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'conta'"
        " AND REFERENCED_TABLE_NAME <> TABLE_NAME",
    ).splitlines()
    # All but those that others refer to: so every other kind of table is among them, and keys have to be cut.
    referred = server.sql(
        "SELECT DISTINCT REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE"
        " CONSTRAINT_SCHEMA = 'conta' AND REFERENCED_TABLE_NAME <> TABLE_NAME",
    ).splitlines()
    chosen = [name for name in names if name not in referred]
    assert referring
    assert set(referring) & set(chosen)
    assert chosen
    live, people = fingerprint(server, books), accounts(server)

    restored = site.restore(engine(server, "conta_revision", tables=chosen), dumped.set_id)

    found = fingerprint(server, "conta_revision")
    assert {name for name in found if name.startswith("rows ")} == {f"rows {name}" for name in chosen}
    assert {name: found[f"rows {name}"] for name in chosen} == {name: wanted[f"rows {name}"] for name in chosen}
    assert not any(name.startswith("view") for name in found)
    assert (found["trigger"], found["routine"], found["event"]) == ("", "", "")
    told = " | ".join(restored.warnings)
    assert "was left out" in told
    assert "without their triggers" in told
    assert all(check.passed for check in restored.checks)
    assert restored.kept is None
    assert fingerprint(server, books) == live
    assert accounts(server) == people
    assert databases(server) == [books, "conta_revision"]
    assert [line for line in leftovers(server) if "session" not in line] == []


def test_what_is_there_is_not_replaced_by_a_few_tables(server: MariadbServer, books: str, site: Site) -> None:
    dumped = site.dump(engine(server, books))
    live = fingerprint(server, books)
    for replace in (False, True):
        with pytest.raises(Refused, match=r"would be replaced by those few tables.*does not exist yet"):
            site.restore(engine(server, books, tables=["asiento"]), dumped.set_id, replace=replace)
    with pytest.raises(NotFound, match=r"\(asientos\).*does not hold them; it holds .*asiento"):
        site.restore(engine(server, "otra", tables=["asientos"]), dumped.set_id)
    assert fingerprint(server, books) == live
    assert databases(server) == [books]
