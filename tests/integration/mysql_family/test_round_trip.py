# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into a set of a server of the family comes out of it, and nothing of it acts on the way."""

from __future__ import annotations

import concurrent.futures
import time
import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import streams
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family.virtual_columns import Registry
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import find_engine
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._system.processes import Processes
from tests.integration.postgresql.support import Site

from .product import EVERY_VERSION, SMALL_STREAM, Product

pytestmark = pytest.mark.parametrize("product", EVERY_VERSION, indirect=True)


def test_an_empty_database(product: Product, site: Site) -> None:
    comment = " COMMENT 'It''s \"nada\"'" if product.name == "mariadb" else ""
    product.sql(f"CREATE DATABASE nada CHARACTER SET latin1{comment}")
    before = product.fingerprint("nada")
    dumped = site.dump(product.engine("nada"))
    product.sql("DROP DATABASE nada")
    site.restore(product.engine("nada"), dumped.set_id)
    assert product.fingerprint("nada") == before


def test_without_the_option_there_are_no_content_digests(product: Product, site: Site) -> None:
    product.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int)")
    dumped = site.dump(product.engine("libro"))
    assert dumped.description is not None
    assert dumped.description.engine_facts["content_digests"] is None
    checks = site.restore(product.engine("copia"), dumped.set_id).checks
    assert "content digests" not in [check.name for check in checks]


def test_tables_without_transactions_are_refused_or_locked_by_choice(product: Product, site: Site) -> None:
    product.sql("CREATE DATABASE vieja")
    product.sql("CREATE TABLE m (id int PRIMARY KEY, v text) ENGINE=MyISAM; CREATE TABLE i (id int)", "vieja")
    product.sql(f"INSERT INTO m SELECT seq, 'x' FROM {product.numbers(1000)}; INSERT INTO i VALUES (1)", "vieja")
    with pytest.raises(Refused, match=r"m \(MyISAM\).*nontransactional_tables: lock"):
        site.dump(product.engine("vieja"))
    before = product.fingerprint("vieja")
    dumped = site.dump(product.engine("vieja", nontransactional_tables="lock"))
    assert dumped.description is not None
    assert "are not transactional" in " ".join(dumped.description.warnings)
    site.restore(product.engine("vieja"), dumped.set_id, replace=True)
    assert product.fingerprint("vieja") == before


@pytest.mark.parametrize("digests", [False, True], ids=["without_digests", "with_digests"])
def test_a_value_that_is_lost_is_told_from_a_warning(
    product: Product, site: Site, monkeypatch: pytest.MonkeyPatch, digests: bool
) -> None:
    """In a stream of several tables, in one of its own, and in several."""
    product.sql("CREATE DATABASE libro")
    columns = "(id int PRIMARY KEY, t varchar(90), n int AS (t) STORED)"
    product.sql(
        "SET sql_mode = '';"
        + "".join(f"CREATE TABLE {name} {columns};" for name in "abc")
        + "INSERT INTO a (id, t) SELECT seq, REPEAT('no hay', 9) FROM "
        f"{product.numbers(900)};"
        "INSERT INTO b (id, t) VALUES (1, 'siete'); INSERT INTO c (id, t) VALUES (1, 'siete')",
        "libro",
    )
    objects = product.part("restore").objects
    real = objects.read
    for stream_bytes in (streams._STREAM_BYTES, SMALL_STREAM):
        monkeypatch.setattr(streams, "_STREAM_BYTES", stream_bytes)
        dumped = site.dump(product.engine("libro", content_digest=digests), source=f"libro{stream_bytes}")
        site.restore(product.engine("copia"), dumped.set_id, replace=True)

        def narrowed(text: str, *, on: str) -> t.Any:
            """The set's, with one column that is too short."""
            return [
                objects.Definition(entry.kind, entry.name, entry.statement.replace("varchar(90)", "varchar(4)"))
                if entry.name == "a"
                else entry
                for entry in real(text, on=on)
            ]

        with monkeypatch.context() as patch:
            patch.setattr(objects, "read", narrowed)
            with pytest.raises(ProcessFailed, match=r"a\): the server took other values .*: Data truncated"):
                site.restore(product.engine("copia"), dumped.set_id, replace=True)


