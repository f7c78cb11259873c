# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MariaDB keeps where nobody looks: values that no type has, collations of the past, roles, other databases."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import dump as mariadb_dump
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb import restore as mariadb_restore
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mariadb.objects import Definition
from ansible_collections.infitulua.backup.plugins.module_utils._engines.mysql_family import indexes
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from development.services._process import ServiceFailedError
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import Site, accounts, databases, engine, fingerprint, leftovers


def test_an_enum_that_was_given_none_of_its_members_comes_back_so(
    server: MariadbServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown as an empty text, which may be a member as well."""
    server.sql("CREATE DATABASE raro")
    server.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a enum('x', 'y'), b enum('', '0', 'NULL', '-'), c set('', 'p') NOT NULL);"
        "SET sql_mode = ''; INSERT IGNORE INTO t VALUES (1, 'z', 'z', ''), (2, 'x', '', 'p'), (3, NULL, '0', ''),"
        " (4, 'y', 'NULL', ''), (5, '', NULL, '')",
        "raro",
    )
    query = "SELECT id, a, a + 0, b, b + 0, c + 0 FROM t ORDER BY id"
    before = server.sql(query, "raro")
    assert before.splitlines()[0] == "1\t\t0\t\t0\t0"
    dumped = site.dump(engine(server, "raro", content_digest=True))
    site.restore(engine(server, "copia"), dumped.set_id)
    assert server.sql(query, "copia") == before
    # What is none because it was changed on the way is not taken for it.
    server.sql("ALTER TABLE t MODIFY a enum('x', 'y', 'w'); UPDATE t SET a = 'w' WHERE id = 2", "raro")
    dumped = site.dump(engine(server, "raro"))
    shown = Definition("table", "t", server.sql("SHOW CREATE TABLE t", "copia").split("\t", 1)[1].replace("\\n", "\n"))
    with monkeypatch.context() as patch:
        patch.setattr(mariadb_restore.objects, "read", lambda text, **_more: [shown] if text else [])
        with pytest.raises(ProcessFailed, match="Data truncated for column 'a'"):
            site.restore(engine(server, "copia"), dumped.set_id, replace=True)


def test_programs_keep_the_collation_that_their_database_had(server: MariadbServer, site: Site) -> None:
    """A variable without a character set of its own has the database's, of the day when its program was made."""
    server.sql("CREATE DATABASE vieja CHARACTER SET latin1 COLLATE latin1_bin; CREATE TABLE vieja.t (i int)")
    server.sql(
        "CREATE FUNCTION igual(a varchar(9), b varchar(9)) RETURNS int DETERMINISTIC RETURN a = b//"
        "CREATE FUNCTION de(a varchar(9)) RETURNS varchar(60) DETERMINISTIC RETURN CONCAT(CHARSET(a), COLLATION(a))//"
        "CREATE TRIGGER d BEFORE INSERT ON t FOR EACH ROW BEGIN DECLARE v varchar(9); SET NEW.i = LENGTH(v); END//"
        "CREATE EVENT e ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01 00:00:00' DO DELETE FROM t//".join(
            ("DELIMITER //\n", "\nDELIMITER ;\n")
        ),
        "vieja",
    )
    server.sql("ALTER DATABASE vieja CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci COMMENT 'nueva'")
    server.sql("CREATE FUNCTION nueva(a varchar(9)) RETURNS varchar(60) DETERMINISTIC RETURN COLLATION(a)", "vieja")
    before = fingerprint(server, "vieja")
    query = "SELECT igual('a', 'A'), de('x'), nueva('x')"
    assert server.sql(query, "vieja") == "0\tlatin1latin1_bin\tutf8mb4_general_ci"
    made = "SELECT TRIGGER_NAME, DATABASE_COLLATION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"
    made += " UNION SELECT EVENT_NAME, DATABASE_COLLATION FROM information_schema.EVENTS"
    made += " WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1"
    assert server.sql(made, "vieja") == "d\tlatin1_bin\ne\tlatin1_bin"
    dumped = site.dump(engine(server, "vieja"))
    for replace in (False, True):
        site.restore(engine(server, "vieja" if replace else "copia"), dumped.set_id, replace=replace)
    for name in ("copia", "vieja"):
        assert fingerprint(server, name) == before
        assert server.sql(query, name) == "0\tlatin1latin1_bin\tutf8mb4_general_ci"
        assert server.sql(made, name) == "d\tlatin1_bin\ne\tlatin1_bin"


def test_accounts_come_back_with_their_roles(server: MariadbServer, site: Site) -> None:
    """Who has rights through a role only, and through a role that is in a role."""
    server.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int); INSERT INTO libro.t VALUES (1)")
    server.sql(
        "CREATE ROLE lee; CREATE ROLE escribe; CREATE USER ana@'%' IDENTIFIED BY 'a', luis@'%' IDENTIFIED BY 'l';"
        "GRANT SELECT ON libro.* TO lee; GRANT lee TO escribe; GRANT INSERT ON libro.* TO escribe;"
        "GRANT escribe TO ana@'%'; GRANT lee TO luis@'%' WITH ADMIN OPTION; GRANT SELECT ON libro.* TO luis@'%';"
        "SET DEFAULT ROLE escribe FOR ana@'%'"
    )
    shown = "; ".join(f"SHOW GRANTS FOR {name}" for name in ("ana@'%'", "luis@'%'", "lee", "escribe"))
    owners, rights = accounts(server), server.sql(shown)
    dumped = site.dump(engine(server, "libro"))
    server.sql("DROP DATABASE libro; DROP USER ana@'%', luis@'%'; DROP ROLE lee, escribe")
    site.restore(engine(server, "libro"), dumped.set_id)
    assert accounts(server) == owners
    assert set(rights.splitlines()) <= set(server.sql(shown).splitlines())
    argv = ["mariadb", "--no-defaults", "-h", server.host, f"-P{server.port}", "-uana", "-pa", "--skip-ssl", "-N"]
    asked = subprocess.run([*argv, "-e", "SELECT i FROM libro.t"], capture_output=True, text=True, check=True)
    assert asked.stdout == "1\n"


