# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of a set: making those that are missing, and what rights all of them get on the target."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed

from ..base import RestoreWork
from . import grants
from .client import Connection
from .dialect import Dialect
from .fill import read_text
from .grants import Account
from .objects import Definition
from .parts import ACCOUNTS
from .privileges import RestorePrivileges
from .session import Session


@dataclasses.dataclass(frozen=True)
class TargetRights:
    """Rights on the target, as statements.

    :param grants: what gives the set's accounts theirs.
    :param revokes: what takes that back.
    :param present: what gives the rights that were there before.
    """

    grants: t.Sequence[str] = ()
    revokes: t.Sequence[str] = ()
    present: t.Sequence[str] = ()


class SetAccounts:
    """The accounts of a set on the server of a target.

    :param connection: of the target.
    :param beside: the name of the database beside it.
    """

    def __init__(self, connection: Connection, beside: str, *, dialect: Dialect, privileges: RestorePrivileges) -> None:
        self._connection = connection
        self._target = connection.database
        self._beside = beside
        self._dialect = dialect
        self._privileges = privileges
        self._created: list[Account] = []

    def make(self, work: RestoreWork, programs: t.Sequence[Definition]) -> TargetRights:
        """Make the accounts that are missing: without those in whose name programs run, a view cannot be made.

        :param programs: the set's, whose definers can make them beside from now on.
        :returns: what is to be granted when the database is in its place.
        """
        accounts = self._dialect.accounts
        facts = work.reader.description.engine_facts
        made = accounts.read(read_text(work, ACCOUNTS))
        given: list[str] = []
        revokes: list[str] = []
        present: list[str] = []
        try:
            with self._open(work) as session:
                # First of all: whatever becomes of the set's accounts, with a routine that is dropped go the rights on
                # it, and those are given again.
                holders = accounts.of_database(session, self._target, ())
                present = grants.rights(session, holders, self._target)
                missing = accounts.missing(session, made)
            failed = self._create(work, missing)
            made = [statement for statement in made if statement not in failed]
            with self._open(work) as session:
                wanted = grants.grants(
                    made,
                    grants.existing(session, accounts.USERS),
                    database=facts["database"]["name"],
                    target=self._target,
                    place=self._privileges.database(session, self._target),
                    for_roles=self._privileges.database_for_roles(session, self._target),
                )
                there = {grants.meaning(grant) for grant in present}
                given += [grant for grant in wanted if grants.is_of_routine(grant)]
                for grant in wanted:
                    if not grants.is_of_routine(grant) and grants.meaning(grant) not in there:
                        literal = self._privileges.is_literal(session)
                        new = grants.without_loss(session, grant, self._target, literal=literal)
                        given += [new] if new else []
                        revokes += [grants.revocation(new)] if new else []
                definers = {entry.definer for entry in programs if entry.definer is not None}
                for account in accounts.present(session, definers):
                    # A view of a function is only made if the function's definer may execute it. Taken back with what
                    # is removed of the database beside.
                    session.execute(f"GRANT {self._privileges.for_definers(self._beside)} TO {account.quoted}")
                left = accounts.make_members(session, made, self._created)
        except ProcessFailed as error:
            work.warnings.append(f"Not all grants of the set's accounts were made: {error.why}")
            left = []
        if self._created:
            names = ", ".join(account.quoted for account in self._created)
            work.warnings.append(
                f"Accounts were created from the set, with their rights on this database only: {names}"
            )
        if left:
            work.warnings.append(
                "Roles that were already on the server were not granted to accounts from the set; if they should be,"
                f" do it: {'; '.join(left[:20])}"
            )
        return TargetRights(given, revokes, present)

    def _open(self, work: RestoreWork) -> Session:
        return self._dialect.session(work.processes, self._connection)

    def _create(self, work: RestoreWork, missing: t.Mapping[str, tuple[Account, str]]) -> set[str]:
        """Make accounts of a set; return the set's statements of those that cannot be made, which are reported.

        :param missing: the set's statement to the account, and what makes it.
        """
        failed = {}
        for statement, (account, creation) in missing.items():
            try:
                with self._open(work) as session:
                    session.execute(self._dialect.immediate(creation))
            except ProcessFailed as error:
                failed[statement] = f"{account.quoted} ({error.why})"
            else:
                self._created.append(account)
        if failed:
            work.warnings.append(
                f"Accounts of the set that could not be made, and so have no rights here: {'; '.join(failed.values())}"
            )
        return set(failed)

    def drop(self, session: Session) -> None:
        """Drop the accounts that were made."""
        try:
            grants.drop(session, self._created)
        finally:
            self._created = []
