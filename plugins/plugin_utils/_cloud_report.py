# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preparing the cloud tells an operator."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import Catalogue


def cloud_prepared(result: t.Mapping[str, t.Any], catalogue: Catalogue) -> list[str]:
    """Return the lines of the report: what the bucket has, what the store does not offer, and what is left to do.

    :param result: of ``cloud_bucket``.
    """
    lines = [catalogue.say("cloud_settings", names=", ".join(sorted(result["settings"])))]
    if result["not_offered"]:
        lines.append(catalogue.say("cloud_not_offered", names=", ".join(result["not_offered"])))
    if result["expiring_rules"]:
        lines.append(catalogue.say("cloud_expiring", names=", ".join(result["expiring_rules"])))
    names = ", ".join(sorted(result["policies"]))
    if result["identities_applied"]:
        return [*lines, catalogue.say("cloud_identities", names=names)]
    lines.append(catalogue.say("cloud_policies", names=names))
    return [*lines, *(f"{name}: {json.dumps(policy)}" for name, policy in sorted(result["policies"].items()))]
