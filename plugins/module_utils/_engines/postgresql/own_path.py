# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search_path that a database's users have, and for what a restore may use it.

pg_dump's archives empty search_path, so that nobody who may create objects can put one of his in the way of another
(CVE-2018-1058). Some definitions only resolve in the database's own path. What is made in it runs as the owner of the
object; where that is a superuser, only if nobody else owns anything in the path.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from .archive import Entry
from .pg_restore import PgRestore
from .properties import USUAL_PATH, path_text, schemas_of_path
from .session import Session, quote_literal

# Whether a role other than a superuser owns anything by which it could catch what was meant for another.
_IS_SAFE = """
SELECT NOT EXISTS (
    SELECT FROM (
        SELECT proowner AS owner, pronamespace AS schema FROM pg_proc
        UNION ALL SELECT oprowner, oprnamespace FROM pg_operator
        UNION ALL SELECT relowner, relnamespace FROM pg_class
        UNION ALL SELECT typowner, typnamespace FROM pg_type
        UNION ALL SELECT collowner, collnamespace FROM pg_collation
        UNION ALL SELECT cfgowner, cfgnamespace FROM pg_ts_config
        UNION ALL SELECT dictowner, dictnamespace FROM pg_ts_dict
    ) o JOIN pg_namespace n ON n.oid = o.schema JOIN pg_roles r ON r.oid = o.owner
    WHERE n.nspname IN ({schemas}) AND NOT r.rolsuper
) AS value
"""


@dataclasses.dataclass(frozen=True)
class OwnPath:
    """A database's own search_path.

    :param schemas: those of it that are there, without the server's own.
    :param safe: whether only superusers own what is in them.
    :param superusers: names.
    :param owners: whether objects belong to those whom the set names; otherwise to whoever restores.
    """

    schemas: tuple[str, ...]
    safe: bool
    superusers: frozenset[str]
    owners: bool

    @property
    def text(self) -> str:
        """As the setting's value."""
        return path_text(self.schemas)

    def allows(self, owner: str) -> bool:
        """Whether what belongs to a role may be made in this path."""
        return self.safe or (self.owners and owner not in self.superusers)

    def allows_entry(self, entry: Entry) -> bool:
        """Whether an entry of an archive may be restored in this path. Owners are at the end of its line, unquoted."""
        if self.safe:
            return True
        return self.owners and not any(entry.rest.endswith(f" {name}") for name in (*self.superusers, "-", ""))


def own_path(pg_restore: PgRestore, setting: str | None, *, owners: bool) -> OwnPath | None:
    """Return the own path of the database that is being restored; None: it is empty, or means nothing here.

    :param setting: what the set says of the database's search_path; None: nothing.
    """
    try:
        with Session(pg_restore.work.processes, pg_restore.connection, database=pg_restore.database) as session:
            schemas = schemas_of_path(session, setting if setting is not None else USUAL_PATH)
            if not schemas:
                return None
            safe = session.value(_IS_SAFE.format(schemas=", ".join(map(quote_literal, schemas))))
            superusers = session.rows("SELECT rolname AS name FROM pg_roles WHERE rolsuper")
    except ProcessFailed:
        if pg_restore.work.processes.cancelled:
            raise
        return None
    return OwnPath(tuple(schemas), bool(safe), frozenset(row["name"] for row in superusers), owners)
