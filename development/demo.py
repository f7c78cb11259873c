# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The five steps over a small institution on this machine, from an empty directory to a restored disaster.

``make demo`` runs it. Everything lies in ``.build/demo``, which each run begins by removing: a server and the systems
computer are directories there, the cloud is a real object store (SeaweedFS) on the loopback address. It needs no root
and leaves no process behind.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import stat
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from development.demonstration.accounting import make_accounting, read_everything, unbalanced
from development.demonstration.attack import ACCEPTED, attack
from development.demonstration.documents import make_documents, read_tree
from development.demonstration.institution import Institution, adopt_orphans
from development.environment import BUILD, ROOT
from development.services.object_store import ObjectStore, ServiceFailedError

DIRECTORY = BUILD / "demo"
SERVER = "srv-financiero"
TICKETS = ("MDA-2026-0117", "MDA-2026-0118")


@dataclass(frozen=True)
class Play:
    """A playbook, what the run of it is called, and its arguments.

    :param name: of its log; else the playbook's.
    """

    playbook: str
    title: str
    arguments: tuple[str, ...] = ()
    name: str = ""


class DemonstrationFailedError(Exception):
    """A step did not do what it promises; the message says which, and where its log is."""


def shown(path: Path) -> str:
    """Return a path as the person who ran ``make demo`` would type it."""
    return os.path.relpath(path, ROOT)


