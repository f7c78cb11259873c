# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold on the hosts of every scenario: owners, modes, keys, secrets, programs, ports, timers."""

from __future__ import annotations

import shlex
import typing as t
from pathlib import Path

import pytest

CONFIGURATION = "/etc/infitulua-backup"
STATE = "/var/lib/infitulua-backup"
DISK = "/var/backups/infitulua"
STORAGE = "/srv/backup"
ACCOUNT = "infitulua-backup"
ROOT = ("root", "root")

ON_SERVERS = [
    (CONFIGURATION, 0o755, ROOT),
    (f"{CONFIGURATION}/recipients", 0o644, ROOT),
    (f"{CONFIGURATION}/signing_key", 0o600, ROOT),
    (f"{CONFIGURATION}/signing_key.pub", 0o644, ROOT),
    (f"{CONFIGURATION}/cloud_credentials", 0o600, ROOT),
    (STATE, 0o711, ROOT),
    (DISK, 0o2750, ("root", ACCOUNT)),
    (f"{STATE}/restore", 0o700, (ACCOUNT, ACCOUNT)),
    (f"{STATE}/home", 0o750, ("root", ACCOUNT)),
    (f"{STATE}/home/.ssh", 0o750, ("root", ACCOUNT)),
    (f"{STATE}/home/.ssh/authorized_keys", 0o640, ("root", ACCOUNT)),
]
ON_THE_SYSTEMS_COMPUTER = [
    (CONFIGURATION, 0o700, ROOT),
    (f"{CONFIGURATION}/operational.identity", 0o600, ROOT),
    (f"{CONFIGURATION}/recipients", 0o644, ROOT),
    (f"{CONFIGURATION}/pull_key", 0o600, ROOT),
    (f"{CONFIGURATION}/delivery_key", 0o600, ROOT),
    (f"{CONFIGURATION}/known_hosts", 0o644, ROOT),
    (f"{CONFIGURATION}/allowed_signers", 0o644, ROOT),
    (f"{CONFIGURATION}/cloud_credentials", 0o600, ROOT),
    (STORAGE, 0o700, ROOT),
    (f"{STORAGE}/incoming", 0o700, ROOT),
    (f"{STORAGE}/vault", 0o700, ROOT),
    (f"{STORAGE}/delivery", 0o700, ROOT),
]


@pytest.mark.parametrize(("path", "mode", "owner"), ON_SERVERS)
def test_a_servers_files_belong_to_whom_they_should(
    server: t.Any, path: str, mode: int, owner: tuple[str, str]
) -> None:
    file = server.file(path)
    assert (oct(file.mode), (file.user, file.group)) == (oct(mode), owner)


@pytest.mark.parametrize(("path", "mode", "owner"), ON_THE_SYSTEMS_COMPUTER)
def test_the_systems_computers_files_belong_to_whom_they_should(
    systems_computer: t.Any, path: str, mode: int, owner: tuple[str, str]
) -> None:
    file = systems_computer.file(path)
    assert (oct(file.mode), (file.user, file.group)) == (oct(mode), owner)


def test_an_ordinary_user_reads_no_secret_and_no_backup(host_name: str, reach: t.Callable[..., t.Any]) -> None:
    places = [CONFIGURATION, STATE, DISK, STORAGE]
    found = reach(host_name, sudo=False).run(f"find {' '.join(places)} -type f -readable 2>/dev/null").stdout.split()
    public = {"recipients", "signing_key.pub", "pull_key.pub", "delivery_key.pub", "known_hosts", "allowed_signers"}
    assert {path.rsplit("/", 1)[1] for path in found} <= public


def test_no_server_holds_a_key_that_reads_backups(server: t.Any) -> None:
    # -s: sockets and what vanishes meanwhile; the pattern is split so that the command does not find itself.
    found = server.run("grep -rsl --devices=skip 'AGE-SECRET''-KEY-' /etc /home /root /run /srv /tmp /var")
    assert found.stdout == ""


