# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database says about itself: the facts that a set keeps, and that a restored database must say again."""

from __future__ import annotations

import dataclasses
import typing as t

from .session import Row, Session

# The same schemas that pg_dump leaves out.
_USER_SCHEMA = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
# How many tables are counted, or locked, by one statement.
_BATCH = 200


def not_of_extension(catalogue: str, oid: str) -> str:
    """Return a condition: the object belongs to no extension."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{catalogue}'::regclass AND d.objid = {oid}"
        " AND d.objsubid = 0 AND d.deptype = 'e')"
    )


def made_by_others(relation: str) -> str:
    """Return a condition: a table's owner has fewer rights than who asks, and may put an index on it at any time."""
    return (
        f"NOT ({relation}.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        f" OR {relation}.relowner IN (SELECT oid FROM pg_roles WHERE rolsuper))"
    )


_TABLES = f"""
SELECT c.oid::bigint AS oid, format('%I.%I', n.nspname, c.relname) AS name, n.nspname AS schema, c.relname AS relation,
    c.relkind = 'r' AS holds_rows, c.relpersistence = 'u' AS unlogged,
    CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END AS bytes,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_statistic_ext e WHERE e.stxrelid = c.oid AND 'e' = ANY (e.stxkind))
        OR {made_by_others("c")} AS copied,
    (SELECT quote_ident(a.attname) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY a.attlen < 0, a.attlen, a.attnum LIMIT 1) AS narrowest,
    ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
        AND NOT a.attisdropped AND a.attgenerated = '') AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {_USER_SCHEMA} AND {not_of_extension("pg_class", "c.oid")}
ORDER BY bytes DESC, name
"""

_SEQUENCES = f"""
SELECT format('%I.%I', n.nspname, c.relname) AS name, s.last_value, s.increment_by, s.cycle
FROM pg_sequences s
JOIN pg_namespace n ON n.nspname = s.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename
WHERE {_USER_SCHEMA} AND {not_of_extension("pg_class", "c.oid")}
ORDER BY name
"""

# How many of each kind of object. Left out: what follows from others (constraints of partitions, internal triggers),
# what majors store differently (NOT NULL as a constraint since 18), and invalid indexes, which pg_dump leaves out.
_OBJECTS = f"""
SELECT kind, count(*) AS count FROM (
    SELECT CASE c.relkind WHEN 'r' THEN 'tables' WHEN 'p' THEN 'partitioned tables' WHEN 'v' THEN 'views'
        WHEN 'm' THEN 'materialized views' WHEN 'f' THEN 'foreign tables' WHEN 'S' THEN 'sequences'
        ELSE 'composite types' END AS kind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND {_USER_SCHEMA}
        AND {not_of_extension("pg_class", "c.oid")}
  UNION ALL
    SELECT 'indexes' FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.indisvalid AND {_USER_SCHEMA} AND {not_of_extension("pg_class", "c.oid")}
  UNION ALL
    SELECT CASE o.contype WHEN 'c' THEN 'check constraints' WHEN 'f' THEN 'foreign keys' WHEN 'p' THEN 'primary keys'
        WHEN 'u' THEN 'unique constraints' WHEN 'x' THEN 'exclusion constraints' ELSE 'constraint triggers' END
    FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
    WHERE o.contype <> 'n' AND o.conparentid = 0 AND {_USER_SCHEMA}
        AND {not_of_extension("pg_class", "o.conrelid")} AND {not_of_extension("pg_type", "o.contypid")}
  UNION ALL
    SELECT 'functions' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {_USER_SCHEMA} AND {not_of_extension("pg_proc", "p.oid")}
  UNION ALL
    SELECT 'triggers' FROM pg_trigger g
    JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND {_USER_SCHEMA} AND {not_of_extension("pg_class", "c.oid")}
  UNION ALL
    SELECT 'policies' FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE {not_of_extension("pg_class", "c.oid")}
  UNION ALL
    SELECT 'domains, enumerations and ranges' FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace
    WHERE y.typtype IN ('d', 'e', 'r') AND {_USER_SCHEMA} AND {not_of_extension("pg_type", "y.oid")}
  UNION ALL
    SELECT 'event triggers' FROM pg_event_trigger e WHERE {not_of_extension("pg_event_trigger", "e.oid")}
  UNION ALL
    SELECT 'publications' FROM pg_publication
  UNION ALL
    SELECT 'schemas' FROM pg_namespace n WHERE {_USER_SCHEMA} AND {not_of_extension("pg_namespace", "n.oid")}
) AS objects GROUP BY kind ORDER BY kind
"""

_NOT_VALIDATED = f"""
SELECT format('%I on %s', o.conname,
    CASE WHEN o.conrelid <> 0 THEN o.conrelid::regclass::text ELSE o.contypid::regtype::text END) AS name
FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
WHERE NOT o.convalidated AND {_USER_SCHEMA} ORDER BY name
"""

