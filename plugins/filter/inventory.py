# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over the inventory."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils import _inventory, _sources


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters."""
        return {
            "ambiguous_names": _sources.ambiguous_names,
            "drill_hosts": _inventory.drill_hosts,
            "known_hosts": _inventory.known_hosts,
            "lost_sources": _lost_sources,
            "recorded_sources": _sources.recorded_sources,
            "restore_places": _sources.restore_places,
            "signers": _inventory.signers,
            "source_policies": _inventory.source_policies,
            "trial_servers": _inventory.trial_servers,
        }


def _lost_sources(sets: t.Iterable[t.Mapping[str, t.Any]], variables: t.Mapping[str, t.Any]) -> list[dict[str, str]]:
    return _inventory.lost_sources(variables, sets)