def test_a_role_that_was_there_is_given_to_nobody(server1011: MariadbServer, site: Site) -> None:
    """It may do here what the set knows nothing of."""
    server = server1011
    server.sql("CREATE DATABASE libro; CREATE ROLE jefe; GRANT SELECT ON libro.* TO jefe; CREATE USER ana@'%'")
    server.sql("GRANT jefe TO ana@'%'")
    dumped = site.dump(engine(server, "libro"))
    server.sql("DROP DATABASE libro; DROP USER ana@'%'; GRANT ALL ON *.* TO jefe")
    restored = site.restore(engine(server, "libro"), dumped.set_id)
    assert "jefe" not in server.sql("SHOW GRANTS FOR ana@'%'")
    assert "GRANT `jefe` TO `ana`@`%`" in " ".join(restored.warnings)


def test_tables_that_refer_to_another_database(server: MariadbServer, site: Site) -> None:
    server.sql("CREATE DATABASE maestro; CREATE TABLE maestro.cliente (id int PRIMARY KEY)")
    server.sql("INSERT INTO maestro.cliente VALUES (1); CREATE DATABASE ventas")
    server.sql("CREATE TABLE f (id int PRIMARY KEY, c int REFERENCES maestro.cliente (id))", "ventas")
    server.sql("INSERT INTO f VALUES (1, 1)", "ventas")
    before = fingerprint(server, "ventas")
    dumped = site.dump(engine(server, "ventas"))
    assert dumped.description is not None
    assert "refer to other databases, which are not in the set: maestro.cliente" in dumped.description.warnings[0]
    restored = site.restore(engine(server, "ventas"), dumped.set_id, replace=True)
    assert fingerprint(server, "ventas") == before
    with pytest.raises(ServiceFailedError, match="foreign key constraint fails"):
        server.sql("INSERT INTO f VALUES (2, 2)", "ventas")
    assert not [warning for warning in restored.warnings if "not here" in warning]
    # Where that database is missing, this one can be had all the same; the operator is told what that means.
    server.sql(f"DROP DATABASE ventas; DROP DATABASE {restored.kept}; DROP DATABASE maestro")
    restored = site.restore(engine(server, "ventas"), dumped.set_id)
    assert "databases that are not here" in restored.warnings[0]
    assert restored.warnings[0].endswith("maestro")
    assert server.sql("SELECT * FROM f", "ventas") == "1\t1"
    assert leftovers(server) == []


TIGHT = (
    "CREATE TABLE p (id int PRIMARY KEY, u int, KEY k (id, u) COMMENT 'con, coma y \\'comilla\\'', UNIQUE KEY u (u));"
    "CREATE TABLE c (id int AUTO_INCREMENT, u int, p int, t varchar(99), KEY a (p), KEY b (id), UNIQUE KEY n (u, t(9)),"
    " KEY d (t(20) DESC), FULLTEXT KEY f (t), FOREIGN KEY (u) REFERENCES p (u) ON DELETE CASCADE,"
    " FOREIGN KEY (p) REFERENCES p (id));"
    "INSERT INTO p SELECT seq, seq FROM seq_1_to_500;"
    "INSERT INTO c SELECT seq, seq, 1 + seq % 100, REPEAT(MD5(seq), 3) FROM seq_1_to_500"
)


