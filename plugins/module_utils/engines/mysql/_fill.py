# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a MySQL database is filled otherwise than MariaDB's (see ``engines.mariadb._fill``).

No index waits for the rows: MySQL drops none that a foreign key needs without leaving the table half known to itself.
"""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._fill import Dialect
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _rows as rows
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import (
    Session,
    immediate,
    raise_where,
)


def _as_written(facts: t.Mapping[str, t.Any], table: str) -> list[str]:
    allowed = rows.without_value(table, facts["tables"][table])
    return [
        # A warning says that a value is not what it was: NULL for what a type does not take, or a part of it.
        "GET DIAGNOSTICS @warnings = NUMBER",
        "GET DIAGNOSTICS CONDITION 1 @warning = MESSAGE_TEXT",
        raise_where(f"@warnings > IF(@warnings > 0, {allowed}, 0)", "@warning"),
    ]


MYSQL = Dialect(
    session=Session,
    immediate=immediate,
    prepare=Session.prepare_for_tables,
    defer=lambda _session, _row_counts: {},
    # The rows are as they were: what they obeyed there is not asked again.
    loading="SET SESSION foreign_key_checks = 0, unique_checks = 1",
    load=rows.load,
    before=lambda _facts, _table: [],
    after=_as_written,
)
