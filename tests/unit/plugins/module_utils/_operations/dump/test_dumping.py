# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backing one source up: a set is complete or does not exist, whatever happens on the way."""

from __future__ import annotations

import os
import stat
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, LockHeld, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping, operation
from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.filters import UNENCRYPTED, Encryption, Filters
from ansible_collections.infitulua.backup.plugins.module_utils._sets.reader import SetReader, read_description
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

if t.TYPE_CHECKING:
    pass

pytestmark = pytest.mark.usefixtures("no_leftover_processes")


def test_a_set_holds_what_its_source_gave_and_says_so(medium: DirectoryMedium, keys: core.Keys) -> None:
    filters = core.encrypted(keys.technician_recipient, keys.director_recipient)
    result = dumping.dump(core.request(medium, filters=filters, run_id="daily-1"))
    assert result.set_id is not None
    assert medium.sets() == [result.set_id]
    verification, description = set_verification.verify(medium, result.set_id)
    assert description == result.description
    assert [file.part for file in description.payload] == ["table", "bytes", "empty"]
    assert description.run_id == "daily-1"
    assert description.encryption["recipients"] == [keys.technician_recipient, keys.director_recipient]
    assert set(description.versions) == {"sh", "zstd", "age"}
    assert verification.bytes > description.stored_bytes > 300_000
    info, _problems = bag.read_bag_info(Path(medium.path(result.set_id), "bag-info.txt").read_text(encoding="utf-8"))
    assert info["External-Identifier"] == str(result.set_id)
    assert info["Records-Series"] == "400.8"


def test_the_commands_that_a_set_prints_restore_it_by_hand(medium: DirectoryMedium, keys: core.Keys) -> None:
    set_id = core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
    commands = read_description(set_id, medium.contents(set_id)).restore_by_hand
    script = "set -e\n" + "\n".join(commands).replace("IDENTITY_FILE", keys.technician)
    subprocess.run(["bash", "-o", "pipefail", "-c", script], cwd=medium.path(set_id), check=True)
    restored = Path(medium.path(set_id), "table.txt").read_text(encoding="utf-8")
    assert restored == "".join(f"{number}\n" for number in range(1, 20001))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_modes_do_not_depend_on_the_umask_and_the_group_is_inherited(medium: DirectoryMedium, umask: int) -> None:
    os.chmod(medium.root, 0o2750)
    before = os.umask(umask)
    try:
        set_id = core.write_set(medium)
    finally:
        os.umask(before)
    for path in [Path(medium.path(set_id)), *Path(medium.path(set_id)).rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o2750 if path.is_dir() else 0o440), path
    assert stat.S_IMODE(Path(medium.source_path(core.HOST, core.SOURCE)).stat().st_mode) == 0o2750


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("argv", [["cat"], []], ids=["command", "no command"])
def test_a_stream_can_be_a_file_that_is_open_already(
    medium: DirectoryMedium, compress: bool, argv: list[str], tmp_path: Path
) -> None:
    options = {"commands": {"globals": argv}, "stdin": {"globals": b"CREATE ROLE contador;\n"}, "compress": compress}
    set_id = core.write_set(medium, options=options)
    received = bytearray()
    reader = SetReader(set_id, medium.path(set_id))
    with core.Processes() as processes:
        file = reader.description.file("globals")
        reader.run(file, [], processes=processes, action="read", next_step="", sink=received.extend)
    assert received == b"CREATE ROLE contador;\n"


