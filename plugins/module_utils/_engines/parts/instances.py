# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Ansible send the engines' throw-away instances with every module that imports this."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

from ..registry import find_engine
from ..trial.instance import Instance, NotAvailable, Place
from .set_facts import check_facts

if t.TYPE_CHECKING:  # Never loaded from here, but sent: Ansible reads import statements (see ``Registration``).
    from ..files import instance as _files_instance
    from ..mariadb import instance as _mariadb_instance
    from ..mysql import instance as _mysql_instance
    from ..postgresql import instance as _postgresql_instance
    from ..sqlite import instance as _sqlite_instance

    PARTS = (_files_instance, _mariadb_instance, _mysql_instance, _postgresql_instance, _sqlite_instance)

#: The engines that are sent.
NAMES = ["files", "mariadb", "mysql", "postgresql", "sqlite"]


def load(engine: str) -> None:
    """Load what sets of an engine are restored into, where it is known here."""
    if engine in NAMES:
        kind = find_engine(engine)
        kind.facts_shape()
        kind.instance()


def make_instance(place: Place, description: Description) -> Instance:
    """Return the throw-away instance that suits a set; not started yet.

    :raises NotAvailable: when this version of the collection does not know the set's engine.
    :raises SetInvalid: when the set's facts are not its engine's.
    """
    if description.engine not in NAMES:
        raise NotAvailable(
            f"this version of the collection does not know the engine {description.engine}",
            "Use one that knows it.",
        )
    check_facts(description)
    return find_engine(description.engine).instance()(place, description)
