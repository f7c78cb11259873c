# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some tables of a MySQL set come back into a database of their own, and nothing else of the server is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import (
    Site,
    accounts,
    create_everything,
    databases,
    engine,
    fingerprint,
    leftovers,
)

_REFERRING = (
    "SELECT DISTINCT {} FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'conta'"
    " AND REFERENCED_TABLE_NAME <> TABLE_NAME"
)


@pytest.fixture
def books(server: MysqlServer) -> Iterator[str]:
    create_everything(server, "conta")
    yield "conta"


def test_selected_tables_come_whole_and_the_rest_stays_as_it_was(server: MysqlServer, books: str, site: Site) -> None:
    live, people = fingerprint(server, books), accounts(server)
    dumped = site.dump(engine(server, books, content_digest=True))
    names = sorted(name[len("rows ") :] for name in live if name.startswith("rows "))
    referring = server.sql(_REFERRING.format("TABLE_NAME")).splitlines()
    # All but those that others refer to: so every other kind of table is among them, and keys have to be cut.
    referred = server.sql(_REFERRING.format("REFERENCED_TABLE_NAME")).splitlines()
    chosen = [name for name in names if name not in referred]
    assert set(referring) & set(chosen)

    restored = site.restore(engine(server, "conta_revision", tables=chosen), dumped.set_id)

    found = fingerprint(server, "conta_revision")
    assert {name for name in found if name.startswith("rows ")} == {f"rows {name}" for name in chosen}
    assert {name: found[f"rows {name}"] for name in chosen} == {name: live[f"rows {name}"] for name in chosen}
    assert not any(name.startswith("view") for name in found)
    assert (found["trigger"], found["routine"], found["event"]) == ("", "", "")
    told = " | ".join(restored.warnings)
    assert "was left out" in told
    assert "without their triggers" in told
    assert {check.name for check in restored.checks} >= {"row counts", "content digests"}
    assert all(check.passed for check in restored.checks)
    assert restored.kept is None
    assert fingerprint(server, books) == live
    assert accounts(server) == people
    assert databases(server) == [books, "conta_revision"]
    assert leftovers(server) == []


def test_what_is_there_is_not_replaced_by_a_few_tables(server: MysqlServer, books: str, site: Site) -> None:
    dumped = site.dump(engine(server, books))
    live = fingerprint(server, books)
    for replace in (False, True):
        with pytest.raises(Refused, match=r"would be replaced by those few tables.*does not exist yet"):
            site.restore(engine(server, books, tables=["asiento"]), dumped.set_id, replace=replace)
    with pytest.raises(NotFound, match=r"\(asientos\).*does not hold them; it holds .*asiento"):
        site.restore(engine(server, "otra", tables=["asientos"]), dumped.set_id)
    assert fingerprint(server, books) == live
    assert databases(server) == [books]
