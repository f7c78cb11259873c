# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of MariaDB that backs databases up: what it holds of what a server knows to give, and what it needs.

It needs to see all of its databases, to hold commits back for a moment (``RELOAD``), to know where the binary log then
stands, and to read how routines and, by choice, accounts are made. Whatever else it holds is superfluous.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    BackupError,
    NotFound,
    ProcessFailed,
    Refused,
)
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines._account import (
    Account,
    AccountRequest,
    Right,
    State,
)
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._accounts import of_patterns, pattern
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection, advising
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    Session,
    immediate,
    quote_identifier,
    quote_literal,
    require_mariadb,
)

_OF_SERVER = ("RELOAD", "BINLOG MONITOR")
_OF_DATABASE = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_NATIVE = "mysql_native_password"
_ALL = "ALL PRIVILEGES"
_UNLOCKED = "unlocked"
_NAME = r"`(?:[^`]|``)*`"
_GRANT = re.compile(
    rf"GRANT (?P<what>.+?) ON (?P<level>(?:FUNCTION |PROCEDURE |PACKAGE BODY |PACKAGE )?(?:\*|{_NAME})\.(?:\*|{_NAME}))"
    rf" TO {_NAME}@{_NAME}(?P<rest>.*)",
    re.DOTALL,
)
_MEMBER = re.compile(rf"GRANT (?P<role>{_NAME}) TO {_NAME}@{_NAME}(?P<rest>.*)", re.DOTALL)
_PROXY = re.compile(r"GRANT PROXY ON (?P<whom>.+) TO (?P<rest>.*)", re.DOTALL)
_DEFAULT_ROLE = re.compile(rf"SET DEFAULT ROLE (?P<role>{_NAME}) FOR ")
# Between privileges; not between the columns of one.
_COMMA = re.compile(r", (?![^(]*\))")
_GRANTABLE = " WITH GRANT OPTION"


