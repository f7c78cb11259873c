# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores have replaced is removed when it was kept for long enough, and never while it may be all there is."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.names import derived_name
from ansible_collections.infitulua.backup.plugins.module_utils._errors import LockHeld, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.restore import kept_data
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from tests.integration.postgresql.support import Site

from .product import EVERY_VERSION, Product

pytestmark = pytest.mark.parametrize("product", EVERY_VERSION, indirect=True)

OLD = "__replaced_20200101T000000Z"


@pytest.mark.parametrize("ledger", ["libro", "l" * 60, "l_%" * 20])
def test_it_is_removed_by_a_restore_or_without_one(product: Product, ledger: str, site: Site) -> None:
    product.sql(f"CREATE DATABASE `{ledger}`; CREATE TABLE `{ledger}`.t (id int); INSERT INTO `{ledger}`.t VALUES (1)")
    dumped = site.dump(product.engine(ledger))
    old = derived_name(ledger, OLD)
    alike = [f"libros{OLD}", f"libro{OLD}_x", f"{'l' * 37}{OLD}"]
    for name in (old, *alike):
        product.sql(f"CREATE DATABASE `{name}`")
    restored = site.restore(product.engine(ledger), dumped.set_id, replace=True, keep_replaced_days=30)
    assert not [warning for warning in restored.warnings if "all the rights" in warning]
    assert [(entry.name, entry.since) for entry in restored.removed] == [(old, "20200101T000000Z")]
    assert set(product.databases()) == {ledger, *alike, str(restored.kept)}
    [listed] = kept_data.prune(product.engine(ledger).kept_data(), keep_days=None).left
    assert (listed.name, listed.bytes > 0) == (restored.kept, True)
    assert kept_data.prune(product.engine(ledger).kept_data(), keep_days=1).removed == []
    assert len(kept_data.prune(product.engine(ledger).kept_data(), keep_days=0, check_mode=True).removed) == 1
    assert set(product.databases()) == {ledger, *alike, str(restored.kept)}
    assert len(kept_data.prune(product.engine(ledger).kept_data(), keep_days=0).removed) == 1
    assert set(product.databases()) == {ledger, *alike}


def test_nothing_is_removed_that_may_be_needed(product: Product, ledger: str) -> None:
    old = f"{ledger}{OLD}"
    product.sql(f"CREATE DATABASE {old}; CREATE TABLE {old}.t (id int)")
    session = product.part("session").Session
    connection = product.connection(ledger)
    with connection, Processes() as processes:
        with session(processes, connection, database=old):
            [entry] = kept_data.prune(product.engine(ledger).kept_data(), keep_days=0).left
            assert str(entry.in_use).startswith("dba from ")
        restoration = product.part("restore").Restoration(connection)
        restoration._lock.acquire()
        try:
            failures = kept_data.prune(product.engine(ledger).kept_data(), keep_days=0).failures
            assert [type(error) for error in failures] == [LockHeld]
        finally:
            restoration._lock.release()
    if product.name == "mysql":
        # While a swap is interrupted, the live database may be half of what it is.
        product.sql("CREATE DATABASE libro__swapping")
        [error] = kept_data.prune(product.engine(ledger).kept_data(), keep_days=0).failures
        assert "was interrupted" in error.why
        product.sql("DROP DATABASE libro__swapping")
    everything = "DROP TABLE apartada; DROP TABLE asiento; DROP VIEW ultimos; DROP FUNCTION doble; DROP EVENT anual"
    for statements in (everything, "DROP DATABASE libro"):
        product.sql(statements, ledger)
        assert [type(e) for e in kept_data.prune(product.engine(ledger).kept_data(), keep_days=0).failures] == [Refused]
    assert product.databases() == [old]
