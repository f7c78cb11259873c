# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifier that a PostgreSQL server keeps of a password (RFC 5802, RFC 7677), made here: the password stays."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata

# PostgreSQL's own (``scram_iterations``, ``SCRAM_SHA_256_DEFAULT_SALT_LEN``).
_ITERATIONS = 4096
_SALT_BYTES = 16
_VERIFIER = re.compile(
    r"SCRAM-SHA-256\$(?P<iterations>[0-9]{1,9}):(?P<salt>[A-Za-z0-9+/]+=*)\$[A-Za-z0-9+/]+=*:[A-Za-z0-9+/]+=*"
)
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def make(password: str) -> str:
    """Return a verifier with a salt of its own."""
    return _verifier(password, secrets.token_bytes(_SALT_BYTES), _ITERATIONS)


def fits(verifier: str | None, password: str) -> bool:
    """Whether a server that keeps this verifier accepts the password."""
    match = _VERIFIER.fullmatch(verifier or "")
    if match is None:
        return False
    made = _verifier(password, base64.b64decode(match["salt"]), int(match["iterations"]))
    return hmac.compare_digest(made, match[0])


def _verifier(password: str, salt: bytes, iterations: int) -> str:
    salted = hashlib.pbkdf2_hmac("sha256", _prepare(password).encode("utf-8"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    fields = [base64.b64encode(part).decode() for part in (salt, hashlib.sha256(client_key).digest(), server_key)]
    return f"SCRAM-SHA-256${iterations}:{fields[0]}${fields[1]}:{fields[2]}"


def _prepare(password: str) -> str:
    """SASLprep (RFC 4013), which leaves ASCII as it is. What it refuses is taken as it is, as PostgreSQL does."""
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not prepared or any(table(character) for character in prepared for table in _PROHIBITED):
        return password
    right_to_left = [stringprep.in_table_d1(character) for character in prepared]
    if any(right_to_left) and (
        any(map(stringprep.in_table_d2, prepared)) or not (right_to_left[0] and right_to_left[-1])
    ):
        return password
    return prepared
