# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For how long the sets of a source are kept."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t
import zoneinfo

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

# The policy of every series that has none of its own.
DEFAULT = "default"
LAST = "last"
# What a policy counts, the shortest period first: the first good set of each period represents it.
COUNTS = (LAST, "hourly", "daily", "weekly", "monthly", "yearly")
# A lock cannot be taken back, and no store takes one of more than a hundred years.
_MOST = {
    LAST: 1_000_000,
    "hourly": 24 * 36_525,
    "daily": 36_525,
    "weekly": 5_200,
    "monthly": 1_200,
    "yearly": 100,
    "minimum_days": 36_525,
}
POLICY_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **{name: {"type": "int", "default": 0} for name in COUNTS},
    "minimum_days": {"type": "int", "default": 0},
    "destroy_after_days": {"type": "int"},
}


@dataclasses.dataclass(frozen=True)
class Policy:
    """For how long to keep a source's sets.

    :param last: so many of the newest good sets.
    :param hourly: the first good set of each of so many hours, of the newest that have one; likewise ``daily``,
        ``weekly`` (from Monday), ``monthly`` and ``yearly``.
    :param minimum_days: every set until it is so many days old.
    :param destroy_after_days: no set when it is older than so many days, since it must be destroyed then.
    :raises Refused: when a number makes no sense, or nothing at all would be kept.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    minimum_days: int = 0
    destroy_after_days: int | None = None

    def __post_init__(self) -> None:
        counts = dict(self.counts)
        lowest = min(self.minimum_days, *counts.values())
        if lowest < 0:
            raise _refused(why="a number in it is less than 0", next_step="Give numbers of 0 or more.")
        if any(count > _MOST[name] for name, count in (*counts.items(), ("minimum_days", self.minimum_days))):
            raise _refused(
                why="it keeps sets for more than a hundred years",
                next_step="Correct the number: what is locked for so long in a cloud cannot be unlocked.",
            )
        if not self.minimum_days and not any(counts.values()):
            raise _refused(
                why="it keeps nothing",
                next_step="Say how many sets to keep (last, hourly, daily, weekly, monthly, yearly), or for how many"
                " days (minimum_days).",
            )
        if self.destroy_after_days is not None and self.destroy_after_days < max(1, self.minimum_days):
            raise _refused(
                why="destroy_after_days is less than minimum_days, or than 1",
                next_step="Correct the two: no set can be both kept and destroyed.",
            )

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many sets of each kind to keep, in the order of :data:`COUNTS`."""
        return [(name, getattr(self, name)) for name in COUNTS]


def find_zone(name: str) -> datetime.tzinfo:
    """Return a time zone by its name, such as ``America/Bogota``.

    :raises Refused: when this host does not know it.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(
            "use a time zone",
            on=name,
            why="this host does not know it",
            next_step="Correct the name (as in America/Bogota), or install the package tzdata on this host.",
        ) from None


def make_policies(policies: t.Any) -> dict[str, Policy]:
    """Read a policy for each series, or source, as the option ``policies`` gives it.

    :raises Refused: when one of them makes no sense.
    """
    if not isinstance(policies, t.Mapping):
        raise _refused(
            subject=str(policies), why="it is not a mapping", next_step="Write it as in the documentation of set_prune."
        )
    for name in policies:
        if not isinstance(name, str):
            raise _refused(
                subject=str(name),
                why=f"the key {name} is not a string",
                next_step='Write it in quotes, as "400.10": without them, YAML makes a number of it.',
            )
    return {str(name): make_policy(options, str(name)) for name, options in policies.items()}


def make_policy(options: t.Any, subject: str) -> Policy:
    """Read one policy.

    :param subject: whose it is, for the message.
    :raises Refused: when it makes no sense.
    """
    if not isinstance(options, t.Mapping):
        raise _refused(
            subject=subject, why="it is not a mapping", next_step="Write it as in the documentation of set_prune."
        )
    checked = ArgumentSpecValidator(POLICY_ARGUMENTS).validate(dict(options))
    if checked.error_messages:
        why = "; ".join(checked.error_messages)
        raise _refused(
            subject=subject, why=why, next_step="Correct it; set_prune's documentation has the keys of a policy."
        )
    return policy_of(checked.validated_parameters, subject)


def policy_of(values: t.Mapping[str, t.Any], subject: str) -> Policy:
    """Return the policy that checked options give.

    :param subject: whose it is, for the message.
    :raises Refused: when it makes no sense.
    """
    try:
        return Policy(**{field.name: values[field.name] for field in dataclasses.fields(Policy)})
    except Refused as error:
        raise _refused(subject=subject, why=error.why, next_step=error.next_step) from error


def _refused(*, why: str, next_step: str, subject: str = "it") -> Refused:
    return Refused("use a retention policy", on=subject, why=why, next_step=next_step)
