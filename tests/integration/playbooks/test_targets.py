# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What step 5 makes of a source's description: where it is restored to when nothing, or something, is said."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest

from development.environment import ROOT

SERVER = "srv-caja"
SOURCE = {
    "name": "caja",
    "series": "400.8",
    "engine": "sqlite",
    "path": "/srv/caja/caja.db",
    "attached": ["/srv/libros/libro.db"],
    "scratch_directory": "/var/tmp",
}


def target(directory: Path, **request: t.Any) -> dict[str, t.Any]:
    """Where this request restores the source to."""
    inventory = directory / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {SERVER: {"backup_databases": [SOURCE]}}}}))
    asked = {"backup_restore_server": SERVER, "backup_restore_source": "caja", "backup_ticket": "MDA-1", **request}
    settings = [f"@{ROOT / 'playbooks' / 'vars' / name}.yml" for name in ("settings", "restore")]
    argv = ["ansible", SERVER, "-i", str(inventory), "-m", "ansible.builtin.debug", "-a", "var=_backup_target"]
    argv += [argument for each in (*settings, json.dumps(asked)) for argument in ("-e", each)]
    done = subprocess.run(argv, cwd=directory, capture_output=True, check=True, timeout=120, text=True)
    return t.cast("dict[str, t.Any]", json.loads(done.stdout[done.stdout.index("{") :])["_backup_target"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"path": SOURCE["path"], "attached": SOURCE["attached"]}),
        ({"path": "/srv/revision/caja.db"}, {"path": "/srv/revision/caja.db"}),
        ({"path": "/a.db", "attached": ["/b.db"]}, {"path": "/a.db", "attached": ["/b.db"]}),
        ({"attached": ["/b.db"]}, {"path": SOURCE["path"], "attached": ["/b.db"]}),
    ],
    ids=["in place", "elsewhere", "all elsewhere", "the others elsewhere"],
)
def test_attached_databases_have_their_own_places_only_where_the_main_one_has(
    tmp_path: Path, given: dict[str, t.Any], expected: dict[str, t.Any]
) -> None:
    assert target(tmp_path, backup_restore_target=given) == expected
