# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SQLite database, and a tree of files, for the contract."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import typing as t
from contextlib import closing
from pathlib import Path

from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.integration.files.support import picture
from tests.integration.postgresql.support import Site
from tests.unit.plugins.module_utils._engines.hostile import HOSTILE

from .source import Source
from .support import forge


class _LocalSource(Source):
    """What lies in a directory of this machine, ``home``, beside a file that is none of its business."""

    own: t.ClassVar[str]

    @property
    def home(self) -> Path:
        """Where it lies."""
        return self.disk.path / "srv"

    @property
    def path(self) -> Path:
        """The source itself."""
        return self.home / self.own

    def make(self) -> None:
        self.home.mkdir()
        (self.disk.path / "bystander").write_text("alive")

    def clear(self) -> None:
        shutil.rmtree(self.home)
        shutil.rmtree(self.disk.path / "aparte", ignore_errors=True)

    def bystander(self) -> t.Any:
        return (self.disk.path / "bystander").read_text(), sorted(os.listdir(self.disk.path))

    def leftovers(self) -> list[str]:
        names = os.listdir(self.home)
        return [name for name in names if not name.startswith(self.own) or "__restoring" in name]

    @property
    def restore_needs(self) -> int:
        return 200_000


class SqliteSource(_LocalSource):
    """A database with a write-ahead log."""

    name = "sqlite"
    places = frozenset({"path", "attached"})
    own = "libro.db"

    @property
    def options(self) -> dict[str, t.Any]:
        return {"path": str(self.path)}

    def make(self) -> None:
        super().make()
        self._execute(
            "PRAGMA journal_mode = wal",
            "CREATE TABLE cuenta (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL)",
            "CREATE TABLE asiento (id INTEGER PRIMARY KEY, cuenta REFERENCES cuenta (id), nota BLOB)",
            "CREATE VIEW resumen AS SELECT cuenta, count(*) FROM asiento GROUP BY 1",
            "CREATE INDEX de_cuenta ON asiento (cuenta)",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)"
            " INSERT INTO cuenta SELECT i, 'año ' || char(9) || i FROM n",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
            " INSERT INTO asiento SELECT i, 1 + i % 10, randomblob(400) FROM n",
        )

    def change(self) -> None:
        self._execute(
            "DELETE FROM asiento WHERE id > 100",
            "UPDATE cuenta SET nombre = '' WHERE id < 5",
            "CREATE TABLE IF NOT EXISTS despues (i)",
        )

    def destroy(self) -> None:
        for path in self.home.iterdir():
            path.unlink()

    def settle(self) -> None:
        # Before it is old, such a directory may be another dump's.
        for stale in self.home.glob(f".{self.own}.copy-*"):
            os.utime(stale, (0, 0))

    def content(self) -> t.Any:
        return self.rows()

    def rows(self, at: str | None = None) -> t.Any:
        with closing(sqlite3.connect(at or self.path)) as connection:
            return list(connection.iterdump())

    def _execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def lie(self, facts: dict[str, t.Any]) -> int:
        facts["rows"]["asiento"] += 1
        return int(facts["rows"]["asiento"])

    def reach_out(self, site: Site, set_id: SetId) -> SetId:
        def attach(facts: dict[str, t.Any]) -> None:
            bystander = f"{self.home}/../bystander"
            facts["attached"] = [{**facts, "part": "attached-001-bystander", "path": bystander}]

        return forge(site, set_id, "forged", facts=attach)


class FilesSource(_LocalSource):
    """A tree with links and odd names."""

    name = "files"
    selects = frozenset({"paths", "only"})
    places = frozenset({"directory"})
    own = "users"

    @property
    def options(self) -> dict[str, t.Any]:
        return {"paths": [str(self.path)]}

    def make(self) -> None:
        super().make()
        chance = random.Random(1)
        (self.path / "ana" / "año 1\n").mkdir(parents=True)
        (self.path / "ana" / "carta").write_text("Tuluá")
        (self.path / "ana" / "nota").write_text("nota")
        for number in range(12):
            (self.path / "ana" / "año 1\n" / f"{number} [x]*'").write_bytes(chance.randbytes(50_000))
        (self.path / "ana" / "atajo").symlink_to("carta")
        os.link(self.path / "ana" / "carta", self.path / "otra carta")
        (self.path / "ana" / "año 1\n").chmod(0o2750)

    def change(self) -> None:
        (self.path / "ana" / "carta").write_text("otra cosa")
        for path in (self.path / "ana" / "año 1\n").glob("1*"):
            path.unlink()
        (self.path / "después").mkdir(exist_ok=True)

    def destroy(self) -> None:
        shutil.rmtree(self.path)

    def content(self) -> t.Any:
        return self.rows()

    def rows(self, at: str | None = None) -> t.Any:
        return picture(os.fsencode(at or self.path))

    def lie(self, facts: dict[str, t.Any]) -> int:
        facts["paths"][0]["files"] += 1
        return int(facts["paths"][0]["files"])

    def relied_upon(self, facts: dict[str, t.Any]) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", facts["paths"][0])

    def reach_out(self, site: Site, set_id: SetId) -> SetId:
        archive = HOSTILE["dot-dot"]  # Two directories up from within it is the bystander.

        def as_long(facts: dict[str, t.Any]) -> None:
            facts["paths"][0]["archive_bytes"] = len(archive)

        return forge(site, set_id, "forged", facts=as_long, data=lambda _part, _data: archive)

    def restore_a_part(self, site: Site, set_id: SetId) -> tuple[t.Any, t.Any]:
        directory = self.disk.path / "aparte"
        site.restore(self.restorer(paths=None, directory=str(directory), only=["nota"]), set_id)
        there = self.rows()
        wanted = {name: there[name] for name in (b"", b"/ana", b"/ana/nota")}
        return wanted, picture(os.fsencode(f"{directory}{self.path}"))