class TestRunId:
    def test_the_same_run_changes_nothing(self, medium: DirectoryMedium) -> None:
        first = dumping.dump(core.request(medium, run_id="daily-1"))
        before = core.tree(medium.root)
        second = dumping.dump(core.request(medium, run_id="daily-1"))
        assert (first.changed, second.changed, second.set_id) == (True, False, first.set_id)
        assert core.tree(medium.root) == before

    def test_another_run_or_none_writes_another_set(self, medium: DirectoryMedium) -> None:
        for run_id in ("daily-1", "daily-2", None, None):
            assert dumping.dump(core.request(medium, run_id=run_id)).changed
        assert len(medium.sets()) == 4

    def test_the_same_run_of_another_engine_is_another_source_of_data(self, medium: DirectoryMedium) -> None:
        class OtherEngine(core.CommandsEngine):
            name = "other"

        core.write_set(medium, run_id="daily-1")
        assert dumping.dump(core.request(medium, run_id="daily-1", engine=OtherEngine({}))).changed

    @pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", None], ids=["empty", "foreign", "no text", "missing"])
    @pytest.mark.parametrize("run_id", ["daily-2", None])
    def test_an_old_set_that_has_gone_bad_does_not_stop_today(
        self, medium: DirectoryMedium, damage: bytes | None, run_id: str | None
    ) -> None:
        old = core.write_set(medium, run_id="daily-1")
        backup_json = Path(medium.path(old), "backup.json")
        if damage is None:
            backup_json.unlink()
        else:
            core.overwrite(backup_json, damage)
        assert dumping.dump(core.request(medium, run_id=run_id)).changed


