# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts that a MariaDB database needs: who has rights on it, and in whose name its programs run.

A set holds their password hashes, and their rights on this database only. A restore makes those that are missing.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._pipeline import Processes
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._client import Connection
from ansible_collections.infitulua.backup.plugins.module_utils.engines.mariadb._session import (
    Session,
    immediate,
    quote_identifier,
    quote_literal,
)

# The table of the server's accounts.
USERS = "mysql.global_priv"
_NAME = r"`(?:[^`]|``)*`"
_ACCOUNT = re.compile(rf"(?P<user>{_NAME})(?:@(?P<host>{_NAME}))?")
# However it is identified and limited: one statement can make accounts only, none with rights.
_CREATE_USER = re.compile(rf"CREATE USER (?P<account>{_NAME}@{_NAME})(?P<how>(?: .*)?)", re.DOTALL)
_CREATE_ROLE = re.compile(rf"CREATE ROLE (?P<account>{_NAME})")
_PRIVILEGES = r"[A-Z ]+(?: \((?:`(?:[^`]|``)*`(?:, )?)+\))?"
_GRANT = re.compile(
    rf"GRANT (?P<what>{_PRIVILEGES}(?:, {_PRIVILEGES})*) ON (?P<kind>(?:FUNCTION |PROCEDURE |PACKAGE |PACKAGE BODY )?)"
    rf"(?P<database>{_NAME})\.(?P<object>\*|{_NAME}) TO (?P<account>{_NAME}(?:@{_NAME})?)"
    r"(?P<more>(?: WITH GRANT OPTION)?)"
)
_MEMBERSHIP = re.compile(
    rf"GRANT (?P<role>{_NAME}) TO (?P<account>{_NAME}(?:@{_NAME})?)(?P<more>(?: WITH ADMIN OPTION)?)"
)
_DEFAULT_ROLE = re.compile(rf"SET DEFAULT ROLE (?P<role>{_NAME}) FOR (?P<account>{_NAME}@{_NAME})")
_HELD = re.compile(
    rf"GRANT (?P<what>[A-Z, ]+) ON (?P<database>\*|{_NAME})\.\* TO (?P<who>{_NAME}(?P<host>@{_NAME})?|PUBLIC)"
)
_ALL, _OPTION = "ALL PRIVILEGES", "GRANT OPTION"
_LINE = re.compile(r"EXECUTE IMMEDIATE CONVERT\(x'(?P<statement>(?:[0-9a-f]{2})+)' USING utf8mb4\);")


@dataclasses.dataclass(frozen=True)
class Account:
    """A user at a host, or a role (whose host is empty)."""

    user: str
    host: str

    @property
    def quoted(self) -> str:
        """As SQL writes it."""
        return quote_identifier(self.user) + (f"@{quote_identifier(self.host)}" if self.host else "")


def _unquote(name: str | None) -> str:
    return name[1:-1].replace("``", "`") if name else ""


def _parse(quoted: str) -> Account:
    match = _ACCOUNT.fullmatch(quoted)
    return Account(_unquote(match["user"]), _unquote(match["host"])) if match else Account("", "")


