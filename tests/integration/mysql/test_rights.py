# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that may see a database by a pattern or a role may dump it; one that would not see all of it may not."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from development.services.mysql import MysqlServer
from tests.integration.mysql.support import Site, engine

ALL = "SELECT, SHOW VIEW, TRIGGER, EVENT"
WITH_ROLE = "GRANT copiador TO copias; SET DEFAULT ROLE copiador TO copias"


@pytest.fixture
def dump(server: MysqlServer, site: Site) -> t.Callable[..., None]:
    """Dumps ``web_a`` as an account that was given some rights."""
    server.sql("CREATE DATABASE web_a; CREATE DATABASE webxa; CREATE TABLE web_a.t (i int)")
    server.sql("CREATE ROLE copiador; CREATE USER copias IDENTIFIED BY 'x'; GRANT SELECT ON mysql.* TO copias")
    server.sql("GRANT FLUSH_TABLES, BACKUP_ADMIN, SHOW_ROUTINE, REPLICATION CLIENT ON *.* TO copias")

    def as_account(*statements: str) -> None:
        server.sql(";".join(statements))
        site.dump(engine(server, "web_a", login_user="copias", login_password="x"))

    return as_account


@pytest.mark.parametrize(
    "statements",
    [
        [f"GRANT {ALL} ON `web\\_%`.* TO copias"],
        [f"GRANT {ALL} ON web_a.* TO copias"],
        # The closest pattern counts.
        ["GRANT INSERT ON `web%`.* TO copias", f"GRANT {ALL} ON `web\\_%`.* TO copias"],
        [f"GRANT {ALL} ON `web\\_%`.* TO copiador", WITH_ROLE],
    ],
)
def test_rights_by_a_pattern_or_a_role_are_rights(dump: t.Callable[..., None], statements: list[str]) -> None:
    dump(*statements)


@pytest.mark.parametrize(
    ("statements", "missing"),
    [
        # The closer one hides the other, so that the server would show not even a row.
        (
            [f"GRANT {ALL} ON `web\\_%`.* TO copias", "GRANT SELECT, SHOW VIEW ON `web\\_a`.* TO copias"],
            "TRIGGER, EVENT",
        ),
        # Which one counts where a role is active, nobody can say.
        (
            [f"GRANT {ALL} ON `web\\_%`.* TO copiador; GRANT SELECT ON `web\\_a`.* TO copiador", WITH_ROLE],
            "SHOW VIEW, TRIGGER, EVENT",
        ),
        ([f"GRANT {ALL} ON web_a.* TO copiador; GRANT INSERT ON `web\\_%`.* TO copias", WITH_ROLE], ALL),
    ],
)
def test_what_would_not_be_seen_is_refused(dump: t.Callable[..., None], statements: list[str], missing: str) -> None:
    with pytest.raises(Refused, match=f"lacks rights, .*: {missing}\\."):
        dump(*statements)


def test_no_name_is_a_pattern_where_rights_may_be_taken_back_in_part(
    server: MysqlServer, dump: t.Callable[..., None]
) -> None:
    server.sql("SET GLOBAL partial_revokes = ON")
    try:
        dump(f"GRANT {ALL} ON web_a.* TO copias")
        server.sql("REVOKE TRIGGER ON web_a.* FROM copias")
        with pytest.raises(Refused, match=r"lacks rights, .*: TRIGGER\."):
            dump("GRANT TRIGGER ON `web%`.* TO copias")
    finally:
        server.sql("REVOKE ALL, GRANT OPTION FROM copias; SET GLOBAL partial_revokes = OFF")
