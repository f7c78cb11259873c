# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MariaDB keeps of a password."""

from __future__ import annotations

import hashlib


def native_hash(password: str) -> str:
    """Return what the server keeps of a password, made here: the password stays here."""
    inner = hashlib.sha1(password.encode("utf-8")).digest()  # noqa: S324
    return f"*{hashlib.sha1(inner).hexdigest().upper()}"  # noqa: S324