def test_indexes_that_are_made_after_the_rows_are_those_that_were(
    server: MariadbServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order, under their names; and foreign keys hold in both directions."""
    monkeypatch.setattr(indexes, "_LARGE_ROWS", 1)
    server.sql("CREATE DATABASE claves")
    server.sql(TIGHT, "claves")
    before = fingerprint(server, "claves")
    made: list[str] = []
    real = indexes.Deferred.make

    def make(deferred: indexes.Deferred, session: object) -> None:
        made.extend(deferred.names)
        real(deferred, session)  # type: ignore[arg-type]

    monkeypatch.setattr(indexes.Deferred, "make", make)
    site.restore(engine(server, "copia"), site.dump(engine(server, "claves")).set_id)
    # One that the server needs for its counter stays, and the one before it.
    assert sorted(made) == ["`d`", "`k`", "`u`"]
    assert fingerprint(server, "copia") == before
    for statement in ("INSERT INTO c VALUES (0, 9999, 1, '')", "DELETE FROM p WHERE id = 2", "UPDATE p SET u = u + 9"):
        with pytest.raises(ServiceFailedError, match=r"foreign key constraint fails|Duplicate entry"):
            server.sql(statement, "copia")
    server.sql("DELETE FROM p WHERE id = 400", "copia")
    assert server.sql("SELECT COUNT(*) FROM c", "copia") == "499"


def test_no_room_for_sorting_is_told_with_what_to_do(site: Site) -> None:
    """Indexes that are made after the rows are sorted in the server's temporary files."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        Path(directory).chmod(0o777)
        argv = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=1777", "none", directory]
        if subprocess.run(argv, check=False, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        stack.callback(subprocess.run, ["umount", directory], check=True)
        server = stack.enter_context(MariadbServer("10.11", settings={"tmpdir": directory, "log-bin": None}))
        server.sql("CREATE DATABASE ancha; CREATE TABLE ancha.t (id int PRIMARY KEY, v varchar(200), KEY (v))")
        server.sql("INSERT INTO t SELECT seq, REPEAT(MD5(seq), 5) FROM seq_1_to_60000", "ancha")
        dumped = site.dump(engine(server, "ancha"))
        with pytest.raises(ProcessFailed, match=r"restore the indexes of a table \(t\).*SET GLOBAL innodb_tmpdir"):
            site.restore(engine(server, "copia"), dumped.set_id)
        assert databases(server) == ["ancha"]
        roomy = Path(server.directory) / "roomy"
        roomy.mkdir()
        roomy.chmod(0o777)
        server.sql(f"SET GLOBAL innodb_tmpdir = '{roomy}'")
        site.restore(engine(server, "copia"), dumped.set_id)
        assert "KEY `v` (`v`)" in server.sql("SHOW CREATE TABLE t", "copia")


def test_who_alters_a_table_waits_for_the_dump_and_holds_nobody_up(
    server1011: MariadbServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement stands in the queue before the dump's sessions read the table, and after they opened it."""
    server1011.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int PRIMARY KEY); INSERT INTO libro.t VALUES (1)")
    altering = threading.Thread(target=server1011.sql, args=("ALTER TABLE libro.t ADD COLUMN w int",))
    waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata%'"
    real = mariadb_dump.Dump._store

    def store(dump: mariadb_dump.Dump, *given: object) -> object:
        altering.start()
        end = time.monotonic() + 20
        while server1011.sql(waiting) != "1" and time.monotonic() < end:
            time.sleep(0.05)
        assert server1011.sql(waiting) == "1"
        return real(dump, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(mariadb_dump.Dump, "_store", store)
    dumped = site.dump(engine(server1011, "libro"))
    altering.join(30)
    assert server1011.sql("SELECT * FROM t", "libro") == "1\tNULL"
    site.restore(engine(server1011, "copia"), dumped.set_id)
    assert server1011.sql("SELECT * FROM t", "copia") == "1"


def test_commits_go_on_where_the_client_that_held_them_is_gone(
    server1011: MariadbServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped, and so says nothing more, with every commit held back: the server waits, but not for ever."""
    monkeypatch.setattr(mariadb_dump, "_GATE_SECONDS", 3)
    server1011.sql("CREATE DATABASE libro; CREATE TABLE libro.t (i int PRIMARY KEY)")
    real = mariadb_dump.catalogue.position
    committed: list[float] = []

    def commit() -> None:
        begun = time.monotonic()
        server1011.sql("INSERT INTO libro.t VALUES (1)")
        committed.append(time.monotonic() - begun)

    committing = threading.Thread(target=commit)
    asked: list[object] = []

    def stall(session: object) -> dict[str, str]:
        asked.append(session)
        # The first time it only tries whether it may.
        if len(asked) == 2:
            committing.start()
            time.sleep(5)
        return real(session)  # type: ignore[arg-type]

    monkeypatch.setattr(mariadb_dump.catalogue, "position", stall)
    # By then the server has let go, so that there is no one moment: the dump fails.
    with pytest.raises(ProcessFailed, match=r"ERROR (?:2006|2013|4150)|exit status"):
        site.dump(engine(server1011, "libro"))
    committing.join(30)
    assert len(asked) == 2
    assert 1 < committed[0] < 30
    assert site.medium.sets() == []
    assert databases(server1011) == ["libro"]
