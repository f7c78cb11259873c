# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the server is set up is in the set, for reading, and the secrets in it are nowhere else."""

from __future__ import annotations

import json
import secrets
import subprocess
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site, databases, drop_everything, engine
from tests.integration.postgresql.test_secrets import Watcher


@pytest.fixture
def canary(server: PostgresqlServer) -> Iterator[str]:
    """A password in a setting and one in the access rules."""
    word = f"canario-{secrets.token_hex(8)}"
    drop_everything(server, *databases(server))
    server.psql("CREATE DATABASE libro")
    server.psql(f"ALTER SYSTEM SET primary_conninfo = 'host=otra password={word}'")
    server.psql("ALTER SYSTEM SET deadlock_timeout = '7s'")
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(
        f"{before}# año\nhost libro contadora 192.0.2.0/24 scram-sha-256\n"
        f"# host all all 192.0.2.0/24 ldap ldapserver=ldap ldapbindpasswd={word}\n"
    )
    server.psql("SELECT pg_reload_conf()")
    yield word
    rules.write_text(before)
    server.psql("ALTER SYSTEM RESET ALL")
    server.psql("SELECT pg_reload_conf()")
    drop_everything(server, *databases(server))


def settings_of(site: Site, dumped: dumping.DumpResult) -> dict[str, t.Any]:
    """The part as an operator reads it, by the command that the set names."""
    assert dumped.description is not None
    (comment,) = [line for line in dumped.description.restore_by_hand if "how the server was set up" in line.lower()]
    command = comment.split(": ", 1)[1].replace("IDENTITY_FILE", str(site.identity))
    done = subprocess.run(
        ["bash", "-c", command], cwd=site.path(dumped.set_id), capture_output=True, text=True, check=True
    )
    found: dict[str, t.Any] = json.loads(done.stdout)
    return found


def test_settings_and_access_rules_are_in_the_set_and_only_encrypted(
    server: PostgresqlServer, canary: str, site: Site
) -> None:
    with Watcher(canary) as watcher:
        dumped = site.dump(engine(server, "libro"))
    assert watcher.found == []
    for path in site.root.rglob("*"):
        if path.is_file():
            assert canary.encode() not in path.read_bytes(), path
    assert canary not in repr(dumped)
    assert dumped.description is not None
    assert dumped.description.warnings == []

    found = settings_of(site, dumped)
    values = {row["name"]: row for row in found["settings"]}
    assert values["deadlock_timeout"]["value"] == "7000"
    assert values["deadlock_timeout"]["sourcefile"].endswith("postgresql.auto.conf")
    assert canary in values["primary_conninfo"]["value"]
    assert {row["name"] for row in found["file_settings"]} >= {"deadlock_timeout", "primary_conninfo"}
    assert any(row["user_name"] == ["contadora"] for row in found["access_rules"])
    lines = found["files"][str(server.data / "pg_hba.conf")]
    assert "# año" in lines
    assert lines == (server.data / "pg_hba.conf").read_text().splitlines()
    assert str(server.data / "postgresql.auto.conf") in found["files"]
    # Nothing of it comes back by itself.
    site.restore(engine(server, "copia"), dumped.set_id)


def test_what_an_account_that_backs_up_may_not_see_stands_in_the_set_and_warns_nobody(
    server17: PostgresqlServer, site: Site
) -> None:
    server17.psql("CREATE DATABASE libro")
    server17.psql("CREATE ROLE lector LOGIN PASSWORD 'x' IN ROLE pg_read_all_data")
    reading = {"login_user": "lector", "login_password": "x"}
    try:
        dumped = site.dump(engine(server17, "libro", **reading))
        assert dumped.description is not None
        assert dumped.description.warnings == []
        found = settings_of(site, dumped)
        assert {"pg_file_settings", "pg_hba_file_rules", "the files themselves"} <= set(found["hidden"])
        assert found["files"] is None
        assert "max_connections" in {row["name"] for row in found["settings"]}
    finally:
        drop_everything(server17, *databases(server17))
        server17.psql("DROP ROLE lector")