class Demonstration:
    """One run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.begin = time.monotonic()
        self.database = directory / SERVER / "srv" / "contabilidad" / "contabilidad.db"
        self.documents = directory / SERVER / "srv" / "usuarios"
        self.store = ObjectStore(directory / "nube", writers=[SERVER])
        sources = {
            "backup_databases": [
                {"name": "contabilidad", "series": "400.8", "engine": "sqlite", "path": str(self.database)}
            ],
            "backup_files": [{"name": "datos-usuarios", "series": "400.8.1", "paths": [str(self.documents)]}],
        }
        retention = {"default": {"daily": 14, "weekly": 8, "monthly": 12, "yearly": 10}}
        self.institution = Institution(
            directory, {SERVER: sources}, store=self.store, variables={"backup_retention": retention}
        )

    def say(self, title: str, *lines: str) -> None:
        """One step, in a few lines."""
        print(f"\n[{time.monotonic() - self.begin:5.1f} s] {title}")
        for line in lines:
            print(f"    {line}")
        sys.stdout.flush()

    def play(self, playbook: str, title: str) -> None:
        """Run a playbook and show its report."""
        self.play_together(Play(playbook, title))

    def play_together(self, *plays: Play) -> None:
        """Run playbooks side by side, and show the report of each."""
        logs = [self.directory / "logs" / f"{play.name or play.playbook}.log" for play in plays]
        inventory = shown(self.institution.inventory)
        for play in plays:
            command = " ".join([f"infitulua.backup.{play.playbook}", *play.arguments])
            self.say(play.title, f"$ ansible-playbook -i {inventory} {command}")
        runs = self.institution.run_together(
            [(play.playbook, play.arguments, log) for play, log in zip(plays, logs)],
        )
        for play, log, run in zip(plays, logs, runs):
            if run.status:
                print(run.output[-4000:])
                raise DemonstrationFailedError(f"{play.title}: status {run.status}; see {shown(log)}")
            for line in run.report[1:]:
                print(f"    {line}")
            print(f"    ({run.seconds:.1f} s; {shown(log)})")

    def run(self) -> None:
        """Tell the whole story."""
        self.prepare()
        # The accounting system has its database open while it is backed up.
        accounting = make_accounting(self.database)
        make_documents(self.documents)
        rows, files = read_everything(self.database), read_tree(self.documents)
        self.say(
            "Los datos de la entidad / the institution's data",
            f"{shown(self.database)}: SQLite, {sum(map(len, rows.values()))} filas/rows, en uso/in use",
            f"{shown(self.documents)}: {len(files)} archivos y enlaces/files and links",
        )
        self.play("step1_prepare_media", "1. DISPONER MEDIOS / prepare the media")
        self.play("step2_back_up", "2. REALIZAR COPIA DE SEGURIDAD / back up")
        self.play("step3_verify_result", "3. VERIFICAR RESULTADO / verify on the systems computer")
        self.play("step4_store_media", "4. ALMACENAR MEDIOS / store in the vault and in the cloud")
        accounting.close()
        self.attack()
        self.destroy(len(files))
        # Two tickets at once, as on a bad day.
        request = ("-e", f"backup_restore_server={SERVER}", "-e", "backup_restore_from=cloud")
        self.play_together(
            Play(
                "step5_restore",
                "5. REALIZAR RESTAURACIÓN / restore the database from the cloud",
                (*request, "-e", f"backup_ticket={TICKETS[0]}", "-e", "backup_restore_source=contabilidad"),
                name="step5_restore_contabilidad",
            ),
            Play(
                "step5_restore",
                "5. REALIZAR RESTAURACIÓN / restore the users' data from the cloud, at the same time",
                (
                    *(*request, "-e", f"backup_ticket={TICKETS[1]}", "-e", "backup_restore_source=datos-usuarios"),
                    *("-e", "backup_restore_replace=true"),
                ),
                name="step5_restore_datos-usuarios",
            ),
        )
        self.compare(rows, files)
        self.finish()

    def prepare(self) -> None:
        """Start from nothing: the cloud, the hosts' directories, the inventory."""
        self.say("Preparar la demostración / set the stage")
        self.store.start()
        self.institution.build()
        print(f"    nube/cloud: {self.store.endpoint_url}, bucket {self.store.bucket}: TLS, versiones, Object Lock")
        print(f"    inventario/inventory: {shown(self.institution.inventory)}")
        print(f"    llave de custodia/escrow key, fuera de los equipos: {shown(self.institution.escrow_identity)}")

    def attack(self) -> None:
        """Let an attacker who has the server's own key do in the cloud what that key can do."""
        disk = self.institution.disk(SERVER)
        keys = [str(path.relative_to(disk)) for path in disk.glob(f"{SERVER}/*/2*Z/**/*") if path.is_file()]
        outcome = attack(self.store, self.institution.credentials(SERVER), SERVER, keys)
        self.say(
            "El ataque: con la llave del servidor a la nube / the attack, with the server's own key to the cloud",
            *(f"{what}: {result}" for what, result in outcome.items()),
        )
        accepted = [what for what, result in outcome.items() if result == ACCEPTED]
        if len(accepted) != 2 or len(keys) < 12:
            raise DemonstrationFailedError(f"the server's key could do, with {len(keys)} objects: {accepted}")

    def destroy(self, before: int) -> None:
        """Bring the disaster: no database any more, half of the documents gone, some of the rest scribbled over."""
        for path in self.database.parent.iterdir():
            path.unlink()
        shutil.rmtree(self.documents / "Tesorería")
        shutil.rmtree(self.documents / "Talento humano")
        scribbled = 0
        for path in sorted((self.documents / "Gerencia").iterdir()):
            if stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size:
                path.write_bytes(random.Random(scribbled).randbytes(path.stat().st_size))
                scribbled += 1
        left = len(read_tree(self.documents))
        self.say(
            "El desastre / the disaster",
            f"borrada/deleted: {shown(self.database)}",
            f"documentos borrados/documents deleted: {before - left}; dañados/damaged: {scribbled}",
        )

    def compare(self, rows: dict[str, list[t.Any]], files: dict[str, t.Any]) -> None:
        """Every row and every file is as it was before the disaster."""
        restored = read_everything(self.database)
        differing = [table for table in rows.keys() | restored.keys() if rows.get(table) != restored.get(table)]
        if differing or unbalanced(self.database):
            raise DemonstrationFailedError(f"the restored database differs in {differing or 'its balance'}")
        tree = read_tree(self.documents)
        changed = [name for name in files.keys() | tree.keys() if files.get(name) != tree.get(name)]
        if changed:
            raise DemonstrationFailedError(f"the restored documents differ: {sorted(changed)[:5]}")
        counts = ", ".join(f"{table} {len(content)}" for table, content in rows.items() if not table.startswith("("))
        self.say(
            "Comparar / compare",
            f"idénticas, cada fila/every row identical: {counts}; cada comprobante cuadra/every voucher balances",
            f"idénticos, cada archivo, modo, fecha y enlace/every file, mode, time and link identical: {len(tree)}",
        )

    def finish(self) -> None:
        """Where to look."""
        kept = sorted(self.documents.parent.glob(f"{self.documents.name}__replaced*"))
        kept = kept or sorted(self.documents.parent.glob("*replaced*"))
        sets = sorted(path.parent for path in self.institution.vault.glob("*/*/*/bagit.txt"))
        self.say(
            f"Listo / done: {time.monotonic() - self.begin:.0f} s. Para mirar / where to look",
            f"registros completos/full logs:            {shown(self.directory / 'logs')}/",
            f"copias en el servidor/sets on the server: {shown(self.institution.disk(SERVER))}/",
            f"bóveda/vault:                             {shown(self.institution.vault)}/",
            f"base restaurada/restored database:        {shown(self.database)}",
            *(f"lo reemplazado/what was replaced:         {shown(path)}" for path in kept),
            "verificar sin esta colección/verify without this collection:",
            *(f"  (cd {shown(path)} && sha256sum -c --quiet manifest-sha256.txt)" for path in sets[:1]),
            *(f"  less {shown(path / 'backup.json')}" for path in sets[:1]),
            "seguir a mano, mientras otra demostración no lo borre; la nube ya no está/",
            "go on by hand, until another demonstration removes it; the cloud has gone:",
            "  ANSIBLE_STDOUT_CALLBACK=infitulua.backup.report python3 -m development.environment --profile demo \\",
            f"    ansible-playbook -i {shown(self.institution.inventory)} infitulua.backup.step2_back_up"
            " -e backup_run_id=otra",
        )


def wipe(directory: Path) -> None:
    """Remove what the last run left, whatever modes its files have."""
    for current, _subdirectories, _files in os.walk(directory):
        os.chmod(current, 0o700)
    shutil.rmtree(directory, ignore_errors=False) if directory.exists() else None


def main() -> int:
    """Entry point of the command line."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has it ignored
    adopt_orphans()
    BUILD.mkdir(exist_ok=True)
    lock = open(BUILD / "demo.lock", "w")  # noqa: SIM115  # held until this program ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("demo: otra está en marcha aquí / another one is running in this checkout", file=sys.stderr)
        return 1
    wipe(DIRECTORY)
    DIRECTORY.mkdir(parents=True, mode=0o700)
    demonstration = Demonstration(DIRECTORY)
    try:
        demonstration.run()
    except (DemonstrationFailedError, ServiceFailedError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrumpida; nada queda en marcha / interrupted; nothing is left running", file=sys.stderr)
        return 130
    finally:
        demonstration.store.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