class TestPreflight:
    def test_too_little_space_is_refused_before_a_byte_is_written(self, medium: DirectoryMedium) -> None:
        before = core.tree(medium.root)
        request = core.request(medium, options={"bytes": 10**18})
        for attempt in (dumping.preflight, dumping.dump):
            with pytest.raises(BackupError, match=r"bytes are free and about 10000000000\d+ are needed"):
                attempt(request)
        assert core.sets_tree(medium) == before | {core.HOST: b"<not a file>"} | {
            f"{core.HOST}/{core.SOURCE}": b"<not a file>"
        }

    def test_the_last_set_tells_how_much_is_needed(
        self, medium: DirectoryMedium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(medium, "free_bytes", lambda: 10**15)
        core.write_set(medium, options={"bytes": 10**14})
        # A source of which only a fraction reaches the disk; its size alone would be too much.
        monkeypatch.setattr(medium, "free_bytes", lambda: 10**8)
        core.write_set(medium, options={"bytes": 2 * 10**14})
        with pytest.raises(BackupError, match=r"the last set is \d+ bytes"):
            dumping.dump(core.request(medium, options={"bytes": 10**18}))

    def test_check_mode_writes_nothing(self, medium: DirectoryMedium) -> None:
        before = core.tree(medium.root)
        dumping.preflight(core.request(medium))
        assert dumping.existing(core.request(medium, run_id="daily-1")) is None
        assert core.tree(medium.root) == before

    def test_a_medium_that_is_not_there_is_refused(self, medium: DirectoryMedium) -> None:
        os.rmdir(medium.root)
        with pytest.raises(BackupError, match="the directory does not exist"):
            dumping.dump(core.request(medium))
        assert not os.path.exists(medium.root)

    def test_a_medium_whose_disk_is_not_mounted_is_refused(self, tmp_path: Path) -> None:
        medium = DirectoryMedium(path=str(tmp_path), require_mount=str(tmp_path))
        with pytest.raises(BackupError, match=f"nothing is mounted on {tmp_path}"):
            dumping.dump(core.request(medium))
        assert core.tree(tmp_path) == {}

    def test_a_medium_that_this_user_may_not_write_is_refused(self, medium: DirectoryMedium) -> None:
        os.chmod(medium.root, 0o755)
        with core.as_user("nobody"), pytest.raises(BackupError, match=r"Permission denied|may not write|not exist"):
            dumping.dump(core.request(medium))

    def test_two_sources_of_one_name_are_refused(self, medium: DirectoryMedium) -> None:
        params = {
            "medium": {"type": "directory", "path": medium.root},
            "sources": [{"name": "a"}, {"name": "b"}, {"name": "a"}],
            "recipients": [],
            "recipients_file": None,
            "encryption": UNENCRYPTED,
            "compression_level": 3,
        }
        with pytest.raises(Refused, match=r"back up sources \(a\)"):
            operation.dump_sources(params, check_mode=False)

    def test_a_source_named_as_if_a_database_of_an_entry_is_refused(self, medium: DirectoryMedium) -> None:
        params = {
            "medium": {"type": "directory", "path": medium.root},
            "sources": [{"name": "a", "databases": ["*"]}, {"name": "a.nomina"}, {"name": "ab"}],
            "recipients": [],
            "recipients_file": None,
            "encryption": UNENCRYPTED,
            "compression_level": 3,
        }
        with pytest.raises(Refused, match=r"back up sources \(a.nomina\).*could not be told apart"):
            operation.dump_sources(params, check_mode=False)


class TestEncryption:
    CANARY = "canary-7c1f0a94-the-treasurer's-salary"

    def test_encryption_without_recipients_is_refused(self) -> None:
        with pytest.raises(Refused, match="no public key was given"):
            Encryption("age")

    def test_unencrypted_must_be_meant(self, keys: core.Keys) -> None:
        with pytest.raises(Refused, match="encryption is none and yet recipients were given"):
            Encryption("none", (keys.technician_recipient,))
        with pytest.raises(Refused, match="not known"):
            Encryption("rot13")

    @pytest.mark.parametrize("recipient", ["", "age1notakey", "-x", "AGE1"])
    def test_a_recipient_that_is_no_key_is_found_before_the_dump_begins(
        self, medium: DirectoryMedium, keys: core.Keys, recipient: str
    ) -> None:
        request = core.request(medium, filters=core.encrypted(keys.technician_recipient, recipient))
        with pytest.raises(BackupError, match="encrypt to the recipients"):
            dumping.dump(request)
        assert request.engine.log == []  # type: ignore[attr-defined]
        assert medium.sets() == []

    def test_a_private_key_among_the_recipients_is_refused_and_not_repeated(self, keys: core.Keys) -> None:
        secret = Path(keys.technician).read_text(encoding="utf-8").split()[-1]
        assert secret.startswith("AGE-SECRET-KEY-")
        with pytest.raises(Refused, match="private key") as caught:
            core.encrypted(secret)
        assert secret not in str(caught.value)

    def test_plaintext_reaches_no_file_of_the_medium(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        options = {"commands": {"table": ["cat"]}, "stdin": {"table": (self.CANARY + "\n").encode() * 1000}}
        for level in (1, 19):
            filters = Filters(core.encrypted(keys.technician_recipient).encryption, level)
            core.write_set(medium, options=options, filters=filters)
        for path, data in core.tree(medium.root).items():
            assert b"canary" not in data, path
        set_id = core.write_set(medium, options={**options, "compress": False})
        assert b"canary" in core.payload(medium, set_id).read_bytes()  # It would have been seen.

    def test_either_recipient_reads_the_set_and_nobody_else(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium, filters=core.encrypted(keys.technician_recipient, keys.director_recipient))
        for identity in (keys.technician, keys.director):
            assert core.read_part(medium, set_id, "table", identity).startswith(b"1\n2\n3\n")
            SetReader(set_id, medium.path(set_id), identity_files=[identity]).probe()
        reader = SetReader(set_id, medium.path(set_id), identity_files=[keys.delivery])
        with pytest.raises(BackupError, match=keys.director_recipient):  # Says whose key it takes.
            reader.probe()
        with pytest.raises(BackupError, match="no identity was given"):
            SetReader(set_id, medium.path(set_id)).probe()

    def test_altered_ciphertext_does_not_decrypt(self, medium: DirectoryMedium, keys: core.Keys) -> None:
        set_id = core.write_set(medium, filters=core.encrypted(keys.technician_recipient))
        path = core.payload(medium, set_id, "bytes")
        data = bytearray(path.read_bytes())
        data[-1000] ^= 1
        core.overwrite(path, bytes(data))
        with pytest.raises(BackupError, match="age ended with exit status 1"):
            core.read_part(medium, set_id, "bytes", keys.technician)


class TestFailures:
    """A failure leaves one message, no trace of the set, and earlier sets as they were."""

    @pytest.fixture
    def earlier(self, medium: DirectoryMedium) -> dict[str, bytes]:
        core.write_set(medium)
        return core.tree(medium.root)

    def fail(self, medium: DirectoryMedium, earlier: dict[str, bytes], **changes: t.Any) -> str:
        with pytest.raises(BackupError) as caught:
            dumping.dump(core.request(medium, **changes))
        assert core.tree(medium.root) == earlier
        assert "\n" not in caught.value.message
        return caught.value.message

    def test_the_source_fails_mid_stream(self, medium: DirectoryMedium, earlier: dict[str, bytes]) -> None:
        script = "head -c 3000000 /dev/urandom; echo 'connection to server was lost' >&2; exit 1"
        commands = {"quick": ["seq", "10"], "failing": ["sh", "-c", script], "slow": ["sleep", "300"]}
        told = self.fail(medium, earlier, options={"commands": commands})
        assert "Could not dump failing" in told
        assert told.count("connection to server was lost") == 1

    def test_the_source_is_killed(self, medium: DirectoryMedium, earlier: dict[str, bytes]) -> None:
        commands = {"table": ["sh", "-c", "head -c 3000000 /dev/urandom; kill -KILL $$"]}
        assert "sh was killed by SIGKILL" in self.fail(medium, earlier, options={"commands": commands})

    @pytest.mark.parametrize("program", ["zstd", "age"])
    def test_a_filter_dies_mid_stream(
        self,
        medium: DirectoryMedium,
        earlier: dict[str, bytes],
        keys: core.Keys,
        path_of_stubs: Path,
        program: str,
    ) -> None:
        # The first kilobytes pass; what only looks at the version or the recipients, passes too.
        real = core.which(program)
        script = f'case "$*" in *--version*) exec {real} "$@";; esac\nhead -c 200000 | {real} "$@"'
        core.stub(path_of_stubs, program, script + "\nif read -r more; then echo 'out of memory' >&2; exit 9; fi")
        options = {"commands": {"table": ["head", "-c", "3000000", "/dev/urandom"]}}
        told = self.fail(medium, earlier, options=options, filters=core.encrypted(keys.technician_recipient))
        assert f"{program} ended with exit status 9: out of memory" in told

    def test_a_program_is_missing(
        self, medium: DirectoryMedium, earlier: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shutil.which", lambda name, path=None: None)
        assert "Install the package zstd" in self.fail(medium, earlier)

    def test_the_signing_key_is_missing(self, medium: DirectoryMedium, earlier: dict[str, bytes]) -> None:
        assert "Could not sign a set (/nonexistent)" in self.fail(medium, earlier, signing_key="/nonexistent")

    @pytest.mark.parametrize("size", [3_000_000, 8_000_000])
    def test_the_disk_is_full(self, small_disk: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dumping, "_SPACE_FLOOR", 0)  # What the source says of itself was wrong.
        medium = core.medium_at(small_disk / "sets")
        core.write_set(medium)
        earlier = core.tree(medium.root)
        options = {
            "bytes": 10,
            "commands": {part: ["head", "-c", str(size), "/dev/urandom"] for part in ("a", "b", "c")},
        }
        told = self.fail(medium, earlier, options=options)
        assert told.count("No space left on device") == 1
        assert core.HOST in told

    def test_the_disk_is_full_when_the_payload_is_written(
        self, small_disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dumping, "_SPACE_FLOOR", 0)
        medium = core.medium_at(small_disk / "sets")
        with medium.locked(core.HOST, core.SOURCE):
            earlier = core.tree(medium.root)
        room = medium.free_bytes()
        size = room - room % 4096 - 2 * 4096
        options = {"bytes": 10, "compress": False, "commands": {"a": ["head", "-c", str(size), "/dev/urandom"]}}
        assert "No space left on device" in self.fail(medium, earlier, options=options)


def test_a_second_run_on_the_same_source_is_refused(medium: DirectoryMedium) -> None:
    with medium.locked(core.HOST, core.SOURCE), pytest.raises(LockHeld) as caught:
        dumping.dump(core.request(medium))
    assert f"another run is working on it (process {os.getpid()})" in caught.value.message
    assert "Wait for it to end" in caught.value.message
    core.write_set(medium, source="another")  # And other sources are not kept waiting.
    core.write_set(medium)  # Nor is this one, afterwards.


def test_a_lock_that_this_user_may_not_open_is_told_in_words(medium: DirectoryMedium) -> None:
    Path(medium.source_path(core.HOST, core.SOURCE), ".lock").mkdir(parents=True)
    with pytest.raises(BackupError, match="lock a source"):
        dumping.dump(core.request(medium))