def concerned(database: str, definers: t.Collection[str], *, users: str) -> str:
    """The query of who has rights on a database, or is the definer of something in it: user and host.

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


def of_database(session: Session, database: str, definers: t.Collection[str]) -> list[Account]:
    """Who has rights on a database, or is the definer of something in it, and exists.

    :param definers: as ``user@host``.
    :raises ProcessFailed: when this account may not see the server's accounts.
    """
    query = concerned(database, definers, users=USERS)
    existing = "EXISTS (SELECT 1 FROM mysql.global_priv g WHERE g.User = a.User AND g.Host = a.Host)"
    # Members of a role have its rights, and members of a role that is a member. Not who only made the role.
    members = (
        "SELECT m.User, m.Host FROM mysql.roles_mapping m"
        " JOIN a ON m.Role = a.User AND a.Host = '' AND m.Admin_option = 'N'"
    )
    return [
        Account(row["user"], row["host"])
        for row in session.rows(
            {"user": "a.User", "host": "a.Host"},
            f"(WITH RECURSIVE a AS ({query} UNION {members}) SELECT * FROM a) AS a WHERE {existing} ORDER BY 1",
        )
        if row["user"] not in ("root", "mariadb.sys", "mysql", "PUBLIC", "")
    ]


def statements(session: Session, database: str, found: t.Sequence[Account]) -> list[str]:
    """What makes these accounts, and gives them their rights on the database.

    :raises ProcessFailed: when this account may not see them.
    """
    made = []
    for account in found:
        if account.host:
            made.append(session.execute(f"SHOW CREATE USER {account.quoted}")[0][0])
        else:
            made.append(f"CREATE ROLE {account.quoted}")
    return made + rights(session, found, database) + _memberships(session, found)


def _memberships(session: Session, found: t.Sequence[Account]) -> list[str]:
    """What makes these accounts members of those of them that are roles, as they are."""
    roles = {account.user for account in found if not account.host}
    made = []
    for row in session.rows(
        {"user": "User", "host": "Host", "role": "Role", "admin": "Admin_option"},
        "mysql.roles_mapping ORDER BY Role, User, Host",
    ):
        account = Account(row["user"], row["host"])
        if account in found and row["role"] in roles:
            option = " WITH ADMIN OPTION" if row["admin"] == "Y" else ""
            made.append(f"GRANT {quote_identifier(row['role'])} TO {account.quoted}{option}")
    for row in session.rows(
        {"user": "User", "host": "Host", "role": "JSON_VALUE(Priv, '$.default_role')"},
        "mysql.global_priv WHERE JSON_VALUE(Priv, '$.default_role') <> ''",
    ):
        account = Account(row["user"], row["host"])
        if account in found and row["role"] in roles:
            made.append(f"SET DEFAULT ROLE {quote_identifier(row['role'])} FOR {account.quoted}")
    return made


def plain(quoted: str) -> str:
    """A database out of GRANT, which names all of it as a pattern."""
    return _unquote(quoted).replace("\\_", "_").replace("\\%", "%")


def write(made: t.Sequence[str]) -> str:
    """The statements as a text that a client can execute and :func:`read` reads."""
    return "".join(f"{immediate(statement)};\n" for statement in made)


def read(text: str) -> list[str]:
    """The statements that :func:`write` wrote; what is none of them is left out."""
    found = [_LINE.fullmatch(line) for line in text.splitlines()]
    return [bytes.fromhex(match["statement"]).decode("utf-8", "surrogateescape") for match in found if match]


def existing(session: Session, users: str = USERS) -> set[Account]:
    """All accounts and roles of the server.

    :param users: the table that they are in.
    :raises ProcessFailed: when this account may not see them.
    """
    return {Account(row["user"], row["host"]) for row in session.rows({"user": "User", "host": "Host"}, users)}


def missing(session: Session, made: t.Sequence[str]) -> dict[str, tuple[Account, str]]:
    """Those of a set's accounts that the server has not got: the set's statement to the account, and what makes it.

    :param made: the set's statements.
    :raises ProcessFailed: when this account may not see the server's accounts.
    """
    there = existing(session)
    found: dict[str, tuple[Account, str]] = {}
    for statement in made:
        user, role = _CREATE_USER.fullmatch(statement), _CREATE_ROLE.fullmatch(statement)
        creation = user or role
        account = _parse(creation["account"]) if creation else None
        if creation is None or account is None or account in there:
            continue
        there.add(account)
        # Without rights.
        kind = f"CREATE ROLE {account.quoted}" if role else f"CREATE USER {account.quoted}{creation['how']}"
        found[statement] = account, kind
    return found


def make_members(session: Session, made: t.Sequence[str], new: t.Collection[Account]) -> list[str]:
    """Makes accounts members of the roles that were made for this restore, which have rights on its database only.

    :param made: the set's statements.
    :param new: the accounts and roles that were made.
    :returns: the statements that were left out: a role that was there has rights that the set knows nothing of.
    :raises ProcessFailed: when this account may not do that.
    """
    left = []
    known = named(made)
    for statement in made:
        membership, default = _MEMBERSHIP.fullmatch(statement), _DEFAULT_ROLE.fullmatch(statement)
        match = membership or default
        if match is None or _parse(match["account"]) not in known:
            continue
        if Account(_unquote(match["role"]), "") in new and (membership or _parse(match["account"]) in new):
            session.execute(immediate(statement), action="give accounts the roles that they had")
        elif _parse(match["account"]) in new:
            left.append(statement)
    return left


def named(made: t.Sequence[str]) -> list[Account]:
    """The accounts that a set's statements make."""
    found = [_CREATE_USER.fullmatch(statement) or _CREATE_ROLE.fullmatch(statement) for statement in made]
    return [_parse(match["account"]) for match in found if match]


def rights(session: Session, found: t.Sequence[Account], database: str) -> list[str]:
    """What these accounts may do with a database, as statements that give them that.

    :raises ProcessFailed: when this account may not see it.
    """
    lines = [line[0] for account in found for line in session.execute(f"SHOW GRANTS FOR {account.quoted}")]
    matches = [(line, _GRANT.fullmatch(line)) for line in lines]
    return [line for line, match in matches if match and plain(match["database"]) == database]


