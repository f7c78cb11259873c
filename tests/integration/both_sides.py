# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database as source and target in one, as tests want it that dump and restore the same."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.base import SourceEngine, TargetEngine
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.source import MariadbSource
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.target import MariadbTarget
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.source import MysqlSource
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql.target import MysqlTarget
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.source import PostgresqlSource
from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql.target import PostgresqlTarget


class BothSides(SourceEngine, TargetEngine):
    """A source to dump that is a target to restore into as well."""


class MariadbDatabase(BothSides, MariadbSource, MariadbTarget):  # type: ignore[misc]  # Each side has its own.
    """A MariaDB database."""

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        MariadbSource.__init__(self, options)
        MariadbTarget.__init__(self, options)


class MysqlDatabase(BothSides, MysqlSource, MysqlTarget):  # type: ignore[misc]  # Each side has its own.
    """A MySQL database."""

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        MysqlSource.__init__(self, options)
        MysqlTarget.__init__(self, options)


class PostgresqlDatabase(BothSides, PostgresqlSource, PostgresqlTarget):  # type: ignore[misc]  # Each side has its own.
    """A PostgreSQL database."""

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        PostgresqlSource.__init__(self, options)
        PostgresqlTarget.__init__(self, options)
