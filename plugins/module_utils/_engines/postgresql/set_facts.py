# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set of this engine says of its source."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description
from ansible_collections.infitulua.backup.plugins.module_utils._system.json_shape import Named, Text

from ..facts import check_shape

_VERSION = Text(200, r"[0-9]{1,4}(\..*)?")
SHAPE: dict[str, t.Any] = {
    "version": _VERSION,
    "client": _VERSION,
    "database": {
        "name": str,
        "owner": str,
        "encoding": str,
        "collate": str,
        "ctype": str,
        "locale_provider": str,
        "locale": (str, type(None)),
        "icu_rules": (str, type(None)),
        "collation_version": (str, type(None)),
        "tablespace": str,
        "has_access_list": bool,
        "access": [{"privilege": str, "grantee": (str, type(None)), "grantable": bool}],
        "connection_limit": int,
        "is_template": bool,
    },
    "expression_settings": Named(str),
    "public_schema": bool,
    "table_extensions": [str],
    "extensions": Named(str),
    "roles": {"owners": [str], "grantees": [str], "named": [str]},
    "member_roles": [str],
    "tablespaces": Named(str),
    "collations": [
        {
            "name": str,
            "system": bool,
            "provider": str,
            "locale": (str, type(None)),
            "collate": (str, type(None)),
            "ctype": (str, type(None)),
            "version": (str, type(None)),
        }
    ],
    "subscriptions": [str],
    "indexes": Named([str]),
    "invalid_indexes": [str],
    "objects": Named(int),
    "large_objects": int,
    "constraints_not_validated": list,
    "sequences": Named({"last_value": (int, type(None)), "increment_by": int, "cycle": bool}),
    "row_counts": Named(int),
    "content_digests": (dict, type(None)),
}


def check(description: Description) -> None:
    """Check that a set says of its source what this engine writes.

    :raises Refused: when an earlier version has made it.
    :raises SetInvalid: when it does not.
    """
    database = description.engine_facts.get("database")
    if isinstance(database, dict) and "settings" in database:
        raise Refused(
            "restore a database",
            on=description.id,
            why="it was made by an earlier version of this collection, with the database's settings in backup.json",
            next_step="Restore it by hand (restore_by_hand in its backup.json), and make a new set.",
        )
    check_shape(description.engine_facts, SHAPE, on=description.id)
