# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of a real object store that sees each request and lets some of them go wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import struct
import threading
import typing as t
import urllib.parse
from collections.abc import Callable

from development.services.object_store import ObjectStore

_ANSWERS = {
    "500": ("500 Internal Server Error", "InternalError"),
    "503": ("503 Service Unavailable", "ServiceUnavailable"),
    "SlowDown": ("503 Slow Down", "SlowDown"),
    "429": ("429 Too Many Requests", "TooManyRequests"),
}


@dataclasses.dataclass(frozen=True)
class Request:
    """One request that came.

    :param path: the key, with the bucket, and the query's parameters that tell calls on one key apart.
    :param size: bytes of its body.
    :param number: how often this method and path have come, with this one.
    """

    method: str
    path: str
    query: dict[str, str]
    size: int
    number: int

    @property
    def part(self) -> int | None:
        """The number of the part that is sent; None: it is none."""
        return int(self.query["partNumber"]) if self.method == "PUT" and "partNumber" in self.query else None

    @property
    def is_write(self) -> bool:
        """Whether it stores an object or a part of one."""
        return self.method == "PUT" or (self.method == "POST" and "uploadId" in self.query)


Rule = Callable[[Request], "str | None"]


class FaultyLink:
    """The proxy, with the store's own certificate. TLS ends here; what is signed is passed on unchanged.

    :param rule: what becomes of a request: None, it passes; ``reset``, the connection ends before an answer; ``stall``,
        no answer comes; ``lost``, the store does it and its answer does not come; ``truncated``, half of the answer
        comes; ``500``, ``503``, ``SlowDown``, ``429``, that answer, and the store sees nothing.
    """

    def __init__(self, store: ObjectStore, rule: Rule) -> None:
        self.rule = rule
        self.seen: list[Request] = []
        self._store = store
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(store.directory / "cert.pem", store.directory / "key.pem")
        self._client = ssl.create_default_context(cafile=str(store.ca_file))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint_url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def bytes_of_parts(self) -> dict[int, int]:
        """Bytes that came of each part, however often it came."""
        found: dict[int, int] = {}
        for request in list(self.seen):
            if request.part is not None:
                found[request.part] = found.get(request.part, 0) + request.size
        return found

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), self._server.wrap_socket(connection, server_side=True) as client:
            stream = client.makefile("rb")
            head = _read_head(stream)
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"expect:", b"connection:"))]
            if b"expect: 100-continue" in head.lower():
                client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = stream.read(_length(head))
            fault = self.rule(self._note(lines[0].decode(), len(body)))
            if fault in _ANSWERS:
                status, code = _ANSWERS[fault]
                text = f"<Error><Code>{code}</Code><Message>try later</Message></Error>".encode()
                answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode()
                client.sendall(answer + text)
            elif fault == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif fault == "stall":
                self._closed.wait(30)
            else:
                answer = self._forward(b"\r\n".join([*lines[:-2], b"Connection: close", b"", b""]) + body)
                if fault == "truncated":
                    head_end = answer.index(b"\r\n\r\n") + 4
                    answer = answer[: head_end + (len(answer) - head_end) // 2]
                if fault != "lost":
                    client.sendall(answer)

    def _forward(self, request: bytes) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", self._store.port)) as plain,
            self._client.wrap_socket(plain, server_hostname="127.0.0.1") as upstream,
        ):
            upstream.sendall(request)
            answer = bytearray()
            while True:
                data = upstream.recv(65536)
                if not data:
                    return bytes(answer)
                answer += data

    def _note(self, line: str, size: int) -> Request:
        method, target, _version = line.split(" ")
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        with self._lock:
            same = [each for each in self.seen if (each.method, each.path, each.query) == (method, url.path, query)]
            request = Request(method, urllib.parse.unquote(url.path), query, size, len(same) + 1)
            self.seen.append(request)
        return request

    def close(self) -> None:
        """End it."""
        self._closed.set()
        self._listener.close()


def _read_head(stream: t.BinaryIO) -> bytes:
    lines = []
    while True:
        line = stream.readline()
        if not line:
            raise EOFError
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
