# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daily run, day after day by a simulated clock: dumped, verified, stored and pruned, over a real object store.

Each day is compared with what a calendar says: what the policy keeps is in the vault and in the cloud, what it no
longer keeps is gone from the vault at once and from the cloud when its lock has ended, and no lock is longer than the
policy keeps. There are dead weeks, wrong clocks, failed drills, lost sets, days without a cloud, holds, and policies
made longer and shorter; ``script`` says on which day. ``make days`` runs 400 days in each zone; SEED chooses the
sizes of the jumps. The simulation begins next March, so that both changes to and from summer time are soon.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import random
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.medium import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.receipts import Receipt
from ansible_collections.infitulua.backup.plugins.module_utils._operations.audit.operation import audit_sets
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.record import FAILED, PASSED
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock
from development.services.object_store import ObjectStore

from .bucket_administrator import UNLOCKED, BucketAdministrator, Locks
from .clocks import SERVER, SYSTEMS, UTC, Clocks
from .institution import DISK_POLICY, RETAIN_DAYS, Day, Institution, out_of_reach
from .oracle import DAY, Calendar, Hold, Known
from .script import Happening, happenings

SEED = os.environ["SEED"]
DAYS = int(os.environ.get("DAYS") or 36)
ZONES = ["America/Bogota", "America/Santiago", "Europe/Madrid"] if os.environ.get("DAYS") else ["America/Santiago"]
FIRST = datetime.date(datetime.datetime.now(UTC).year + 1, 3, 15)
A_MINUTE = datetime.timedelta(minutes=1)


