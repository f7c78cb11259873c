# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some tables of a set come back into a database of their own, and nothing else of the server is touched."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import indexes, streams
from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from tests.integration.postgresql.support import Site

from .product import EVERY_VERSION, SMALL_STREAM, Product

pytestmark = pytest.mark.parametrize("product", EVERY_VERSION, indirect=True)

_REFERRING = (
    "SELECT DISTINCT {} FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'conta'"
    " AND REFERENCED_TABLE_NAME <> TABLE_NAME"
)


@pytest.fixture
def books(product: Product) -> str:
    """A database with everything in it."""
    product.support.create_everything(product.server, "conta")
    return "conta"


def test_selected_tables_come_whole_and_the_rest_stays_as_it_was(
    product: Product, books: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Even small tables are spread over several streams, and their indexes made after their rows.
    monkeypatch.setattr(streams, "_STREAM_BYTES", SMALL_STREAM)
    monkeypatch.setattr(indexes, "_LARGE_ROWS", 1)
    live, people = product.fingerprint(books), product.accounts()
    dumped = site.dump(product.engine(books, content_digest=True))
    names = sorted(name[len("rows ") :] for name in live if name.startswith("rows "))
    referring = product.sql(_REFERRING.format("TABLE_NAME")).splitlines()
    # All but those that others refer to: so every other kind of table is among them, and keys have to be cut.
    referred = product.sql(_REFERRING.format("REFERENCED_TABLE_NAME")).splitlines()
    chosen = [name for name in names if name not in referred]
    assert set(referring) & set(chosen)

    restored = site.restore(product.engine("conta_revision", tables=chosen), dumped.set_id)

    found = product.fingerprint("conta_revision")
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
    assert product.fingerprint(books) == live
    assert product.accounts() == people
    assert product.databases() == [books, "conta_revision"]
    assert product.leftovers() == []


def test_what_is_there_is_not_replaced_by_a_few_tables(product: Product, books: str, site: Site) -> None:
    dumped = site.dump(product.engine(books))
    live = product.fingerprint(books)
    for replace in (False, True):
        with pytest.raises(Refused, match=r"would be replaced by those few tables.*does not exist yet"):
            site.restore(product.engine(books, tables=["asiento"]), dumped.set_id, replace=replace)
    with pytest.raises(NotFound, match=r"\(asientos\).*does not hold them; it holds .*asiento"):
        site.restore(product.engine("otra", tables=["asientos"]), dumped.set_id)
    assert product.fingerprint(books) == live
    assert product.databases() == [books]
