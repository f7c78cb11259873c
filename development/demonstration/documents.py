# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users' documents: a tree with what such trees hold, from accents in names to links; deterministic."""

from __future__ import annotations

import hashlib
import os
import random
import stat
from pathlib import Path

_OFFICES = (
    "Gerencia",
    "Dirección Administrativa y Financiera",
    "Tesorería",
    "Jurídica y contratación",
    "Talento humano",
    "Planeación/Proyectos de inversión/Año 2026",
)
_KINDS = ("Acta de reunión", "Informe de gestión", "Resolución", "Presupuesto — versión", "Oficio n.º", "Señal ñandú")
_EPOCH = 1_780_000_000  # seconds since 1970: an ordinary day in 2026


def make_documents(root: Path, *, per_office: int = 40, seed: int = 407) -> None:
    """Make the tree.

    :param per_office: documents in each of the offices' directories, 200 bytes to 60 KB each.
    """
    chooser = random.Random(seed)
    for office in _OFFICES:
        directory = root / office
        directory.mkdir(parents=True)
        for number in range(1, per_office + 1):
            path = directory / f"{chooser.choice(_KINDS)} {number:03d}.{chooser.choice(('odt', 'ods', 'pdf'))}"
            # Half of it compresses, as real documents do.
            size = chooser.randrange(100, 30_000)
            path.write_bytes(chooser.randbytes(size) + b"INFITULUA " * (size // 10))
            path.chmod(0o640 if number % 3 else 0o600)
            moment = _EPOCH + chooser.randrange(10_000_000)
            os.utime(path, (moment, moment))
    treasury, management = root / "Tesorería", root / "Gerencia"
    (treasury / "vacía").mkdir(mode=0o750)
    (treasury / "archivo vacío.txt").touch()
    (treasury / " espacios  y 'comillas' \"dobles\".txt").write_text("$(no se ejecuta) `tampoco`\n")
    (treasury / "-rf con guion.txt").write_text("un nombre que parece una opción\n")
    (treasury / "salto\nde línea.txt").write_text("un nombre con un salto de línea\n")
    (management / "Último informe.pdf").symlink_to(sorted(management.iterdir())[0].name)
    (management / "Enlace a tesorería").symlink_to("../Tesorería", target_is_directory=True)
    (management / "Enlace roto").symlink_to("no existe")
    os.link(sorted(treasury.glob("*.*"))[3], management / "El mismo documento, dos nombres")
    with open(root / "disperso.img", "wb") as sparse:
        sparse.truncate(4 * 1024 * 1024)
        sparse.seek(2 * 1024 * 1024)
        sparse.write(b"en medio de la nada")


def read_tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a directory: mode, owner, and a link's target or a file's size, time, SHA-256 and other name."""
    found: dict[str, tuple[object, ...]] = {}
    first_names: dict[tuple[int, int], str] = {}
    for directory, subdirectories, files in os.walk(root):
        for name in sorted([*subdirectories, *files]):
            path = Path(directory, name)
            status = path.lstat()
            facts: list[object] = [oct(status.st_mode), status.st_uid, status.st_gid]
            if stat.S_ISLNK(status.st_mode):
                facts.append(os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                facts += [status.st_size, int(status.st_mtime), hashlib.sha256(path.read_bytes()).hexdigest()]
                if status.st_nlink > 1:
                    first = first_names.setdefault((status.st_dev, status.st_ino), str(path.relative_to(root)))
                    facts.append(f"the same file as {first}")
            found[str(path.relative_to(root))] = tuple(facts)
        subdirectories.sort()
    return found