def test_an_event_whose_time_is_past_is_there_but_disabled(product: Product, site: Site) -> None:
    """The server would drop it; one that comes every day, or is preserved, is as it was."""
    product.sql("CREATE DATABASE agenda; CREATE TABLE agenda.t (i int); INSERT INTO agenda.t VALUES (1)")
    product.sql(
        "SET time_zone = '-05:00'; CREATE EVENT una ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 5 SECOND"
        " COMMENT 'ON COMPLETION NOT PRESERVE' DO DELETE FROM t;"
        "CREATE EVENT hasta ON SCHEDULE EVERY '1:1' HOUR_MINUTE ENDS CURRENT_TIMESTAMP + INTERVAL 5 SECOND DISABLE"
        " DO DELETE FROM t; CREATE EVENT luego ON SCHEDULE AT '2036-01-01 00:00:00' DO DELETE FROM t;"
        "SET sql_mode = 'ANSI_QUOTES'; CREATE EVENT \"cada ON SCHEDULE\" ON SCHEDULE EVERY 1 DAY DO DELETE FROM t",
        "agenda",
    )
    asked = "SELECT EVENT_NAME, STATUS, ON_COMPLETION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{}'"
    before = product.fingerprint("agenda")["event"].splitlines()
    dumped = site.dump(product.engine("agenda"))
    assert dumped.description is not None
    assert dumped.description.warnings == []
    product.sql("DO SLEEP(7)")
    restored = site.restore(product.engine("copia"), dumped.set_id)
    (told,) = [warning for warning in restored.warnings if "is past" in warning]
    assert told.endswith("then drop them): una")
    assert product.sql(f"{asked.format('copia')} ORDER BY 1").splitlines() == [
        "cada ON SCHEDULE\tENABLED\tNOT PRESERVE",
        "hasta\tDISABLED\tPRESERVE",
        "luego\tENABLED\tNOT PRESERVE",
        "una\tDISABLED\tPRESERVE",
    ]
    after = product.fingerprint("copia")["event"].splitlines()
    assert [line for line in before if line.startswith(("cada", "luego"))] == [
        line for line in after if line.startswith(("cada", "luego"))
    ]


