# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the sets of a source, whatever the clocks say. Nothing here touches a disk."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import typing as t
from collections.abc import Mapping, Sequence

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._sets import order as set_order
from ansible_collections.infitulua.backup.plugins.module_utils._sets.order import LINKS, MAX_SEQUENCE, Claim
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

hypothesis = pytest.importorskip("hypothesis", reason="the development environment brings it")
st = pytest.importorskip("hypothesis.strategies")

HOST, SOURCE = "srv", "contabilidad"
NOW = datetime.datetime(2026, 11, 28, 3, 0, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
# Any moment of four decades: a clock without a battery, one that is days or minutes off, one that is right.
CLOCKS = st.one_of(
    st.integers(-20 * 365 * 86400, 20 * 365 * 86400), st.integers(-3 * 86400, 3 * 86400), st.integers(-400, 400)
).map(lambda seconds: NOW + datetime.timedelta(seconds=seconds))


@dataclasses.dataclass
class Shelf:
    """The sets of one source on one medium, in the order in which they were really made."""

    made: list[Claim] = dataclasses.field(default_factory=list)

    def digest(self, set_id: SetId) -> str | None:
        """Stands for the tag manifest's: who has not seen the set cannot know it."""
        for claim in self.made:
            if claim.set_id == set_id:
                content = [str(set_id), claim.sequence, dict(claim.predecessors)]
                return hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return None

    def dump(self, clock: datetime.datetime) -> Claim:
        """A set as a server makes it whose clock says ``clock``."""
        order = set_order.in_order(self.made, now=clock, digest_of=self.digest)
        by_id = {claim.set_id: claim for claim in self.made}
        claim = set_order.next_claim(
            HOST,
            SOURCE,
            now=clock,
            ordered=[by_id[set_id] for set_id in order],
            is_taken=by_id.__contains__,
            digest_of=self.digest,
        )
        self.made.append(claim)
        return claim

    def order(self, now: datetime.datetime = NOW, *, without: Sequence[Claim] = ()) -> list[SetId]:
        """As a reader finds it whose clock says ``now``, where some sets are missing."""
        left = [claim for claim in self.made if claim not in without]
        return set_order.in_order(reversed(left), now=now, digest_of=self.digest)

    def ids(self) -> list[SetId]:
        return [claim.set_id for claim in self.made]


def shelf(*clocks: datetime.datetime) -> Shelf:
    made = Shelf()
    for clock in clocks:
        made.dump(clock)
    return made


def forged(time: datetime.datetime, sequence: int = MAX_SEQUENCE, names: Mapping[str, str] | None = None) -> Claim:
    return Claim(SetId.at(HOST, SOURCE, time), sequence, names or {})


@hypothesis.given(clocks=st.lists(CLOCKS, max_size=14), reader=CLOCKS)
@hypothesis.settings(deadline=None)
def test_whatever_the_clocks_say_the_order_is_that_of_the_dumps(
    clocks: list[datetime.datetime], reader: datetime.datetime
) -> None:
    made = shelf(*clocks)
    assert len(set(made.ids())) == len(clocks)
    assert made.order(reader) == made.ids()
    assert [claim.sequence for claim in made.made] == list(range(1, len(clocks) + 1))


@hypothesis.given(clocks=st.lists(CLOCKS, min_size=2, max_size=14), reader=CLOCKS, data=st.data())
@hypothesis.settings(deadline=None)
def test_sets_that_are_missing_in_between_do_not_disturb_it(
    clocks: list[datetime.datetime], reader: datetime.datetime, data: t.Any
) -> None:
    made = shelf(*clocks)
    first = data.draw(st.integers(0, len(clocks) - 1))
    without = made.made[first : first + LINKS - 1]
    left = [claim.set_id for claim in made.made if claim not in without]
    assert made.order(reader, without=without) == left


@hypothesis.given(
    clocks=st.lists(CLOCKS, min_size=1, max_size=8),
    sequence=st.integers(0, MAX_SEQUENCE),
    dated=CLOCKS,
    guesses=st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), max_size=3),
    data=st.data(),
)
@hypothesis.settings(deadline=None)
def test_no_claim_makes_a_set_newer_than_one_that_is_made_afterwards(
    clocks: list[datetime.datetime], sequence: int, dated: datetime.datetime, guesses: list[str], data: t.Any
) -> None:
    made = shelf(*(min(clock, NOW - DAY) for clock in clocks))
    seen = made.made[: data.draw(st.integers(0, len(made.made)))]
    names = {str(claim.set_id): made.digest(claim.set_id) or "" for claim in seen[-LINKS:]}
    later = NOW + DAY
    # It even guesses what the next set will be called; but not its digest.
    names.update({str(SetId.at(HOST, SOURCE, later)): guess for guess in guesses[:1]})
    forgery = forged(dated, sequence, names)
    if forgery.set_id in made.ids():
        return
    honest = made.dump(later)
    made.made.append(forgery)
    order = [set_id for set_id in made.order(later) if not set_order.is_dated_after(set_id, later)]
    if dated < later:
        assert order[-1] == honest.set_id


