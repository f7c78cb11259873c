# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server lacks is told before a restore touches it; what may be another way there is told too."""

from __future__ import annotations

import subprocess
import time
import typing as t
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.postgresql import catalogue
from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from development.services.postgresql import PostgresqlServer
from tests.integration.postgresql.support import Site, databases, drop_everything, engine, leftovers


@pytest.fixture
def server(server17: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server with one small database."""
    drop_everything(server17, *databases(server17))
    server17.psql("CREATE DATABASE libro")
    server17.psql("CREATE EXTENSION pg_trgm; CREATE TABLE t AS SELECT generate_series(1, 10) AS i", "libro")
    yield server17
    drop_everything(server17, *databases(server17))


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., None]:
    """Makes a dump say of its database what that of another server would."""

    def change(**changes: t.Any) -> None:
        properties, contents = catalogue.properties, catalogue.contents
        database = changes.pop("database", {})
        extensions = changes.pop("extensions", None)

        def changed(session: t.Any) -> dict[str, t.Any]:
            found = {**properties(session), **changes}
            return {**found, "database": {**found["database"], **database}}

        monkeypatch.setattr(catalogue, "properties", changed)
        if extensions is not None:
            monkeypatch.setattr(catalogue, "contents", lambda s: {**contents(s), "extensions": extensions})

    return change


COLLATION = {
    "name": "es_CO",
    "system": True,
    "provider": "c",
    "locale": None,
    "collate": "es_CO",
    "ctype": "es_CO",
    "version": None,
}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"database": {"collate": "xx_XX.UTF-8"}}, r"locales .* lacks: xx_XX.UTF-8.*locale-gen"),
        (
            {"collations": [{**COLLATION, "system": False, "collate": "yy_YY", "name": "s.propia"}]},
            r"lacks: es_CO, yy_YY",
        ),
        ({"collations": [{**COLLATION, "name": "zz_ZZ.utf8"}]}, r"columns use collations .*: zz_ZZ.utf8.*initdb"),
    ],
)
def test_a_missing_locale_is_told_before_anything_is_made(
    server: PostgresqlServer, site: Site, says: t.Callable[..., None], facts: dict[str, t.Any], message: str
) -> None:
    says(**facts)
    dumped = site.dump(engine(server, "libro"))
    with pytest.raises(NotFound, match=message):
        site.restore(engine(server, "copia"), dumped.set_id)
    assert databases(server) == {"libro"}
    assert leftovers(server) == []


UNICODE = {**COLLATION, "name": "unicode", "provider": "i", "locale": "und", "collate": None, "ctype": None}


@pytest.mark.parametrize("where", ["the database", "a collation of its own", "a collation of every server", "nowhere"])
def test_icu_is_needed_only_where_it_is_used(
    server: PostgresqlServer, site: Site, says: t.Callable[..., None], where: str
) -> None:
    """Since 16 every server has one collation of ICU's, also one that was built without ICU."""
    has_icu = server.psql("SELECT count(pg_collation_actual_version(oid)) FROM pg_collation WHERE collprovider = 'i'")
    assert server.psql("SELECT count(*) FROM pg_collation WHERE collname = 'unicode'") == "1"
    if where == "the database":
        says(database={"locale_provider": "i", "locale": "es"})
    elif where == "a collation of its own":
        says(collations=[{**UNICODE, "name": "public.propia", "system": False}])
    elif where == "a collation of every server":
        says(collations=[UNICODE])
    dumped = site.dump(engine(server, "libro"))
    # What --check asks.
    asked = engine(server, "copia")
    if where == "nowhere" or has_icu != "0":
        site.predict(asked, dumped.set_id)
    else:
        with pytest.raises(NotFound, match="by ICU, and the server was built without it"):
            site.predict(asked, dumped.set_id)
    assert databases(server) == {"libro"}


def test_a_column_says_that_it_uses_icu(server: PostgresqlServer, site: Site) -> None:
    server.psql('CREATE TABLE textos (t text COLLATE "unicode")', "libro")
    found = site.dump(engine(server, "libro")).description
    assert found is not None
    assert [entry["name"] for entry in found.engine_facts["collations"]] == ["unicode"]


def test_another_order_of_texts_and_other_versions_of_extensions_are_told(
    server: PostgresqlServer, site: Site, says: t.Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = server.psql("SELECT default_version FROM pg_available_extensions WHERE name = 'pg_trgm'")
    with monkeypatch.context():
        says(collations=[{**COLLATION, "name": "C", "version": "0.9"}], extensions={"pg_trgm": "99.1"})
        dumped = site.dump(engine(server, "libro"))
        told = site.restore(engine(server, "copia"), dumped.set_id).warnings
    libc = server.psql("SELECT max(pg_collation_actual_version(oid)) FROM pg_collation WHERE collprovider = 'c'")
    expected = [f"The extension pg_trgm will be {here} here and was 99.1"]
    if libc:
        expected.append(f"Texts are sorted by the C library {libc} instead of 0.9")
    assert [line for line in told if line.startswith(tuple(expected))] == told
    assert len(told) == len(expected)


def test_no_room_is_told_where_the_server_s_disk_can_be_seen(
    server: PostgresqlServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = site.dump(engine(server, "libro"))
    import os

    real = os.statvfs

    def full(path: str) -> os.statvfs_result:
        state = real(path)
        return os.statvfs_result((*state[:4], free[0], *state[5:])) if path == str(server.data) else state

    free = [0]
    monkeypatch.setattr(os, "statvfs", full)
    with pytest.raises(Refused, match=r"bytes are free in .*data, and the set takes \d+, compressed"):
        site.restore(engine(server, "copia"), dumped.set_id)
    assert databases(server) == {"libro"}
    # What the database took is no measure: it may have been half empty.
    free = [100]
    told = " ".join(site.restore(engine(server, "copia"), dumped.set_id).warnings)
    assert "and the database that was dumped took" in told


def test_too_few_connections_are_told_and_those_that_will_end(server: PostgresqlServer, site: Site) -> None:
    dumped = site.dump(engine(server, "libro"))
    with pytest.raises(Refused, match=r"takes \d+ more connections, and a restore with 60 jobs needs 63"):
        site.restore(engine(server, "copia"), dumped.set_id, jobs=60)
    user = subprocess.Popen(
        [server.program("psql"), "-X", "-q", "-c", "SELECT pg_sleep(60)"],
        env=server.environment("libro"),
        stderr=subprocess.DEVNULL,
    )
    try:
        while server.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'") == "0":
            time.sleep(0.05)
        restored = site.restore(engine(server, "libro"), dumped.set_id, replace=True)
    finally:
        user.kill()
        user.wait(10)
    assert "Connections to it that end when the restored database takes its place: 1" in restored.warnings


def test_tablespaces_come_back_where_they_are_and_are_told_where_they_are_not(
    server: PostgresqlServer, site: Site
) -> None:
    place = server.directory / "rapido"
    place.mkdir(exist_ok=True)
    server._hand_over(place)
    server.psql(f"CREATE TABLESPACE rapido LOCATION '{place}'")
    where = "SELECT count(*) FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE spcname = 'rapido'"
    try:
        server.psql("CREATE TABLE u (i int) TABLESPACE rapido; CREATE INDEX ON t (i) TABLESPACE rapido", "libro")
        dumped = site.dump(engine(server, "libro"))
        assert dumped.description is not None
        assert dumped.description.engine_facts["tablespaces"] == {"rapido": str(place)}
        site.restore(engine(server, "copia"), dumped.set_id)
        assert server.psql(where, "copia") == "2"
    finally:
        drop_everything(server, *databases(server))
        server.psql("DROP TABLESPACE rapido")
    restored = site.restore(engine(server, "copia"), dumped.set_id)
    assert f"The server has no tablespace rapido (it was {place}): all is in the default one" in restored.warnings
    assert server.psql(where, "copia") == "0"
