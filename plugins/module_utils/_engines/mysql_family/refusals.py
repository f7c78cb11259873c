# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why MariaDB or MySQL does not make one object, in words that quote nothing of what makes it."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from .server_error import IS_THERE, ServerError, server_error

# Errors of the account, the server or the connection: nothing that is wrong with the object. They end the whole.
_NOT_THE_OBJECT = frozenset(
    [
        # Of the system beneath it, and of its room.
        *range(1, 1000),
        *(
            1021,
            1028,
            1030,
            1037,
            1038,
            1040,
            1041,
            1053,
            1114,
            1129,
            1130,
            1135,
            1153,
            1159,
            1160,
            1161,
            1203,
            1226,
            1436,
        ),
        # Of rights, and of its settings: who may make functions at all.
        *(1044, 1045, 1142, 1143, 1227, 1289, 1290, 1370, 1410, 1418, 1419, 1836),
        # Of its own tables, as before an upgrade is completed.
        *(1545, 1548, 1557, 1558, 1577),
        *(1180, 1205, 1206, 1213, 1317, 1927, 1969, 3024, 3572),
        # A text that is no statement, or more than one: the server showed none such, so the set is not what it seems.
        1064,
        *range(2000, 2100),
    ]
)
# What these errors say are names only. Others may quote a statement: a password may be in it.
_SAYS_NAMES = frozenset({1049, 1054, 1109, 1146, 1286, 1305, 1356, 1449, 1477})


# Access denied: to whom, it says.
DENIED = frozenset({1142, 1143, 1370})


def reason(error: ProcessFailed) -> str | None:
    """Return why an object cannot be made, or None if the object is not to blame, and everything fails."""
    found = server_error(error)
    return None if found is None else _reason(found)


def reason_in_place(found: ServerError, own: str) -> str | None:
    """Return why an object that could be made beside cannot be made in the target's place; None as :func:`reason`.

    Beside, its definers have rights that they may lack in the target.

    :param own: the account that makes it, as ``user@host``: what that lacks itself is not the object's fault.
    """
    if found.number in IS_THERE:
        return None
    if found.number not in DENIED:
        return _reason(found)
    # The server names the host that somebody comes from, and not the account's.
    is_own = f"'{own.rpartition('@')[0]}'@'" in found.words
    return None if is_own else f"its definer lacks a right: {found.words}"


def _reason(found: ServerError) -> str | None:
    if found.number in _NOT_THE_OBJECT:
        return None
    if found.number in _SAYS_NAMES:
        return found.words
    return f"the server refuses it (ERROR {found.number})"