_INVALID_INDEXES = f"""
SELECT i.indexrelid::regclass::text AS name
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND {_USER_SCHEMA} ORDER BY name
"""

_INDEX_ENTRIES = """
SELECT i.indrelid::bigint AS oid, CASE WHEN o.oid IS NULL THEN 'pg_class'::regclass::oid || ' ' || i.indexrelid
    ELSE 'pg_constraint'::regclass::oid || ' ' || o.oid END AS entry
FROM pg_index i LEFT JOIN pg_constraint o ON o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x')
WHERE i.indrelid IN ({oids}) ORDER BY o.oid IS NULL, i.indexrelid
"""

_EXTENSIONS = """
SELECT e.extname AS name, e.extversion AS version FROM pg_extension e WHERE e.extname <> 'plpgsql' ORDER BY name
"""

# Extensions without which a table cannot be made: it is reached from the table, its defaults or its CHECK constraints.
_TABLE_EXTENSIONS = f"""
WITH RECURSIVE holding AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND {_USER_SCHEMA} AND {not_of_extension("pg_class", "c.oid")}
), needs(class, object) AS (
    (SELECT 'pg_class'::regclass::oid, oid FROM holding
      UNION SELECT 'pg_attrdef'::regclass::oid, a.oid FROM pg_attrdef a WHERE a.adrelid IN (SELECT oid FROM holding)
      UNION SELECT 'pg_constraint'::regclass::oid, o.oid FROM pg_constraint o
        WHERE o.contype = 'c' AND o.conrelid IN (SELECT oid FROM holding))
  UNION
    SELECT d.refclassid, d.refobjid FROM pg_depend d JOIN needs n ON d.classid = n.class AND d.objid = n.object
    WHERE d.deptype IN ('n', 'a', 'i')
)
SELECT DISTINCT e.extname AS name FROM needs n
JOIN pg_depend d ON d.classid = n.class AND d.objid = n.object AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname <> 'plpgsql' ORDER BY name
"""

_LARGE_OBJECTS = "SELECT count(*) AS value FROM pg_largeobject_metadata"

_TABLESPACES = """
SELECT s.spcname AS name, pg_tablespace_location(s.oid) AS location FROM pg_tablespace s
WHERE s.spcname !~ '^pg_' AND (s.oid IN (SELECT c.reltablespace FROM pg_class c)
    OR s.oid = (SELECT b.dattablespace FROM pg_database b WHERE b.datname = current_database())) ORDER BY name
"""

_SUBSCRIPTIONS = """
SELECT s.subname AS name FROM pg_subscription s JOIN pg_database b ON b.oid = s.subdbid
WHERE b.datname = current_database() ORDER BY name
"""

_SETTINGS = """
SELECT r.rolname AS role, split_part(line, '=', 1) AS name, substr(line, strpos(line, '=') + 1) AS value
FROM pg_db_role_setting s JOIN pg_database b ON b.oid = s.setdatabase
LEFT JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN unnest(s.setconfig) WITH ORDINALITY AS u(line, position)
WHERE b.datname = current_database() ORDER BY role NULLS FIRST, position
"""

_ACCESS = """
SELECT r.rolname AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable
FROM pg_database b CROSS JOIN aclexplode(b.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE b.datname = current_database() ORDER BY grantee NULLS FIRST, privilege
"""

# Whom the database's objects belong to or name, and for what: what belongs to them (owners), what they may do or is set
# for them in this database (grantees), what cannot be made without naming them (named): policies, user mappings. Of the
# bootstrap superuser (oid 10) nothing is recorded in pg_shdepend.
_ROLES = """
SELECT DISTINCT r.rolname AS name, u.use FROM pg_roles r JOIN (
    SELECT 10::oid AS role, unnest(ARRAY['owners', 'grantees']) AS use
  UNION ALL
    SELECT datdba, 'owners' FROM pg_database WHERE datname = current_database()
  UNION ALL
    SELECT d.refobjid, CASE WHEN d.deptype = 'r' OR d.classid = 'pg_user_mapping'::regclass THEN 'named'
        WHEN d.deptype = 'o' AND d.classid <> 'pg_default_acl'::regclass THEN 'owners' ELSE 'grantees' END
    FROM pg_shdepend d JOIN pg_database b ON b.datname = current_database()
    WHERE d.refclassid = 'pg_authid'::regclass
        AND (d.dbid = b.oid OR (d.classid = 'pg_database'::regclass AND d.objid = b.oid))
  UNION ALL
    SELECT s.setrole, 'grantees' FROM pg_db_role_setting s JOIN pg_database b ON b.oid = s.setdatabase
    WHERE b.datname = current_database()
) u ON u.role = r.oid WHERE r.rolname !~ '^pg_' ORDER BY name
"""

