# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What step 1 does to a host: keys made once and whole, directories as they must be, and nothing secret shown."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare import access
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core
from development.services.object_store import ObjectStore
from tests.integration.core.test_faults import keys_are_whole
from tests.integration.failing_calls import MODULE, run

CANARY = "canary-7c2e-never-to-be-seen"
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"


def identity(path: Path) -> str:
    """Make an age identity; its public part."""
    core.need("age-keygen")
    subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)
    return subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, t.Any]:
    """Everything that a directory of keys may hold."""
    core.need("ssh-keygen")
    return {
        "path": str(tmp_path / "keys"),
        "mode": "0700",
        "host": "srv",
        "apart_from": [str(tmp_path / "storage")],
        "identity": True,
        "recipients": True,
        "escrow_recipient": identity(tmp_path / "escrow"),
        "signing": True,
        "ssh_keys": ["pull", "delivery"],
        "signers": [{"host": "srv", "key": f"{SSH_KEY}A"}],
        "known_hosts": [{"host": "srv", "port": 2222, "keys": [f"{SSH_KEY}B"]}],
    }


def test_keys_are_made_once_and_check_mode_predicts_them(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    keys = tmp_path / "keys"
    predicted = run("host_keys", {**wanted, "_ansible_check_mode": True})
    assert not keys.exists()
    made = run("host_keys", wanted)
    assert not made.get("failed"), made
    headers = [[entry["after_header"] for entry in answer["diff"]] for answer in (predicted, made)]
    assert headers[0] == headers[1]
    modes = {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()}
    private = {"operational.identity", "signing_key", "pull_key", "delivery_key"}
    assert modes.pop(".lock") == 0o600
    public = {"recipients", "allowed_signers", "known_hosts", "signing_key.pub", "pull_key.pub", "delivery_key.pub"}
    assert modes == {**dict.fromkeys(private, 0o600), **dict.fromkeys(public, 0o644)}
    assert keys.stat().st_mode & 0o777 == 0o700
    # What nobody may see, and what everybody may.
    shown = json.dumps([predicted, made])
    for name in private:
        secret = [line for line in (keys / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        assert not any(line in shown for line in secret if not line.startswith("-----"))
    for name, key in (("signing_key", made["signing_public_key"]), ("pull_key", made["ssh_public_keys"]["pull"])):
        assert (keys / f"{name}.pub").read_text(encoding="utf-8").startswith(f"{key} ")
    assert made["operational_recipient"] in (keys / "recipients").read_text(encoding="utf-8").splitlines()
    before = core.tree(str(keys))
    for options in (wanted, {**wanted, "_ansible_check_mode": True}):
        again = run("host_keys", options)
        assert not again["changed"]
        assert [again[name] for name in ("operational_recipient", "signing_public_key", "ssh_public_keys")] == [
            made[name] for name in ("operational_recipient", "signing_public_key", "ssh_public_keys")
        ]
    assert core.tree(str(keys)) == before


def test_what_is_known_of_others_stays(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    assert run("host_keys", wanted)["changed"]
    only = {"path": wanted["path"], "mode": "0700", "host": "pc"}
    news = {
        "signers": [{"host": "Alfa", "key": f"{SSH_KEY}C"}, {"host": "srv", "key": f"{SSH_KEY}D"}],
        "known_hosts": [{"host": "alfa", "keys": [f"{SSH_KEY}E"]}],
    }
    assert [entry["after_header"].rsplit("/", 1)[1] for entry in run("host_keys", {**only, **news})["diff"]] == [
        "allowed_signers",
        "known_hosts",
    ]
    anew = {"known_hosts": [{"host": "srv", "port": 2222, "keys": [f"{SSH_KEY}F", f"{SSH_KEY}G"]}]}
    run("host_keys", {**only, **anew})
    keys = tmp_path / "keys"
    # A server that was built anew has another key to sign with, and its older sets are still its own.
    assert (keys / "allowed_signers").read_text(encoding="utf-8").splitlines()[1:] == [
        f'Alfa namespaces="infitulua.backup" {SSH_KEY}C',
        f'srv namespaces="infitulua.backup" {SSH_KEY}A',
        f'srv namespaces="infitulua.backup" {SSH_KEY}D',
    ]
    assert (keys / "known_hosts").read_text(encoding="utf-8").splitlines()[1:] == [
        f"alfa {SSH_KEY}E",
        f"[srv]:2222 {SSH_KEY}F",
        f"[srv]:2222 {SSH_KEY}G",
    ]
    assert not run("host_keys", {**only, **anew})["changed"]


def test_what_somebody_wrote_to_a_signer_by_hand_stays(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    keys = [f"{SSH_KEY}{letter}" for letter in "ABCD"]
    own = 'namespaces="infitulua.backup"'
    by_hand = [
        f'alfa,srv* {own},valid-before="20261101" {keys[0]} stolen on 1 November',
        f"beta\t{keys[1]}",
        f'srv {own},valid-after="20261102" {keys[2]}',
    ]
    only = {"path": str(tmp_path / "keys"), "mode": "0700", "host": "pc"}
    (tmp_path / "keys").mkdir(mode=0o700)
    file = tmp_path / "keys" / "allowed_signers"
    file.write_text("# why\n" + "".join(f"{line}\n" for line in by_hand), encoding="utf-8")
    # The same keys again are no further lines, or these would undo the limits; another host with such a key is one.
    told = [("srv1", keys[0]), ("srv", keys[2]), ("beta", keys[1]), ("gamma", keys[0]), ("srv", keys[3])]
    run("host_keys", {**only, "signers": [{"host": host, "key": key} for host, key in told]})
    assert file.read_text(encoding="utf-8").splitlines()[1:] == [
        *by_hand[:2],
        f"gamma {own} {keys[0]}",
        by_hand[2],
        f"srv {own} {keys[3]}",
    ]


def test_a_key_that_is_not_valid_any_more_signs_nothing(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    signing = run("host_keys", wanted)["signing_public_key"]
    signers = [{"host": "srv", "key": signing}]
    options = {"path": wanted["path"], "mode": "0700", "host": "srv", "signers": signers}
    run("host_keys", options)
    file, key = tmp_path / "keys" / "allowed_signers", str(tmp_path / "keys" / "signing_key")
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "infitulua.backup"]
    (tmp_path / "signature").write_bytes(subprocess.run(argv, input=b"text", check=True, capture_output=True).stdout)
    argv = ["ssh-keygen", "-q", "-Y", "verify", "-f", str(file), "-I", "srv", "-n", "infitulua.backup"]
    argv += ["-s", str(tmp_path / "signature")]
    assert subprocess.run(argv, input=b"text", capture_output=True, check=False).returncode == 0
    text = file.read_text(encoding="utf-8")
    limited = text.replace(f'srv namespaces="infitulua.backup" {signing}', f'srv valid-before="20200101" {signing}')
    assert limited != text
    file.write_text(limited, encoding="utf-8")
    assert not run("host_keys", options)["changed"]
    assert subprocess.run(argv, input=b"text", capture_output=True, check=False).returncode != 0


def test_check_mode_shows_signers_whose_keys_a_run_makes(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    run("host_keys", wanted)
    options = {"path": wanted["path"], "mode": "0700", "host": "pc", "signers": [{"host": "new", "key": ""}]}
    (difference,) = run("host_keys", {**options, "_ansible_check_mode": True})["diff"]
    assert 'new namespaces="infitulua.backup" (made by the first run)' in difference["after"].splitlines()
    assert not run("host_keys", options)["changed"]


def test_a_hostile_server_writes_no_line_about_another(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    evil = f'{SSH_KEY}A\nother namespaces="infitulua.backup" {SSH_KEY}EVIL'
    news = {"signers": [{"host": "srv", "key": evil}], "known_hosts": [{"host": "srv", "keys": [evil, " "]}]}
    assert not run("host_keys", {**wanted, **news}).get("failed")
    for name in ("allowed_signers", "known_hosts"):
        assert "other" not in (tmp_path / "keys" / name).read_text(encoding="utf-8")


def test_who_may_open_the_directory_of_keys_cannot_hold_a_run_up(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    assert run("host_keys", wanted)["changed"]
    descriptor = os.open(tmp_path / "keys", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert not run("host_keys", wanted)["changed"]
    finally:
        os.close(descriptor)


def test_what_is_beside_a_key_is_made_its_own_again(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    signing = run("host_keys", wanted)["signing_public_key"]
    beside = tmp_path / "keys" / "signing_key.pub"
    for wrong in (f"{SSH_KEY}A of another\n", None):
        beside.unlink()
        if wrong is not None:
            beside.write_text(wrong, encoding="utf-8")
        assert run("host_keys", {**wanted, "_ansible_check_mode": True})["changed"]
        assert run("host_keys", wanted)["changed"]
        assert beside.read_text(encoding="utf-8").startswith(f"{signing} ")
    assert not run("host_keys", wanted)["changed"]


def test_check_mode_predicts_that_a_key_is_kept_to_its_owner(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    run("host_keys", wanted)
    (tmp_path / "keys" / "signing_key").chmod(0o644)
    predicted = run("host_keys", {**wanted, "_ansible_check_mode": True})
    corrected = run("host_keys", wanted)
    # Its public part too: what depends on it is predicted by it.
    assert predicted == corrected
    assert (predicted["changed"], predicted["signing_public_key"][:12]) == (True, SSH_KEY[:12]), predicted
    assert not run("host_keys", wanted)["changed"]


def test_a_mistyped_recipient_leaves_those_that_were_proved(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    run("host_keys", wanted)
    before = (tmp_path / "keys" / "recipients").read_text(encoding="utf-8")
    mistyped = run("host_keys", {**wanted, "escrow_recipient": "age1" + "q" * 58})
    assert mistyped["failed"]
    assert (tmp_path / "keys" / "recipients").read_text(encoding="utf-8") == before


def test_what_would_endanger_the_backups_is_refused(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    private = (tmp_path / "escrow").read_text(encoding="utf-8").splitlines()[-1]
    own = identity(tmp_path / "own")
    server = {**wanted, "identity": False}
    cases: list[tuple[dict[str, t.Any], str]] = [
        ({**wanted, "escrow_recipient": private}, "it is a private key"),
        ({**wanted, "escrow_recipient": ""}, "there is none, and without it"),
        ({**wanted, "escrow_recipient": "age2"}, "it is not an age public key"),
        ({**wanted, "apart_from": [str(tmp_path)]}, "would be in the same place"),
        (server, "it is not known"),
        ({**server, "operational_recipient": own, "escrow_recipient": own}, "it is the operational key"),
    ]
    for options, told in cases:
        answer = run("host_keys", options)
        assert answer["failed"]
        assert told in answer["msg"], answer["msg"]
        assert private not in json.dumps(answer)
        assert not (tmp_path / "keys").exists()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "operational.identity").touch()
    damaged = run("host_keys", wanted)
    assert damaged["failed"]
    assert "It is never overwritten" in damaged["msg"]
    assert not (tmp_path / "keys" / "operational.identity").read_bytes()


def test_a_run_killed_at_a_random_moment_leaves_no_half_key(tmp_path: Path, wanted: dict[str, t.Any]) -> None:
    seed = int(os.environ["SEED"])
    print(f"SEED={seed}")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    argv = [sys.executable, "-c", MODULE, "host_keys", json.dumps(wanted)]
    begin = time.monotonic()
    run("host_keys", wanted)
    whole = time.monotonic() - begin
    for number in range(4):
        shutil.rmtree(tmp_path / "keys")
        with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:
            time.sleep(random.Random(f"{seed} {number}").uniform(0.3, 1) * whole)
            os.killpg(process.pid, signal.SIGKILL)
        made = {path.name: path.read_bytes() for path in (tmp_path / "keys").glob("*[_.][ki][ed]*") if path.is_file()}
        answer = run("host_keys", wanted)
        assert not answer.get("failed"), answer
        keys_are_whole(tmp_path, {})
        # What was there was a key, and is the same one; and nothing else is left.
        for name in ("operational.identity", "signing_key", "pull_key"):
            assert made.get(name) in (None, (tmp_path / "keys" / name).read_bytes())
        assert {path.name for path in (tmp_path / "keys").iterdir()} <= {
            ".lock",
            "operational.identity",
            "recipients",
            "allowed_signers",
            "known_hosts",
            *(f"{name}_key{end}" for name in ("signing", "pull", "delivery") for end in ("", ".pub")),
        }


def test_a_directory_that_a_run_was_killed_at_has_its_mode_after_the_next(tmp_path: Path) -> None:
    options = {"directories": [{"path": str(tmp_path / "a" / "b" / "disk"), "mode": "2750"}]}
    kill = (
        "import os, signal\n"
        "from ansible_collections.infitulua.backup.plugins.module_utils._operations.prepare import changes\n"
        "count = {count}\n"
        "def set_mode(path, *wanted, real=changes._set):\n"
        "    global count\n"
        "    count -= 1\n"
        "    if count == 0:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(path, *wanted)\n"
        "changes._set = set_mode\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for count in (1, 2, 3):
        argv = [sys.executable, "-c", kill.format(count=count) + MODULE, "host_directories", json.dumps(options)]
        killed = subprocess.run(argv, env=environment, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed
        assert run("host_directories", options)["changed"]
        assert [path.stat().st_mode & 0o7777 for path in sorted(tmp_path.rglob("*"))] == [0o2750] * 3
        shutil.rmtree(tmp_path / "a")


def test_directories_are_made_corrected_and_tried(tmp_path: Path) -> None:
    disk = {"path": str(tmp_path / "a" / "disk"), "mode": "2750"}
    options = {"directories": [{"path": str(tmp_path / "a"), "mode": "0711", "probe": False}, disk]}
    predicted = run("host_directories", {**options, "_ansible_check_mode": True})
    assert not (tmp_path / "a").exists()
    assert [entry["free_bytes"] for entry in predicted["directories"]] == [None, None]
    made = run("host_directories", options)
    assert (predicted["diff"], predicted["changed"]) == (made["diff"], True)
    assert [(tmp_path / name).stat().st_mode & 0o7777 for name in ("a", "a/disk")] == [0o711, 0o2750]
    assert not run("host_directories", options)["changed"]
    assert not list((tmp_path / "a" / "disk").iterdir())
    (tmp_path / "a" / "disk").chmod(0o777)
    corrected = run("host_directories", options)
    assert [entry["after_header"] for entry in corrected["diff"]] == [disk["path"]]
    assert (tmp_path / "a" / "disk").stat().st_mode & 0o7777 == 0o2750
    (tmp_path / "file").touch()
    cases: list[tuple[dict[str, t.Any], str]] = [
        ({**disk, "minimum_free_bytes": 10**18}, " must be. Free some space"),
        ({"path": str(tmp_path / "b" / "c"), "require_mount": str(tmp_path)}, "nothing is mounted on"),
        ({"path": str(tmp_path / "file")}, "is no directory"),
        ({"path": str(tmp_path / "b"), "owner": "nobody-of-this-name"}, "there is no nobody-of-this-name"),
        ({"path": str(tmp_path / "b"), "mode": "u=rwx"}, "it is not in octal digits"),
    ]
    for directory, told in cases:
        answer = run("host_directories", {"directories": [directory]})
        assert answer["failed"]
        assert told in answer["msg"], answer["msg"]
    assert not (tmp_path / "b").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="what it writes is root's")
def test_each_key_that_is_let_in_can_do_one_thing(tmp_path: Path) -> None:
    core.need("rrsync")
    home = tmp_path / "home"
    options = {
        "user": "nogroup",
        "home": str(home),
        "pull_public_key": f"{SSH_KEY}A",
        "pull_directory": "/srv/disk",
        "delivery_public_key": f"{SSH_KEY}B",
        "delivery_directory": "/srv/restore",
    }
    check = {**options, "_ansible_check_mode": True}
    before_the_first_run = {**check, "pull_public_key": "", "delivery_public_key": ""}
    predicted = run("host_access", before_the_first_run)
    without_account = run("host_access", {**before_the_first_run, "user": "nobody-of-this-name"})
    assert without_account["diff"][0]["after"] == "directory, mode 0750, owner 0, group (made by the first run)\n"
    for refused in ({"delivery_public_key": "age1"}, {"pull_public_key": options["delivery_public_key"]}):
        assert [run("host_access", {**each, **refused})["failed"] for each in (check, options)] == [True, True]
    assert not home.exists()
    answer = run("host_access", options)
    # Exact but for the keys that nobody can know before they are made.
    as_predicted = json.dumps(answer["diff"])
    for letter in "AB":
        as_predicted = as_predicted.replace(f"{SSH_KEY}{letter}", "(made by the first run)")
    assert json.loads(as_predicted) == predicted["diff"]
    # New keys would take the place of those that are let in, and check mode says which these are.
    (renewed,) = run("host_access", {**check, "pull_public_key": ""})["diff"]
    assert renewed["before"] == (home / ".ssh" / "authorized_keys").read_text(encoding="ascii")
    assert renewed["after"] == renewed["before"].replace(f"{SSH_KEY}A", "(made by the first run)")
    assert answer["host_keys"] == access.host_keys()
    file = home / ".ssh" / "authorized_keys"
    rrsync = shutil.which("rrsync")
    assert file.read_text(encoding="ascii").splitlines()[1:] == [
        f'restrict,command="{rrsync} -ro /srv/disk" {SSH_KEY}A',
        f'restrict,command="{rrsync} -wo /srv/restore" {SSH_KEY}B',
    ]
    group = file.stat().st_gid
    assert group != 0
    assert [(path.stat().st_mode & 0o777, path.stat().st_uid, path.stat().st_gid) for path in (home, file)] == [
        (0o750, 0, group),
        (0o640, 0, group),
    ]
    assert not run("host_access", options)["changed"]
    same = run("host_access", {**options, "delivery_public_key": f"{SSH_KEY}A other"})
    assert "its keys are the same one" in same["msg"]
    assert "its pull key is no public key" in run("host_access", {**options, "pull_public_key": "age1"})["msg"]


def test_what_a_host_lacks_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zstd").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = run("host_programs_info", {"programs": ["zstd", "age"], "python_modules": ["boto3"]})
    assert answer["missing"] == ["age"]
    assert answer["packages"] in (None, ["age"])
    assert answer["python"] == sys.executable


def test_a_cloud_key_is_installed_for_its_owner_once_it_is_proved_and_never_shown(
    tmp_path: Path, object_store: ObjectStore
) -> None:
    file = tmp_path / "etc" / "cloud_credentials"
    medium = {
        "type": "s3",
        "bucket": object_store.bucket,
        "endpoint_url": object_store.endpoint_url,
        "ca_bundle": str(object_store.ca_file),
        "profile": "p",
        "credentials_file": str(file),
        "state_directory": str(tmp_path / "state"),
    }
    key = object_store.writer
    options = {
        "medium": medium,
        "access_key": key.access_key,
        "secret_key": key.secret_key,
        "rights": "put_only",
    }
    check = {**options, "_ansible_check_mode": True}
    predicted = run("cloud_credentials", check)
    assert predicted["changed"]
    assert f"aws_access_key_id = {key.access_key}" in predicted["diff"][-1]["after"]
    assert key.secret_key not in json.dumps(predicted)
    assert not file.parent.exists()
    done = run("cloud_credentials", options)
    assert done["trial"]["accepted"] is True
    assert key.secret_key not in json.dumps(done)
    installed = ["[p]", f"aws_access_key_id = {key.access_key}", f"aws_secret_access_key = {key.secret_key}"]
    assert file.read_text(encoding="utf-8").splitlines()[1:] == installed
    assert file.stat().st_mode & 0o777 == 0o600
    assert not run("cloud_credentials", check)["changed"]
    # A key that may more, or that nobody could try, does not take the place of one that is right.
    mighty = {"access_key": object_store.admin.access_key, "secret_key": object_store.admin.secret_key}
    nowhere = {"medium": {**medium, "endpoint_url": "https://127.0.0.1:9"}, "secret_key": CANARY}
    for wrong in (mighty, nowhere):
        failed = run("cloud_credentials", {**options, **wrong})
        assert failed["failed"]
        assert str(wrong["secret_key"]) not in json.dumps(failed)
        assert file.read_text(encoding="utf-8").splitlines()[1:] == installed
    other = run("cloud_credentials", {**check, "secret_key": f"{CANARY}-2"})
    assert other["changed"]
    assert CANARY not in json.dumps(other)
    assert "is empty or contains a space" in run("cloud_credentials", {**check, "secret_key": "a\nb"})["msg"]