class Simulation:
    """An institution, and what is to be true of it."""

    def __init__(self, institution: Institution, administrator: BucketAdministrator) -> None:
        self.institution, self.administrator, self.clocks = institution, administrator, institution.clocks
        self.reader = S3Medium(**without_type(institution.reader()))
        self.known: dict[SetId, Known] = {}
        self.every: list[Known] = []
        self.lost: dict[SetId, Known] = {}
        self.may_be_locked: dict[SetId, datetime.datetime] = {}
        self.latest_record = datetime.datetime(1970, 1, 1, tzinfo=UTC)
        self.removed = self.removed_copies = self.unclear = 0

    def live(self, day: int, happening: Happening) -> None:
        """Let a day pass."""
        for at in happening.at:
            self.clocks.ahead = {SERVER: happening.server_ahead, SYSTEMS: happening.systems_ahead}
            self.clocks.set(FIRST + day * DAY, at, self.institution.zone_info)
            if happening.failed_drill:
                self.fail_drill()
            if happening.lost:
                self.lose()
            if happening.found:
                self.find()
            self.run(happening)

    def fail_drill(self) -> None:
        """Find out that the newest set in the vault cannot be restored."""
        newest = max(self.known.values(), key=lambda one: one.number)
        newest.failed = True
        self.institution.drill(newest.set_id, FAILED)

    def lose(self) -> None:
        """Let the vault lose its oldest set."""
        oldest = min(self.known.values(), key=lambda one: one.number)
        self.institution.lose(oldest.set_id)
        self.lost[oldest.set_id] = self.known.pop(oldest.set_id)

    def find(self) -> None:
        """Fetch what was lost out of the cloud."""
        for set_id, known in self.lost.items():
            self.institution.fetch(set_id)
            self.known[set_id] = known
        self.lost.clear()

    def run(self, happening: Happening) -> None:
        """Run the day's playbook, and compare."""
        holds = [Hold(FIRST + happening.holds[0] * DAY, FIRST + happening.holds[-1] * DAY)] if happening.holds else []
        copies, begun, locks = set(self.receipts()), self.clocks.true(), dict(self.administrator.locks)
        # What ends within the seconds of this run may go, and need not.
        self.administrator.lift_expired(begun + A_MINUTE)
        options = [hold.options() for hold in holds]
        with contextlib.nullcontext() if happening.has_cloud else out_of_reach():
            done = self.institution.run(happening.policy, options, self.administrator.wait)
        self.note(done)
        self.administrator.look(self.receipts())
        now = host_clock.now()
        calendar = Calendar(self.known.values(), happening.policy, holds, self.institution.zone, now)
        if self.is_clear(done, happening, now):
            over = {set_id for set_id in copies if locks[set_id].longest <= begun}
            ending = {set_id for set_id in copies if begun < locks[set_id].longest <= now}
            self.check_clear_day(calendar, copies, over, ending)
        else:
            self.unclear += 1
            self.check_that_nothing_went(copies, locks)
        self.check_what_is_always_so()
        self.latest_record = max(self.latest_record, now)
        newest = max(self.known.values(), key=lambda one: one.number)
        if not newest.failed:
            self.institution.drill(newest.set_id, PASSED)

    def note(self, done: Day) -> None:
        """Note what was made and verified."""
        assert done.dumped in done.taken or not self.known
        for set_id in sorted(done.taken):
            self.known[set_id] = Known(set_id, len(self.every), done.verified.replace(microsecond=0))
            self.every.append(self.known[set_id])
            with self.clocks.on(SERVER):
                self.may_be_locked[set_id] = host_clock.now() + RETAIN_DAYS * DAY
        self.latest_record = max(self.latest_record, done.verified)

    def is_clear(self, done: Day, happening: Happening, now: datetime.datetime) -> bool:
        """Whether anything may be removed: no clock is wrong, none has left a date to come, and the cloud answers."""
        latest = max([self.latest_record, *(set_id.moment for set_id in self.known)])
        right = latest <= now + 5 * A_MINUTE
        wrong = [ahead for ahead in self.clocks.ahead.values() if abs(ahead) > 5 * A_MINUTE]
        assert not (done.pruned and wrong)
        return right and not wrong and happening.has_cloud

    def receipts(self) -> dict[SetId, Receipt]:
        """Return the receipts of all copies."""
        receipts = {set_id: self.reader.audited_once(set_id) for set_id in self.may_be_locked}
        return {set_id: receipt for set_id, receipt in receipts.items() if receipt is not None}

    def check_clear_day(self, calendar: Calendar, copies: set[SetId], over: set[SetId], ending: set[SetId]) -> None:
        """Compare the vault, the cloud and its locks with the calendar.

        :param copies: what the cloud had.
        :param over: those of them that no lock protected any more; ``ending``: those whose locks have ended since.
        """
        now, kept = calendar.now, calendar.kept()
        assert set(self.institution.vault.sets()) == kept
        self.check_disk(calendar)
        gone = set(self.known) - kept
        for set_id in gone:
            del self.known[set_id]
        self.removed += len(gone)
        # A copy goes when its set has gone from the vault, nothing holds it, and no lock of any of its objects lasts.
        stay = {*kept, *self.lost, max(copies | kept), *filter(calendar.is_held, copies)}
        removed = (copies | kept) - set(self.receipts())
        assert over - stay <= removed <= (over | ending) - stay, "what is gone from the cloud"
        self.removed_copies += len(removed)
        for set_id in kept | set(self.lost):
            own = self.administrator.locks[set_id]
            least = calendar.least_lock(set_id) if set_id in kept else now + 7 * DAY
            self.may_be_locked[set_id] = max(self.may_be_locked[set_id], calendar.most_lock(set_id) + A_MINUTE)
            assert least - A_MINUTE <= own.every, (set_id, own, least)
        for set_id, own in self.administrator.locks.items():
            if calendar.is_held(set_id):
                self.may_be_locked[set_id] = max(self.may_be_locked[set_id], now + 14 * DAY + A_MINUTE)
            assert own.longest <= self.may_be_locked[set_id], (set_id, own, self.may_be_locked[set_id])

    def check_disk(self, calendar: Calendar) -> None:
        """Check that the server's disk keeps no more than its own policy, which has the newest sets only."""
        good = [one.set_id for one in self.every if not one.failed]
        doubtful = {one.set_id for one in self.every if one.failed}
        others = set(self.institution.disk.sets()) - set(good[-DISK_POLICY["last"] :]) - doubtful
        assert all(map(calendar.is_held, others)), others

    def check_that_nothing_went(self, copies: set[SetId], locks: dict[SetId, Locks]) -> None:
        """Check that a day on which something is wrong removes nothing, and locks nothing for longer."""
        assert set(self.institution.vault.sets()) == set(self.known)
        assert copies <= set(self.receipts())
        for set_id, before in locks.items():
            assert self.administrator.locks[set_id] in (before, UNLOCKED)

    def check_what_is_always_so(self) -> None:
        """Check what no day may break."""
        newest = max((one for one in self.known.values() if not one.failed), key=lambda one: one.number).set_id
        for medium in (self.institution.vault, self.institution.disk):
            assert medium.holds(newest)
        assert self.institution.incoming.sets() == []
        assert self.administrator.unfinished() == []
        for set_id, own in self.administrator.locks.items():
            assert own.longest <= self.may_be_locked[set_id] + A_MINUTE

    def read_everything(self) -> None:
        """Read every byte of the vault, and of the cloud as a systems computer does that is new, without receipts."""
        institution = self.institution
        for set_id in institution.vault.sets():
            set_verification.verify(institution.vault, set_id, allowed_signers=str(institution.signers))
        options = {**institution.reader(), "state_directory": str(institution.directory / "state-of-another")}
        with S3Medium(**without_type(options)) as another:
            report = audit_sets(
                another, institution.vault, SetSelection(host=SERVER), status_file=None, check_mode=False
            )
        assert (report.failures, report.missing) == ([], [])
        assert {SetId.parse(entry["id"]) for entry in report.sets} == set(institution.vault.sets())
        # Nothing is in the bucket that belongs to no copy, and every lock is what its receipt says.
        assert self.administrator.sets() == set(self.receipts())
        for set_id, receipt in self.receipts().items():
            seen = self.administrator.locks[set_id]
            assert seen == UNLOCKED or self.administrator.read(receipt) == seen


def without_type(options: dict[str, t.Any]) -> dict[str, t.Any]:
    return {name: value for name, value in options.items() if name != "type"}


@pytest.fixture(params=ZONES)
def simulation(
    request: pytest.FixtureRequest, tmp_path: Path, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulation]:
    prefix = f"days-{str(request.param).replace('/', '-')}"
    institution = Institution(tmp_path, object_store, prefix, Clocks(monkeypatch), request.param)
    simulation = Simulation(institution, BucketAdministrator(object_store, prefix))
    yield simulation
    simulation.reader.close()


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.usefixtures("one_loader")
def test_day_after_day_what_the_calendar_keeps_is_kept_and_nothing_else(simulation: Simulation) -> None:
    script = happenings(DAYS, random.Random(SEED))
    for day, happening in enumerate(script):
        try:
            simulation.live(day, happening)
        except BaseException:
            print(f"SEED={SEED}: day {day} ({FIRST + day * DAY}): {happening}")
            raise
    simulation.read_everything()
    assert len(simulation.every) > 0.7 * DAYS
    assert simulation.removed > len(simulation.every) / 3 and simulation.removed_copies > len(simulation.every) / 5
    assert simulation.unclear > DAYS / 9
