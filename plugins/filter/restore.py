# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that plan a restore and report on it."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils import _restore_plan, _restore_report, _restore_request


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters."""
        return {
            "restore_not_found": _restore_report.not_found,
            "restore_objections": _restore_report.objections,
            "restore_plan": _restore_plan.plan,
            "restore_refusal": _restore_request.refusal,
            "restore_report": _restore_report.report,
            "restore_search": _restore_plan.search,
        }
