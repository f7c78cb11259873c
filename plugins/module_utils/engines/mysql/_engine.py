# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MySQL engine: one database, dumped in parallel streams of one moment, restored beside and swapped.

MySQL and MariaDB were one product once, so much of their engines is one as well: rows, streams and how they are loaded
are MariaDB's. What has become of each since is in the modules of this name.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._description import Description
from ansible_collections.infitulua.backup.plugins.module_utils.engines._discovery import Discovery
from ansible_collections.infitulua.backup.plugins.module_utils.engines._facts import Named
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._engine import MariadbEngine
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _catalogue as catalogue
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql import _discovery
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._dump import Dump
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._restore import Restoration
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._selection import SelectedRestoration
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._session import Session


class MysqlEngine(MariadbEngine):
    """One MySQL database. As a target, ``database`` is the name to restore as."""

    name = "mysql"
    facts_shape: t.ClassVar[t.Any] = {
        "version": str,
        "database": {"name": str, "character_set": str, "collation": str},
        "objects": Named(int),
        "row_counts": Named(int),
        "content_digests": (dict, type(None)),
        "references": [[str]],
        "lower_case_table_names": int,
        "token": str,
        "tables": Named([[str]]),
        "streams": Named([str]),
    }

    connection = Connection
    session = Session
    catalogue: t.ClassVar[t.Any] = catalogue
    dump_type = Dump
    restoration = Restoration
    selection = SelectedRestoration

    @classmethod
    def _wrong(cls, description: Description) -> dict[str, bool]:
        facts = description.engine_facts["database"]
        word = re.compile(r"\w+", re.ASCII)
        is_word = all(word.fullmatch(facts[key]) for key in ("character_set", "collation"))
        return {**super()._wrong(description), "database": not is_word}

    @classmethod
    def databases(cls, options: t.Mapping[str, t.Any], *, sizes: bool = False) -> Discovery:
        return _discovery.discover(options, sizes=sizes)

    def _require(self, session: t.Any) -> str:
        return catalogue.require_mysql(session, "dump a database", on=self._connection.describe())