def test_no_host_holds_the_directors_key(host_name: str, reach: t.Callable[..., t.Any], ephemeral: Path) -> None:
    key = next(line for line in (ephemeral / "escrow.identity").read_text().splitlines() if line[0] != "#")
    found = reach(host_name).run(f"grep -rsl --devices=skip {key[:5]}''{key[5:]} /etc /home /root /run /srv /tmp /var")
    assert found.stdout == ""


def test_no_secret_is_in_a_log_or_a_temporary_file(
    host_name: str, reach: t.Callable[..., t.Any], secrets: dict[str, str]
) -> None:
    # Split, so that the command does not find itself.
    words = " ".join(f"-e {secret[:8]}''{secret[8:]}" for secret in secrets.values())
    found = reach(host_name).run(
        f"journalctl --no-pager | grep -F {words}; grep -rslF {words} /tmp /var/tmp /home /root"
    )
    assert found.stdout == ""


def test_the_account_has_two_keys_each_bound_to_one_directory(server: t.Any) -> None:
    lines = server.file(f"{STATE}/home/.ssh/authorized_keys").content_string.splitlines()
    keys = [line for line in lines if not line.startswith("#")]
    assert [key.split(" ssh-ed25519 ")[0] for key in keys] == [
        f'restrict,command="/usr/bin/rrsync -ro {DISK}"',
        f'restrict,command="/usr/bin/rrsync -wo {STATE}/restore"',
    ]
    assert server.run(f"getent shadow {ACCOUNT}").stdout.split(":")[1] == "*"
    assert "not allowed to run sudo" in server.run(f"sudo -n -l -U {ACCOUNT}").stdout


@pytest.fixture
def session(server_name: str, systems_computer: t.Any, addresses: dict[str, str]) -> t.Callable[..., t.Any]:
    """Return a function that runs ssh or rsync on the systems computer, to a server, with one of its keys."""

    def run(key: str, program: str, *arguments: str) -> t.Any:
        options = ["IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=yes"]
        options += [f"UserKnownHostsFile={CONFIGURATION}/known_hosts"]
        ssh = ["ssh", "-F", "none", "-i", f"{CONFIGURATION}/{key}_key", *(f"-o{option}" for option in options)]
        there = f"{ACCOUNT}@{addresses[server_name]}"
        if program == "rsync":
            argv = ["rsync", "-e", shlex.join(ssh), *(text.replace("SERVER:", f"{there}:") for text in arguments)]
        else:
            argv = [*ssh, there, *arguments]
        return systems_computer.run(f"timeout 20 {shlex.join(argv)}")

    return run


def test_the_pull_key_lists_the_disk_and_nothing_above_it(session: t.Callable[..., t.Any]) -> None:
    listing = session("pull", "rsync", "--list-only", "SERVER:./")
    assert listing.rc == 0
    above = session("pull", "rsync", "--list-only", "SERVER:../../")
    assert above.rc != 0 or "spool" not in above.stdout
    absolute = session("pull", "rsync", "SERVER:/etc/hostname", "/root/stolen")
    assert absolute.rc != 0


@pytest.mark.parametrize("key", ["pull", "delivery"])
def test_neither_key_opens_a_shell(session: t.Callable[..., t.Any], key: str) -> None:
    answer = session(key, "ssh", "id")
    assert answer.rc != 0
    assert "uid=" not in answer.stdout


def test_the_pull_key_does_not_write(session: t.Callable[..., t.Any]) -> None:
    answer = session("pull", "rsync", "/etc/hostname", "SERVER:./written")
    assert answer.rc != 0
    assert "written" not in session("pull", "rsync", "--list-only", "SERVER:./").stdout


