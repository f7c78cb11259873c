# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sets are meant: by id, by host and source, the newest, the newest not after a moment."""

from __future__ import annotations

import dataclasses
import itertools

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._set_reader import read_description
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium


@dataclasses.dataclass(frozen=True)
class Selection:
    """A choice among the sets of a medium.

    :param ids: exactly these (none, when it is empty); every one must be there. None: all that the rest allows.
    :param newest: only the newest of each source that is not suspect.
    :param at: only sets whose time is not after this one (``20261122T030000Z``).
    :raises BackupError: when a name or the time is not of its form: it would quietly choose nothing.
    """

    ids: tuple[SetId, ...] | None = None
    host: str | None = None
    source: str | None = None
    newest: bool = False
    at: str | None = None

    def __post_init__(self) -> None:
        SetId(
            self.host if self.host is not None else "any",
            self.source if self.source is not None else "any",
            self.at if self.at is not None else "20261122T030000Z",
        )

    def choose(self, medium: Medium) -> list[SetId]:
        """The chosen sets, oldest first within a source.

        :raises NotFound: when an id is not on the medium.
        :raises BackupError: when the medium cannot be listed, or, for the newest, not read.
        """
        if self.ids is not None:
            missing = [str(set_id) for set_id in self.ids if not medium.holds(set_id)]
            if missing:
                raise NotFound(
                    "find sets",
                    on=medium.describe(),
                    why=f"it does not hold {', '.join(missing)}",
                    next_step="List what it holds with set_info.",
                )
            return sorted(set(self.ids))
        found = [
            set_id
            for set_id in medium.sets(host=self.host, source=self.source)
            if self.at is None or set_id.time <= self.at
        ]
        if self.newest:
            sources = itertools.groupby(found, key=lambda set_id: (set_id.host, set_id.source))
            newest = (_newest(medium, list(sets)) for _source, sets in sources)
            found = [set_id for set_id in newest if set_id is not None]
        return found


def _newest(medium: Medium, sets: list[SetId]) -> SetId | None:
    return next((set_id for set_id in reversed(sets) if not _is_suspect(medium, set_id)), None)


def _is_suspect(medium: Medium, set_id: SetId) -> bool:
    try:
        return read_description(set_id, medium.contents(set_id)).suspect is not None
    except (NotFound, SetInvalid):
        return False  # Whoever reads it next will say what is wrong with it.
