# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hash that MySQL keeps of a password: that of Drepper, "Unix crypt using SHA-256 and SHA-512", with a longer salt.

Python has it no longer, and the C library cuts the salt off after 16 bytes.
"""

from __future__ import annotations

import hashlib

_DIGITS = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_GROUPS = (
    *((0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14)),
    *((15, 25, 5), (6, 16, 26), (27, 7, 17), (18, 28, 8), (9, 19, 29)),
)


def _repeated(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def sha256_crypt(password: bytes, salt: bytes, *, rounds: int) -> bytes:
    """Return the hash of a password, in 43 digits. The names of the steps are those of its description."""
    b = hashlib.sha256(password + salt + password).digest()
    a = hashlib.sha256(password + salt + _repeated(b, len(password)))
    number = len(password)
    while number:
        a.update(b if number & 1 else password)
        number >>= 1
    digest = a.digest()
    p = _repeated(hashlib.sha256(password * len(password)).digest(), len(password))
    s = _repeated(hashlib.sha256(salt * (16 + digest[0])).digest(), len(salt))
    for turn in range(rounds):
        c = hashlib.sha256(p if turn & 1 else digest)
        if turn % 3:
            c.update(s)
        if turn % 7:
            c.update(p)
        c.update(digest if turn & 1 else p)
        digest = c.digest()
    written = b""
    for first, second, third in _GROUPS:
        written += _in_digits(digest[first] << 16 | digest[second] << 8 | digest[third], 4)
    return written + _in_digits(digest[31] << 8 | digest[30], 3)


def _in_digits(value: int, count: int) -> bytes:
    return bytes(_DIGITS[value >> 6 * place & 63] for place in range(count))
