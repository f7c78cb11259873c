# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that backs up: it dumps everything, writes nothing, and holds nothing that it does not need."""

from __future__ import annotations

import os
import subprocess
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._operations.account.operation import (
    ACCOUNT_ARGUMENTS,
    AccountReport,
    apply_account,
)
from development.services._process import ServiceFailedError
from tests.integration.postgresql.support import Site

from .product import EVERY_VERSION, Product

pytestmark = pytest.mark.parametrize("product", EVERY_VERSION, indirect=True)

# An operating-system user that every Debian has.
ACCOUNT = "backup"
TOO_MUCH = """
CREATE TABLE otra.t (a INT, b INT);
GRANT ALL ON otra.* TO backup@localhost WITH GRANT OPTION;
GRANT SELECT ON `otr_`.* TO backup@localhost;
GRANT SELECT (a), UPDATE (a, b) ON otra.t TO backup@localhost;
GRANT EXECUTE ON PROCEDURE li_bro.cerrar TO backup@localhost;
GRANT PROXY ON app@localhost TO backup@localhost;
"""
TOO_MUCH_OF = {
    "mariadb": """
GRANT CREATE USER, FILE, SUPER ON *.* TO backup@localhost WITH GRANT OPTION;
GRANT lectura TO backup@localhost;
SET DEFAULT ROLE lectura FOR backup@localhost;
ALTER USER backup@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('otra') ACCOUNT LOCK;
""",
    "mysql": """
GRANT CREATE USER, FILE ON *.* TO backup@localhost WITH GRANT OPTION;
GRANT SHOW_ROUTINE, CLONE_ADMIN ON *.* TO backup@localhost WITH GRANT OPTION;
GRANT lectura TO backup@localhost WITH ADMIN OPTION;
SET DEFAULT ROLE lectura TO backup@localhost;
ALTER USER backup@localhost IDENTIFIED BY 'otra' ACCOUNT LOCK;
""",
}
FORBIDDEN = (
    "INSERT INTO asiento (id) VALUES (999)",
    "UPDATE asiento SET texto = 'x'",
    "DELETE FROM asiento",
    "TRUNCATE asiento",
    "DROP TABLE asiento",
    "CREATE TABLE nueva (a INT)",
    "CREATE TEMPORARY TABLE nueva (a INT)",
    "ALTER TABLE asiento ADD x INT",
    "CREATE DATABASE nueva",
    "DROP DATABASE li_bro",
    "CREATE USER nuevo",
    "DROP USER app@localhost",
    "GRANT SELECT ON li_bro.* TO app@localhost",
    "SET ROLE lectura",
    "CALL cerrar(1)",
    "CREATE DEFINER = root@localhost EVENT nuevo ON SCHEDULE EVERY 1 DAY DO DELETE FROM asiento",
    "CREATE DEFINER = root@localhost TRIGGER nuevo BEFORE INSERT ON asiento FOR EACH ROW SET NEW.texto = 'x'",
    "SELECT * FROM asiento INTO OUTFILE '/tmp/x'",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE asiento",
    "SET GLOBAL read_only = 1",
    "LOCK TABLES asiento WRITE",
    "SHUTDOWN",
)
FORBIDDEN_OF = {
    "mariadb": (
        "SET PASSWORD FOR app@localhost = PASSWORD('x')",
        "SET GLOBAL general_log = 1",
        "UPDATE mysql.global_priv SET Priv = '{}'",
    ),
    "mysql": (
        "ALTER USER app@localhost IDENTIFIED BY 'x'",
        "SET PERSIST max_connections = 10",
        "UPDATE mysql.user SET account_locked = 'Y'",
        "INSTALL COMPONENT 'file://component_query_attributes'",
    ),
}
# Where a server keeps its accounts, and how one is made that logs in as its user of the operating system.
ACCOUNTS = {"mariadb": "mysql.global_priv", "mysql": "mysql.user"}
BY_SOCKET = {"mariadb": "IDENTIFIED VIA unix_socket", "mysql": "IDENTIFIED WITH auth_socket"}


def request(product: Product, **changes: t.Any) -> dict[str, t.Any]:
    """The options of the module, through the socket as the server's administrator."""
    params = {name: spec.get("default") for name, spec in ACCOUNT_ARGUMENTS.items()}
    params.update(
        engine=product.name,
        name=ACCOUNT,
        databases=["li_bro", "otra"],
        login_unix_socket=str(product.server.socket),
        login_user="root",
        client_directory=product.login().get("client_directory"),
    )
    params.update(changes)
    return params


