# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup.json: the same after writing and reading, and anything else refused in words."""

from __future__ import annotations

import json

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._description import Description, PayloadFile
from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid

ID = "srv-financiero/contabilidad/20261122T030000Z"


def description() -> Description:
    return Description(
        id=ID,
        engine="postgresql",
        series="400.8",
        organization="INFITULUÁ E.I.C.E.",
        run_id=None,
        started="2026-11-22T03:00:00Z",
        finished="2026-11-22T03:00:09Z",
        source_bytes=5_000_000_000,
        compression={"method": "zstd", "level": 3},
        encryption={"method": "age", "recipients": ["age1qq"]},
        versions={"pg_dump": "17.2"},
        payload=[PayloadFile("data/a.zst.age", "a", 10, "00" * 32, 0.1), PayloadFile("data/b", "b", 5, "11" * 32, 0.1)],
        engine_facts={"rows": {"público.año": 3}},
        warnings=["señal «rara»"],
        restore_by_hand=["sha256sum -c --quiet manifest-sha256.txt"],
    )


def test_it_reads_back_as_it_was_written() -> None:
    written = description()
    read = Description.from_json(written.to_json(), on=ID)
    assert read == written
    assert read.stored_bytes == 15
    assert str(read.set_id) == ID
    assert read.file("b").bytes == 5
    assert "INFITULUÁ" in written.to_json()  # For a person to read.


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "its format is 2; this version of the collection reads format 1"),
        ({"format": None}, "its format is None"),
        ({"id": "srv/other/20261122T030000Z"}, "it describes the set 'srv/other/20261122T030000Z'"),
        ({"payload": [{"path": "data/a"}]}, "missing"),
        ({"payload": {}}, None),
        ({"payload": 5}, "not iterable"),
        ({"unknown": 1}, "unexpected keyword argument 'unknown'"),
    ],
    ids=str,
)
def test_what_is_not_ours_is_refused(change: dict[str, object], told: str | None) -> None:
    text = json.dumps({**json.loads(description().to_json()), **change})
    if told is None:
        assert Description.from_json(text, on=ID).payload == []
        return
    with pytest.raises(SetInvalid) as caught:
        Description.from_json(text, on=ID)
    assert told in caught.value.why


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "5", '"text"', "{", '{"format": 1}'])
def test_what_is_no_description_at_all_is_refused(text: str) -> None:
    with pytest.raises(SetInvalid, match=r"Could not read backup\.json"):
        Description.from_json(text, on=ID)


def test_a_part_that_is_not_there_is_named() -> None:
    with pytest.raises(SetInvalid, match="lists no part 'c'"):
        description().file("c")
