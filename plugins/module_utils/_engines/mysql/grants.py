# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts that a MySQL database needs: who has rights on it, and in whose name its programs run.

A set holds their password hashes, their rights on this database only, and which of them are roles of others. A restore
makes those that are missing. A role that was there before is given to nobody: it may have rights on more.
"""

from __future__ import annotations

import re
import typing as t

from ..mysql_family.grants import NAME, Account, concerned, existing, of_patterns, parse, plain, rights, unquote
from ..mysql_family.session import Session, quote_identifier, quote_literal
from .session import immediate

# The table of the server's accounts.
USERS = "mysql.user"
_OWN = ("root", "mysql.sys", "mysql.session", "mysql.infoschema", "")
_USER = rf"{NAME}@{NAME}"
# However an account is identified and limited: words, numbers, digits and texts. No other account's name is among them.
_CREATE_USER = re.compile(
    rf"CREATE USER (?P<account>{_USER})(?P<how>(?: (?:[A-Z0-9_]+|0x[0-9A-Fa-f]+|'(?:[^'\\]|\\.|'')*'))*)", re.DOTALL
)
# It would give the roles that it names.
_DEFAULT_ROLE = re.compile(rf"(?<=[0-9A-Fa-f']) DEFAULT ROLE (?P<roles>{_USER}(?:,{_USER})*)(?= REQUIRE )")
_MEMBER = re.compile(rf"GRANT (?P<role>{_USER}) TO (?P<account>{_USER})")
_DEFAULT = re.compile(rf"ALTER USER (?P<account>{_USER}) DEFAULT ROLE (?P<role>{_USER})")
_ROLES = re.compile(rf"GRANT (?P<roles>{_USER}(?:,{_USER})*) TO {_USER}(?: WITH ADMIN OPTION)?")
_HELD = re.compile(rf"(?P<verb>GRANT|REVOKE) (?P<what>[A-Z_, ]+) ON (?P<database>\*|{NAME})\.\* (?:TO|FROM) ")
_LINE = re.compile(
    r"SET @infitulua = CONVERT\(x'(?P<statement>(?:[0-9a-f]{2})+)' USING utf8mb4\);\n"
    r"PREPARE infitulua FROM @infitulua;\nEXECUTE infitulua;\nDEALLOCATE PREPARE infitulua;\n"
)


def of_database(session: Session, database: str, definers: t.Collection[str]) -> list[Account]:
    """Return the accounts that have rights on a database or define something in it, and the members of such roles.

    :param definers: as ``user@host``.
    :raises ProcessFailed: when this account may not see the server's accounts.
    """
    query = concerned(database, definers, users=USERS)
    existing = "EXISTS (SELECT 1 FROM mysql.user g WHERE g.User = a.User AND g.Host = a.Host)"
    return [
        Account(row["user"], row["host"])
        for row in session.rows({"user": "a.User", "host": "a.Host"}, f"({query}) AS a WHERE {existing} ORDER BY 1")
        if row["user"] not in _OWN
    ]


def statements(session: Session, database: str, found: t.Sequence[Account]) -> list[str]:
    """Return what makes these accounts, gives them their rights on the database, and the roles that are among them.

    :raises ProcessFailed: when this account may not see them.
    """
    made = []
    roles = []
    for account in found:
        statement = session.execute(f"SHOW CREATE USER {account.quoted}")[0][0]
        default = _DEFAULT_ROLE.search(statement)
        made.append(_DEFAULT_ROLE.sub("", statement, count=1))
        given = [
            role
            for line in session.execute(f"SHOW GRANTS FOR {account.quoted}")
            for match in [_ROLES.fullmatch(line[0])]
            for role in (re.findall(_USER, match["roles"]) if match else [])
            if parse(role) in found
        ]
        roles += [f"GRANT {role} TO {account.quoted}" for role in given]
        chosen = re.findall(_USER, default["roles"]) if default else []
        roles += [f"ALTER USER {account.quoted} DEFAULT ROLE {role}" for role in chosen if role in given][:1]
    return made + rights(session, found, database) + roles


def write(made: t.Sequence[str]) -> str:
    """Return the statements as a text that a client can execute and :func:`read` reads."""
    return "".join(f"{immediate(statement)};\n" for statement in made)


def read(text: str) -> list[str]:
    """Return the statements that :func:`write` wrote; anything else is left out."""
    return [bytes.fromhex(match["statement"]).decode("utf-8", "surrogateescape") for match in _LINE.finditer(text)]


def missing(session: Session, made: t.Sequence[str]) -> dict[str, tuple[Account, str]]:
    """Return those of a set's accounts that the server lacks: the set's statement to the account, and what makes it.

    :param made: the set's statements.
    :raises ProcessFailed: when this account may not see the server's accounts.
    """
    there = existing(session, USERS)
    found: dict[str, tuple[Account, str]] = {}
    for statement in made:
        creation = _CREATE_USER.fullmatch(statement)
        account = parse(creation["account"]) if creation else None
        if creation is None or account is None or account in there or " ROLE" in _without_texts(creation["how"]):
            continue
        there.add(account)
        found[statement] = account, statement
    return found


def make_members(session: Session, made: t.Sequence[str], new: t.Collection[Account]) -> list[str]:
    """Give new accounts their roles, of those that are new as well.

    :param made: the set's statements.
    :param new: the accounts and roles that were made.
    :returns: the statements that were left out and should be told: none, for a role that was there is given to nobody.
    :raises ProcessFailed: when this account may not do that.
    """
    for statement in made:
        match = _MEMBER.fullmatch(statement) or _DEFAULT.fullmatch(statement)
        if match and parse(match["role"]) in new and parse(match["account"]) in new:
            session.execute(immediate(statement), action="give new accounts their roles")
    return []


def _without_texts(how: str) -> str:
    return re.sub(r"'(?:[^'\\]|\\.|'')*'", "", how)


def privileges_held(session: Session, database: str) -> set[str]:
    """Return what the session's account, with its active roles, may do with all of a database.

    Rights on all databases stand twice: by themselves, and with ``*.*:`` before them.
    """
    found: set[str] = set()
    taken: set[str] = set()
    patterns: dict[str, set[str]] = {}
    for line in session.execute("SHOW GRANTS"):
        match = _HELD.match(line[0])
        if match is None:
            continue
        names = {part.strip() for part in match["what"].split(",")}
        name = unquote(match["database"])
        if match["verb"] == "REVOKE":
            taken |= names if plain(match["database"]) == database else set()
        elif match["database"] == "*":
            found |= names | {f"*.*:{right}" for right in names}
        else:
            patterns.setdefault(name, set()).update(names)
    if is_literal(session):
        return (found | patterns.get(database, set())) - taken
    # Where a role is active, which of several patterns counts depends on their order in the server's memory.
    closest = session.value("CURRENT_ROLE()") == "NONE"
    return (found | of_patterns(patterns, database, closest=closest)) - taken


def pattern(database: str, *, literal: bool) -> str:
    """Return a database as GRANT names all of it: as a pattern, in which a backslash makes wildcards plain.

    :param literal: whether it is a name and not a pattern, as where partial_revokes is on.
    """
    return quote_identifier(database if literal else database.replace("_", "\\_").replace("%", "\\%"))


def is_literal(session: Session) -> bool:
    """Whether GRANT takes the name of a database literally, and not as a pattern."""
    return session.value("@@GLOBAL.partial_revokes + 0") == "1"


def is_visible(session: Session) -> bool:
    """Whether this account may see (and so remove) the server's accounts."""
    return bool(
        session.rows(
            {"name": "TABLE_NAME"},
            "information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'user'",
        )
    )


def present(session: Session, names: t.Collection[str]) -> list[Account]:
    """Return those of these accounts (``user@host``) that the server has."""
    if not names:
        return []
    chosen = ", ".join(quote_literal(name) for name in sorted(names))
    return [
        Account(row["user"], row["host"])
        for row in session.rows(
            {"user": "User", "host": "Host"}, f"mysql.user WHERE CONCAT(User, '@', Host) IN ({chosen})"
        )
    ]


def with_rights_on(session: Session, database: str) -> list[Account]:
    """Return the accounts that have rights on all of a database that stand under its very name."""
    return [
        Account(row["user"], row["host"])
        for row in session.rows({"user": "User", "host": "Host"}, f"mysql.db WHERE Db = {quote_literal(database)}")
    ]