def done(product: Product, **changes: t.Any) -> AccountReport:
    """Checks, runs, and runs again: what was predicted is done, and then there is nothing to do."""
    params = request(product, **changes)
    predicted = apply_account(params, check_mode=True)
    report = apply_account(params, check_mode=False)
    assert (predicted.before, predicted.after, predicted.changed) == (report.before, report.after, report.changed)
    again = apply_account(params, check_mode=False)
    assert not again.changed
    assert again.before == again.after == report.after
    return report


@pytest.fixture
def books(product: Product) -> Iterator[Product]:
    """A server with a database of everything, whose name is a pattern, and another one."""
    if os.geteuid() != 0:
        pytest.skip("only root can run the client as another user")
    product.server.directory.chmod(0o755)
    product.support.create_everything(product.server, "li_bro")
    product.sql("CREATE DATABASE otra")
    if product.name == "mysql":
        product.sql("INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'")
    yield product
    if product.name == "mysql":
        product.sql(f"DROP USER IF EXISTS {ACCOUNT}@localhost; UNINSTALL PLUGIN auth_socket")


def errors_as_account(product: Product, *statements: str) -> list[str]:
    """Runs statements as the account, whatever becomes of each; the errors."""
    argv = [product.client, "--no-defaults", f"--socket={product.server.socket}", f"--user={ACCOUNT}"]
    argv += ["--force", "-D", "li_bro"]
    script = "".join(f"{statement};\n" for statement in statements)
    answer = subprocess.run(argv, input=script, user=ACCOUNT, cwd="/", capture_output=True, text=True, check=False)
    return [line for line in answer.stderr.splitlines() if line.startswith("ERROR")]


def own_engine(product: Product, **changes: t.Any) -> t.Any:
    """The engine, bound to the database as the account."""
    own = {"login_host": None, "login_port": None, "login_password": None, "ssl_mode": None}
    place = {"login_unix_socket": str(product.server.socket), "login_user": ACCOUNT, "login_os_user": ACCOUNT}
    return product.engine("li_bro", **{**own, **place, **changes})


def test_it_dumps_everything_and_writes_nothing(books: Product, site: Site) -> None:
    assert done(books).changed
    before = books.fingerprint("li_bro")

    forbidden = [*FORBIDDEN, *FORBIDDEN_OF[books.name]]
    errors = errors_as_account(books, *forbidden)
    assert len(errors) == len(forbidden), errors
    for error in errors:
        assert "denied" in error or "not granted" in error or "not been granted" in error, error
    assert books.fingerprint("li_bro") == before

    dumped = site.dump(own_engine(books))
    assert dumped.description is not None
    assert dumped.description.warnings == []
    assert dumped.description.engine_facts["position"]
    books.sql("DROP DATABASE li_bro; DROP USER app@localhost; DROP ROLE lectura")
    site.restore(books.engine("li_bro"), dumped.set_id)
    assert books.fingerprint("li_bro") == before
    # The accounts that use it are in the set.
    database = {"mariadb": "li\\\\_bro", "mysql": "`li_bro`"}[books.name]
    assert database in books.sql("SHOW GRANTS FOR app@localhost")


def test_what_it_may_do_because_the_server_knows_no_lesser_right_changes_no_row(books: Product) -> None:
    done(books)
    books.sql("CREATE TABLE simple (a INT)", "li_bro")
    # Only who may make triggers and events sees them. They run with the rights of whoever made them.
    assert errors_as_account(books, "CREATE TRIGGER nuevo BEFORE INSERT ON simple FOR EACH ROW SET NEW.a = 2") == []
    with pytest.raises(ServiceFailedError, match="denied"):
        books.sql("INSERT INTO simple VALUES (1)", "li_bro")
    assert errors_as_account(books, "DROP TRIGGER nuevo") == []


def test_every_right_is_needed(books: Product, site: Site) -> None:
    books.sql("CREATE TABLE viejo (a INT) ENGINE = MyISAM", "li_bro")
    changes = {"databases": ["li_bro"], "nontransactional_tables": "lock"}
    rights = [text for text in done(books, **changes).after if " on " in text]
    assert len(rights) == {"mariadb": 8, "mysql": 10}[books.name]
    usual = ["These tables are not transactional; they are as they were while locked: viejo"]
    for right in rights:
        what, _on, level = right.partition(" on ")
        books.sql(f"REVOKE {what} ON {level} FROM {ACCOUNT}@localhost")
        try:
            description = site.dump(own_engine(books, nontransactional_tables="lock")).description
            assert description is not None
            complete = description.warnings == usual
        except BackupError:
            complete = False
        assert not complete, right
        assert apply_account(request(books, **changes), check_mode=False).result()["given"] == [right]


