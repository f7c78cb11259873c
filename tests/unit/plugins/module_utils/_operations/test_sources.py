# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of sources that are databases of one entry: one for each, readable, and read back."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.sources import (
    check_names,
    database_of,
    derived_name,
)
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import is_name

NAMES = {
    "nomina": "srv.nomina",
    "Nómina 2025": "srv.N.c3.b3mina.202025",
    "a.b": "srv.a.2eb",
    "a-b_C": "srv.a-b_C",
    "..": "srv..2e.2e",
    "/etc": "srv..2fetc",
    "o\"'`\n": "srv.o.22.27.60.0a",
    "Ñ": "srv..c3.91",
    ".c3.91": "srv..2ec3.2e91",
    "%41+": "srv..2541.2b",
    "b\udcff": "srv.b.ff",
}


@pytest.mark.parametrize(("database", "name"), NAMES.items())
def test_each_database_has_a_name_from_which_it_can_be_read(database: str, name: str) -> None:
    assert derived_name("srv", database) == name
    assert is_name(name)
    assert database_of("srv", name) == database


def test_no_two_databases_share_a_name() -> None:
    assert len({derived_name("srv", database) for database in NAMES}) == len(NAMES)


@pytest.mark.parametrize("source", ["srv", "srv.", "srvx.nomina", "otro.nomina", "srv.a.b", "srv.A.C3", "srv.o\n"])
def test_what_no_database_is_named_is_none_of_the_entry(source: str) -> None:
    assert not database_of("srv", source)


def test_a_name_that_would_be_too_long_is_refused() -> None:
    longest = "x" * 63
    assert len(derived_name("s" * 64, longest)) == 128
    with pytest.raises(Refused, match=r"has 129 characters, and 128 is the most.*an entry of its own"):
        derived_name("s" * 65, longest)
    with pytest.raises(Refused, match=r"an entry of its own"):
        derived_name("srv", "ñ" * 31)


def test_only_what_could_be_a_database_of_an_entry_is_refused_beside_it() -> None:
    check_names([{"name": "srv", "databases": ["*"]}, {"name": "srv2.x"}, {"name": "otro", "databases": None}])
    check_names([{"name": "srv", "database": "x"}, {"name": "srv.x"}])
    with pytest.raises(Refused, match=r"\(srv.x\)"):
        check_names([{"name": "srv.x", "databases": ["a"]}, {"name": "srv", "databases": ["*"]}])
