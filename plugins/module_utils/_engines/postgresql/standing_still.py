# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What acts by itself in a database that a restore keeps: stopped when it is replaced, detached when it is removed.

A subscription would go on taking the publisher's changes into what is kept, extensions with workers of their own go on
with their jobs there, and event triggers act when somebody looks into it; subscriptions and replication slots keep a
database from being dropped. pg_cron is not among them: it reads its jobs from the database of one name, which then is
the restored one.
"""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes

from .client import Connection
from .fill import without_event_triggers
from .fixed_settings import statements as set_statements
from .session import Session, quote_identifier, quote_literal

# Extensions whose workers find every database that has them, whatever its name.
_WORKERS = ("bdr", "citus", "pg_net", "pg_squeeze", "pglogical", "spock", "timescaledb")
_SUBSCRIPTIONS = """
SELECT s.subname AS name, s.subenabled AS enabled FROM pg_subscription s JOIN pg_database b ON b.oid = s.subdbid
WHERE b.datname = {name} ORDER BY s.subname
"""
_SLOTS = "SELECT slot_name AS name FROM pg_replication_slots WHERE database = {name} ORDER BY slot_name"
# The catalogue is shared by all databases: so it is one transaction with the renaming, and no worker starts between.
_DISABLE = """
UPDATE pg_subscription SET subenabled = false WHERE subenabled AND subdbid = (
    SELECT oid FROM pg_database WHERE datname = {name})
"""


def workers_of(processes: Processes, connection: Connection) -> list[str]:
    """Return the extensions of the target that act by themselves."""
    try:
        with Session(processes, connection) as session:
            names = ", ".join(map(quote_literal, _WORKERS))
            rows = session.rows(f"SELECT extname AS name FROM pg_extension WHERE extname IN ({names}) ORDER BY name")
    except BackupError:
        if processes.cancelled:
            raise
        # Whoever cannot be asked, lets no worker in either.
        return []
    return [row["name"] for row in rows]


def stop(session: Session, kept: str, workers: list[str]) -> list[str]:
    """Stop what acts by itself in a database, within the transaction that gave it this name.

    :param workers: as :func:`workers_of` says.
    :returns: what the operator should know of it.
    """
    told = []
    subscriptions = session.rows(_SUBSCRIPTIONS.format(name=quote_literal(kept)))
    if subscriptions:
        names = ", ".join(row["name"] for row in subscriptions)
        if session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user"):
            session.execute(
                _DISABLE.format(name=quote_literal(kept)), action="disable the subscriptions of what is kept"
            )
            told.append(
                f"Subscriptions of the replaced database ({kept}) were disabled: {names}. Their slots at the publisher"
                " hold its write-ahead log until a new subscription uses them (slot_name) or they are dropped there"
            )
        else:
            told.append(
                f"Subscriptions of the replaced database ({kept}) go on, because only a superuser can disable them so"
                f" (ALTER SUBSCRIPTION … DISABLE): {names}"
            )
    slots = [row["name"] for row in session.rows(_SLOTS.format(name=quote_literal(kept)))]
    if slots:
        told.append(
            f"Logical replication slots belong to what is kept ({kept}): {', '.join(slots)}. Their consumers get"
            " nothing of the restored database, and they hold the server's write-ahead log: make new ones, and drop"
            " them (pg_drop_replication_slot)"
        )
    if workers:
        session.execute(f"ALTER DATABASE {quote_identifier(kept)} WITH ALLOW_CONNECTIONS false")
        told.append(
            f"The replaced database ({kept}) takes no connections because of its active extensions:"
            f" {', '.join(workers)}. To look into it: ALTER DATABASE … WITH ALLOW_CONNECTIONS true"
        )
    return told


def stop_event_triggers(processes: Processes, connection: Connection, kept: str) -> list[str]:
    """Disable the event triggers of a kept database.

    :returns: what the operator should know of it.
    """
    try:
        with Session(processes, connection, database=kept) as session:
            found = session.rows(
                "SELECT evtname AS name, CASE evtenabled WHEN 'A' THEN ' (ALWAYS)' WHEN 'R' THEN ' (REPLICA)' ELSE ''"
                " END AS how FROM pg_event_trigger WHERE evtenabled <> 'D' ORDER BY evtname"
            )
            names = [row["name"] for row in found]
            if not names:
                return []
            shown = ", ".join(f"{row['name']}{row['how']}" for row in found)
            if not session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user"):
                return [
                    (
                        f"Event triggers of the replaced database ({kept}) go on, because only a superuser can disable"
                        f" them (ALTER EVENT TRIGGER … DISABLE): {shown}"
                    )
                ]
            session.execute(set_statements(without_event_triggers(session.major)))
            for name in names:
                session.execute(f"ALTER EVENT TRIGGER {quote_identifier(name)} DISABLE")
    except BackupError as error:
        return [f"Event triggers of the replaced database ({kept}) may still act in it: {error.message}"]
    return [
        (
            f"Event triggers of the replaced database ({kept}) were disabled: {shown}. Before it is used again, enable"
            " them (ALTER EVENT TRIGGER … ENABLE)"
        )
    ]


def detach(processes: Processes, connection: Connection, maintenance: Session, kept: str) -> None:
    """Take off a kept database what keeps it from being dropped. The publisher is not asked.

    :raises ProcessFailed: when it cannot be done, or a slot is in use.
    """
    subscriptions = maintenance.rows(_SUBSCRIPTIONS.format(name=quote_literal(kept)))
    if subscriptions:
        maintenance.execute(f"ALTER DATABASE {quote_identifier(kept)} WITH ALLOW_CONNECTIONS true")
        with Session(processes, connection, database=kept) as session:
            if session.value("SELECT rolsuper AS value FROM pg_roles WHERE rolname = current_user"):
                session.execute(set_statements(without_event_triggers(session.major)))
            for row in subscriptions:
                name = quote_identifier(row["name"])
                action = "detach a subscription from what is removed"
                session.execute(f"ALTER SUBSCRIPTION {name} DISABLE", action=action)
                session.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)", action=action)
                session.execute(f"DROP SUBSCRIPTION {name}", action=action)
    for row in maintenance.rows(_SLOTS.format(name=quote_literal(kept))):
        maintenance.execute(
            f"SELECT pg_drop_replication_slot({quote_literal(row['name'])})",
            action="drop a replication slot of what is removed",
        )
