# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that makes backups: which privileges it has, and which it needs.

What a server keeps of an account, and what one needs of it, is in ``backup_account`` of each product.
"""

from __future__ import annotations

import abc
import contextlib
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..server.account import Account, AccountRequest, Right, State
from .dialect import Dialect
from .grants import of_patterns
from .session import Session, quote_identifier, quote_literal

_ALL = "ALL PRIVILEGES"
UNLOCKED = "unlocked"


class FamilyAccount(Account):
    """A user at a host."""

    dialect: t.ClassVar[Dialect]
    #: What vouches for users of the operating system, and accounts of the server's own.
    socket: t.ClassVar[str]
    own_accounts: t.ClassVar[t.Collection[str]]

    def __init__(self, request: AccountRequest) -> None:
        self._request = request
        if request.local and request.from_host != "localhost":
            raise Refused(
                "make an account",
                on=f"{request.name}@{request.from_host}",
                why="the operating system can authenticate users of the server's own host only",
                next_step="Omit from_host, or set authentication: password.",
            )
        # No database is the current one.
        self._connection = self.dialect.connection({**request.login, "database": "mysql"})
        # As the account itself.
        self._own = self.dialect.connection(
            {
                **request.login,
                "database": request.databases[0],
                "login_user": request.name,
                "login_password": request.password,
                "login_os_user": request.name if request.local else None,
            }
        )
        # All of a database, as GRANT names it, to its name and what is needed there. None where no name is a pattern.
        self._levels: dict[str, tuple[str, list[str]]] = {}
        self._quoted = f"{quote_identifier(request.name)}@{quote_identifier(request.from_host)}"

    # What the products do otherwise

    @abc.abstractmethod
    def _found(self, session: Session) -> dict[str, t.Any] | None:
        """Return what the server keeps of the account itself; None: there is none."""

    @property
    @abc.abstractmethod
    def _identified(self) -> str:
        """How CREATE USER says of the account how it is identified."""

    @abc.abstractmethod
    def _identification(self, found: t.Mapping[str, t.Any]) -> t.Iterator[Right]:
        """How the account is identified, and whether it may log in.

        :param found: what the server keeps of it.
        """

    @abc.abstractmethod
    def _needed(self, session: Session) -> list[Right]:
        """Return what the account needs on this server."""

    @abc.abstractmethod
    def _read(self, line: str) -> t.Iterator[Right]:
        """Return what the account holds by a line of SHOW GRANTS.

        :raises BackupError: when the line is not understood.
        """

    def _require(self, session: Session) -> None:
        """Refuse a server on which no such account can be made."""
        self.dialect.require(session, "make an account", on=self.describe())

    # What they have in common

    def _open(self, stack: contextlib.ExitStack) -> None:
        stack.enter_context(self._connection)

    def describe(self) -> str:
        return f"account {self._request.name}@{self._request.from_host} on {self._connection.server}"

    def examine(self) -> State:
        state = State()
        with (
            Processes() as processes,
            self._connection.advice.giving(),
            self.dialect.session(processes, self._connection) as session,
        ):
            self._check_server(session)
            found = self._found(session)
            exists = Right(f"account {self._quoted}", (f"CREATE USER {self._quoted} IDENTIFIED {self._identified}",))
            state.wanted.append(exists)
            state.wanted.append(Right(self._way, self._identifying))
            state.wanted.append(Right(UNLOCKED, (f"ALTER USER {self._quoted} ACCOUNT UNLOCK",)))
            state.wanted += self._needed(session)
            if found is not None:
                state.held += [exists, *self._identification(found)]
                for line in session.execute(f"SHOW GRANTS FOR {self._quoted}"):
                    state.held += self._read(line[0])
        return state

    @property
    def _own_row(self) -> str:
        return f"User = {quote_literal(self._request.name)} AND Host = {quote_literal(self._request.from_host)}"

    def _check_server(self, session: Session) -> None:
        self._require(session)
        if self._request.name in (*self.own_accounts, session.value("SUBSTRING_INDEX(CURRENT_USER(), '@', 1)")):
            raise Refused(
                "make an account",
                on=self.describe(),
                why="it is the administrator's own account, or one of the server's own",
                next_step="Choose another name for the account that backs up.",
            )
        there = {row["name"] for row in session.rows({"name": "SCHEMA_NAME"}, "information_schema.SCHEMATA")}
        missing = sorted(set(self._request.databases) - there)
        if missing:
            raise NotFound(
                "make an account",
                on=self.describe(),
                why=f"the server has no database {', '.join(missing)}",
                next_step="Correct the names of its databases, or create them.",
            )

    @property
    def _way(self) -> str:
        return "identified by the operating system" if self._request.local else "identified by the password given"

    @property
    def _identifying(self) -> tuple[str, ...]:
        """Return the statements that make this the only way in which an existing account is identified."""
        return (f"ALTER USER {self._quoted} IDENTIFIED {self._identified}",)

    def _right(self, what: str, level: str) -> Right:
        return Right(
            f"{what} on {level}",
            (f"GRANT {what} ON {level} TO {self._quoted}",),
            (f"REVOKE {what} ON {level} FROM {self._quoted}",),
        )

    def _not_understood(self, line: str) -> BackupError:
        return BackupError(
            "read what an account may do",
            on=self.describe(),
            why=f"the server gave an answer that is not understood: {line[:200]}",
            next_step=f"Take it away by hand (SHOW GRANTS FOR {self._quoted}), or choose another name.",
        )

    def covers(self, held: t.Collection[str], wanted: str) -> bool:
        what, _on, level = wanted.partition(" on ")
        if any(f"{wider} on {place}" in held for wider in (what, _ALL) for place in (level, "*.*")):
            return True
        return level in self._levels and self._covers_by_pattern(held, level)

    def _covers_by_pattern(self, held: t.Collection[str], level: str) -> bool:
        """Whether what the account needs on a database it has by a pattern of names.

        The server follows the closest of such patterns only: with rights on its very name, it would lose the others.

        :param level: all of the database, as GRANT names it.
        :raises Refused: when it has some of what it needs in this way, and something besides, which it would lose.
        """
        patterns: dict[str, set[str]] = {}
        for text in held:
            what, _on, place = text.partition(" on ")
            if place.endswith(".*") and place != "*.*":
                patterns.setdefault(place[1:-3].replace("``", "`"), set()).add(what)
        if level[1:-3].replace("``", "`") in patterns:
            return False
        database, needed = self._levels[level]
        wider = of_patterns(patterns, database)
        missing = {what for what in needed if not {what, _ALL} & wider and f"{what} on *.*" not in held}
        if wider and not missing:
            return True
        if wider - set(needed):
            raise Refused(
                "make an account",
                on=self.describe(),
                why=f"through a name pattern it has privileges on {database}, but lacks {', '.join(sorted(missing))};"
                f" a grant on its exact name would hide {', '.join(sorted(wider - set(needed)))}",
                next_step="Grant it what it lacks on that pattern, or set exact: true, which revokes what it does"
                " not need.",
            )
        return False

    def change(self, take: t.Sequence[Right], give: t.Sequence[Right]) -> None:
        statements = [line for right in take for line in right.take] + [line for right in give for line in right.give]
        with Processes() as processes, self._connection.advice.giving():
            quiet = self._may_be_quiet(processes)
            with self.dialect.session(processes, self._connection) as session:
                if quiet:
                    session.execute("SET SESSION sql_log_off = 1")
                for statement in statements:
                    session.execute(self.dialect.immediate(statement), action="set the account up")

    def _may_be_quiet(self, processes: Processes) -> bool:
        """Whether the administrator may keep a password's hash out of the general log."""
        try:
            with self.dialect.session(processes, self._connection) as session:
                session.execute("SET SESSION sql_log_off = 1")
        except ProcessFailed:
            return False
        return True

    def log_in(self) -> None:
        with Processes() as processes, self._connection.advice.giving(), self._own:
            for database in self._request.databases:
                with self.dialect.session(processes, self._own, database=database):
                    pass
