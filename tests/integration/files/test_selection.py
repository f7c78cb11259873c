# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some files of a set come back into a directory of their own: the commonest of all restores."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.names import escape
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from tests.integration.files.support import House, Picture, picture, stub
from tests.integration.files.test_faults import AS_IT_IS, kills


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """Two users' documents, with links, odd names and modes that are not the usual ones."""
    root = tmp_path / "srv" / "usuarios"
    for user in ("ana", "beto"):
        (root / user / "Documentos" / "2026").mkdir(parents=True)
        (root / user).chmod(0o710)
        (root / user / "carta.odt").write_text(f"carta de {user}")
        (root / user / "Documentos" / "2026" / "informe.ods").write_bytes(os.urandom(100_000))
        (root / user / "Documentos" / "carta vieja.odt").write_text("vieja")
    (root / "ana" / "a").write_text("en dos nombres")
    os.link(root / "ana" / "a", root / "beto" / "z-enlace")
    (root / "beto" / "atajo").symlink_to("../ana")
    (root / "ana" / "raro [1]*.txt").write_text("raro")
    (root / "ana" / "Documentos").chmod(0o555)
    return root


@pytest.fixture
def set_id(house: House, users: Path) -> SetId:
    other = users.parent / "correo"
    other.mkdir()
    (other / "buzón").write_text("x")
    dumped = house.dump("files", {"paths": [str(users), str(other)]})
    assert dumped.set_id is not None
    return dumped.set_id


def below(directory: Path, root: Path) -> Picture:
    """What was restored, by its path below the root that was archived."""
    return picture(os.fsencode(str(directory) + str(root)))


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["{users}/ana/carta.odt"], ["/ana", "/ana/carta.odt"]),
        (["*.odt"], ["/ana", "/ana/Documentos", "/ana/Documentos/carta vieja.odt", "/ana/carta.odt", "/beto",
                     "/beto/Documentos", "/beto/Documentos/carta vieja.odt", "/beto/carta.odt"]),
        (["{users}/beto/Documentos/"], ["/beto", "/beto/Documentos", "/beto/Documentos/2026",
                                        "/beto/Documentos/2026/informe.ods", "/beto/Documentos/carta vieja.odt"]),
        (["{users}/ana/raro [[]1]*"], ["/ana", "/ana/raro [1]*.txt"]),
        (["atajo", "{users}/*/2026/*"], ["/ana", "/ana/Documentos", "/ana/Documentos/2026",
                                         "/ana/Documentos/2026/informe.ods", "/beto", "/beto/Documentos",
                                         "/beto/Documentos/2026", "/beto/Documentos/2026/informe.ods", "/beto/atajo"]),
    ],
    ids=["one file", "a kind of file", "a directory", "wildcards in a name", "two patterns"],
)  # fmt: skip
def test_what_is_named_comes_back_with_the_directories_that_lead_to_it(
    house: House, users: Path, set_id: SetId, tmp_path: Path, only: list[str], expected: list[str]
) -> None:
    before = picture(os.fsencode(users))
    live = picture(os.fsencode(users.parent))
    target = tmp_path / "restaurado"
    only = [pattern.replace("{users}", str(users)) for pattern in only]

    restored = house.restore(set_id, "files", {"directory": str(target), "only": only})

    found = below(target, users)
    assert sorted(map(os.fsdecode, found)) == ["", *expected]
    # The first other name of a file depends on what else is there; all the rest must be as it was.
    assert {name: value[:-1] for name, value in found.items()} == {name: before[name][:-1] for name in found}
    assert os.listdir(target) == [str(users).split("/")[1]]
    assert restored.kept is None
    assert str(target) + str(users) in restored.before.target
    assert "came along" not in " ".join(restored.warnings)
    assert picture(os.fsencode(users.parent)) == live


def test_a_hard_link_brings_the_name_that_holds_its_content(house: House, users: Path, set_id: SetId) -> None:
    alone = []
    for name in ("a", "z-enlace"):
        target = users.parent.parent / f"restaurado-{name}"
        restored = house.restore(set_id, "files", {"directory": str(target), "only": [name]})
        found = [path for path in below(target, users) if os.path.basename(path) in (b"a", b"z-enlace")]
        assert {below(target, users)[path][6] for path in found} == {picture(os.fsencode(users))[b"/ana/a"][6]}
        assert ("came along, because hard links to it" in " ".join(restored.warnings)) is (len(found) == 2)
        alone.append(len(found))
    # One of the two is the first in the archive, and needs no other.
    assert sorted(alone) == [1, 2]


def test_a_single_file_out_of_another_tree_leaves_the_first_unread(house: House, users: Path, set_id: SetId) -> None:
    target = users.parent.parent / "restaurado"
    house.restore(set_id, "files", {"directory": str(target), "only": [f"{users.parent}/correo"]})
    assert (Path(str(target) + str(users.parent)) / "correo" / "buzón").read_text() == "x"
    assert not os.path.exists(str(target) + str(users))


