# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of the MariaDB engine for anything it is given: streams taken apart, tables cut up, statements written."""

from __future__ import annotations

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.session import immediate
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import rows

hypothesis = pytest.importorskip("hypothesis", reason="the development environment brings it")
st = pytest.importorskip("hypothesis.strategies")
given = hypothesis.given

TOKEN = "0123456789abcdef"
LINE = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"") + b"\n")


def take_apart(stream: bytes, sizes: list[int]) -> list[tuple[int, bytes]]:
    """What a splitter makes of a stream that comes in pieces of these sizes, over and over."""
    found: list[tuple[int, bytes]] = []

    def begin(number: int) -> None:
        found.append((number, b""))

    def more(data: bytes) -> None:
        found[-1] = (found[-1][0], found[-1][1] + data)

    splitter = rows.Splitter(TOKEN, begin, more)
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        splitter.feed(memoryview(stream)[at : at + size])
        at += size
        turn += 1
    splitter.finish()
    return found


@given(
    tables=st.lists(st.lists(st.one_of(LINE, st.just(TOKEN.encode() + b"x\n")), max_size=5), min_size=1, max_size=5),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5),
)
def test_a_stream_of_several_tables_is_taken_apart_wherever_its_pieces_end(
    tables: list[list[bytes]], sizes: list[int]
) -> None:
    wanted = [(number, b"".join(lines)) for number, lines in enumerate(tables)]
    stream = b"".join(f"{TOKEN}\t{number}\n".encode() + data for number, data in wanted)
    assert take_apart(stream, sizes) == wanted


@pytest.mark.parametrize("stream", [b"row\n", f"{TOKEN}\tx\n".encode(), f"{TOKEN}\t1".encode()])
def test_a_stream_that_is_none_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match=r"begin with a table|invalid literal|within a mark"):
        take_apart(stream, [100])


@given(edges=st.tuples(st.integers(-(2**63), 2**64 - 1), st.integers(-(2**63), 2**64 - 1)), count=st.integers(1, 9))
def test_every_key_is_in_just_one_piece(edges: tuple[int, int], count: int) -> None:
    least, greatest = sorted(edges)
    conditions = rows.pieces("k", least, greatest, count)
    for key in (least, greatest, (least + greatest) // 2, least - 1, greatest + 1):
        holds = [
            eval(condition.replace("`k`", str(key)).replace("AND", "and").replace("TRUE", "True"))  # noqa: S307
            for condition in conditions
        ]
        assert holds.count(True) == 1


@given(statement=st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_statement_in_digits_is_nothing_but_digits(statement: str) -> None:
    text = immediate(statement)
    digits = text[len("EXECUTE IMMEDIATE CONVERT(x'") : -len("' USING utf8mb4)")]
    assert bytes.fromhex(digits).decode() == statement
