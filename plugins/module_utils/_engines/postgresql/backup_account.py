# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL role that makes backups: which privileges it has, and which it needs.

It needs to log in, to read every table (``pg_read_all_data``), to connect to its databases, and to read their large
objects, which that predefined role does not cover. Whatever else it holds is superfluous.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from ..server.account import Account, AccountRequest, Right, State
from . import scram
from .client import Connection, advising, clients
from .session import MAINTENANCE_DATABASES, Row, Session, maintenance_session, quote_identifier, quote_literal

_READER = "pg_read_all_data"
_FIRST_MAJOR = 14
# The role that initdb makes, whatever it is called.
_BOOTSTRAP = 10
# No role has this number; 0 is everybody.
_NOBODY = 4294967295
_WANTED_ATTRIBUTES = {"rolcanlogin": "LOGIN", "rolinherit": "INHERIT"}
_EXCESSIVE_ATTRIBUTES = {
    "rolsuper": "SUPERUSER",
    "rolcreaterole": "CREATEROLE",
    "rolcreatedb": "CREATEDB",
    "rolreplication": "REPLICATION",
    "rolbypassrls": "BYPASSRLS",
}
_READING_LARGE_OBJECT = "SELECT on LARGE OBJECT "
_GRANTABLE = " with GRANT OPTION"

_ROLE = f"""
SELECT oid::bigint AS oid, rolpassword AS password, {", ".join((*_WANTED_ATTRIBUTES, *_EXCESSIVE_ATTRIBUTES))}
FROM pg_authid WHERE rolname = {{name}}
"""

_MEMBERSHIPS = """
SELECT g.rolname AS role, m.admin_option AS admin, {inherit} AS inherit, {set} AS set,
    pg_get_userbyid(m.grantor) AS grantor
FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = {oid} ORDER BY role, grantor
"""

# In which databases it holds or owns something; NULL: what belongs to the whole server.
_DEPENDENCIES = """
SELECT DISTINCT b.datname AS database, d.deptype::text AS kind, coalesce(b.datallowconn, true) AS open
FROM pg_shdepend d LEFT JOIN pg_database b ON b.oid = d.dbid
WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = {oid} AND d.deptype IN ('a', 'o')
ORDER BY database NULLS FIRST
"""

# Who gave what on what: the kind of object and its name as GRANT writes them, its access list, its owner.
_SHARED_OBJECTS = (
    ("pg_database o", "'DATABASE ' || quote_ident(o.datname)", "o.datacl", "o.datdba"),
    ("pg_tablespace o", "'TABLESPACE ' || quote_ident(o.spcname)", "o.spcacl", "o.spcowner"),
)
_PARAMETERS = ("pg_parameter_acl o", "'PARAMETER ' || o.parname", "o.paracl", str(_BOOTSTRAP))
_OBJECTS = (
    (
        "pg_class o",
        "CASE o.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || o.oid::regclass",
        "o.relacl",
        "o.relowner",
    ),
    ("pg_namespace o", "'SCHEMA ' || quote_ident(o.nspname)", "o.nspacl", "o.nspowner"),
    ("pg_proc o", "'ROUTINE ' || o.oid::regprocedure", "o.proacl", "o.proowner"),
    ("pg_type o", "'TYPE ' || o.oid::regtype", "o.typacl", "o.typowner"),
    ("pg_language o", "'LANGUAGE ' || quote_ident(o.lanname)", "o.lanacl", "o.lanowner"),
    ("pg_foreign_data_wrapper o", "'FOREIGN DATA WRAPPER ' || quote_ident(o.fdwname)", "o.fdwacl", "o.fdwowner"),
    ("pg_foreign_server o", "'FOREIGN SERVER ' || quote_ident(o.srvname)", "o.srvacl", "o.srvowner"),
    ("pg_largeobject_metadata o", "'LARGE OBJECT ' || o.oid", "o.lomacl", "o.lomowner"),
)
_COLUMNS = """
SELECT '' AS prefix, 'TABLE ' || c.oid::regclass AS target, quote_ident(o.attname) AS column, a.privilege_type,
    a.is_grantable, CASE WHEN a.grantor <> c.relowner THEN pg_get_userbyid(a.grantor) END AS grantor
FROM pg_attribute o JOIN pg_class c ON c.oid = o.attrelid CROSS JOIN aclexplode(o.attacl) a WHERE a.grantee = {oid}
"""
_DEFAULTS = """
SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE ' || quote_ident(pg_get_userbyid(o.defaclrole))
        || coalesce(' IN SCHEMA ' || quote_ident(n.nspname), '') || ' ',
    CASE o.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
        WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END,
    NULL, a.privilege_type, a.is_grantable, NULL
FROM pg_default_acl o LEFT JOIN pg_namespace n ON n.oid = o.defaclnamespace CROSS JOIN aclexplode(o.defaclacl) a
WHERE a.grantee = {oid}
"""

