# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which sets of one source are kept, and what of two of them keeps the longest."""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

from .hold import Hold, make_hold
from .plan import Candidate, Context
from .policy import Policy, find_zone

#: What a hold names; two holds that name the same are one.
_SCOPE = ("set", "host", "source", "from", "to")
_FOREVER = "9999-12-31"
Options = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Rules:
    """Everything by which it is decided when sets of one source are removed.

    :param time_zone: whose hours, days, weeks, months and years count, and in which the days of holds are.
    :param keep_doubtful_days: as :class:`~.plan.Context` has it.
    :param policies: by series; None: such sets are kept.
    :param holds: as :data:`~.hold.HOLD_ARGUMENTS` describes them, without what is not given.
    """

    time_zone: str
    keep_doubtful_days: int
    policies: t.Mapping[str, Policy | None]
    holds: tuple[t.Mapping[str, str], ...] = ()

    def record(self) -> dict[str, t.Any]:
        """Return what is written down of them, the same text for the same rules."""
        return {
            "time_zone": self.time_zone,
            "keep_doubtful_days": self.keep_doubtful_days,
            "policies": {series: _policy_record(policy) for series, policy in self.policies.items()},
            "holds": sorted((dict(hold) for hold in _united(self.holds).values()), key=str),
        }

    def joined(self, other: Rules) -> Rules:
        """Return rules that keep whatever these keep, and of another what can be said with them."""
        both = self.policies.keys() & other.policies.keys()
        longest = {name: _longest(self.policies[name], other.policies[name]) for name in both}
        return Rules(
            self.time_zone,
            max(self.keep_doubtful_days, other.keep_doubtful_days),
            {**self.policies, **other.policies, **longest},
            tuple(_united([*self.holds, *other.holds]).values()),
        )

    def at(self, now: datetime.datetime) -> Rules:
        """Return them without the holds that have come to their own end."""
        zone = find_zone(self.time_zone)
        ends = [(hold, make_hold(hold, zone).until) for hold in self.holds]
        return dataclasses.replace(self, holds=tuple(hold for hold, end in ends if end is None or now < end))

    def made_holds(self) -> list[Hold]:
        """Return the holds as a plan takes them."""
        zone = find_zone(self.time_zone)
        return [make_hold(hold, zone) for hold in self.holds]

    def applied(
        self, candidates: t.Sequence[Candidate], series: t.Sequence[str], context: Context
    ) -> tuple[list[Candidate], Context]:
        """Return candidates and context as these rules have them.

        :param series: of each candidate.
        """
        under = [
            dataclasses.replace(one, policy=self.policies.get(name, one.policy))
            for one, name in zip(candidates, series)
        ]
        return under, dataclasses.replace(
            context,
            zone=find_zone(self.time_zone),
            holds=self.made_holds(),
            keep_doubtful_days=self.keep_doubtful_days,
        )


def rules_of(record: t.Mapping[str, t.Any]) -> Rules:
    """Return the rules that :meth:`Rules.record` wrote down.

    :raises ValueError, TypeError, KeyError, AttributeError: when it is something else.
    :raises BackupError: when a policy in it makes no sense.
    """
    return Rules(
        str(record["time_zone"]),
        int(record["keep_doubtful_days"]),
        {name: None if one is None else Policy(**one) for name, one in record["policies"].items()},
        tuple({str(key): str(value) for key, value in hold.items()} for hold in record["holds"]),
    )


def holds_about(holds: t.Sequence[Options], host: str, source: str) -> tuple[dict[str, str], ...]:
    """Return of some holds those that can hold sets of one source, without what they do not give."""
    return tuple(
        {name: str(value) for name, value in hold.items() if value} for hold in holds if _is_about(hold, host, source)
    )


def changes_between(agreed: Rules, wanted: Rules) -> list[str]:
    """Return what differs between two rules, for whoever is to approve it."""
    found = []
    for name, policy in sorted(agreed.policies.items()):
        other = wanted.policies.get(name, policy)
        if policy != other:
            found.append(f"policy of series {name}: {_policy_record(policy)} becomes {_policy_record(other)}")
    ends = _united(wanted.holds)
    for hold in agreed.holds:
        other_hold = ends.get(_scope(hold))
        if other_hold is None:
            found.append(f"hold ends: {dict(hold)}")
        elif _until(other_hold) < _until(hold):
            found.append(
                f"hold ends on {other_hold.get('until')} instead of {hold.get('until', 'no day')}: {dict(hold)}"
            )
    for name in ("time_zone", "keep_doubtful_days"):
        if getattr(agreed, name) != getattr(wanted, name):
            found.append(f"{name}: {getattr(agreed, name)} becomes {getattr(wanted, name)}")
    return found


def _policy_record(policy: Policy | None) -> dict[str, int] | None:
    return None if policy is None else {name: value for name, value in dataclasses.asdict(policy).items() if value}


def _longest(one: Policy | None, other: Policy | None) -> Policy | None:
    """Return a policy that keeps what either of two keeps; None keeps everything."""
    if one is None or other is None:
        return None
    values = {
        field.name: max(getattr(one, field.name), getattr(other, field.name))
        for field in dataclasses.fields(Policy)
        if field.name != "destroy_after_days"
    }
    ends = (one.destroy_after_days, other.destroy_after_days)
    return Policy(**values, destroy_after_days=max(filter(None, ends)) if all(ends) else None)


def _united(holds: t.Iterable[t.Mapping[str, str]]) -> dict[tuple[str, ...], t.Mapping[str, str]]:
    """Return of all holds that name the same sets the one that ends last, and of those the last, by what they name."""
    found: dict[tuple[str, ...], t.Mapping[str, str]] = {}
    for hold in holds:
        known = found.get(_scope(hold))
        if known is None or _until(known) <= _until(hold):
            found[_scope(hold)] = hold
    return found


def _scope(hold: t.Mapping[str, str]) -> tuple[str, ...]:
    return tuple(hold.get(name, "") for name in _SCOPE)


def _until(hold: t.Mapping[str, str]) -> str:
    text = hold.get("until")
    return datetime.date.fromisoformat(text).isoformat() if text else _FOREVER


def _is_about(hold: Options, host: str, source: str) -> bool:
    if hold.get("set"):
        named = SetId.parse(str(hold["set"]))
        if (named.host, named.source) != (host, source):
            return False
    return fnmatch.fnmatchcase(host, hold.get("host") or "*") and fnmatch.fnmatchcase(source, hold.get("source") or "*")
