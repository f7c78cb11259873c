# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bags as RFC 8493 describes them: written so that anybody can check them, read as if an enemy had written them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag as set_bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core


@pytest.fixture
def set_id(medium: DirectoryMedium) -> SetId:
    return core.write_set(medium)


@pytest.fixture
def bag(medium: DirectoryMedium, set_id: SetId) -> Path:
    return Path(medium.path(set_id))


def findings(bag: Path) -> list[str]:
    """What is wrong, each as kind and path."""
    return [f"{finding.kind}: {finding.path}" for finding in set_bag.validate(DirectoryContents(str(bag))).findings]


def edit(path: Path, change: t.Callable[[str], str]) -> None:
    core.overwrite(path, change(path.read_text(encoding="utf-8")).encode())


def vouch(bag: Path) -> None:
    """Makes the tag manifest fit the tag files as they are now, as somebody who knows the format would."""
    names = ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "backup.json"]
    digests = {name: set_bag.sha256_of_text((bag / name).read_text(encoding="utf-8")) for name in names}
    core.overwrite(bag / "tagmanifest-sha256.txt", set_bag.write_manifest(digests).encode())


def test_a_set_is_valid_for_us_for_sha256sum_and_for_the_reference_implementation(bag: Path) -> None:
    validation = set_bag.validate(DirectoryContents(str(bag)))
    assert validation.findings == []
    files = [path for path in bag.rglob("*") if path.is_file()]
    unhashed = (bag / "tagmanifest-sha256.txt").stat().st_size
    assert validation.bytes_read == sum(path.stat().st_size for path in files) - unhashed
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--strict", "--quiet", "-c", manifest], cwd=bag, check=True)
    reference = pytest.importorskip("bagit", reason="the development environment brings it")
    reference.Bag(str(bag)).validate()


def test_the_reference_implementation_sees_what_we_see(bag: Path) -> None:
    reference = pytest.importorskip("bagit", reason="the development environment brings it")
    table = next(bag.glob("data/table*"))
    core.overwrite(table, table.read_bytes()[:-1] + b"!")
    with pytest.raises(reference.BagValidationError):
        reference.Bag(str(bag)).validate()
    assert findings(bag) == ["mismatch: data/table.txt.zst"]


def test_a_bag_that_others_made_is_not_one_of_our_sets(medium: DirectoryMedium, tmp_path: Path) -> None:
    reference = pytest.importorskip("bagit", reason="the development environment brings it")
    foreign = Path(medium.root, "srv", "fotos", "20261122T030000Z")
    foreign.mkdir(parents=True)
    (foreign / "photo.jpg").write_bytes(b"jpeg")
    reference.make_bag(str(foreign), checksums=["sha256"])
    with pytest.raises(SetInvalid) as caught:
        set_verification.verify(medium, SetId.parse("srv/fotos/20261122T030000Z"))
    assert "backup.json" in caught.value.message
    assert any("External-Identifier" in line or "backup.json" in line for line in caught.value.details)


def test_every_kind_of_damage_is_found_at_once(bag: Path) -> None:
    table, random, empty = (next(bag.glob(f"data/{part}*")) for part in ("table", "bytes", "empty"))
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    core.overwrite(table, bytes(data))
    core.overwrite(random, random.read_bytes()[:-1])
    empty.unlink()
    (bag / "data" / "extra").write_bytes(b"")
    (bag / "note.txt").write_bytes(b"")
    edit(bag / "backup.json", lambda text: text.replace('"400.8"', '"400.9"'))
    assert sorted(findings(bag)) == [
        "mismatch: backup.json",
        "mismatch: bag-info.txt",  # Its count of bytes and files.
        "mismatch: data/bytes.txt.zst",
        "mismatch: data/table.txt.zst",
        "missing: data/empty.txt.zst",
        "unexpected: data/extra",
        "unexpected: note.txt",
    ]


def test_payload_files_that_changed_places_are_found(bag: Path) -> None:
    table, random = next(bag.glob("data/table*")), next(bag.glob("data/bytes*"))
    table.rename(bag / "data" / "between")
    random.rename(table)
    (bag / "data" / "between").rename(random)
    assert findings(bag) == ["mismatch: data/bytes.txt.zst", "mismatch: data/table.txt.zst"]


def test_an_edited_manifest_is_found(bag: Path) -> None:
    table = next(bag.glob("data/table*"))
    core.overwrite(table, b"forged")
    edit(
        bag / "manifest-sha256.txt",
        lambda text: "".join(
            line if "table" not in line else f"{set_bag.sha256_of_text('forged')}  data/table.txt.zst\n"
            for line in text.splitlines(keepends=True)
        ),
    )
    assert "mismatch: manifest-sha256.txt" in findings(bag)


