# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Ansible send the code that checks the facts of sets with every module that imports this."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.description import Description

from ..registry import ENGINES

if t.TYPE_CHECKING:  # Never loaded from here, but sent: Ansible reads import statements (see ``Registration``).
    from ..files import set_facts as _files_facts
    from ..mariadb import set_facts as _mariadb_facts
    from ..mysql import set_facts as _mysql_facts
    from ..postgresql import set_facts as _postgresql_facts
    from ..sqlite import set_facts as _sqlite_facts

    PARTS = (_files_facts, _mariadb_facts, _mysql_facts, _postgresql_facts, _sqlite_facts)


def check_facts(description: Description) -> None:
    """Check that a set's facts are what its engine writes. Of an engine that is not known here, nothing is known.

    :raises SetInvalid: when they are not.
    """
    if description.engine in ENGINES:
        ENGINES[description.engine].check_facts(description)
