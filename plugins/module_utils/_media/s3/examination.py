# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be found out of a bucket and of a key to it, beside its sets."""

from __future__ import annotations

import typing as t

from .abilities import Abilities
from .access import KeyTrial
from .journal import Journals
from .protection import Protection, read_protection
from .store import PROBE_NAME, Store
from .trials import Trials


class Examination:
    """The examination of one bucket with one key.

    :param root: what the keys of the medium begin with, with its slash.
    :param describe: the medium, for messages.
    """

    def __init__(self, store: Store, journals: Journals, root: str, describe: str) -> None:
        self._store = store
        self._journals = journals
        self._root = root
        self._describe = describe

    @property
    def trials(self) -> Trials:
        """The record of what this host's keys were tried to do."""
        return Trials(self._journals.trials_directory)

    def abilities(self, *, host: str | None, anew: bool = False) -> dict[str, t.Any]:
        """Return what the store can do, in a host's part of the bucket or in all of it; see :class:`Abilities`."""
        key = self._part(host) + PROBE_NAME
        found = Abilities(self._store, self._journals, host=host or "", key=key, on=self._describe)
        return found.find(anew=anew)

    def protection(self) -> Protection:
        """Return how the bucket protects copies, as far as this key may ask."""
        return read_protection(self._store)

    def key_trial(self, *, host: str | None = None) -> KeyTrial:
        """Return what tries this key in a host's part of the bucket, or in all of this medium's."""
        # As near as can be: a policy may lack the slash at its end.
        outside = f"{self._root}{host}-other/" if host else f"other-{self._root}" if self._root else None
        return KeyTrial(self._store, prefix=self._part(host), outside=outside)

    def _part(self, host: str | None) -> str:
        return f"{self._root}{host}/" if host else self._root