_LARGE_OBJECTS_UNREAD = """
SELECT m.oid FROM pg_largeobject_metadata m WHERE NOT EXISTS (
    SELECT FROM aclexplode(m.lomacl) a
    WHERE a.grantee IN (0, {oid}) AND a.privilege_type = 'SELECT')
"""
_READ_LARGE_OBJECTS = """
DO $give$
DECLARE found record;
BEGIN
    FOR found IN {unread} LOOP
        EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO %I', found.oid, {name});
    END LOOP;
END
$give$
"""

_ROW_SECURITY = """
SELECT o.oid::regclass::text AS name FROM pg_class o WHERE o.relrowsecurity ORDER BY name LIMIT 11
"""
# What everybody may do, this account too.
_OPEN_SCHEMAS = """
SELECT n.nspname AS name FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) a
WHERE a.grantee = 0 AND a.privilege_type = 'CREATE' ORDER BY name
"""
# What pg_dump gives to superusers only: it leaves it out, and goes on.
_OF_SUPERUSERS = """
SELECT (SELECT count(*) FROM pg_user_mapping WHERE umoptions IS NOT NULL) AS mappings,
    (SELECT count(*) FROM pg_subscription s JOIN pg_database b ON b.oid = s.subdbid
        WHERE b.datname = current_database()) AS subscriptions
"""