@pytest.mark.parametrize("name", ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_a_missing_tag_file_is_found(bag: Path, name: str) -> None:
    (bag / name).unlink()
    assert f"missing: {name}" in findings(bag)


def test_a_tag_manifest_that_leaves_a_tag_file_out_is_found(bag: Path) -> None:
    edit(bag / "tagmanifest-sha256.txt", lambda text: "".join(text.splitlines(keepends=True)[:-1]))
    assert findings(bag) == ["missing: manifest-sha256.txt"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{digest}  ../../etc/passwd", "outside"),
        ("{digest}  /etc/passwd", "outside"),
        ("{digest}  ~root/x", "outside"),
        ("{digest}  data/../../x", "outside"),
        ("{digest}  data//x", "outside"),
        ("{digest}  data/table.txt.zst", "a second time"),
        ("{digest}  data/table.txt.zs%74", "not encoded or ended, as we write it"),
        ("no digest at all", "is not '<sha256>  <path>'"),
        ("abc  data/x", "is not '<sha256>  <path>'"),
        ("", "is not '<sha256>  <path>'"),
        ("{digest}  data/" + "x" * 5000, "is not '<sha256>  <path>'"),
    ],
)
def test_a_manifest_line_that_must_not_be_is_malformed(bag: Path, line: str, told: str) -> None:
    edit(bag / "manifest-sha256.txt", lambda text: text + line.format(digest="0" * 64) + "\n")
    vouch(bag)
    found = set_bag.validate(DirectoryContents(str(bag))).findings
    assert found[0].kind == "malformed"
    assert told in found[0].why


def test_a_manifest_that_names_what_is_no_payload_is_malformed(bag: Path) -> None:
    digest = set_bag.sha256_of_text((bag / "bag-info.txt").read_text(encoding="utf-8"))
    edit(bag / "manifest-sha256.txt", lambda text: f"{digest}  bag-info.txt\n" + text)
    vouch(bag)
    [found] = set_bag.validate(DirectoryContents(str(bag))).findings
    assert "which is not under data/" in found.why


def test_a_fetch_file_is_not_part_of_a_set(bag: Path) -> None:
    (bag / "fetch.txt").write_text("https://example.org/x 5 data/x\n", encoding="utf-8")
    assert findings(bag) == ["unexpected: fetch.txt"]


@pytest.mark.parametrize(
    "declaration",
    [
        "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n",
        "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-16\n",
        "",
        "BagIt-Version: 1.0\n",
    ],
)
def test_another_declaration_is_malformed(bag: Path, declaration: str) -> None:
    core.overwrite(bag / "bagit.txt", declaration.encode())
    vouch(bag)
    assert findings(bag) == ["malformed: bagit.txt"]


def test_a_tag_file_that_is_no_text_is_malformed(bag: Path) -> None:
    core.overwrite(bag / "bag-info.txt", b"\xff\xfe")
    assert "malformed: bag-info.txt" in findings(bag)


def test_a_value_of_bag_info_cannot_make_a_line_of_its_own() -> None:
    text = set_bag.write_bag_info(
        {"Source-Organization": "x\nExternal-Identifier: forged", "External-Identifier": "real"}
    )
    fields, problems = set_bag.read_bag_info(text)
    assert (fields["External-Identifier"], problems) == ("real", [])
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "External-Identifier:x\n",
        "External-Identifier: x",
        "External-Identifier: x\r\n",
        "External-Identifier: x\n\n",
        "External-Identifier: x\n  continued\n",
        "External-Identifier: x\nExternal-Identifier: y\n",
        "no label here\n",
        "a: b\n" * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_bag_info_that_is_not_as_we_write_it_is_malformed(text: str) -> None:
    assert [finding.kind for finding in set_bag.read_bag_info(text)[1]] == ["malformed"]


@pytest.mark.parametrize(
    "text",
    [
        "{digest} *data/x\n",
        "{digest}\tdata/x\n",
        "{upper}  data/x\n",
        "{digest}  data/x",
        "{digest}  data/x\r\n",
        "\n{digest}  data/x\n",
        "{digest}  data/x\n\n",
        "{digest}  data/x\n{digest}  data/a\n",
        "{digest}  data/x%0d\n",
    ],
    ids=repr,
)
def test_a_manifest_has_one_form_and_no_other(text: str) -> None:
    digest = "ab" * 32
    text = text.format(digest=digest, upper=digest.upper())
    assert "malformed" in [finding.kind for finding in set_bag.read_manifest(text, name="m")[1]]


def test_a_manifest_of_absurd_length_is_refused_before_it_is_read() -> None:
    text = f"{'0' * 64}  data/x\n" * 300_000
    [found] = set_bag.read_manifest(text, name="m")[1]
    assert "more than" in found.why