class MariadbAccount(Account):
    """A user at a host."""

    name = "mariadb"
    connection: t.ClassVar[type[Connection]] = Connection
    session: t.ClassVar[type[Session]] = Session
    # What vouches for users of the operating system, and accounts of the server's own.
    socket: t.ClassVar[str] = "unix_socket"
    own_accounts: t.ClassVar[t.Collection[str]] = ("root", "mysql", "mariadb.sys", "PUBLIC", "")

    def __init__(self, request: AccountRequest) -> None:
        self._request = request
        if request.local and request.from_host != "localhost":
            raise Refused(
                "make an account",
                on=f"{request.name}@{request.from_host}",
                why="the operating system vouches for users of the server's own host only",
                next_step="Leave from_host away, or say authentication: password.",
            )
        # No database is the current one.
        self._connection = self.connection({**request.login, "database": "mysql"})
        # As the account itself.
        self._own = self.connection(
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

    def _open(self, stack: contextlib.ExitStack) -> None:
        stack.enter_context(self._connection)

    def describe(self) -> str:
        return f"account {self._request.name}@{self._request.from_host} on {self._connection.server}"

    def examine(self) -> State:
        state = State()
        with Processes() as processes, self.advising(), self.session(processes, self._connection) as session:
            self._check_server(session)
            found = self._found(session)
            exists = Right(f"account {self._quoted}", (f"CREATE USER {self._quoted} IDENTIFIED {self._identified}",))
            state.wanted.append(exists)
            state.wanted.append(Right(self._way, self._identifying))
            state.wanted.append(Right(_UNLOCKED, (f"ALTER USER {self._quoted} ACCOUNT UNLOCK",)))
            state.wanted += self._needed(session)
            if found is not None:
                state.held += [exists, *self._identification(found)]
                for line in session.execute(f"SHOW GRANTS FOR {self._quoted}"):
                    state.held += self._read(line[0])
        return state

    @staticmethod
    def advising() -> t.ContextManager[None]:
        """Gives failures a next step that fits them."""
        return advising()

    def _found(self, session: Session) -> dict[str, t.Any] | None:
        """What the server keeps of the account itself; None: there is none."""
        found = session.rows({"priv": "CONCAT(Priv)"}, f"mysql.global_priv WHERE {self._is_it}")
        return t.cast("dict[str, t.Any]", json.loads(found[0]["priv"])) if found else None

    @property
    def _is_it(self) -> str:
        return f"User = {quote_literal(self._request.name)} AND Host = {quote_literal(self._request.from_host)}"

    def _require(self, session: t.Any) -> None:
        """Refuses a server on which no such account can be made."""
        require_mariadb(session, "make an account", on=self.describe())

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
    def _identified(self) -> str:
        if self._request.password is None:
            return f"VIA {self.socket}"
        return f"VIA {_NATIVE} USING '{native_hash(self._request.password)}'"

    @property
    def _identifying(self) -> tuple[str, ...]:
        """The statements that make an account that is there be identified so, and in no other way."""
        return (f"ALTER USER {self._quoted} IDENTIFIED {self._identified}",)

    def _identification(self, found: t.Mapping[str, t.Any]) -> t.Iterator[Right]:
        plugin, secret = found.get("plugin"), found.get("authentication_string") or ""
        # An empty entry stands for the one beside the list.
        only = not any(found.get("auth_or") or ())
        if self._request.password is None:
            fits = only and plugin == self.socket and not secret
        else:
            fits = only and plugin == _NATIVE and secret == native_hash(self._request.password)
        yield Right(self._way if fits else "identified in another way")
        if not found.get("account_locked"):
            yield Right(_UNLOCKED)

    def _needed(self, session: Session) -> list[Right]:
        found = [self._right(what, "*.*") for what in _OF_SERVER]
        if self._request.show_databases:
            found.append(self._right("SHOW DATABASES", "*.*"))
        of_database = list(_OF_DATABASE) + (["LOCK TABLES"] if self._request.lock_tables else [])
        if self._request.read_accounts:
            found.append(self._right("SELECT", "`mysql`.*"))
        elif any(line[0].upper() == "SHOW CREATE ROUTINE" for line in session.execute("SHOW PRIVILEGES")):
            of_database.append("SHOW CREATE ROUTINE")
        else:
            found.append(self._right("SELECT", "`mysql`.`proc`"))
        self._levels = {f"{pattern(name)}.*": (name, of_database) for name in self._request.databases}
        return found + [self._right(what, level) for level in self._levels for what in of_database]

    def _right(self, what: str, level: str) -> Right:
        return Right(
            f"{what} on {level}",
            (f"GRANT {what} ON {level} TO {self._quoted}",),
            (f"REVOKE {what} ON {level} FROM {self._quoted}",),
        )

    def _read(self, line: str) -> t.Iterator[Right]:
        grant, member, proxy, default = (
            expression.match(line) for expression in (_GRANT, _MEMBER, _PROXY, _DEFAULT_ROLE)
        )
        if proxy:
            yield Right(f"PROXY on {proxy['whom']}", take=(f"REVOKE PROXY ON {proxy['whom']} FROM {self._quoted}",))
        elif grant:
            for what in _COMMA.split(grant["what"]):
                if what != "USAGE":
                    yield self._right(what, grant["level"])
            if _GRANTABLE in grant["rest"]:
                yield self._right("GRANT OPTION", grant["level"])
        elif member:
            yield Right(f"member of {member['role']}", take=(f"REVOKE {member['role']} FROM {self._quoted}",))
        elif default:
            yield Right(f"default role {default['role']}", take=(f"SET DEFAULT ROLE NONE FOR {self._quoted}",))
        else:
            raise self._not_understood(line)

    def _not_understood(self, line: str) -> BackupError:
        return BackupError(
            "read what an account may do",
            on=self.describe(),
            why=f"the server says what is not understood: {line[:200]}",
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
                why=f"by a pattern of names it has rights on {database}, but lacks {', '.join(sorted(missing))};"
                f" rights on its very name would hide {', '.join(sorted(wider - set(needed)))}",
                next_step="Give it what it lacks on that pattern, or say exact: true, which takes from it what it does"
                " not need.",
            )
        return False

    def change(self, take: t.Sequence[Right], give: t.Sequence[Right]) -> None:
        statements = [line for right in take for line in right.take] + [line for right in give for line in right.give]
        with Processes() as processes, self.advising():
            quiet = self._may_be_quiet(processes)
            with self.session(processes, self._connection) as session:
                if quiet:
                    session.execute("SET SESSION sql_log_off = 1")
                for statement in statements:
                    session.execute(self.immediate(statement), action="make the account what it should be")

    @staticmethod
    def immediate(statement: str) -> str:
        """What executes one statement, and no more than that."""
        return immediate(statement)

    def _may_be_quiet(self, processes: Processes) -> bool:
        """Whether the administrator may keep a password's hash out of the general log."""
        try:
            with self.session(processes, self._connection) as session:
                session.execute("SET SESSION sql_log_off = 1")
        except ProcessFailed:
            return False
        return True

    def log_in(self) -> None:
        with Processes() as processes, self.advising(), self._own:
            for database in self._request.databases:
                with self.session(processes, self._own, database=database):
                    pass


def native_hash(password: str) -> str:
    """What the server keeps of a password, made here: the password stays here."""
    inner = hashlib.sha1(password.encode("utf-8")).digest()  # noqa: S324
    return f"*{hashlib.sha1(inner).hexdigest().upper()}"  # noqa: S324
