# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that restores keep: what stood in the place of a target before."""

from __future__ import annotations

import itertools

from ..base import Replaced
from ..kept_name import INFIX, stamp_of
from . import catalogue
from .dialect import Dialect
from .names import derived_name
from .session import Session, same_name


def free_name(session: Session, target: str, stamp: str, *, dialect: Dialect) -> str:
    """Return the name under which a target is kept that is replaced now.

    :param stamp: when that is.
    """
    kept = derived_name(target, INFIX + stamp)
    for again in itertools.count(2):  # Restored twice within a second.
        if dialect.properties(session, kept) is None:
            return kept
        kept = derived_name(target, f"{INFIX}{stamp}_{again}")
    raise AssertionError("unreachable")


def find_kept(session: Session, target: str) -> list[Replaced]:
    """Return what restores of a target have kept, oldest first."""
    found = []
    for row in session.rows({"name": "SCHEMA_NAME"}, "information_schema.SCHEMATA"):
        name = row["name"]
        since = stamp_of(name, lambda ending: derived_name(target, ending))
        if since is not None:
            found.append(Replaced(name, since, catalogue.size(session, name), _users(session, name)))
    return sorted(found, key=lambda entry: (entry.since, entry.name))


def _users(session: Session, database: str) -> str | None:
    who = "CONCAT(USER, ' from ', HOST)"
    users = session.rows({"who": who}, f"information_schema.PROCESSLIST WHERE {same_name('DB', database)}")
    return ", ".join(sorted({row["who"] for row in users})) or None