def grants(
    made: t.Sequence[str], there: t.Collection[Account], *, database: str, target: str, place: str, plainly: str
) -> list[str]:
    """What gives a set's accounts their rights on the restored database, and no others.

    :param made: the set's statements.
    :param there: the accounts that the server has; others get nothing.
    :param database: the database's name in the set.
    :param target: its name here.
    :param place: that, as GRANT names all of it.
    :param plainly: the same where the set names it without backslashes.
    """
    known = set(named(made)) & set(there)
    found = []
    for statement in made:
        match = _GRANT.fullmatch(statement)
        if match is None or plain(match["database"]) != database or _parse(match["account"]) not in known:
            continue
        name = quote_identifier(target)
        if match["object"] == "*":
            name = plainly if _unquote(match["database"]) == database else place
        level = f"ON {match['kind']}{name}.{match['object']}"
        found.append(f"GRANT {match['what']} {level} TO {match['account']}{match['more']}")
    return found


def is_on(grant: str, database: str) -> bool:
    """Whether a text gives rights on this database, and does nothing else."""
    match = _GRANT.fullmatch(grant)
    return match is not None and plain(match["database"]) == database


def revocation(grant: str) -> str:
    """What takes back what a statement gives.

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
    """What gives these rights to an account, and takes none away from it; None: it has them.

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
            patterns.setdefault(_unquote(held["database"]), set()).update(_named_rights(held))
    wider = of_patterns(patterns, database)
    both = _simplest(wider | _named_rights(match))
    if not wider or _unquote(match["database"]) in patterns:
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
    """What a grant says, however it writes the name of the database."""
    match = _GRANT.fullmatch(grant)
    if match is None:
        return (grant,)
    return (match["what"], match["kind"], plain(match["database"]), match["object"], match["account"], match["more"])


def privileges(session: Session, database: str) -> set[str]:
    """What the session's account, with its roles, may do with all of a database."""
    held: set[str] = set()
    # Of the account, of its roles together, and of everybody: each by the patterns that it has rights on.
    holders: dict[str, dict[str, set[str]]] = {}
    for line in session.execute("SHOW GRANTS"):
        match = _HELD.match(line[0])
        if match is None:
            continue
        names = {part.strip() for part in match["what"].split(",")}
        if match["database"] == "*":
            held |= names
            continue
        holder = "account" if match["host"] else "everybody" if match["who"].strip("`") == "PUBLIC" else "roles"
        holders.setdefault(holder, {}).setdefault(_unquote(match["database"]), set()).update(names)
    return held.union(*(of_patterns(patterns, database) for patterns in holders.values()))


def of_patterns(patterns: t.Mapping[str, set[str]], database: str, *, closest: bool = True) -> set[str]:
    """What rights on patterns of names come to for one database.

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


def may_read_routines(processes: Processes, connection: Connection) -> bool:
    """Whether an account may see how routines are made that are not its own."""
    try:
        with Session(processes, connection) as session:
            session.execute("SELECT 1 FROM mysql.proc LIMIT 0")
    except ProcessFailed:
        return False
    return True


def is_of_routine(grant: str) -> bool:
    """Whether rights are on a routine."""
    match = _GRANT.fullmatch(grant)
    return bool(match and match["kind"])


def pattern(database: str) -> str:
    """A database as GRANT names all of it: as a pattern, in which a backslash makes wildcards plain."""
    return quote_identifier(database.replace("_", "\\_").replace("%", "\\%"))


def is_visible(session: Session) -> bool:
    """Whether this account may see (and so remove) the server's accounts."""
    return bool(
        session.rows(
            {"name": "TABLE_NAME"},
            "information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'global_priv'",
        )
    )


def present(session: Session, names: t.Collection[str]) -> list[Account]:
    """Which of these accounts (``user@host``) the server has."""
    if not names:
        return []
    chosen = ", ".join(quote_literal(name) for name in sorted(names))
    return [
        Account(row["user"], row["host"])
        for row in session.rows(
            {"user": "User", "host": "Host"},
            f"mysql.global_priv WHERE Host <> '' AND CONCAT(User, '@', Host) IN ({chosen})",
        )
    ]


def with_rights_on(session: Session, database: str) -> list[Account]:
    """Who has rights on all of a database that is named by its exact pattern."""
    name = quote_literal(database.replace("_", "\\_").replace("%", "\\%"))
    return [
        Account(row["user"], row["host"])
        for row in session.rows({"user": "User", "host": "Host"}, f"mysql.db WHERE Db = {name}")
    ]


def drop(session: Session, new: t.Iterable[Account]) -> None:
    """Removes accounts that were made for a restore that failed."""
    for account in new:
        kind = "USER" if account.host else "ROLE"
        session.execute(f"DROP {kind} IF EXISTS {account.quoted}", action="remove an account made for it")
