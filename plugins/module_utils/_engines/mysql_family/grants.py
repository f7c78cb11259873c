# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts that a database needs: who has rights on it, and in whose name its programs run.

A set holds their password hashes, and their rights on this database only. A restore makes those that are missing.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import typing as t

from .session import Session, quote_identifier, quote_literal

NAME = r"`(?:[^`]|``)*`"
_ACCOUNT = re.compile(rf"(?P<user>{NAME})(?:@(?P<host>{NAME}))?")
# However it is identified and limited: one statement can make accounts only, none with rights.
CREATE_USER = re.compile(rf"CREATE USER (?P<account>{NAME}@{NAME})(?P<how>(?: .*)?)", re.DOTALL)
CREATE_ROLE = re.compile(rf"CREATE ROLE (?P<account>{NAME})")
_PRIVILEGES = r"[A-Z ]+(?: \((?:`(?:[^`]|``)*`(?:, )?)+\))?"
_GRANT = re.compile(
    rf"GRANT (?P<what>{_PRIVILEGES}(?:, {_PRIVILEGES})*) ON (?P<kind>(?:FUNCTION |PROCEDURE |PACKAGE |PACKAGE BODY )?)"
    rf"(?P<database>{NAME})\.(?P<object>\*|{NAME}) TO (?P<account>{NAME}(?:@{NAME})?)"
    r"(?P<more>(?: WITH GRANT OPTION)?)"
)
_ALL, _OPTION = "ALL PRIVILEGES", "GRANT OPTION"


@dataclasses.dataclass(frozen=True)
class Account:
    """A user at a host, or a role (whose host is empty)."""

    user: str
    host: str

    @property
    def quoted(self) -> str:
        """As SQL writes it."""
        return quote_identifier(self.user) + (f"@{quote_identifier(self.host)}" if self.host else "")


def unquote(name: str | None) -> str:
    """Return a name out of SQL's quotes; of no name, nothing."""
    return name[1:-1].replace("``", "`") if name else ""


def parse(quoted: str) -> Account:
    """Return an account as SQL writes it; for anything else, one that nobody has."""
    match = _ACCOUNT.fullmatch(quoted)
    return Account(unquote(match["user"]), unquote(match["host"])) if match else Account("", "")


class ServerAccounts(t.Protocol):
    """A server's accounts, as its product keeps them: what each product's module ``grants`` has.

    Each method raises ``ProcessFailed`` when this account may not see them.
    """

    #: The table that they are in.
    USERS: str

    def of_database(self, session: Session, database: str, definers: t.Collection[str]) -> list[Account]:
        """Return the accounts that have rights on a database, or define something in it, and exist.

        :param definers: as ``user@host``.
        """

    def statements(self, session: Session, database: str, found: t.Sequence[Account]) -> list[str]:
        """Return what makes these accounts, and gives them their rights on the database."""

    def write(self, made: t.Sequence[str]) -> str:
        """Return the statements as a text that a client can execute and :meth:`read` reads."""

    def read(self, text: str) -> list[str]:
        """Return the statements that :meth:`write` wrote; anything else is left out."""

    def missing(self, session: Session, made: t.Sequence[str]) -> dict[str, tuple[Account, str]]:
        """Return those of a set's accounts that the server lacks: the set's statement to the account and what makes it.

        :param made: the set's statements.
        """

    def make_members(self, session: Session, made: t.Sequence[str], new: t.Collection[Account]) -> list[str]:
        """Give accounts their roles, of those that were made for this restore.

        :param made: the set's statements.
        :param new: the accounts and roles that were made.
        :returns: the statements that were left out and should be told.
        """

    def is_visible(self, session: Session) -> bool:
        """Whether this account may see (and so remove) the server's accounts."""

    def present(self, session: Session, names: t.Collection[str]) -> list[Account]:
        """Return those of these accounts (``user@host``) that the server has."""

    def with_rights_on(self, session: Session, database: str) -> list[Account]:
        """Return the accounts that have rights on all of a database that were given for its very name."""


