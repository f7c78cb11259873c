# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An institution whose playbooks are killed: how long each takes there, and what an interrupted run leaves behind."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import stat
import time
import typing as t
from pathlib import Path

from development.demonstration.accounting import make_accounting, read_everything
from development.demonstration.documents import make_documents, read_tree
from development.demonstration.institution import SYSTEMS_COMPUTER, Institution, Run
from tests.integration.playbooks.house import FILES, FINANCE, TICKET, House, left_of_a_restore

if t.TYPE_CHECKING:
    from development.services.object_store import ObjectStore
    from development.services.postgresql import PostgresqlServer

# What prepares the cloud touches no host; media/test_cloud_bucket.py kills it, call by call.
OF_AN_ADMINISTRATOR = {"prepare_cloud"}
DAY = ("step2_back_up", "step3_verify_result", "step4_store_media")
SOURCES = {"contabilidad": FINANCE, "nomina": FINANCE, "datos-usuarios": FILES}
HALF_MADE = (
    "infitulua-backup-*",
    "*.partial",
    "*.new",
    "*.new.*",
    "*.tmp",
    "tmp*",
    "drill-*",
    "restore-*",
    "*.owner",
    ".probe-*",
)
_ASK = "SELECT string_agg(n || ' ' || texto, ',' ORDER BY n) FROM empleado"
# What Ansible leaves where it is killed, nobody's secrets in it: the sockets of its workers, the code of a module.
_OF_ANSIBLE = ("pymp-", "ansible_")
_LARGEST = 16 * 1024 * 1024


