# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps 1 and 2 with accounts that back up, on real servers: what they make, what they find, and what nobody sees."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.demonstration.institution import Institution
from development.services.mariadb import MariadbServer
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.test_secrets import Watcher

# An operating-system user that every Debian has.
ACCOUNT = "backup"
SERVER = "srv-financiero"
CARELESS = "srv-descuidado"
PASSWORD = "canario-Cl4ve-de-copias"


@pytest.fixture
def house(postgresql: PostgresqlServer, mariadb: MariadbServer, tmp_path: Path) -> Iterator[Institution]:
    """An institution whose server has one database that is backed up, by an account of its own, and others."""
    if os.geteuid() != 0:
        pytest.skip("only root can run the client as another user")
    rules = postgresql.data / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    rules.write_text(f"local all {ACCOUNT} peer\n{before}", encoding="utf-8")
    postgresql.psql("ALTER SYSTEM SET log_statement = 'all'")
    postgresql.psql("SELECT pg_reload_conf()")
    for name in ("libro", "olvidada", "olvidada_a_proposito", "libro__replaced_20261120T101500Z"):
        postgresql.psql(f'CREATE DATABASE "{name}"')
    postgresql.psql("CREATE TABLE asiento AS SELECT generate_series(1, 100) i", "libro")
    mariadb.sql("SET GLOBAL general_log_file = 'general.log'; SET GLOBAL general_log = 1")
    mariadb.sql("CREATE DATABASE tesoro; CREATE TABLE tesoro.asiento (i INT)")
    file = tmp_path / "mesa.db"
    sqlite3.connect(file).executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    place = {"login_unix_socket": str(postgresql.socket), "login_port": postgresql.port}
    place["client_directory"] = str(postgresql.bin)
    network = {"login_host": mariadb.host, "login_port": mariadb.port, "ssl_mode": "disable"}
    yield Institution(
        tmp_path,
        {
            SERVER: {
                "backup_databases": [
                    {
                        "name": "libro",
                        "engine": "postgresql",
                        "database": "libro",
                        **place,
                        "login_user": ACCOUNT,
                        "login_os_user": ACCOUNT,
                    },
                    {
                        "name": "tesoro",
                        "engine": "mariadb",
                        "database": "tesoro",
                        **network,
                        "login_user": ACCOUNT,
                        "login_password": PASSWORD,
                    },
                ],
                "backup_database_accounts": [
                    {
                        "engine": "postgresql",
                        "name": ACCOUNT,
                        "databases": ["libro"],
                        **place,
                        "login_user": "postgres",
                        "login_os_user": "postgres",
                    },
                    {
                        "engine": "mariadb",
                        "name": ACCOUNT,
                        "databases": ["tesoro"],
                        "authentication": "password",
                        "password": PASSWORD,
                        "from_host": "%",
                        "show_databases": True,
                        **network,
                        "login_user": mariadb.user,
                        "login_password": mariadb.password,
                    },
                ],
                "backup_unprotected_ignore": [{"database": "olvidada_a_*", "reason": "se rehace cada noche"}],
            },
            # Here the search fails, for want of a reason.
            CARELESS: {
                "backup_databases": [{"name": "mesa", "engine": "sqlite", "path": str(file)}],
                "backup_unprotected_ignore": [{"database": "olvidada"}],
            },
        },
        store=None,
        # The servers' programs are in no place of the distribution's, and nothing is drilled here.
        variables={"backup_drill_policy": "none"},
    )
    for name in ("libro", "olvidada", "olvidada_a_proposito", "libro__replaced_20261120T101500Z"):
        postgresql.psql(f'DROP DATABASE "{name}"')
    postgresql.psql(f"DROP ROLE IF EXISTS {ACCOUNT}")
    mariadb.sql(f"DROP DATABASE tesoro; DROP USER IF EXISTS {ACCOUNT}")
    rules.write_text(before, encoding="utf-8")
    postgresql.psql("SELECT pg_reload_conf()")


def role_alone(house: Institution, *arguments: str) -> str:
    """Runs the role with the server's accounts; the output."""
    playbook = house.directory / "role.json"
    role = {"ansible.builtin.include_role": {"name": "infitulua.backup.database_account"}}
    variables = {"database_account_accounts": "{{ backup_database_accounts }}"}
    play = {"hosts": SERVER, "gather_facts": False, "vars": variables, "tasks": [role]}
    playbook.write_text(json.dumps([play]), encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-i", str(house.inventory), str(playbook), *arguments],
        env=house.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_accounts_are_made_used_and_what_they_see_is_told(
    house: Institution, postgresql: PostgresqlServer, mariadb: MariadbServer
) -> None:
    house.build()
    roles = "SELECT count(*) FROM pg_roles"
    before = postgresql.psql(roles)
    secrets = (PASSWORD, mariadb.password)

    predicted = role_alone(house, "--check", "--diff")
    assert postgresql.psql(roles) == before
    with Watcher(*secrets) as watcher:
        made = house.run("step1_prepare_media", "--diff", "-vvvv")
        day = house.run("step2_back_up")
    loud = house.run("step2_back_up", "-vvvv")
    again = role_alone(house)

    for run in (made, day, loud):
        assert run.status == 0, run.output
    for output in (predicted, made.output, day.output, loud.output, again):
        assert not [secret for secret in secrets if secret in output]
    for output in (predicted, made.output):
        assert "+member of pg_read_all_data" in output
    assert "changed=0 " in again
    assert watcher.found == []
    for log in (postgresql.directory / "postgresql.log", mariadb.data / "general.log"):
        text = log.read_bytes()
        assert b"libro" in text or b"tesoro" in text
        assert not [secret for secret in secrets if secret.encode() in text]

    told = "\n".join(day.report)
    for source in (f"{SERVER}/libro/", f"{SERVER}/tesoro/", f"{CARELESS}/mesa/"):
        assert source in told
    assert "sin protección: la base de datos olvidada (postgresql en " in told
    assert "olvidada_a_proposito" not in told
    # What a restore keeps is no database that nobody protects; it is told as what it is.
    about_kept = [line for line in day.report if "__replaced_" in line]
    assert about_kept and all("se conserva lo reemplazado" in line for line in about_kept)
    # One search failed, and no backup with it.
    assert told.count("no se pudo mirar: missing required arguments: reason found in ignore") == 1

    # The account cannot restore: the administrator who made it does.
    chosen = ("-e", f"backup_restore_server={SERVER}", "-e", "backup_restore_source=libro")
    postgresql.psql("DROP DATABASE libro")
    restored = house.run("step5_restore", "-e", "backup_ticket=MDA-1", "-e", "backup_restore_from=disk", *chosen)
    assert restored.status == 0, restored.output
    assert postgresql.psql("SELECT count(*) FROM asiento", "libro") == "100"