def test_loads_of_a_table_and_who_alters_it_wait_for_each_other(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where virtual columns come after the rows, as long as a load takes."""
    product.sql("CREATE DATABASE cuotas; CREATE TABLE cuotas.t (x int unsigned, y int AS (x - 9) VIRTUAL)")
    Session = product.part("session").Session  # noqa: N806
    settings = Session.settings.replace("lock_wait_timeout = 60", "lock_wait_timeout = 1")
    assert settings.count("lock_wait_timeout = 1") == 2
    monkeypatch.setattr(Session, "settings", settings)
    connection = product.connection("cuotas")
    with connection, Processes() as processes, concurrent.futures.ThreadPoolExecutor() as pool:

        def loading(work: t.Callable[[t.Any], t.Any]) -> t.Any:
            with Session(processes, connection, database="cuotas") as session:
                session.execute(getattr(product.part("dialect"), product.name.upper()).loading)
                return work(session)

        with Session(processes, connection, database="cuotas") as load:
            load.execute("START TRANSACTION;\nINSERT INTO t (x) VALUES (12)")
            registry = Registry()
            altered = pool.submit(loading, lambda session: registry.withhold(session, "t"))
            time.sleep(0.5)
            later = pool.submit(loading, lambda session: session.execute("INSERT INTO t (x) VALUES (13)"))
            concurrent.futures.wait([altered, later], timeout=2.5)
            assert not altered.done()
            assert not later.done()
            load.execute("COMMIT")
            assert altered.result(20)
            later.result(20)
    assert product.sql("SELECT * FROM cuotas.t ORDER BY x") == "12\n13"


def test_no_function_of_an_owner_writes_while_its_database_is_looked_at(product: Product, site: Site) -> None:
    """Of what is constant in a view the server may compute some when the view is shown, or its query read."""
    product.sql(
        "CREATE DATABASE caso; CREATE USER mala@localhost; GRANT ALL ON caso.* TO mala@localhost;"
        " CREATE TABLE caso.t (a varchar(9)); CREATE TABLE caso.hecho (quien varchar(99))"
    )
    product.sql(
        "DELIMITER //\nCREATE DEFINER=mala@localhost FUNCTION f(x text) RETURNS varchar(9) DETERMINISTIC"
        " MODIFIES SQL DATA SQL SECURITY INVOKER BEGIN IF DATABASE() = 'caso' THEN"
        " INSERT INTO hecho VALUES (CURRENT_USER()); END IF; RETURN x; END//",
        "caso",
    )
    computed = {
        "escapada": "SELECT a FROM t WHERE a LIKE 'x' ESCAPE f('!')",
        "redonda": "SELECT round(1.5, f('1')) AS r FROM t",
        "intervalo": "SELECT interval(a, f('1'), 2, 3, 4, 5, 6, 7, 8, 9) AS i FROM t",
        "fecha": "SELECT str_to_date(a, f('%Y')) AS d FROM t",
        "sobre": "SELECT * FROM escapada",
    }
    for name, query in computed.items():
        product.sql(f"CREATE DEFINER=mala@localhost SQL SECURITY INVOKER VIEW {name} AS {query}", "caso")
    product.sql("DELETE FROM caso.hecho")

    dumped = site.dump(product.engine("caso", content_digest=True))
    discovered = find_engine(product.name).discover(product.login(), sizes=True)

    assert product.sql("SELECT quien FROM caso.hecho") == ""
    assert dumped.description is not None
    assert dumped.description.unrestorable == []
    assert "caso" in [found.name for found in discovered.databases]
    # So it is when a restore looks at what it replaces, whose tables are kept.
    restored = site.restore(product.engine("caso"), dumped.set_id, replace=True)
    assert product.sql(f"SELECT quien FROM {restored.kept}.hecho") == ""
    views = product.sql("SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'caso'").splitlines()
    assert set(views) == set(computed)


def test_restored_rights_hide_none_that_are_held_by_a_wider_pattern(product: Product, site: Site) -> None:
    product.sql("CREATE DATABASE web_a; CREATE TABLE web_a.t (i int); CREATE USER app, todo, nueva")
    product.sql("".join(f"GRANT SELECT ON `web\\_a`.* TO {account};" for account in ("app", "todo", "nueva")))
    dumped = site.dump(product.engine("web_a"))
    product.sql("DROP USER app, todo, nueva; CREATE USER app, todo")
    product.sql("GRANT INSERT, UPDATE ON `web\\_%`.* TO app WITH GRANT OPTION; GRANT ALL ON `web%`.* TO todo")
    site.restore(product.engine("web_a"), dumped.set_id, replace=True)

    def grants(account: str) -> set[str]:
        lines = product.sql(f"SHOW GRANTS FOR {account}").replace("\\\\", "\\").splitlines()
        return {line.replace(f" TO `{account}`@`%`", "") for line in lines if "USAGE" not in line}

    assert grants("app") == {
        "GRANT INSERT, UPDATE ON `web\\_%`.* WITH GRANT OPTION",
        "GRANT SELECT, INSERT, UPDATE ON `web\\_a`.* WITH GRANT OPTION",
    }
    assert grants("todo") == {"GRANT ALL PRIVILEGES ON `web%`.*"}
    assert grants("nueva") == {"GRANT SELECT ON `web\\_a`.*"}
