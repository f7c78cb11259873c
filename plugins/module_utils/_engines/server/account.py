# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The privileges that the backup account has on a database server, those it should have, and how to get there."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
import pwd
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

LOCAL, PASSWORD = "local", "password"


@dataclasses.dataclass(frozen=True)
class Right:
    """One thing that is so with an account: that it exists, how it logs in, what it may do.

    :param text: in words, without a secret; two of the same text are the same.
    :param give: the statements that make it so.
    :param take: the statements that end it; none where giving another one replaces it.
    :param database: in which database they are carried out; None: in whichever.
    """

    text: str
    give: tuple[str, ...] = ()
    take: tuple[str, ...] = ()
    database: str | None = None


@dataclasses.dataclass
class State:
    """An account as it is, and as it should be.

    :param warnings: what the operator should know of it.
    """

    held: list[Right] = dataclasses.field(default_factory=list)
    wanted: list[Right] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class AccountRequest:
    """The account that is asked for.

    :param name: as the server knows it; with ``local``, the operating-system user's too.
    :param databases: their names.
    :param authentication: ``local``: the operating system vouches for it; or ``password``.
    :param login: the administrator's connection, by :data:`LOGIN_OPTIONS`.
    :param bypass_row_security: whether it reads the rows that policies hide (PostgreSQL).
    :param from_host: from where it may connect (MariaDB, MySQL).
    :param lock_tables: whether it may lock the tables that no snapshot holds for (MariaDB, MySQL).
    :param show_databases: whether it may know the names of databases that are not its own (MariaDB, MySQL).
    :param read_accounts: whether it may read the server's accounts, with their password hashes (MariaDB, MySQL).
    """

    name: str
    databases: tuple[str, ...]
    authentication: str
    password: str | None
    login: t.Mapping[str, t.Any]
    bypass_row_security: bool = False
    from_host: str = "localhost"
    lock_tables: bool = False
    read_accounts: bool = True
    show_databases: bool = False

    @property
    def local(self) -> bool:
        """Whether the operating system vouches for the account."""
        return self.authentication == LOCAL

    def __post_init__(self) -> None:
        def refuse(why: str, next_step: str) -> t.NoReturn:
            raise Refused("make an account", on=self.name or "no name", why=why, next_step=next_step)

        if not self.name or "\0" in self.name:
            refuse("it has no name", "Give its name.")
        if not self.databases:
            refuse("no database was named for it", "Name the databases that it backs up.")
        if self.local and self.password is not None:
            refuse(
                "a password was given, and with authentication local there is none",
                "Omit the password, or set authentication: password.",
            )
        if not self.local and not self.password:
            refuse("authentication is password, and none was given", "Give the password, or set authentication: local.")
        if self.local and self.login.get("login_host"):
            refuse(
                "the operating system can authenticate users of the server's own host only, and login_host was given",
                "Give login_unix_socket instead, or set authentication: password.",
            )


class Account(abc.ABC):
    """One account of one server. A context manager: it holds the administrator's password in memory.

    :raises Refused: when what is asked for does not fit together.
    """

    name: t.ClassVar[str]

    @abc.abstractmethod
    def __init__(self, request: AccountRequest) -> None:
        """Take what is asked for, checked as far as it can be without asking anybody."""

    def __enter__(self) -> Account:
        self._stack = contextlib.ExitStack()
        with self._stack:
            self._open(self._stack)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @abc.abstractmethod
    def _open(self, stack: contextlib.ExitStack) -> None:
        """Make ready to connect."""

    @abc.abstractmethod
    def describe(self) -> str:
        """Return the account in a few words, for messages."""

    @abc.abstractmethod
    def examine(self) -> State:
        """Look, changing nothing.

        :raises BackupError: when the server cannot be asked, or the account can or should not be made.
        """

    @abc.abstractmethod
    def covers(self, held: t.Collection[str], wanted: str) -> bool:
        """Whether the account, by what it holds, may do what is wanted, though it does not hold just that.

        :param held: the texts of its rights.
        :param wanted: the text of a right that is not among them.
        """

    @abc.abstractmethod
    def change(self, take: t.Sequence[Right], give: t.Sequence[Right]) -> None:
        """Take away, then give.

        :raises ProcessFailed: when a statement fails.
        """

    @abc.abstractmethod
    def log_in(self) -> None:
        """Connect as the account to each of its databases.

        :raises ProcessFailed: when one does not let it in.
        """


def may_become(user: str) -> bool:
    """Whether a program can be run as an operating-system user from here."""
    if os.geteuid() == 0:
        return True
    try:
        return pwd.getpwnam(user).pw_uid == os.geteuid()
    except KeyError:
        return False
