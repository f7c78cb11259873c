# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup.json: the same after writing and reading, and anything else refused in words."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._sets import description as set_description
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description, PayloadFile

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


DIGEST = "00" * 32
FILE = {"path": "data/a.zst.age", "part": "a", "bytes": 10, "sha256": DIGEST, "seconds": 0.1}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "its format is 2; this version of the collection reads format 1"),
        ({"format": None}, "its format is None"),
        ({"format": True}, "format is missing, or not what"),
        ({"id": "srv/other/20261122T030000Z"}, "it describes the set 'srv/other/20261122T030000Z'"),
        ({"unknown": 1}, "it has 'unknown', which this version of the collection does not write"),
        ({"engine": "\x1b[31mfiles"}, "engine is missing"),
        ({"engine": "x" * 65}, "engine is missing"),
        ({"source_bytes": -1}, "source_bytes is missing"),
        ({"source_bytes": 2**63}, "source_bytes is missing"),
        ({"source_bytes": True}, "source_bytes is missing"),
        ({"series": None}, "series is missing"),
        ({"series": "x" * 5000}, "series is missing"),
        ({"encryption": None}, "encryption is missing"),
        ({"encryption": {"method": "age", "recipients": "age1qq"}}, "encryption.recipients is missing"),
        ({"versions": {"tar": 1}}, "versions.tar is missing"),
        ({"engine_facts": []}, "engine_facts is missing"),
        ({"warnings": ["a", 5]}, r"warnings[1] is missing"),
        ({"restore_by_hand": "rm -rf /"}, "restore_by_hand is missing"),
        ({"content": {"rows": -1}}, "content.rows is missing"),
        ({"suspect": 5}, "suspect is missing"),
        ({"reencrypted": {"tag_manifest_sha256": "x"}}, "reencrypted is missing"),
        ({"unrestorable": [{"kind": "a", "name": "b", "why": "c", "more": 1}]}, "unrestorable[0].more is missing"),
        ({"payload": {}}, "payload is missing"),
        ({"payload": 5}, "payload is missing"),
        ({"payload": [{"path": "data/a"}]}, "payload[0].part is missing"),
        ({"payload": [{**FILE, "bytes": "x"}]}, "payload[0].bytes is missing"),
        ({"payload": [{**FILE, "path": None}]}, "payload[0].path is missing"),
        ({"payload": [{**FILE, "path": ["a"]}]}, "payload[0].path is missing"),
        ({"payload": [{**FILE, "path": "data/../../etc/passwd"}]}, "leads out of the set"),
        ({"payload": [{**FILE, "path": "backup.json"}]}, "payload[0].path is missing"),
        ({"payload": [{**FILE, "sha256": DIGEST.upper().replace("0", "A")}]}, "payload[0].sha256 is missing"),
        ({"payload": [{**FILE, "more": 1}]}, "payload[0].more is missing"),
        ({"payload": [FILE, {**FILE, "part": "b"}]}, "two payload files have one path"),
        ({"payload": [FILE, {**FILE, "path": "data/b"}]}, "two payload files have one part"),
        ({"payload": [FILE] * 300_000}, "payload is missing"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_not_ours_is_refused(change: dict[str, object], told: str) -> None:
    text = json.dumps({**json.loads(description().to_json()), **change})
    with pytest.raises(SetInvalid) as caught:
        Description.from_json(text, on=ID)
    assert told in caught.value.why


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ("[" * 200_000 + "]" * 200_000, "nested deeper"),
        ('{"a":' * 50 + "1" + "}" * 50, "nested deeper"),
        ('{"a": NaN}', "number that is none: NaN"),
        ('{"a": -Infinity}', "number that is none: -Infinity"),
        ('{"a": 1e999}', "number that is none: 1e999"),
        ('{"a": ' + "9" * 5000 + "}", "number of 5000 digits"),
        (r'{"a": "\ud800"}', "half a character"),
        (r'{"\udfff": 1}', "half a character"),
        ('{"a": 1, "a": 2}', "it has 'a' twice"),
        ("[" + "0," * 4_000_001 + "0]", "more than 4000000 values"),
    ],
    ids=lambda value: value[:20],
)
def test_json_that_is_a_trap_is_refused(facts: str, told: str) -> None:
    text = description().to_json().replace('{\n    "rows": {\n      "público.año": 3\n    }\n  }', facts)
    assert facts in text
    with pytest.raises(SetInvalid) as caught:
        Description.from_json(text, on=ID)
    assert told in caught.value.why


def test_what_looks_like_half_a_character_and_is_none_is_read() -> None:
    written = description()
    written.warnings = ["a path \\ud800 with a backslash", "𝄞"]
    assert Description.from_json(written.to_json(), on=ID) == written


def test_every_field_has_a_shape() -> None:
    assert {field.name for field in dataclasses.fields(Description)} | {"format"} == set(set_description._SHAPE)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "5", '"text"', "{", '{"format": 1}'])
def test_what_is_no_description_at_all_is_refused(text: str) -> None:
    with pytest.raises(SetInvalid, match=r"Could not read backup\.json"):
        Description.from_json(text, on=ID)


def test_a_part_that_is_not_there_is_named() -> None:
    with pytest.raises(SetInvalid, match="lists no part 'c'"):
        description().file("c")