def concerned(database: str, definers: t.Collection[str], *, users: str) -> str:
    """Return the query of who has rights on a database, or is the definer of something in it: user and host.

    :param definers: as ``user@host``.
    :param users: the table of the server's accounts.
    """
    schema = quote_literal(database)
    # Names of databases are patterns in mysql.db: a backslash makes their wildcards plain.
    sources = [
        f"SELECT User, Host FROM mysql.db WHERE REPLACE(REPLACE(Db, '\\\\_', '_'), '\\\\%', '%') = {schema}",
        f"SELECT User, Host FROM mysql.tables_priv WHERE Db = {schema}",
        f"SELECT User, Host FROM mysql.columns_priv WHERE Db = {schema}",
        f"SELECT User, Host FROM mysql.procs_priv WHERE Db = {schema}",
    ]
    if definers:
        chosen = ", ".join(quote_literal(name) for name in sorted(definers))
        sources.append(f"SELECT User, Host FROM {users} WHERE CONCAT(User, '@', Host) IN ({chosen})")
    return " UNION ".join(sources)


def plain(quoted: str) -> str:
    """Return a database out of GRANT, which names all of it as a pattern."""
    return unquote(quoted).replace("\\_", "_").replace("\\%", "%")


def existing(session: Session, users: str) -> set[Account]:
    """Return all accounts and roles of the server.

    :param users: the table that they are in.
    :raises ProcessFailed: when this account may not see them.
    """
    return {Account(row["user"], row["host"]) for row in session.rows({"user": "User", "host": "Host"}, users)}


def named(made: t.Sequence[str]) -> list[Account]:
    """Return the accounts that a set's statements make."""
    found = [CREATE_USER.fullmatch(statement) or CREATE_ROLE.fullmatch(statement) for statement in made]
    return [parse(match["account"]) for match in found if match]


def rights(session: Session, found: t.Sequence[Account], database: str) -> list[str]:
    """Return what these accounts may do with a database, as statements that give them that.

    :raises ProcessFailed: when this account may not see it.
    """
    lines = [line[0] for account in found for line in session.execute(f"SHOW GRANTS FOR {account.quoted}")]
    matches = [(line, _GRANT.fullmatch(line)) for line in lines]
    return [line for line, match in matches if match and plain(match["database"]) == database]


def grants(
    made: t.Sequence[str], there: t.Collection[Account], *, database: str, target: str, place: str, for_roles: str
) -> list[str]:
    """Return what gives a set's accounts their rights on the restored database, and no others.

    :param made: the set's statements.
    :param there: the accounts that the server has; others get nothing.
    :param database: the database's name in the set.
    :param target: its name here.
    :param place: that, as GRANT names all of it.
    :param for_roles: the same where the set names it without backslashes.
    """
    known = set(named(made)) & set(there)
    found = []
    for statement in made:
        match = _GRANT.fullmatch(statement)
        if match is None or plain(match["database"]) != database or parse(match["account"]) not in known:
            continue
        name = quote_identifier(target)
        if match["object"] == "*":
            name = for_roles if unquote(match["database"]) == database else place
        level = f"ON {match['kind']}{name}.{match['object']}"
        found.append(f"GRANT {match['what']} {level} TO {match['account']}{match['more']}")
    return found


def is_on(grant: str, database: str) -> bool:
    """Whether a text gives rights on this database, and does nothing else."""
    match = _GRANT.fullmatch(grant)
    return match is not None and plain(match["database"]) == database


def revocation(grant: str) -> str:
    """Return what takes back what a statement gives.

    :raises ValueError: when it gives no rights on a database.
    """
    match = _GRANT.fullmatch(grant)
    if match is None:
        raise ValueError(f"no grant: {grant[:80]}")
    option = ", GRANT OPTION" if match["more"] else ""
    return (
        f"REVOKE {match['what']}{option} ON {match['kind']}{match['database']}.{match['object']}"
        f" FROM {match['account']}"
    )


