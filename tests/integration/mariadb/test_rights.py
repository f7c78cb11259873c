# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that may see a database by a pattern or a role may dump it; one that would not see all of it may not."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from development.services.mariadb import MariadbServer
from tests.integration.mariadb.support import Site, engine

ALL = "SELECT, SHOW VIEW, TRIGGER, EVENT"


@pytest.fixture
def dump(server: MariadbServer, site: Site) -> t.Iterator[t.Callable[..., None]]:
    """Dumps ``web_a`` as an account that was given some rights."""
    server.sql("CREATE DATABASE web_a; CREATE DATABASE webxa; CREATE TABLE web_a.t (i int)")
    server.sql("CREATE ROLE copiador; CREATE ROLE ayudante; CREATE USER copias IDENTIFIED BY 'x'")
    server.sql("GRANT RELOAD, BINLOG MONITOR ON *.* TO copias; GRANT SELECT ON mysql.* TO copias")

    def as_account(*statements: str) -> None:
        server.sql(";".join(statements))
        site.dump(engine(server, "web_a", login_user="copias", login_password="x"))

    yield as_account
    server.sql("DROP USER copias; DROP ROLE copiador, ayudante")


@pytest.mark.parametrize(
    "statements",
    [
        [f"GRANT {ALL} ON `web\\_%`.* TO copias"],
        [f"GRANT {ALL} ON `%`.* TO copias"],
        [f"GRANT {ALL} ON web_a.* TO copias"],
        # The closest pattern counts.
        ["GRANT INSERT ON `web%`.* TO copias", f"GRANT {ALL} ON `web\\_%`.* TO copias"],
        [f"GRANT {ALL} ON `web\\_%`.* TO copiador", "GRANT copiador TO copias", "SET DEFAULT ROLE copiador FOR copias"],
        # A role of a role; and some of the rights are the account's own.
        [
            "GRANT SELECT, EVENT ON `web\\_%`.* TO ayudante; GRANT ayudante TO copiador; GRANT copiador TO copias",
            "SET DEFAULT ROLE copiador FOR copias; GRANT SHOW VIEW, TRIGGER ON `web\\_a`.* TO copias",
        ],
    ],
)
def test_rights_by_a_pattern_or_a_role_are_rights(dump: t.Callable[..., None], statements: list[str]) -> None:
    dump(*statements)


@pytest.mark.parametrize(
    ("statements", "missing"),
    [
        # It matches the name of another database only.
        ([f"GRANT {ALL} ON `web\\_b%`.* TO copias; GRANT SELECT ON web_a.* TO copias"], "SHOW VIEW, TRIGGER, EVENT"),
        # The closer one hides the other, so that the server would show not even a row.
        (
            [f"GRANT {ALL} ON `web\\_%`.* TO copias", "GRANT SELECT, SHOW VIEW ON `web\\_a`.* TO copias"],
            "TRIGGER, EVENT",
        ),
        # A role that nobody has switched on.
        (
            [f"GRANT {ALL} ON `web\\_%`.* TO copiador; GRANT copiador TO copias; GRANT SELECT ON web_a.* TO copias"],
            "SHOW VIEW, TRIGGER, EVENT",
        ),
    ],
)
def test_what_would_not_be_seen_is_refused(dump: t.Callable[..., None], statements: list[str], missing: str) -> None:
    with pytest.raises(Refused, match=f"lacks rights, and would not see all of it: {missing}\\."):
        dump(*statements)