def test_a_set_of_a_clock_that_was_ahead_is_never_newer_than_what_came_after_it() -> None:
    made = shelf(NOW - 2 * DAY, NOW + 400 * DAY, NOW - DAY, NOW)
    monday, ahead, tuesday, wednesday = made.ids()
    assert made.order() == [monday, ahead, tuesday, wednesday]
    assert set_order.is_dated_after(ahead, NOW)
    # Nor does it become the newest when its date has come.
    assert made.order(NOW + 401 * DAY)[-1] == wednesday
    # The clock that was put right names by the right day again.
    assert (tuesday.time, wednesday.time) == ("20261127T030000Z", "20261128T030000Z")


def test_a_clock_that_was_put_back_a_little_names_after_the_last_set() -> None:
    made = shelf(NOW, NOW - datetime.timedelta(minutes=4), NOW - datetime.timedelta(minutes=4))
    assert [set_id.time for set_id in made.ids()] == ["20261128T030000Z", "20261128T030001Z", "20261128T030002Z"]


def test_a_replaced_disk_begins_anew_and_its_sets_are_the_newer_ones() -> None:
    old = shelf(*(NOW - number * DAY for number in range(30, 10, -1)))
    new = shelf(NOW - 9 * DAY, NOW - 8 * DAY)
    assert [claim.sequence for claim in new.made] == [1, 2]
    both = Shelf([*old.made, *new.made])
    assert both.order() == [*old.ids(), *new.ids()]
    # Though the old disk's had a set with a wrong clock among them.
    ahead = old.dump(NOW + 400 * DAY).set_id
    after = old.dump(NOW - 10 * DAY).set_id
    both = Shelf([*old.made, *new.made])
    assert both.order()[-4:] == [ahead, after, *new.ids()]


def test_a_link_to_another_content_is_none() -> None:
    made = shelf(NOW)
    (first,) = made.made
    early = forged(NOW - DAY, 2, {str(first.set_id): "0" * 64})
    made.made.append(early)
    assert made.order() == [early.set_id, first.set_id]
    true = forged(NOW - 2 * DAY, 2, {str(first.set_id): made.digest(first.set_id) or ""})
    made.made.append(true)
    assert made.order() == [early.set_id, first.set_id, true.set_id]


def test_links_in_a_circle_and_far_too_many_of_them_do_no_harm() -> None:
    one, two = SetId.at(HOST, SOURCE, NOW - DAY), SetId.at(HOST, SOURCE, NOW)
    names = {f"srv/x/{number}": "0" * 64 for number in range(100_000)}
    claims = [Claim(one, 5, {str(two): "a", **names}), Claim(two, 5, {str(one): "a", **names})]
    assert set_order.in_order(claims, now=NOW, digest_of=lambda _set: "a") == [one, two]


def test_digests_are_read_only_where_links_and_times_disagree() -> None:
    made = shelf(*(NOW - number * DAY for number in range(20, 0, -1)))

    def unwanted(set_id: SetId) -> str | None:
        raise AssertionError(set_id)

    assert set_order.in_order(made.made, now=NOW, digest_of=unwanted) == made.ids()
