# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner and grants of restored objects: as in the set, or as the target's options say."""

from __future__ import annotations

import dataclasses
import typing as t

from .fill import without_event_triggers
from .fixed_settings import statements as set_statements
from .options import NONE
from .properties import Properties
from .session import Session, quote_identifier, quote_literal

_BATCH = 100
# What has an owner: its catalogue, the column, and which rows of it. Left out is what changes with something else (row
# types, arrays, multiranges, sequences of columns), and what an ordinary role may not own (event triggers,
# foreign-data wrappers, some publications, extensions with all that is theirs).
_TYPES = (
    "o.typtype IN ('b', 'c', 'd', 'e', 'r') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = o.oid)"
    " AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = o.typrelid AND c.relkind <> 'c')"
)
_RELATIONS = (
    "o.relkind IN ('r', 'p', 'v', 'm', 'f') OR (o.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend d"
    " WHERE d.classid = 'pg_class'::regclass AND d.objid = o.oid AND d.refclassid = 'pg_class'::regclass"
    " AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')))"
)
_OWNED = (
    ("pg_namespace", "nspowner", "true"),
    ("pg_type", "typowner", _TYPES),
    ("pg_proc", "proowner", "true"),
    ("pg_class", "relowner", _RELATIONS),
    ("pg_operator", "oprowner", "true"),
    ("pg_opfamily", "opfowner", "true"),
    ("pg_opclass", "opcowner", "true"),
    ("pg_collation", "collowner", "true"),
    ("pg_conversion", "conowner", "true"),
    ("pg_language", "lanowner", "true"),
    ("pg_largeobject_metadata", "lomowner", "true"),
    ("pg_foreign_server", "srvowner", "true"),
    ("pg_statistic_ext", "stxowner", "true"),
    ("pg_ts_config", "cfgowner", "true"),
    ("pg_ts_dict", "dictowner", "true"),
)
# Objects with lower numbers are the server's own (PostgreSQL, FirstNormalObjectId).
_FIRST_OBJECT = 16384


@dataclasses.dataclass(frozen=True)
class Access:
    """What becomes of the owners and privileges that a set names.

    :param owner: which is to own everything; None: to those whom the set names.
    :param keep: whether privileges, and what else is set for single roles, are restored.
    """

    owner: str | None = None
    keep: bool = True

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Access:
        """Read a target's options."""
        return cls(options.get("owner"), options.get("access") != NONE)

    def roles(self, facts: t.Mapping[str, t.Any]) -> set[str]:
        """Return the roles without which the set cannot be restored like this."""
        uses = facts["roles"]
        owners = uses["owners"] if self.owner is None else [self.owner]
        return {*owners, *uses["named"], *(uses["grantees"] if self.keep else ())}

    def members(self, facts: t.Mapping[str, t.Any]) -> set[str]:
        """Return the roles that use the others."""
        return set(facts["member_roles"]) if self.keep else set()

    def database(self, facts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return what the set says of its database, changed so."""
        found = dict(facts["database"])
        if not self.keep:
            found.update(has_access_list=False, access=[])
        if self.owner is not None:
            before = found["owner"]
            access = [
                {**entry, "grantee": self.owner} if entry["grantee"] == before else entry for entry in found["access"]
            ]
            found.update(owner=self.owner, access=access)
        return found

    def properties(self, found: Properties) -> Properties:
        """Return what the set keeps of its database's settings, changed so."""
        if self.keep:
            return found
        return Properties(found.comment, [setting for setting in found.settings if setting["role"] is None])

    @property
    def restore_arguments(self) -> list[str]:
        """What pg_restore is told of it."""
        return [
            *(["--no-owner"] if self.owner is not None else []),
            *([] if self.keep else ["--no-privileges"]),
        ]

    @staticmethod
    def hand_over(session: Session, owner: str) -> None:
        """Give a role all that was restored, in a database that nobody uses yet.

        :raises ProcessFailed: when the user may not.
        """
        # The owner's name is in another encoding than those of the database's own objects.
        session.use_raw_names()
        if session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user"):
            session.execute(set_statements(without_event_triggers(session.major)))
        query = " UNION ALL ".join(
            f"SELECT {position} AS position, '{_class(catalogue)}'::regclass::oid AS class, o.oid AS object"
            f" FROM {catalogue} o WHERE ({rows}) AND o.oid >= {_FIRST_OBJECT}"
            f" AND pg_get_userbyid(o.{column}) <> {quote_literal(owner)}"
            f" AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{catalogue}'::regclass AND d.objid = o.oid"
            " AND d.objsubid = 0 AND d.deptype = 'e')"
            for position, (catalogue, column, rows) in enumerate(_OWNED)
        )
        found = session.rows(
            "SELECT replace(i.type, 'statistics object', 'statistics') AS kind, i.identity AS identity"
            f" FROM ({query}) q CROSS JOIN pg_identify_object(q.class, q.object, 0) i ORDER BY q.position, q.object",
            action="list what the database holds",
        )
        statements = [f"ALTER {row['kind']} {row['identity']} OWNER TO {quote_identifier(owner)}" for row in found]
        for start in range(0, len(statements), _BATCH):
            session.execute(
                ";\n".join(statements[start : start + _BATCH]), action="give what was restored to its owner"
            )


def _class(catalogue: str) -> str:
    """By which catalogue PostgreSQL names the objects of this one."""
    return "pg_largeobject" if catalogue == "pg_largeobject_metadata" else catalogue