def test_what_is_too_much_is_told_or_taken(books: Product) -> None:
    needed = done(books).after
    books.sql(TOO_MUCH + TOO_MUCH_OF[books.name])
    kept = apply_account(request(books, exact=False), check_mode=False)
    if books.name == "mariadb":
        assert len(kept.superfluous) == 13
    else:
        assert "GRANT OPTION of SHOW_ROUTINE on *.*" in kept.superfluous
        assert "member of `lectura`@`%`" in kept.superfluous
    assert not apply_account(request(books, exact=False), check_mode=False).changed

    report = done(books)

    assert set(kept.superfluous) == set(report.result()["taken"])
    assert report.after == needed
    assert report.superfluous == []


def test_rights_by_a_pattern_are_neither_given_again_nor_hidden(books: Product) -> None:
    """The server follows the closest pattern only: rights on the very name would be all that there are."""
    books.sql(f"CREATE USER {ACCOUNT}@localhost {BY_SOCKET[books.name]}; GRANT ALL ON `li%`.* TO {ACCOUNT}@localhost")
    report = done(books, databases=["li_bro"], exact=False)
    assert [text for text in report.after if "`li" in text] == ["ALL PRIVILEGES on `li%`.*"]
    books.sql(f"REVOKE EVENT ON `li%`.* FROM {ACCOUNT}@localhost")
    for check_mode in (True, False):
        with pytest.raises(Refused, match=r"on li_bro, but lacks EVENT; a grant on its exact name would hide .*INSERT"):
            apply_account(request(books, databases=["li_bro"], exact=False), check_mode=check_mode)
    # Where nothing is hidden, it gets all that it needs under the very name.
    books.sql(f"REVOKE ALL ON `li%`.* FROM {ACCOUNT}@localhost; GRANT SELECT ON `li%`.* TO {ACCOUNT}@localhost")
    report = done(books, databases=["li_bro"], exact=False)
    assert "SELECT on `li\\_bro`.*" in report.after
    assert [text for text in done(books, databases=["li_bro"]).after if "`li%`" in text] == []


def test_without_the_accounts_it_reads_no_password_hash(books: Product, site: Site) -> None:
    report = done(books, read_accounts=False)
    assert "SELECT on `mysql`.*" not in report.after
    assert errors_as_account(books, f"SELECT * FROM {ACCOUNTS[books.name]}")
    description = site.dump(own_engine(books)).description
    assert description is not None
    assert [warning for warning in description.warnings if "accounts that use the database" in warning]


def test_a_password_is_given_and_taken(books: Product) -> None:
    changes = {"authentication": "password", "from_host": "%", "login_unix_socket": None, **books.login()}
    # Longer than a block of MySQL's hash, and than two.
    for password in ("clave ñ'\\: \"x", "una clave larga " * 3, "y otra mucho más larga que eso " * 6):
        # It logs in with it: what is sent to the server is made here.
        report = done(books, password=password, **changes)
        assert report.changed
        assert "identified by the password given" in report.after
    if books.name == "mysql":
        books.sql(f"ALTER USER {ACCOUNT}@'%' IDENTIFIED BY 'segunda' RETAIN CURRENT PASSWORD")
    other = done(books, password="segunda", **changes)
    assert other.result()["taken"] == ["identified in another way"]


def test_what_cannot_be_is_refused_and_nothing_changed(books: Product) -> None:
    everybody = f"SELECT * FROM {ACCOUNTS[books.name]} ORDER BY User, Host"
    accounts = books.sql(everybody)
    own = {"mariadb": "mariadb.sys", "mysql": "mysql.session"}
    refused: tuple[tuple[dict[str, t.Any], type[BackupError], str], ...] = (
        ({"name": "root"}, Refused, "the administrator's own account"),
        ({"name": own[books.name]}, Refused, "one of the server's own"),
        ({"databases": ["ninguna"]}, NotFound, "no database ninguna"),
        ({"from_host": "%"}, Refused, "the server's own host only"),
        ({"bypass_row_security": True}, Refused, f"the engine {books.name} does not take it"),
    )
    for changes, kind, why in refused:
        with pytest.raises(kind, match=why):
            apply_account(request(books, **changes), check_mode=False)
    if books.name == "mysql":
        books.sql("UNINSTALL PLUGIN auth_socket")
        try:
            with pytest.raises(NotFound, match=r"lacks the plugin auth_socket.*authentication: password"):
                apply_account(request(books), check_mode=False)
        finally:
            books.sql("INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'")
    assert books.sql(everybody) == accounts