@pytest.mark.parametrize("name", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
@pytest.mark.parametrize(
    "change",
    [
        lambda line: line[:64].upper() + line[64:],
        lambda line: line + "\n",
        lambda line: line.replace("\n", "\r\n"),
        lambda line: line.replace("  ", " *"),
    ],
    ids=["case", "blank line", "CRLF", "binary mode"],
)
def test_a_changed_form_is_found_without_signers(bag: Path, name: str, change: t.Callable[[str], str]) -> None:
    edit(bag / name, lambda text: "".join(map(change, text.splitlines(keepends=True))))
    if name == "manifest-sha256.txt":
        vouch(bag)
    assert f"malformed: {name}" in findings(bag)


def test_a_set_of_very_many_files_is_refused(bag: Path) -> None:
    for number in range(set_bag.MAX_FILES):
        (bag / "data" / f"{number}").touch()
    with pytest.raises(SetInvalid, match="more than"):
        findings(bag)


class TestOtherThanFiles:
    """What stands in a file's place and is none is named; it neither hangs the reader nor leads it away."""

    def put(self, bag: Path, make: t.Callable[[Path], object]) -> list[str]:
        empty = next(bag.glob("data/empty*"))
        core.overwrite(empty, b"")  # So that reading nothing from the thing would be a match.
        edit(
            bag / "manifest-sha256.txt",
            lambda text: "".join(
                line if "empty" not in line else f"{set_bag.sha256_of_text('')}  data/{empty.name}\n"
                for line in text.splitlines(keepends=True)
            ),
        )
        vouch(bag)
        empty.unlink()
        make(empty)
        result: list[list[str]] = []
        reader = threading.Thread(target=lambda: result.append(findings(bag)), daemon=True)
        reader.start()
        reader.join(timeout=20)
        assert result, "the reader hangs"
        return [finding for finding in result[0] if "bag-info" not in finding]

    def test_a_fifo(self, bag: Path) -> None:
        assert self.put(bag, os.mkfifo) == ["malformed: data/empty.txt.zst"]

    def test_a_fifo_with_a_writer(self, bag: Path) -> None:
        def make(path: Path) -> None:
            os.mkfifo(path)
            self.writer = os.open(path, os.O_RDWR)

        assert self.put(bag, make) == ["malformed: data/empty.txt.zst"]
        os.close(self.writer)

    def test_a_socket(self, bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(bag / "data")

        def make(path: Path) -> None:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path.name)

        assert self.put(bag, make) == ["malformed: data/empty.txt.zst"]

    @pytest.mark.parametrize("minor", [3, 5, 7], ids=["null", "zero", "full"])
    def test_a_device(self, bag: Path, minor: int) -> None:
        core.need_root()
        if os.statvfs(bag).f_flag & os.ST_NODEV:
            pytest.skip("the file system of the temporary directory takes no devices")
        made = self.put(bag, lambda path: os.mknod(path, 0o20666, os.makedev(1, minor)))
        assert made == ["malformed: data/empty.txt.zst"]

    def test_a_link_to_a_file_with_the_right_content(self, bag: Path, tmp_path: Path) -> None:
        target = tmp_path / "outside"
        target.write_bytes(b"")
        assert self.put(bag, lambda path: path.symlink_to(target)) == ["malformed: data/empty.txt.zst"]

    def test_a_directory(self, bag: Path) -> None:
        assert self.put(bag, lambda path: path.mkdir()) == ["missing: data/empty.txt.zst"]

    def test_a_link_in_place_of_the_payload_directory(self, bag: Path, tmp_path: Path) -> None:
        shutil.move(str(bag / "data"), tmp_path / "outside")
        (bag / "data").symlink_to(tmp_path / "outside")
        found = findings(bag)
        assert "missing: data/table.txt.zst" in found
        assert "unexpected: data" in found
        assert not [finding for finding in found if finding.startswith("mismatch: data/")]


def test_a_file_that_cannot_be_read_is_not_a_mismatch(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core.need_root()
    for path in [bag, *bag.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    next(bag.glob("data/table*")).chmod(0o600)
    monkeypatch.chdir(bag)  # Its parents are root's alone.
    with core.as_user("nobody"):
        found = set_bag.validate(DirectoryContents(".")).findings
    assert [finding.kind for finding in found] == ["unreadable"]
    assert "Permission denied" in found[0].why


def test_a_message_stays_readable_however_much_is_wrong(medium: DirectoryMedium, bag: Path, set_id: SetId) -> None:
    for number in range(500):
        (bag / "data" / f"extra-{number:03}").write_bytes(b"")
    with pytest.raises(SetInvalid) as caught:
        set_verification.verify(medium, set_id)
    assert len(caught.value.details) >= 500
    assert len(caught.value.message) < 3000
    assert " more" in caught.value.message


def test_a_file_whose_name_is_no_text_is_named_all_the_same(medium: DirectoryMedium, bag: Path, set_id: SetId) -> None:
    with open(os.path.join(os.fsencode(bag), b"data", b"\xff\xfe"), "wb"):
        pass
    with pytest.raises(SetInvalid) as caught:
        set_verification.verify(medium, set_id)
    assert "unexpected: data/\\udcff\\udcfe" in caught.value.message
    caught.value.message.encode("utf-8")
    "".join(caught.value.details).encode("utf-8")
