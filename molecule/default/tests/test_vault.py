# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the day has brought where it should."""

from __future__ import annotations

import base64
import shlex
import subprocess
import typing as t
from pathlib import Path

import pytest

CONFIGURATION = "/etc/infitulua-backup"
STORAGE = "/srv/backup"


SOURCES = [
    "srv-financiero/contabilidad",
    "srv-financiero/nomina",
    "srv-financiero/usuarios",
    "srv-misional/cartera",
    "srv-misional/mesa-de-ayuda",
    "srv-misional/tesoreria",
    "srv-misional/usuarios",
]


def test_the_vault_holds_one_set_of_each_source_and_nothing_else(systems_computer: t.Any) -> None:
    found = systems_computer.run(f"cd {STORAGE}/vault && ls -d */*/*").stdout.split()
    assert sorted(path.rsplit("/", 1)[0] for path in found) == SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_a_stored_set_is_whole_and_signed_by_its_server(systems_computer: t.Any, source: str) -> None:
    """As anybody would look at it, without the collection."""
    enter = f"cd {STORAGE}/vault/{source}/* &&"
    manifests = systems_computer.run(f"{enter} sha256sum -c --quiet manifest-sha256.txt tagmanifest-sha256.txt")
    assert (manifests.rc, manifests.stdout) == (0, "")
    signer = f"-f {CONFIGURATION}/allowed_signers -I {source.split('/', maxsplit=1)[0]} -n infitulua.backup"
    signature = systems_computer.run(f"{enter} ssh-keygen -Y verify {signer} -s signature <tagmanifest-sha256.txt")
    assert signature.rc == 0


def test_a_set_is_read_with_the_directors_key_alone(systems_computer: t.Any, ephemeral: Path, tmp_path: Path) -> None:
    """The systems computer's key is lost: the escrow identity, used elsewhere, still reads what is stored."""
    found = systems_computer.run(f"ls {STORAGE}/vault/srv-financiero/contabilidad/*/data/*.age | head -1").stdout
    stored = tmp_path / "payload.age"
    stored.write_bytes(base64.b64decode(systems_computer.run(f"base64 {shlex.quote(found.strip())}").stdout))
    argv = ["age", "-d", "-i", str(ephemeral / "escrow.identity"), str(stored)]
    assert subprocess.run(argv, capture_output=True, check=True).stdout != b""
