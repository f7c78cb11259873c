# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipes take little at a time, and their readers may go."""

from __future__ import annotations

import os
import threading

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._system.pipes import drain, feed, write_all

MORE_THAN_A_PIPE_HOLDS = os.urandom(3 * 1024 * 1024 + 1)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_all_of_it_arrives_however_little_a_pipe_takes(kind: type) -> None:
    reading, writing = os.pipe()
    arrived = bytearray()
    with open(reading, "rb", buffering=0) as source:
        reader = threading.Thread(target=drain, args=(source, arrived.extend))
        reader.start()
        write_all(writing, kind(MORE_THAN_A_PIPE_HOLDS))
        os.close(writing)
        reader.join(10)
    assert arrived == MORE_THAN_A_PIPE_HOLDS


def test_that_the_reader_has_gone_is_raised_to_who_writes() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        write_all(writing, b"x")
    os.close(writing)


def test_that_the_reader_has_gone_is_nothing_to_who_feeds() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as stream:
        feed(stream, b"x")
        assert stream.closed