# Who uses those roles: their members, and the members of these.
_MEMBERS = f"""
WITH RECURSIVE needed AS (SELECT DISTINCT name FROM ({_ROLES}) q), members(oid) AS (
    SELECT m.member FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN needed ON needed.name = r.rolname
    WHERE r.oid <> 10
  UNION
    SELECT m.member FROM pg_auth_members m JOIN members ON members.oid = m.roleid
)
SELECT r.rolname AS name FROM pg_roles r JOIN members ON members.oid = r.oid
WHERE r.rolname !~ '^pg_' AND r.rolname NOT IN (SELECT name FROM needed) ORDER BY name
"""


def _properties_query(major: int) -> str:
    provider = "b.datlocprovider::text" if major >= 15 else "'c'"
    locale = "b.datlocale" if major >= 17 else "b.daticulocale" if major >= 15 else "NULL"
    rules = "b.daticurules" if major >= 16 else "NULL"
    version = "pg_database_collation_actual_version(b.oid)" if major >= 15 else "NULL"
    return f"""
SELECT b.datname AS name, pg_get_userbyid(b.datdba) AS owner, pg_encoding_to_char(b.encoding) AS encoding,
    b.datcollate AS collate, b.datctype AS ctype,
    {provider} AS locale_provider, {locale} AS locale, {rules} AS icu_rules,
    {version} AS collation_version,
    s.spcname AS tablespace, b.datconnlimit AS connection_limit, b.datistemplate AS is_template,
    b.datacl IS NOT NULL AS has_access_list
FROM pg_database b JOIN pg_tablespace s ON s.oid = b.dattablespace
WHERE b.datname = current_database()
"""


# Nothing depends on what every cluster has from its beginning (ICU's "unicode" since 16): who uses it says so itself.
_PINNED_COLLATIONS = """
    SELECT attcollation AS oid FROM pg_attribute UNION SELECT typcollation FROM pg_type
    UNION SELECT unnest(indcollation::oid[]) FROM pg_index UNION SELECT rngcollation FROM pg_range
    UNION SELECT unnest(partcollation::oid[]) FROM pg_partitioned_table
"""


def _collations_query(major: int) -> str:
    """Return the query for collations that were made here, and those of the server's own that anything here uses."""
    locale = "c.colllocale" if major >= 17 else "c.colliculocale" if major >= 15 else "c.collcollate"
    return f"""
SELECT CASE WHEN n.nspname = 'pg_catalog' THEN c.collname::text ELSE format('%I.%I', n.nspname, c.collname) END AS name,
    n.nspname = 'pg_catalog' AS system, c.collprovider AS provider,
    CASE WHEN c.collprovider = 'i' THEN {locale} END AS locale, c.collcollate AS collate, c.collctype AS ctype,
    pg_collation_actual_version(c.oid) AS version
FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE (n.nspname = 'pg_catalog' OR {_USER_SCHEMA}) AND (n.nspname <> 'pg_catalog' OR c.oid IN (
    SELECT d.refobjid FROM pg_depend d WHERE d.refclassid = 'pg_collation'::regclass
    UNION ALL SELECT q.oid FROM ({_PINNED_COLLATIONS}) q JOIN pg_collation p ON p.oid = q.oid AND p.collprovider = 'i'))
ORDER BY name
"""


def sorts_by_another_library(session: Session) -> bool:
    """Whether the operating system's library sorts in another way since the database, and so its indexes, was made."""
    return (
        session.major >= 15
        and session.value(
            "SELECT datcollversion <> pg_database_collation_actual_version(oid) AS value FROM pg_database"
            " WHERE datname = current_database()"
        )
        is True
    )


@dataclasses.dataclass(frozen=True)
class Table:
    """A table that holds rows (an ordinary one, or a partition), or a partitioned table, which holds none.

    :param name: schema and name as SQL writes them.
    :param bytes: of its rows, without its indexes.
    :param copied: whether its rows are counted by COPY, which plans nothing: it has indexes or statistics over
        expressions, or its owner may make some meanwhile. Planning a query computes what is constant in them, with the
        rights of who asks, who is often a superuser.
    :param narrowest: as SQL writes it: the column that is copied then; None: the table stores none.
    :param columns: that store something: not those that are computed from others.
    """

    oid: int
    name: str
    schema: str
    relation: str
    holds_rows: bool
    unlogged: bool
    bytes: int
    copied: bool = False
    narrowest: str | None = None
    columns: t.Sequence[str] = ()


def tables(session: Session) -> list[Table]:
    """Every table that pg_dump dumps with its rows, largest first: no foreign ones, none that belong to extensions."""
    return [Table(**row) for row in session.rows(_TABLES, action="list the tables")]


