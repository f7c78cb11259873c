# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which throw-away instance each engine's sets are restored into."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._description import Description
from ansible_collections.infitulua.backup.plugins.module_utils.engines._instance import Instance, NotAvailable, Place
from ansible_collections.infitulua.backup.plugins.module_utils.engines._registry import ENGINES
from ansible_collections.infitulua.backup.plugins.module_utils.engines.files._instance import FilesInstance
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._instance import MariadbInstance
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mysql._instance import MysqlInstance
from ansible_collections.infitulua.backup.plugins.module_utils.engines.postgresql._instance import PostgresqlInstance
from ansible_collections.infitulua.backup.plugins.module_utils.engines.sqlite._instance import SqliteInstance

INSTANCES: dict[str, type[Instance]] = {
    "files": FilesInstance,
    "mariadb": MariadbInstance,
    "mysql": MysqlInstance,
    "postgresql": PostgresqlInstance,
    "sqlite": SqliteInstance,
}


def make_instance(place: Place, description: Description) -> Instance:
    """The instance that suits a set; not started yet.

    :raises NotAvailable: when this version of the collection does not know the set's engine.
    :raises SetInvalid: when the set's facts are none of its engine's.
    """
    if description.engine not in INSTANCES:
        raise NotAvailable(
            f"this version of the collection does not know the engine {description.engine}",
            "Use one that knows it.",
        )
    ENGINES[description.engine].check_facts(description)
    return INSTANCES[description.engine](place, description)
