# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What removes sets ahead of policy waits until several people have signed exactly that.

The medium itself keeps, below ``.approvals``, the rules that were agreed for each source, and the people who may
approve others. Rules that keep more, and fewer approvers, are agreed at once. Whatever keeps less is asked for: until
enough of the agreed people have signed the request, a set that the agreed rules keep is kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import os
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.base import LocalMedium
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import durable

from .agreement import Agreement, Record, Request, Signatures, as_backup_error, canonical, unreadable
from .approvers import NOBODY, Approvers, approvers_of
from .hold import Hold
from .plan import Candidate, Context, Decision, Rule, clock_problem, keep_needed, plan
from .policy import Policy
from .rules import Rules, changes_between, holds_about, rules_of

_DIRECTORY = ".approvals"
_INVALID = (ValueError, TypeError, KeyError, AttributeError, BackupError)


@dataclasses.dataclass(frozen=True)
class Terms:
    """What a run is told, beside the policies.

    :param approvers: None: it says nothing of approvals.
    :param time_zone: its name.
    :param holds: as :data:`~.hold.HOLD_ARGUMENTS` describes them.
    """

    approvers: Approvers | None
    time_zone: str
    holds: t.Sequence[t.Mapping[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class _Change:
    """A change of what was agreed.

    :param about: of what.
    :param before: what was agreed.
    :param in_force: with what needs nobody's approval.
    :param wanted: what is to be agreed.
    :param more: what else the request says.
    """

    about: Record
    before: Record
    in_force: Record
    wanted: Record
    more: Record


@dataclasses.dataclass(frozen=True)
class _Answer:
    """What came of a change.

    :param number: of what is agreed now.
    :param request: what waits, or was approved; None: there is nothing to ask.
    :param is_new: whether it was not there before.
    """

    number: int
    request: Request | None = None
    is_new: bool = False
    signatures: Signatures = dataclasses.field(default_factory=Signatures)
    is_approved: bool = False


@dataclasses.dataclass(frozen=True)
class Source:
    """The sets of one source on the medium, oldest first.

    :param digests: of the tag manifest of each set; None: it cannot be read.
    :param series: of each set.
    :param policy_of: returns the policy of a series by today's rules.
    """

    host: str
    name: str
    candidates: t.Sequence[Candidate]
    digests: t.Sequence[str | None]
    series: t.Sequence[str]
    policy_of: t.Callable[[str], Policy | None]


@dataclasses.dataclass(frozen=True)
class Review:
    """What is decided about a source's sets when nothing is removed that nobody has approved.

    :param holds: those that were agreed.
    :param approved: the sets that go because it was approved.
    :param request: SHA-256 of the request by which they do.
    :param approved_by: the names of those who have signed it.
    :param conclude: makes the wanted rules the agreed ones, when these sets have gone.
    """

    decisions: list[Decision]
    holds: t.Sequence[Hold] = ()
    approved: frozenset[SetId] = frozenset()
    request: str = ""
    approved_by: tuple[str, ...] = ()
    conclude: t.Callable[[], None] = lambda: None


class Approvals:
    """What needs approval on one medium.

    :param people: those who were agreed.
    :param now: this moment.
    :param today: the date where the institution is.
    :ivar requests: what waits for signatures or was approved by this run, as the module returns it.
    :ivar taken: what had not been agreed before and is from now on.
    :ivar changed: whether anything was, or in check mode would be, written.
    """

    def __init__(
        self, medium: LocalMedium, terms: Terms, now: datetime.datetime, today: datetime.date, *, check_mode: bool
    ) -> None:
        self._medium, self._terms, self._now, self._today = medium, terms, now, today
        self._check_mode = check_mode
        self.directory = os.path.join(medium.root, _DIRECTORY)
        self.people = NOBODY
        self.requests: list[Record] = []
        self.taken: list[str] = []
        self.changed = False

    def agree_on_people(self) -> bool:
        """Find out who may approve; whether anything needs approval at all.

        What is wanted becomes agreed where nothing was, or where those who were agreed approve it.

        :raises BackupError: when what was agreed cannot be read.
        """
        wanted = self._terms.approvers or NOBODY
        if self._terms.approvers is None and not os.path.isdir(self.directory):
            return False
        agreement = Agreement(self.directory, root=self._medium.root)
        with self._alone():
            known = agreement.read()
            if known is None or not known[1].get("required"):
                if wanted.required:
                    self._take(agreement, known[0] + 1 if known else 1, wanted.record(), "")
                self.people = wanted
                return bool(wanted.required)
            number, record = known
            try:
                agreed = approvers_of(record)
            except _INVALID:
                raise unreadable(self.directory) from None
            self.people = agreed.tightened(wanted)
            change = _Change({"approvers": True}, record, self.people.record(), wanted.record(), {})
            answer = self._ask(agreement, number, change)
            if answer.is_approved:
                self.people = wanted
                self._conclude(agreement, answer, wanted.record())
        return bool(self.people.required)

    def review(self, source: Source, decisions: t.Sequence[Decision], context: Context) -> Review:
        """Keep those of the sets that today's rules remove which the agreed rules keep and nobody has let go.

        :param decisions: by today's rules.
        :raises BackupError: when what was agreed cannot be read, or no request can be written.
        """
        agreement = Agreement(os.path.join(self.directory, source.host, source.name), root=self._medium.root)
        known = agreement.read()
        try:
            before = rules_of(known[1]).at(self._now) if known is not None else None
        except _INVALID:
            raise unreadable(agreement.directory) from None
        wanted = self._wanted(source, before, context)
        if known is None or before is None:
            self._take(agreement, 1, wanted.record(), f"{source.host}/{source.name}")
            return Review(list(decisions), wanted.made_holds())
        agreed = before.joined(wanted)
        if clock_problem(source.candidates, context):
            return Review(list(decisions), agreed.made_holds())  # Nothing is removed, so that nothing can be asked.
        ahead = self._ahead(source, decisions, context, agreed)
        change = _Change(
            {"host": source.host, "source": source.name},
            before.record(),
            agreed.record(),
            wanted.record(),
            {"changes": changes_between(agreed, wanted), "sets": list(ahead.values())},
        )
        answer = self._ask(agreement, known[0], change)
        let_go = _named(answer.request) if answer.request is not None and answer.is_approved else {}
        approved = frozenset(
            one for one, entry in ahead.items() if let_go.get(str(one)) == entry["tag_manifest_sha256"]
        )
        return Review(
            _kept_unless(approved, source, decisions, ahead),
            agreed.made_holds(),
            approved,
            answer.request.sha256 if answer.request is not None and answer.is_approved else "",
            tuple(one.name for one in answer.signatures.people) if answer.is_approved else (),
            lambda: self._conclude(agreement, answer, wanted.record()) if answer.is_approved else None,
        )

    def result(self) -> Record:
        """Return what the module tells of it."""
        return {"directory": self.directory, "requests": self.requests, "taken_as_agreed": self.taken}

    def diff(self) -> str:
        """Return what the diff shows: what is agreed from now on, and each request that is new or was approved."""
        lines = [f"+ rules of {name} as agreed\n" for name in self.taken]
        for one in self.requests:
            if one["approved"]:
                lines.append(f"  {one['request']}  approved by {', '.join(one['approved_by'])}\n")
            elif one["changed"]:
                lines += [f"+ {one['request']}\n", *(f"+   {line}\n" for line in one["text"].splitlines())]
        return "".join(lines)

    def _wanted(self, source: Source, before: Rules | None, context: Context) -> Rules:
        """Return today's rules of a source, for every series that it has or had."""
        policies = {name: one.policy for name, one in zip(source.series, source.candidates) if name}
        for name in before.policies if before is not None else ():
            if name not in policies:
                policies[name] = source.policy_of(name)
        holds = holds_about(self._terms.holds, source.host, source.name)
        return Rules(self._terms.time_zone, context.keep_doubtful_days, policies, holds).at(self._now)

    def _ahead(
        self, source: Source, decisions: t.Sequence[Decision], context: Context, agreed: Rules
    ) -> dict[SetId, Record]:
        """Return the sets that today's rules remove and the agreed rules keep, as a request names them."""
        by_agreed = plan(*agreed.applied(source.candidates, source.series, context))
        return {
            own.set_id: {
                "id": str(own.set_id),
                "tag_manifest_sha256": digest or "",
                "kept_by": f"{other.rule.value}: {other.why}" if other.why else other.rule.value,
            }
            for own, other, digest in zip(decisions, by_agreed, source.digests)
            if not own.is_kept and other.is_kept
        }

    def _ask(self, agreement: Agreement, number: int, change: _Change) -> _Answer:
        """Bring what is agreed, and the request for what is not, to where they must be, and count the signatures."""
        record = {**change.about, "medium": self._medium.describe(), "agreed": change.in_force, "wanted": change.wanted}
        current = None
        if change.in_force == change.before:
            current = next((one for one in agreement.requests() if _fits(one, number, record)), None)
        stale = agreement.stale(current)
        is_new_number = current is None and (change.in_force != change.before or bool(stale))
        number += is_new_number
        is_new = current is None and change.wanted != change.in_force
        if is_new:
            current = Request(canonical({**record, **change.more, "agreed_number": number}))
        self.changed = self.changed or is_new_number or is_new or bool(stale)
        if not self._check_mode:
            if is_new_number:
                agreement.write(number, change.in_force)
            if stale:
                agreement.withdraw(stale)
            if is_new and current is not None:
                agreement.ask(current)
        if current is None:
            return _Answer(number)
        found = agreement.signatures(current, self.people, self._today) if not is_new else Signatures()
        answer = _Answer(number, current, is_new, found, len(found.people) >= self.people.required)
        if answer.is_approved and not self._check_mode:
            agreement.note_approved(current, found.people)
        self.requests.append(self._told(agreement, answer, change.about))
        return answer

    def _told(self, agreement: Agreement, answer: _Answer, about: Record) -> Record:
        request = t.cast(Request, answer.request)
        return {
            "host": about.get("host", ""),
            "source": about.get("source", ""),
            "request": os.path.join(agreement.directory, request.name),
            "sha256": request.sha256,
            "text": request.text,
            "sets": list(_named(request)),
            "required": self.people.required,
            "approved_by": [one.name for one in answer.signatures.people],
            "not_counted": list(answer.signatures.not_counted),
            "approved": answer.is_approved,
            "changed": answer.is_new or answer.is_approved,
        }

    def _take(self, agreement: Agreement, number: int, record: Record, name: str) -> None:
        self.changed = True
        if name:
            self.taken.append(name)
        if not self._check_mode:
            agreement.write(number, record)

    def _conclude(self, agreement: Agreement, answer: _Answer, wanted: Record) -> None:
        self.changed = True
        if not self._check_mode:
            agreement.write(answer.number + 1, wanted)

    @contextlib.contextmanager
    def _alone(self) -> t.Iterator[None]:
        """Keep the runs for other hosts out, which go on at the same time."""
        if self._check_mode:
            yield
            return
        with as_backup_error(self.directory):
            durable.make_directories(self.directory, below=self._medium.root)
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def open_approvals(medium: LocalMedium, terms: Terms, context: Context, *, check_mode: bool) -> Approvals | None:
    """Return what needs approval on a medium; None where nothing does, and nothing changed in that.

    :raises BackupError: when what was agreed cannot be read.
    """
    today = context.now.astimezone(context.zone).date()
    approvals = Approvals(medium, terms, context.now, today, check_mode=check_mode)
    return approvals if approvals.agree_on_people() or approvals.changed else None


def _fits(request: Request, number: int, record: Record) -> bool:
    """Whether a request asks for exactly this change, from what is agreed now."""
    try:
        said = request.record
        return said["agreed_number"] == number and all(said.get(name) == value for name, value in record.items())
    except _INVALID:
        return False


def _named(request: Request) -> dict[str, str]:
    """Return the sets that a request names, each with the SHA-256 of its tag manifest."""
    return {one["id"]: one["tag_manifest_sha256"] for one in request.record.get("sets", ())}


def _kept_unless(
    approved: t.Collection[SetId], source: Source, decisions: t.Sequence[Decision], ahead: t.Mapping[SetId, Record]
) -> list[Decision]:
    """Return the decisions with every set kept that would go ahead of policy and that was not approved."""
    final = {
        one.set_id: Decision(one.set_id, Rule.NOT_APPROVED, ahead[one.set_id]["kept_by"])
        if one.set_id in ahead and one.set_id not in approved
        else one
        for one in decisions
    }
    keep_needed(source.candidates, final)
    return [final[one.set_id] for one in decisions]
