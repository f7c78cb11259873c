# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of chance come back, by the module and by hand, in a server of MySQL with other settings."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from development.services.mysql import MysqlServer
from tests.integration.mariadb.tables_of_chance import TableOfChance, broken_views, subsets, tables
from tests.integration.mariadb.test_every_type import TYPES as MARIADB_TYPES
from tests.integration.mysql.support import Site, drop_all, engine, fingerprint, global_settings, restore_by_hand
from tests.integration.mysql.test_accepted_once import HOSTILE

#: Those that both products have.
TYPES = {
    name: values
    for name, values in MARIADB_TYPES.items()
    if not name.startswith(("text compressed", "uuid", "inet", "decimal(65", "year", "json"))
}
OPTIONS = (
    *("ROW_FORMAT=FIXED", "ROW_FORMAT=REDUNDANT", "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=4", "KEY_BLOCK_SIZE=2"),
    *("ENGINE=MyISAM", "CHARSET=latin1", "COLLATE=utf8mb4_bin", "CHARSET=cp932", "AUTO_INCREMENT=77"),
    *("COMMENT='a'\\\\b'", "CHECKSUM=1", "STATS_PERSISTENT=0"),
)
_CHECKS = "SET foreign_key_checks = 0, innodb_strict_mode = 0"


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    # Each example takes seconds: what was found is shown as it was found.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    found=st.lists(tables(TYPES, OPTIONS, _CHECKS), min_size=5, max_size=8),
    then=subsets(HOSTILE),
    now=subsets(HOSTILE),
)
def test_whatever_is_in_a_database(
    server: MysqlServer, site: Site, found: list[TableOfChance], then: dict[str, str], now: dict[str, str]
) -> None:
    source = target = server
    drop_all(server)
    source.sql("CREATE DATABASE azar COLLATE latin1_spanish_ci")
    for table in found:
        source.sql(table.statements(), "azar", force=True)
    broken = broken_views(source, "azar")
    before = fingerprint(source, "azar", hidden=broken)
    assume(len(before) > 8)
    with global_settings(source, then):
        dumped = site.dump(
            engine(source, "azar", content_digest=True, nontransactional_tables="lock"),
            source=f"db{len(site.medium.sets())}",
        )
    assert dumped.description is not None
    assert {entry["name"] for entry in dumped.description.unrestorable if entry["kind"] == "view"} == broken
    drop_all(source)
    with global_settings(target, now):
        site.restore(engine(target, "azar"), dumped.set_id)
    assert fingerprint(target, "azar") == before
    drop_all(target)
    with global_settings(target, now), tempfile.TemporaryDirectory() as home:
        restore_by_hand(target, site, dumped.set_id, Path(home))
    assert fingerprint(target, "azar") == before
    drop_all(target)
