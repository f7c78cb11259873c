# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MySQL keeps of a password: made here, so that the password stays here."""

from __future__ import annotations

import re
import secrets
import string

from .sha256_crypt import sha256_crypt

# How the server keeps a password: the rounds by thousands, a salt of 20 bytes, the hash.
_KEPT = re.compile(rb"\$A\$(?P<rounds>[0-9A-F]{3})\$(?P<salt>.{20})(?P<hash>[./0-9A-Za-z]{43})", re.DOTALL)
_ROUNDS_BY = 1000
_ROUNDS = 5000
_SALT_BYTES = 20


def stored_hash(password: str) -> bytes:
    """Return the hash that the server stores of a password, made here: the password stays here."""
    alphabet = string.ascii_letters + string.digits
    salt = "".join(secrets.choice(alphabet) for _byte in range(_SALT_BYTES)).encode("ascii")
    hashed = sha256_crypt(password.encode("utf-8"), salt, rounds=_ROUNDS)
    return b"$A$%03X$%s%s" % (_ROUNDS // _ROUNDS_BY, salt, hashed)


def is_hash_of(secret: bytes, password: str) -> bool:
    """Whether a hash that a server stores is of a password."""
    match = _KEPT.fullmatch(secret)
    if match is None:
        return False
    rounds = int(match["rounds"], 16) * _ROUNDS_BY
    return secrets.compare_digest(sha256_crypt(password.encode("utf-8"), match["salt"], rounds=rounds), match["hash"])