def without_loss(session: Session, grant: str, database: str, *, literal: bool = False) -> str | None:
    """Return what gives these rights to an account, and takes none away from it; None: it has them.

    Of the patterns of names that an account has rights on, the server follows the closest only. So rights on a
    database's very name hide what a wider pattern gives: then that is given as well.

    :param grant: what gives rights on this database.
    :param literal: whether the server takes names for no patterns.
    :raises ProcessFailed: when this account may not see what that one holds.
    """
    match = _GRANT.fullmatch(grant)
    if match is None or match["object"] != "*" or literal:
        return grant
    patterns: dict[str, set[str]] = {}
    for line in session.execute(f"SHOW GRANTS FOR {match['account']}"):
        held = _GRANT.fullmatch(line[0])
        if held and held["object"] == "*":
            patterns.setdefault(unquote(held["database"]), set()).update(_named_rights(held))
    wider = of_patterns(patterns, database)
    both = _simplest(wider | _named_rights(match))
    if not wider or unquote(match["database"]) in patterns:
        return grant
    if both == _simplest(wider):
        return None
    option = " WITH GRANT OPTION" if _OPTION in both else ""
    return (
        f"GRANT {', '.join(sorted(both - {_OPTION}))} ON {match['database']}.{match['object']}"
        f" TO {match['account']}{option}"
    )


def _named_rights(grant: re.Match[str]) -> set[str]:
    return {*grant["what"].split(", "), *([_OPTION] if grant["more"] else [])}


def _simplest(rights: set[str]) -> set[str]:
    return {_ALL} | rights & {_OPTION} if _ALL in rights else rights


def meaning(grant: str) -> tuple[str, ...]:
    """Return what a grant says, however it writes the name of the database."""
    match = _GRANT.fullmatch(grant)
    if match is None:
        return (grant,)
    return (match["what"], match["kind"], plain(match["database"]), match["object"], match["account"], match["more"])


def of_patterns(patterns: t.Mapping[str, set[str]], database: str, *, closest: bool = True) -> set[str]:
    """Return what rights on patterns of names come to for one database.

    :param patterns: those that somebody has rights on, as GRANT takes them, with these rights.
    :param closest: whether only the closest of the patterns counts, as the server says ("GRANT"): the one whose first
        wildcard is furthest from its beginning. False: it may be any of those that match.
    """
    found = [(_first_wildcard(name), rights) for name, rights in patterns.items() if _matches(name, database)]
    best = max((rank for rank, _rights in found), default=0)
    chosen = [rights for rank, rights in found if rank == best or not closest]
    return set(chosen[0]).intersection(*chosen) if chosen else set()


# What GRANT takes for itself, behind a backslash; a wildcard; anything else.
_PARTS = re.compile(r"\\(?P<plain>.)|(?P<wildcard>[_%])|.", re.DOTALL)


def _matches(name: str, database: str) -> bool:
    wildcards = {"_": ".", "%": ".*"}
    pieces = [
        wildcards[part["wildcard"]] if part["wildcard"] else re.escape(part["plain"] or part.group())
        for part in _PARTS.finditer(name)
    ]
    return re.fullmatch("".join(pieces), database, re.DOTALL) is not None


def _first_wildcard(name: str) -> int:
    found = next((part for part in _PARTS.finditer(name) if part["wildcard"]), None)
    return found.start() if found else sys.maxsize


def is_on_routine(grant: str, name: str) -> bool:
    """Whether a statement gives a right on a routine of this name, of which servers show it in lower case."""
    match = _GRANT.fullmatch(grant)
    return match is not None and is_of_routine(grant) and unquote(match["object"]).casefold() == name.casefold()


def is_of_routine(grant: str) -> bool:
    """Whether rights are on a routine."""
    match = _GRANT.fullmatch(grant)
    return bool(match and match["kind"])


def drop(session: Session, new: t.Iterable[Account]) -> None:
    """Remove accounts that were made for a restore that failed."""
    for account in new:
        kind = "USER" if account.host else "ROLE"
        session.execute(f"DROP {kind} IF EXISTS {account.quoted}", action="remove an account made for it")
