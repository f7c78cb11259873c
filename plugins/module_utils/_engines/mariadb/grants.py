# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts that a MariaDB database needs (see ``mysql_family.grants``), and the roles that they are members of."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..mysql_family.client import Connection
from ..mysql_family.grants import (
    CREATE_ROLE,
    CREATE_USER,
    NAME,
    Account,
    concerned,
    existing,
    named,
    of_patterns,
    parse,
    rights,
    unquote,
)
from ..mysql_family.session import Session as FamilySession
from ..mysql_family.session import quote_identifier, quote_literal
from .session import Session, immediate

# The table of the server's accounts.
USERS = "mysql.global_priv"
_MEMBERSHIP = re.compile(rf"GRANT (?P<role>{NAME}) TO (?P<account>{NAME}(?:@{NAME})?)(?P<more>(?: WITH ADMIN OPTION)?)")
_DEFAULT_ROLE = re.compile(rf"SET DEFAULT ROLE (?P<role>{NAME}) FOR (?P<account>{NAME}@{NAME})")
_HELD = re.compile(
    rf"GRANT (?P<what>[A-Z, ]+) ON (?P<database>\*|{NAME})\.\* TO (?P<who>{NAME}(?P<host>@{NAME})?|PUBLIC)"
)
_LINE = re.compile(r"EXECUTE IMMEDIATE CONVERT\(x'(?P<statement>(?:[0-9a-f]{2})+)' USING utf8mb4\);")


def of_database(session: FamilySession, database: str, definers: t.Collection[str]) -> list[Account]:
    """Return the accounts that have rights on a database, or define something in it, and exist.

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


def statements(session: FamilySession, database: str, found: t.Sequence[Account]) -> list[str]:
    """Return what makes these accounts, and gives them their rights on the database.

    :raises ProcessFailed: when this account may not see them.
    """
    made = []
    for account in found:
        if account.host:
            made.append(session.execute(f"SHOW CREATE USER {account.quoted}")[0][0])
        else:
            made.append(f"CREATE ROLE {account.quoted}")
    return made + rights(session, found, database) + _memberships(session, found)


def _memberships(session: FamilySession, found: t.Sequence[Account]) -> list[str]:
    """Return what makes these accounts members of those of them that are roles, as they are."""
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


def write(made: t.Sequence[str]) -> str:
    """Return the statements as a text that a client can execute and :func:`read` reads."""
    return "".join(f"{immediate(statement)};\n" for statement in made)


def read(text: str) -> list[str]:
    """Return the statements that :func:`write` wrote; anything else is left out."""
    found = [_LINE.fullmatch(line) for line in text.splitlines()]
    return [bytes.fromhex(match["statement"]).decode("utf-8", "surrogateescape") for match in found if match]


def missing(session: FamilySession, made: t.Sequence[str]) -> dict[str, tuple[Account, str]]:
    """Return those of a set's accounts that the server lacks: the set's statement to the account, and what makes it.

    :param made: the set's statements.
    :raises ProcessFailed: when this account may not see the server's accounts.
    """
    there = existing(session, USERS)
    found: dict[str, tuple[Account, str]] = {}
    for statement in made:
        user, role = CREATE_USER.fullmatch(statement), CREATE_ROLE.fullmatch(statement)
        creation = user or role
        account = parse(creation["account"]) if creation else None
        if creation is None or account is None or account in there:
            continue
        there.add(account)
        # Without rights.
        kind = f"CREATE ROLE {account.quoted}" if role else f"CREATE USER {account.quoted}{creation['how']}"
        found[statement] = account, kind
    return found


def make_members(session: FamilySession, made: t.Sequence[str], new: t.Collection[Account]) -> list[str]:
    """Make accounts members of the roles that were made for this restore, which have rights on its database only.

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
        if match is None or parse(match["account"]) not in known:
            continue
        if Account(unquote(match["role"]), "") in new and (membership or parse(match["account"]) in new):
            session.execute(immediate(statement), action="give accounts the roles that they had")
        elif parse(match["account"]) in new:
            left.append(statement)
    return left


def privileges(session: FamilySession, database: str) -> set[str]:
    """Return what the session's account, with its roles, may do with all of a database."""
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
        holders.setdefault(holder, {}).setdefault(unquote(match["database"]), set()).update(names)
    return held.union(*(of_patterns(patterns, database) for patterns in holders.values()))


def may_read_routines(processes: Processes, connection: Connection) -> bool:
    """Whether an account may see how routines are made that are not its own."""
    try:
        with Session(processes, connection) as session:
            session.execute("SELECT 1 FROM mysql.proc LIMIT 0")
    except ProcessFailed:
        return False
    return True


def pattern(database: str) -> str:
    """Return a database as GRANT names all of it: as a pattern, in which a backslash makes wildcards plain."""
    return quote_identifier(database.replace("_", "\\_").replace("%", "\\%"))


def is_visible(session: FamilySession) -> bool:
    """Whether this account may see (and so remove) the server's accounts."""
    return bool(
        session.rows(
            {"name": "TABLE_NAME"},
            "information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'global_priv'",
        )
    )


def present(session: FamilySession, names: t.Collection[str]) -> list[Account]:
    """Return those of these accounts (``user@host``) that the server has."""
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


def with_rights_on(session: FamilySession, database: str) -> list[Account]:
    """Return the accounts that have rights on all of a database that is named by its exact pattern."""
    name = quote_literal(database.replace("_", "\\_").replace("%", "\\%"))
    return [
        Account(row["user"], row["host"])
        for row in session.rows({"user": "User", "host": "Host"}, f"mysql.db WHERE Db = {name}")
    ]