def test_the_pull_key_does_not_delete(session: t.Callable[..., t.Any], server: t.Any) -> None:
    server.run(f"echo kept >{DISK}/kept; chmod 0640 {DISK}/kept")
    session("pull", "rsync", "--remove-source-files", "SERVER:./kept", "/root/fetched")
    listing = session("pull", "rsync", "--list-only", "SERVER:./").stdout
    server.run(f"rm {DISK}/kept")
    assert " kept\n" in listing


def test_the_delivery_key_does_not_read(session: t.Callable[..., t.Any]) -> None:
    assert session("delivery", "rsync", "--list-only", "SERVER:./").rc != 0


def test_the_delivery_key_does_not_write_elsewhere(session: t.Callable[..., t.Any], server: t.Any) -> None:
    for target in ("SERVER:../written", "SERVER:/etc/written", f"SERVER:{DISK}/written"):
        assert session("delivery", "rsync", "/etc/hostname", target).rc != 0
    assert server.run(f"find {STATE} {DISK} /etc -name written").stdout == ""


def test_a_servers_cloud_key_puts_and_nothing_else(
    server_name: str, reach: t.Callable[..., t.Any], cloud: dict[str, t.Any]
) -> None:
    """With the file that the playbooks wrote, and the operating system's boto3."""
    script = f"""
import boto3, botocore
client = boto3.session.Session(profile_name="infitulua-backup").client(
    "s3", endpoint_url={cloud["endpoint_url"]!r}, region_name={cloud["region"]!r}, verify="/etc/ssl/cloud.pem")
bucket = {cloud["bucket"]!r}
def tried(operation, **parameters):
    try:
        getattr(client, operation)(Bucket=bucket, **parameters)
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "done"
key = {server_name!r} + "/.probe"
print(tried("get_object", Key=key), tried("head_object", Key=key), tried("list_objects_v2", Prefix={server_name!r}),
      tried("list_object_versions"), tried("delete_object", Key=key), tried("put_object", Key="another/.probe"))
"""
    environment = f"AWS_SHARED_CREDENTIALS_FILE={CONFIGURATION}/cloud_credentials"
    answer = reach(server_name).run(f"{environment} python3 -c {shlex.quote(script)}")
    assert answer.stdout.split() == ["403"] * 6, answer.stderr


def test_nothing_of_a_restore_is_left(server: t.Any, systems_computer: t.Any) -> None:
    assert server.run(f"ls -A {STATE}/restore").stdout == ""
    assert server.run(f"find {STATE} {DISK} /tmp -name '*identity*' -o -name '*.partial'").stdout == ""
    assert systems_computer.run(f"ls -A {STORAGE}/delivery").stdout == ""
    assert systems_computer.run(f"find {STORAGE} -name '*.partial'").stdout == ""


@pytest.mark.parametrize("package", ["age", "zstd", "rsync", "python3-boto3"])
def test_a_server_has_the_programs_that_its_backups_need(server: t.Any, package: str) -> None:
    assert server.package(package).is_installed


@pytest.mark.parametrize("package", ["age", "zstd", "rsync", "python3-boto3", "openssh-client", "bubblewrap"])
def test_the_systems_computer_has_the_programs_that_verifying_and_restoring_need(
    systems_computer: t.Any, package: str
) -> None:
    assert systems_computer.package(package).is_installed


LISTENS = "ss -lntuH | awk '{ print $1, $5 }' | sort -u"
TIMERS = "systemctl list-unit-files --type=timer --no-legend | awk '{ print $1, $2 }' | sort"


@pytest.mark.parametrize("question", [LISTENS, TIMERS], ids=["no port opened", "no timer added"])
def test_a_host_is_as_quiet_as_it_was(
    host_name: str, reach: t.Callable[..., t.Any], ephemeral: Path, question: str
) -> None:
    before = (ephemeral / f"quiet-{host_name}").read_text().splitlines()
    now = reach(host_name).run(question).stdout.splitlines()
    assert now != []
    assert set(now) <= set(before)
