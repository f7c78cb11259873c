# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and writing pipes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t

CHUNK = 1024 * 1024
# Linux: enlarges a pipe's buffer (fcntl(2)); the default of 64 KiB costs a context switch per 64 KiB.
_F_SETPIPE_SZ = 1031

Sink = t.Callable[[memoryview], t.Any]


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of the data, however little a pipe takes at a time.

    :raises OSError: as write(2) does.
    """
    with memoryview(data) as view:
        position = 0
        while position < len(view):
            position += os.write(descriptor, view[position:])


def drain(stream: t.IO[bytes], sink: Sink) -> None:
    """Call ``sink`` with each chunk that comes, until the end."""
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    descriptor = stream.fileno()
    while True:
        length = os.readv(descriptor, [buffer])
        if not length:
            return
        sink(view[:length])


def feed(stream: t.IO[bytes], data: bytes) -> None:
    """Write data and close the pipe. That nobody reads all of it is no failure."""
    # A process that ends without reading all of it is judged by its exit status, not by this pipe.
    with contextlib.suppress(OSError), stream:
        write_all(stream.fileno(), data)


def enlarge(pipe: t.IO[bytes]) -> None:
    """Give a pipe the largest buffer that it may have."""
    # Refused beyond /proc/sys/fs/pipe-user-pages-soft: then the pipe stays as it is, only slower.
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), _F_SETPIPE_SZ, CHUNK)