class PostgresqlAccount(Account):
    """A role that can log in."""

    name = "postgresql"

    def __init__(self, request: AccountRequest) -> None:
        self._request = request
        self._connection = Connection({**request.login, "database": MAINTENANCE_DATABASES[0]})
        # As the account itself.
        self._own = Connection(
            {
                **request.login,
                "database": request.databases[0],
                "login_user": request.name,
                "login_password": request.password,
                "login_os_user": request.name if request.local else None,
            }
        )
        self._quoted = quote_identifier(request.name)

    def _open(self, stack: contextlib.ExitStack) -> None:
        stack.enter_context(self._connection)
        self._connection.client = clients(self._connection.client_directory)[0]
        self._own.client = self._connection.client

    def describe(self) -> str:
        return f"role {self._request.name} on {self._connection.server}"

    def examine(self) -> State:
        state = State()
        with Processes() as processes, advising():
            with self._session(processes) as session:
                self._check_server(session)
                role = next(iter(session.rows(_ROLE.format(name=quote_literal(self._request.name)))), None)
                oid = role["oid"] if role else _NOBODY
                self._of_role(session, role, state)
                self._of_server(session, oid, state)
                places = self._places(session, oid, state)
            for database in places:
                with self._session(processes, database) as session:
                    self._of_database(session, database, oid, state)
        return state

    def _session(self, processes: Processes, database: str | None = None) -> Session:
        """Return a session of the administrator's in a database; None: in any."""
        if database is None:
            return maintenance_session(processes, self._connection, terse=True)
        return Session(processes, self._connection, database=database, terse=True)

    def _check_server(self, session: Session) -> None:
        if session.major < _FIRST_MAJOR:
            raise Refused(
                "make an account",
                on=self.describe(),
                why=f"PostgreSQL {session.major} has no role {_READER}, so no account can be sure to read every table",
                next_step="Back up as the server's superuser through the local socket (login_os_user: postgres),"
                f" or move to PostgreSQL {_FIRST_MAJOR} or newer.",
            )
        if not session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user"):
            raise Refused(
                "make an account",
                on=self.describe(),
                why="the administrator is not a superuser, and may not see what the account holds",
                next_step="Connect as a superuser, best through the local socket (login_os_user: postgres).",
            )
        if self._request.name == session.value("SELECT current_user AS value") or self._request.name.startswith("pg_"):
            raise Refused(
                "make an account",
                on=self.describe(),
                why="it is the administrator's own role, or one of the server's own",
                next_step="Choose another name for the account that backs up.",
            )
        wanted = ", ".join(quote_literal(database) for database in self._request.databases)
        there = session.rows(f"SELECT datname AS name FROM pg_database WHERE datallowconn AND datname IN ({wanted})")
        missing = sorted(set(self._request.databases) - {row["name"] for row in there})
        if missing:
            raise NotFound(
                "make an account",
                on=self.describe(),
                why=f"the server has no database {', '.join(missing)} that can be connected to",
                next_step="Correct the names of its databases, or create them.",
            )

    def _of_role(self, session: Session, role: Row | None, state: State) -> None:
        request, quoted = self._request, self._quoted
        exists = Right(f"role {request.name}", (f"CREATE ROLE {quoted}",))
        attributes = {
            column: Right(word, (f"ALTER ROLE {quoted} {word}",), (f"ALTER ROLE {quoted} NO{word}",))
            for column, word in {**_WANTED_ATTRIBUTES, **_EXCESSIVE_ATTRIBUTES}.items()
        }
        state.wanted += [exists, *(attributes[column] for column in _WANTED_ATTRIBUTES)]
        if request.bypass_row_security:
            state.wanted.append(attributes["rolbypassrls"])
        if role is not None:
            if role["oid"] == _BOOTSTRAP:
                raise Refused(
                    "make an account",
                    on=self.describe(),
                    why="the server was made with this role, which must remain its superuser",
                    next_step="Choose another name for the account that backs up.",
                )
            state.held += [exists, *(right for column, right in attributes.items() if role[column])]
        self._of_password(role["password"] if role else None, state)
        self._of_memberships(session, role["oid"] if role else _NOBODY, state)

    def _of_password(self, verifier: str | None, state: State) -> None:
        given = self._request.password
        if given is not None:
            alter = f"ALTER ROLE {self._quoted} PASSWORD {quote_literal(scram.make(given))}"
            state.wanted.append(Right("the password that was given", (alter,)))
        if given is not None and scram.fits(verifier, given):
            state.held.append(Right("the password that was given"))
        elif verifier is not None:
            ending = () if given is not None else (f"ALTER ROLE {self._quoted} PASSWORD NULL",)
            state.held.append(Right("another password" if given is not None else "a password", take=ending))

    def _of_memberships(self, session: Session, oid: int, state: State) -> None:
        optional = session.major >= 16
        give = f"GRANT {_READER} TO {self._quoted}" + (" WITH INHERIT TRUE, SET FALSE" if optional else "")
        state.wanted.append(Right(f"member of {_READER}", (give,)))
        query = _MEMBERSHIPS.format(
            oid=oid, inherit="m.inherit_option" if optional else "true", set="m.set_option" if optional else "false"
        )
        for row in session.rows(query):
            text = f"member of {row['role']}"
            text += " with SET" if row["set"] else ""
            text += " without INHERIT" if not row["inherit"] else ""
            text += " with ADMIN" if row["admin"] else ""
            take = f"REVOKE {quote_identifier(row['role'])} FROM {self._quoted}"
            take += f" GRANTED BY {quote_identifier(row['grantor'])}" if optional else ""
            state.held.append(Right(text, take=(take,)))

    def _of_server(self, session: Session, oid: int, state: State) -> None:
        for database in self._request.databases:
            target = f"DATABASE {quote_identifier(database)}"
            give = f"GRANT CONNECT ON {target} TO {self._quoted}"
            state.wanted.append(Right(f"CONNECT on {self._quote_as_server(session, target, database)}", (give,)))
        objects = (*_SHARED_OBJECTS, *((_PARAMETERS,) if session.major >= 15 else ()))
        state.held += self._grants(session, _union(objects, oid), None)

    @staticmethod
    def _quote_as_server(session: Session, target: str, database: str) -> str:
        # The server leaves the quotes away where a name needs none.
        kind = target.split(" ", 1)[0]
        return f"{kind} {session.value(f'SELECT quote_ident({quote_literal(database)}) AS value')}"

    def _grants(self, session: Session, query: str, database: str | None) -> list[Right]:
        found = []
        for row in session.rows(query):
            column = f" ({row['column']})" if row["column"] else ""
            text = f"{row['privilege_type']}{column} on {row['target']}"
            text += f" of database {database}" if database else ""
            text += _GRANTABLE if row["is_grantable"] else ""
            text += f" ({row['prefix'].strip()})" if row["prefix"] else ""
            take = [
                f"{row['prefix']}REVOKE {row['privilege_type']}{column} ON {row['target']} FROM {self._quoted}",
            ]
            if row["grantor"]:
                # A superuser's REVOKE is the owner's, which leaves what somebody else gave.
                take = [f"SET LOCAL ROLE {quote_identifier(row['grantor'])}", *take, "RESET ROLE"]
            found.append(Right(text, take=tuple(take), database=database))
        return found

    def _places(self, session: Session, oid: int, state: State) -> list[str]:
        """Return the databases to look into: those it backs up, and those where it holds anything."""
        places = set(self._request.databases)
        owning = []
        for row in session.rows(_DEPENDENCIES.format(oid=oid)):
            if row["kind"] == "o":
                owning.append(row["database"] or "the server itself")
            elif row["database"] and not row["open"]:
                state.warnings.append(
                    f"What it holds in the database {row['database']} cannot be looked at: it is closed"
                )
            elif row["database"]:
                places.add(row["database"])
        if owning:
            raise Refused(
                "make an account",
                on=self.describe(),
                why=f"it owns objects, in: {', '.join(owning)}; their owner may alter and drop them",
                next_step="Choose another name for the account that backs up, or hand them over (REASSIGN OWNED BY).",
            )
        return sorted(places)

    def _of_database(self, session: Session, database: str, oid: int, state: State) -> None:
        query = " UNION ALL ".join([_union(_OBJECTS, oid), _COLUMNS.format(oid=oid), _DEFAULTS.format(oid=oid)])
        held = self._grants(session, query, database)
        if database not in self._request.databases:
            state.held += held
            return
        readable = f"of database {database}"
        for right in held:
            if not right.text.startswith(_READING_LARGE_OBJECT):
                state.held.append(right)
            elif right.text.endswith(_GRANTABLE):
                # It goes on reading it.
                taken = tuple(line.replace("REVOKE ", "REVOKE GRANT OPTION FOR ", 1) for line in right.take)
                state.held.append(dataclasses.replace(right, take=taken))
        self._of_large_objects(session, database, oid, state)
        protected = [row["name"] for row in session.rows(_ROW_SECURITY)]
        if protected and not self._request.bypass_row_security:
            raise Refused(
                "make an account",
                on=self.describe(),
                why=f"policies hide rows {readable} from it, in: {', '.join(protected[:10])}",
                next_step="Let it see them (bypass_row_security: true), or leave that database to another account.",
            )
        for row in session.rows(_OPEN_SCHEMAS):
            state.warnings.append(
                f"Everybody may create objects in the schema {row['name']} {readable}, and so may this account"
            )
        hidden = session.rows(_OF_SUPERUSERS)[0]
        for count, what in (
            (hidden["mappings"], "options of user mappings"),
            (hidden["subscriptions"], "subscriptions"),
        ):
            if count:
                state.warnings.append(f"Only a superuser's dump has the {what} {readable}: {count} of them")

    def _of_large_objects(self, session: Session, database: str, oid: int, state: State) -> None:
        unread = _LARGE_OBJECTS_UNREAD.format(oid=oid)
        counts = session.rows(
            f"SELECT (SELECT count(*) FROM pg_largeobject_metadata) AS all,"
            f" (SELECT count(*) FROM ({unread}) AS u) AS unread"
        )[0]
        if not counts["all"]:
            return
        # By then the role exists, and has a number.
        number = f"(SELECT oid FROM pg_roles WHERE rolname = {quote_literal(self._request.name)})"
        give = _READ_LARGE_OBJECTS.format(
            unread=_LARGE_OBJECTS_UNREAD.format(oid=number), name=quote_literal(self._request.name)
        )
        right = Right(f"SELECT on the large objects of database {database}", (give,), database=database)
        state.wanted.append(right)
        if not counts["unread"]:
            state.held.append(right)

    def covers(self, held: t.Collection[str], wanted: str) -> bool:
        wider = [text[len(wanted) :] for text in held if text.startswith(f"{wanted} with ")]
        return "SUPERUSER" in held or any("without INHERIT" not in options for options in wider)

    def change(self, take: t.Sequence[Right], give: t.Sequence[Right]) -> None:
        places = [None, *sorted({right.database for right in (*take, *give) if right.database is not None})]
        for place in places:
            statements = [line for right in take if right.database == place for line in right.take]
            statements += [line for right in give if right.database == place for line in right.give]
            if statements:
                self._run(statements, place)

    def _run(self, statements: t.Sequence[str], database: str | None) -> None:
        with Processes() as processes, advising(), self._session(processes, database) as session:
            # A verifier belongs in no server log.
            session.execute("SET log_min_error_statement = panic; SET log_statement = none")
            session.execute("SET log_min_duration_statement = -1; SET pg_stat_statements.track = none")
            session.execute("BEGIN")
            for statement in statements:
                session.execute(statement, action="set the account up")
            session.execute("COMMIT", action="set the account up")

    def log_in(self) -> None:
        with Processes() as processes, advising(), self._own:
            for database in self._request.databases:
                with Session(processes, self._own, database=database, terse=True):
                    pass


def _union(objects: t.Sequence[tuple[str, str, str, str]], oid: int) -> str:
    return " UNION ALL ".join(
        f"SELECT '' AS prefix, {target} AS target, NULL AS column, a.privilege_type, a.is_grantable,"
        f" CASE WHEN a.grantor <> {owner} THEN pg_get_userbyid(a.grantor) END AS grantor"
        f" FROM {source} CROSS JOIN aclexplode({access}) a WHERE a.grantee = {oid}"
        for source, target, access, owner in objects
    )
