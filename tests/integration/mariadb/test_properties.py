# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of chance come back, by the module and by hand, in a server of other settings and of a newer version."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.integration.mariadb.conftest import running_server
from tests.integration.mariadb.support import Site, drop_all, engine, fingerprint, global_settings, restore_by_hand
from tests.integration.mariadb.tables_of_chance import TableOfChance, broken_views, subsets, tables
from tests.integration.mariadb.test_accepted_once import HOSTILE
from tests.integration.mariadb.test_every_type import TYPES

OPTIONS = (
    *("ROW_FORMAT=FIXED", "ROW_FORMAT=REDUNDANT", "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=4", "KEY_BLOCK_SIZE=2"),
    *("ENGINE=MyISAM", "ENGINE=Aria TRANSACTIONAL=0", "CHARSET=latin1", "COLLATE=utf8mb4_bin", "CHARSET=cp932"),
    *("AUTO_INCREMENT=77", "COMMENT='a\\'\\\\b'", "PAGE_COMPRESSED=1", "WITH SYSTEM VERSIONING", "CHECKSUM=1"),
)
_CHECKS = "SET foreign_key_checks = 0, check_constraint_checks = 0"


def canonical(found: dict[str, str]) -> dict[str, str | list[str]]:
    """What a database holds, alike for every version.

    Some say in another order what a column is, and some write the bytes of a default as digits.
    """
    return {
        key: sorted(re.sub(r" DEFAULT x?'(?:[^'\\]|\\.|'')*'", "", text).replace(",", " ").split())
        if key.startswith("table ")
        else text
        for key, text in found.items()
    }


@pytest.mark.parametrize(("old", "new"), [("10.11", "11.8"), ("11.8", "11.8")], ids=["to_a_newer", "to_the_same"])
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
    old: str, new: str, site: Site, found: list[TableOfChance], then: dict[str, str], now: dict[str, str]
) -> None:
    source, target = running_server(old), running_server(new)
    for server in dict.fromkeys([source, target]):
        drop_all(server)
    source.sql("CREATE DATABASE azar COLLATE latin1_spanish_ci")
    for table in found:
        source.sql(table.statements(), "azar", force=True)
    alike = canonical if old != new else dict
    broken = broken_views(source, "azar")
    before = alike(fingerprint(source, "azar", hidden=broken))
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
    assert alike(fingerprint(target, "azar")) == before
    drop_all(target)
    with global_settings(target, now), tempfile.TemporaryDirectory() as home:
        restore_by_hand(target, site, dumped.set_id, Path(home))
    assert alike(fingerprint(target, "azar")) == before
    drop_all(target)