class KilledHouse(House):
    """An institution with a SQLite and a PostgreSQL database and a tree of files; nothing has run in it yet.

    :param drill_path: of throw-away servers: short enough for a socket, and other users get through.
    """

    def __init__(self, directory: Path, store: ObjectStore, server: PostgresqlServer, drill_path: Path) -> None:
        self.directory = directory
        self.server = server
        self.drill_path = drill_path
        self.database = directory / FINANCE / "srv" / "contabilidad.db"
        self.documents = directory / FILES / "srv" / "usuarios"
        self.institution = Institution(
            directory,
            self.sources(),
            store=store,
            prefix=directory.name,
            variables={"backup_drill_programs_directory": str(server.bin), "backup_drill_path": str(drill_path)},
        )
        self.institution.build()
        make_accounting(self.database, vouchers=800).close()
        make_documents(self.documents, per_office=4)
        self.whole = {source: self.content(source) for source in SOURCES}
        self.seconds: dict[str, float] = {}

    def sources(self) -> dict[str, dict[str, t.Any]]:
        sources = super().sources()
        payroll = {
            "name": "nomina",
            "series": "400.8",
            "engine": "postgresql",
            "database": "nomina",
            "login_host": self.server.host,
            "login_port": self.server.port,
            "login_user": self.server.user,
            "login_password": self.server.password,
            "client_directory": str(self.server.bin),
        }
        sources[FINANCE]["backup_databases"].append(payroll)
        return sources

    def content(self, source: str) -> object:
        """Everything that a source holds."""
        if source == "contabilidad":
            return read_everything(self.database)
        return self.server.psql(_ASK, "nomina") if source == "nomina" else read_tree(self.documents)

    def damage(self, source: str) -> None:
        """Lose some of what a source holds, and add to it."""
        if source == "contabilidad":
            with contextlib.closing(sqlite3.connect(self.database)) as connection:
                connection.execute("DELETE FROM movimientos WHERE rowid % 3 = 0")
                connection.execute("CREATE TABLE despues AS SELECT 1 AS n")
                connection.commit()
        elif source == "nomina":
            self.server.psql("DELETE FROM empleado WHERE n % 3 = 0; UPDATE empleado SET texto = '' WHERE n = 1", source)
        else:
            shutil.rmtree(self.documents / "Tesorería")
            (self.documents / "nota.txt").write_text("escrita después de la copia")

    def arguments(self, playbook: str, day: str, source: str) -> list[str]:
        """What an operator gives to a playbook."""
        if playbook != "step5_restore":
            return ["-e", f"backup_run_id={day}"]
        chosen = f"backup_restore_server={SOURCES[source]} backup_restore_source={source}"
        return [*TICKET, "-e", f"{chosen} backup_restore_replace=true backup_restore_keep_replaced_days=0"]

    def measure(self, playbook: str, source: str) -> None:
        """Run a playbook undisturbed, and all that comes before it where that is missing; its time is kept."""
        begin: list[float] = []

        def note(output: str) -> bool:
            if not begin and "TASK [" in output:
                begin.append(time.monotonic())
            return False

        order = ("step1_prepare_media", *DAY)
        for earlier in order[: order.index(playbook)] if playbook in order else order:
            if earlier not in self.seconds:
                self.measure(earlier, source)
        if playbook == "step5_restore":
            self.damage(source)
        if playbook == "daily":
            self.seconds[playbook] = sum(self.seconds[step] for step in DAY)
            return
        run = self.institution.run_killed(playbook, *self.arguments(playbook, "dia-1", source), when=note)
        assert run.status == 0, run.output
        self.seconds[playbook] = time.monotonic() - begin[0]

    def left_over(self) -> list[str]:
        """What only an interrupted run leaves: half-made files, workspaces, keys, processes, torn records."""
        places = [self.directory / host for host in (FINANCE, FILES, SYSTEMS_COMPUTER)]
        found = [path for place in places for pattern in HALF_MADE for path in place.rglob(pattern)]
        data = [self.directory / host / "srv" for host in (FINANCE, FILES)]
        found = [path for path in found if not set(path.parents) & set(data)]
        found += [path for place in data for path in place.glob("*__*")]
        found += [*left_of_a_restore(self), *self.drill_path.iterdir()]
        found += [path for path in (self.directory / "tmp").iterdir() if not path.name.startswith(_OF_ANSIBLE)]
        databases = self.server.psql("SELECT datname FROM pg_database WHERE datname LIKE 'nomina\\_\\_%'").split()
        return [*map(str, found), *databases, *self.misplaced_secrets(), *self.torn_lines(), *self.processes()]

    def misplaced_secrets(self) -> list[str]:
        """Files that hold a private key or a password, and are not the place for it."""
        store = self.institution.store
        assert store is not None
        hosts = (FINANCE, FILES, SYSTEMS_COMPUTER)
        secrets = [b"AGE-SECRET-KEY-", self.server.password.encode()]
        secrets += [self.institution.credentials(host).secret_key.encode() for host in hosts]
        right = [self.directory / name for name in ("inventory", "director", *(f"{host}/etc" for host in hosts))]
        found = []
        for path in [*self.directory.rglob("*"), *self.drill_path.rglob("*")]:
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISSOCK(status.st_mode) and not path.parent.name.startswith(_OF_ANSIBLE):
                    found.append(f"{path}: a socket")
                if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST or set(path.parents) & set(right):
                    continue
                content = path.read_bytes()
                if any(secret in content for secret in secrets):
                    found.append(f"{path}: holds a secret")
        return found

    def torn_lines(self) -> list[str]:
        """Lines of records that are not whole."""
        found = []
        for path in self.directory.rglob("*.jsonl"):
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                try:
                    json.loads(line)
                    whole = line.endswith("\n")
                except ValueError:
                    whole = False
                if not whole:
                    found.append(f"{path}: {line}")
        return found

    def processes(self) -> list[str]:
        """The command lines of those that are at work in this institution."""
        places = [str(place).encode() for place in (self.directory, self.drill_path)]
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                command = path.read_bytes()
                if any(place in command for place in places):
                    found.append(command.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def agree(self) -> None:
        """Check that a set is complete, or not there: what a disk has, the vault and the cloud have."""
        vault = self.sets(self.institution.vault)
        on_disks = set().union(*(self.sets(self.institution.disk(server)) for server in (FINANCE, FILES)))
        assert vault == self.sets_in_cloud() == on_disks
        assert self.sets(self.institution.storage / "incoming") == set()

    def must_run(self, playbook: str, *arguments: str, changes_nothing: bool = False) -> Run:
        """Run a playbook that has to pass."""
        run = self.institution.run(playbook, *arguments)
        assert run.status == 0, run.output
        assert not changes_nothing or run.changed == 0, run.output
        return run
