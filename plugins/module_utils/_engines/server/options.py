# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which a server is reached, whatever its product, and words of options that several modules take."""

from __future__ import annotations

import typing as t

LOGIN_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "database": {"type": "str"},
    "login_host": {"type": "str"},
    "login_port": {"type": "int"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_unix_socket": {"type": "path"},
    "login_os_user": {"type": "str"},
    # libpq's words, which say what is checked; MariaDB's and MySQL's clients are told the same in theirs.
    "ssl_mode": {"type": "str", "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]},
    "ca_cert": {"type": "path"},
    "client_directory": {"type": "path"},
}
# How an administrator reaches the server, in the words of a source.
# What becomes of tables that no transaction covers.
LOCK, REFUSE = "lock", "refuse"
LOGIN_OPTIONS = tuple(option for option in LOGIN_ARGUMENTS if option != "database")
