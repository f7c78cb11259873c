# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a MySQL database is filled otherwise than MariaDB's (see ``engines.mariadb._fill``)."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb import _indexes as indexes
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._fill import Dialect
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import (
    Session,
    immediate,
    raise_where,
)


def _defer(session: Session, row_counts: t.Mapping[str, int]) -> dict[str, indexes.Deferred]:
    """Drops indexes that can wait for the rows; none that a foreign key needs, on either of its sides.

    Of such a one the server would leave the table half known to itself.
    """
    needed: dict[str, set[str]] = {}
    for row in session.rows(
        {
            "table": "TABLE_NAME",
            "column": "COLUMN_NAME",
            "referred": "REFERENCED_TABLE_NAME",
            "referred_column": "REFERENCED_COLUMN_NAME",
        },
        "information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL",
    ):
        needed.setdefault(row["table"], set()).add(row["column"])
        # Names of tables that are in another database may be among them: an index more that stays.
        needed.setdefault(row["referred"], set()).add(row["referred_column"])
    return indexes.defer(session, row_counts, needed=lambda table: needed.get(table, ()), immediate=immediate)


def _as_written(facts: t.Mapping[str, t.Any], table: str) -> list[str]:
    allowed = rows.without_value(table, facts["tables"][table])
    return [
        # A warning says that a value is not what it was: NULL for what a type does not take, or a part of it.
        # All are counted, though the server keeps the text of some only.
        "SET @warnings = @@warning_count",
        "GET DIAGNOSTICS CONDITION 1 @warning = MESSAGE_TEXT",
        raise_where(
            f"@warnings > IF(@warnings > 0, {allowed}, 0)", "COALESCE(@warning, 'values were changed by loading them')"
        ),
    ]


MYSQL = Dialect(
    session=Session,
    immediate=immediate,
    prepare=Session.prepare_for_tables,
    defer=_defer,
    # The rows are as they were: what they obeyed there is not asked again.
    loading="SET SESSION foreign_key_checks = 0, unique_checks = 1",
    load=rows.load,
    before=lambda _facts, _table: [],
    after=_as_written,
)
