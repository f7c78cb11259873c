# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module that removes replaced data does with its targets: one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts import kept_data as parts
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine, target_arguments
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained

from ..restore import kept_data
from ..sources import MANY_ARGUMENTS, target_databases

# What says where a target's data is, by any engine: the data there is in use, and not a leftover of a restore.
_PLACES = ("database", "path")
# Where a target's data is, and not what of a set is put there.
_TARGET_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    option: {name: value for name, value in specification.items() if name != "required"}
    for option, specification in target_arguments(parts.NAMES).items()
    if option not in ("tables", "schemas", "into_schema", "only", "owner", "access")
}
REPLACED_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "keep_days": {"type": "int"},
    "targets": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "engine": {"type": "str", "choices": parts.NAMES, "default": "files"},
            **MANY_ARGUMENTS,
            **_TARGET_ARGUMENTS,
        },
    },
}


@dataclasses.dataclass
class ReplacedReport:
    """What a module that removes replaced data returns.

    :param replaced: one entry for each that was found.
    :param failures: one entry for each target that could not be looked after.
    """

    replaced: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    failures: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether any was (or would be) removed."""
        return any(entry["removed"] for entry in self.replaced)

    @property
    def message(self) -> str:
        """Every failure, in one message."""
        return " | ".join(f"{entry['source']}: {entry['message']}" for entry in self.failures)

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        before = "".join(f"{entry['name']}\n" for entry in self.replaced)
        after = "".join(f"{entry['name']}\n" for entry in self.replaced if not entry["removed"])
        headers = {"before_header": "replaced", "after_header": "replaced"}
        diff = {"before": before, "after": after, **headers}
        return {"changed": self.changed, "replaced": self.replaced, "failures": self.failures, "diff": diff}


def prune_replaced(params: t.Mapping[str, t.Any], *, check_mode: bool) -> ReplacedReport:
    """Clean up after the restores of every target of a module's ``targets``.

    :raises Refused: when ``keep_days`` is not a number of days.
    """
    keep_days = kept_data.checked_keep_days(params["keep_days"])
    report = ReplacedReport()
    wanted: list[tuple[str, str, dict[str, t.Any]]] = []
    for target in params["targets"]:
        options = {name: value for name, value in target.items() if name not in ("name", "engine")}
        try:
            with contained("find the databases of a target", on=target["name"]):
                found = target_databases(target["engine"], target["name"], options)
        except BackupError as error:
            report.failures.append({"source": target["name"], "message": error.message, "details": error.details})
            continue
        wanted += [(target["name"], target["engine"], one) for one in found]
    places = {options[option] for _name, _engine, options in wanted for option in _PLACES if options[option]}
    places |= {path for _name, _engine, options in wanted for path in options["paths"] or ()}
    places |= {path for _name, _engine, options in wanted for path in options["attached"] or ()}
    for name, kind, options in wanted:
        try:
            with contained("clean up what restores have kept", on=name):
                pruned = kept_data.prune(
                    find_engine(kind).kept(options), keep_days=keep_days, check_mode=check_mode, protected=places
                )
        except BackupError as error:
            report.failures.append({"source": name, "message": error.message, "details": error.details})
            continue
        for failure in pruned.failures:
            report.failures.append({"source": name, "message": failure.message, "details": failure.details})
        entries = [(entry, True) for entry in pruned.removed] + [(entry, False) for entry in pruned.left]
        for entry, removed in sorted(entries, key=lambda pair: (pair[0].since, pair[0].name)):
            report.replaced.append(
                {
                    "source": name,
                    **kept_data.describe_replaced(entry),
                    "in_use": entry.in_use,
                    "removed": removed,
                }
            )
    return report