@pytest.mark.parametrize(
    ("only", "error", "message"),
    [
        (["{users}/ana/crta.odt"], NotFound, "nothing in the set .* has such a name.*try an earlier set"),
        (["*.odt", "*.docx"], NotFound, r"\(\*\.docx\)"),
        (["ana/carta.odt"], Refused, "neither a whole path nor a name alone"),
        (["/"], Refused, "neither a whole path nor a name alone"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_made(
    house: House, users: Path, set_id: SetId, only: list[str], error: type[BackupError], message: str
) -> None:
    target = users.parent.parent / "restaurado"
    only = [pattern.replace("{users}", str(users)) for pattern in only]
    with pytest.raises(error, match=message):
        house.restore(set_id, "files", {"directory": str(target), "only": only})
    assert not target.exists()


def test_a_few_files_never_take_the_place_of_all(house: House, users: Path, set_id: SetId) -> None:
    live = picture(os.fsencode(users.parent))
    for replace in (False, True):
        with pytest.raises(Refused, match="would be replaced by those few files"):
            house.restore(set_id, "files", {"directory": "/", "only": ["carta.odt"]}, replace=replace)
    assert picture(os.fsencode(users.parent)) == live


def test_a_tar_that_dies_leaves_nothing(house: House, users: Path, set_id: SetId, tmp_path: Path) -> None:
    target = tmp_path / "restaurado"
    script = AS_IT_IS + "head -c 1000 >/dev/null; kill -9 $$"
    with stub(tmp_path / "bin", "tar", script), pytest.raises(BackupError, match="tar was killed by SIGKILL"):
        house.restore(set_id, "files", {"directory": str(target), "only": ["*.odt"]})
    assert not target.exists()


def test_killed_anywhere_it_is_there_or_not_and_comes_the_next_time(
    house: House, users: Path, set_id: SetId, tmp_path: Path
) -> None:
    target = tmp_path / "restaurado"
    options = {"directory": str(target), "only": [f"{users}/ana/carta.odt"]}
    job = house.job("restore", "files", options, set=str(set_id), within=str(target))
    steps = 0
    for _step in kills(house, job):
        steps += 1
        complete = Path(str(target) + str(users)).exists()
        if not complete:
            house.restore(set_id, "files", options)
        assert sorted(map(os.fsdecode, below(target, users))) == ["", "/ana", "/ana/carta.odt"]
        # One that was killed when all was done has not tidied up; there is nothing in what it left.
        left = [path for path in target.rglob("*__restoring/**/*") if path.is_file() and path.name != "lock"]
        assert left == []
        assert complete or not list(target.rglob("*__restoring"))
        subprocess.run(["rm", "-rf", target], check=True)
    assert steps > 5


ODD = [b"back\\slash", b"back\\x41slash", b"new\nline", b"bell\a\x1b[31m", b"latin-\xf1.txt", b"[1]", b"star*"]
ODD += [
    b"what?",
    b"'quoted' \"twice\"",
    b" spaces ",
    b"-dash",
    "\u202egnp.exe".encode(),
    b"$HOME",
    b"~",
    b"\\",
    b"\xff",
]


def test_a_name_as_it_is_shown_brings_its_file_back(house: House, tmp_path: Path) -> None:
    root = os.fsencode(tmp_path) + b"/srv/\\odd\xe9 [x]"
    os.makedirs(root)
    for name in ODD:
        with open(root + b"/" + name, "wb") as stream:
            stream.write(name)
    os.mkdir(root + b"/b")
    dumped = house.dump("files", {"paths": [escape(root)]})
    assert dumped.description is not None
    [shown_root] = [entry["path"] for entry in dumped.description.engine_facts["paths"]]
    for number, names in enumerate([*([name] for name in ODD), ODD]):
        target = os.fsencode(tmp_path) + b"/restored\xff%d" % number
        only = [f"{shown_root}/{escape(name)}" if number % 2 else escape(name) for name in names]
        options = {"directory": escape(target), "paths": [shown_root], "only": only}
        restored = house.restore(dumped.set_id, "files", options)
        assert restored.kept is None
        assert sorted(os.listdir(target + root)) == sorted(names)
        for name in names:
            with open(target + root + b"/" + name, "rb") as stream:
                assert stream.read() == name


def test_what_a_restore_says_of_a_name_can_be_given_back(house: House, tmp_path: Path) -> None:
    root = tmp_path / "srv"
    root.mkdir()
    (root / "a").write_text("x")
    dumped = house.dump("files", {"paths": [str(root)]})
    with pytest.raises(NotFound) as caught:
        house.restore(dumped.set_id, "files", {"directory": str(tmp_path / "r"), "only": ["lost\\xff\\\\name"]})
    assert "(lost\\xff\\\\name)" in caught.value.message