def index_entries(session: Session, oids: t.Collection[int]) -> dict[int, list[str]]:
    """Return the indexes of tables, as an archive's list names them: the object's catalogue and its oid.

    :param oids: the tables.
    :returns: table to indexes, those of constraints (which lock the table) first.
    """
    found: dict[int, list[str]] = {oid: [] for oid in oids}
    chosen = ", ".join(map(str, oids)) or "0"
    for row in session.rows(_INDEX_ENTRIES.format(oids=chosen), action="list the indexes"):
        found[row["oid"]].append(row["entry"])
    return found


def lock_tables(session: Session, found: t.Sequence[Table]) -> None:
    """Keep the tables from being dropped, truncated or rewritten until the transaction ends.

    :raises ProcessFailed: when one has vanished meanwhile, is locked for too long, or may not be read.
    """
    for start in range(0, len(found), _BATCH):
        names = ", ".join(f"ONLY {table.name}" for table in found[start : start + _BATCH])
        session.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE", action="lock the tables for reading")


def count_rows(session: Session, found: t.Sequence[Table]) -> dict[str, int]:
    """Table name to number of rows. Runs no code that a table's owner wrote."""
    counted = {}
    holding = [table for table in found if table.holds_rows]
    for table in holding:
        if table.copied:
            choice = f" ({table.narrowest})" if table.narrowest is not None else ""
            statement = f"COPY {table.name}{choice} TO STDOUT"
            counted[table.name] = session.count_lines(statement, action="count the rows")
    for batch in _batches([table for table in holding if not table.copied]):
        query = " UNION ALL ".join(
            f"SELECT {position} AS position, count(*) AS count FROM ONLY {table.name}"
            for position, table in enumerate(batch)
        )
        for row in session.rows(query, action="count the rows"):
            counted[batch[row["position"]].name] = row["count"]
    return dict(sorted(counted.items()))


def _batches(found: t.Sequence[Table]) -> t.Iterator[t.Sequence[Table]]:
    for start in range(0, len(found), _BATCH):
        yield found[start : start + _BATCH]


def _names(rows: t.Sequence[Row]) -> list[str]:
    return [row["name"] for row in rows]


def contents(session: Session) -> dict[str, t.Any]:
    """Return what a restored database must say again, besides its row counts."""
    return {
        "sequences": {row.pop("name"): row for row in session.rows(_SEQUENCES, action="read the sequences")},
        "objects": {row["kind"]: row["count"] for row in session.rows(_OBJECTS, action="count the objects")},
        "large_objects": session.value(_LARGE_OBJECTS),
        "extensions": {row["name"]: row["version"] for row in session.rows(_EXTENSIONS)},
        "constraints_not_validated": _names(session.rows(_NOT_VALIDATED)),
        "invalid_indexes": _names(session.rows(_INVALID_INDEXES)),
    }


def properties(session: Session) -> dict[str, t.Any]:
    """Return what ``pg_dump`` without ``--create`` does not carry: the database's own properties and the server's."""
    roles: dict[str, list[str]] = {"owners": [], "grantees": [], "named": []}
    for row in session.shared_rows(_ROLES):
        roles[row["use"]].append(row["name"])
    return {
        "database": {
            **session.shared_rows(_properties_query(session.major))[0],
            "access": session.shared_rows(_ACCESS),
        },
        "roles": roles,
        "member_roles": _names(session.shared_rows(_MEMBERS)),
        "tablespaces": {row["name"]: row["location"] for row in session.shared_rows(_TABLESPACES)},
        "collations": session.rows(_collations_query(session.major)),
        "subscriptions": _names(session.rows(_SUBSCRIPTIONS)),
        "table_extensions": _names(session.rows(_TABLE_EXTENSIONS)),
        "public_schema": bool(session.rows("SELECT 1 AS x FROM pg_namespace WHERE nspname = 'public'")),
    }


def comment_and_settings(session: Session) -> tuple[str | None, list[Row]]:
    """Return what is set for the database, and its comment: what may hold a secret, and so belongs into the payload."""
    # Which belong to all databases, as its name does.
    (row,) = session.shared_rows(
        "SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = current_database()"
    )
    return row["comment"], session.shared_rows(_SETTINGS)


def server(session: Session) -> dict[str, t.Any]:
    """Version, and the position in the write-ahead log."""
    return session.rows(
        """
SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS in_recovery,
    (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS position
"""
    )[0]


def is_empty(session: Session) -> bool:
    """Whether the database holds nothing that a restore would replace."""
    found = contents(session)
    kinds = {kind: count for kind, count in found["objects"].items() if kind != "schemas"}
    schemas = session.rows(
        f"SELECT n.nspname AS name FROM pg_namespace n WHERE {_USER_SCHEMA} AND n.nspname <> 'public'"
        f" AND {not_of_extension('pg_namespace', 'n.oid')}"
    )
    return not (any(kinds.values()) or schemas or found["large_objects"])
