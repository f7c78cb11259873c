# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that the other tests stand on do what they promise."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from development import environment
from development.services import _process
from development.services.object_store import ObjectStore
from development.services.postgresql import PostgresqlServer
from development.services.sshd import SshServer

botocore_exceptions = pytest.importorskip("botocore.exceptions")


def _refused(call: object, **arguments: object) -> int:
    with pytest.raises(botocore_exceptions.ClientError) as caught:
        call(**arguments)  # type: ignore[operator]
    return int(caught.value.response["ResponseMetadata"]["HTTPStatusCode"])


def test_writer_can_put_and_nothing_else(object_store: ObjectStore) -> None:
    writer, bucket = object_store.client(object_store.writer), object_store.bucket
    writer.put_object(Bucket=bucket, Key="services/a", Body=b"a", IfNoneMatch="*")
    assert _refused(writer.put_object, Bucket=bucket, Key="services/a", Body=b"b", IfNoneMatch="*") == 412
    for call in (writer.get_object, writer.head_object, writer.delete_object):
        assert _refused(call, Bucket=bucket, Key="services/a") == 403
    assert _refused(writer.list_objects_v2, Bucket=bucket) == 403
    assert _refused(writer.put_object, Bucket="elsewhere", Key="a", Body=b"a") in (403, 404)


def test_reader_can_read_and_nothing_else(object_store: ObjectStore) -> None:
    bucket = object_store.bucket
    object_store.client().put_object(Bucket=bucket, Key="services/r", Body=b"text")
    reader = object_store.client(object_store.reader)
    assert reader.get_object(Bucket=bucket, Key="services/r")["Body"].read() == b"text"
    assert reader.list_objects_v2(Bucket=bucket, Prefix="services/r")["KeyCount"] == 1
    assert _refused(reader.put_object, Bucket=bucket, Key="services/r", Body=b"b") == 403
    assert _refused(reader.delete_object, Bucket=bucket, Key="services/r") == 403


def test_bucket_keeps_versions_and_locks(object_store: ObjectStore) -> None:
    admin, bucket = object_store.client(), object_store.bucket
    assert admin.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    configuration = admin.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert configuration["ObjectLockEnabled"] == "Enabled"


def test_objects_survive_a_restart(tmp_path: Path) -> None:
    with ObjectStore(tmp_path, writers=["srv1"]) as store:
        writer = store.client(store.writers["srv1"])
        writer.put_object(Bucket=store.bucket, Key="srv1/a", Body=b"a")
        assert _refused(writer.put_object, Bucket=store.bucket, Key="srv2/a", Body=b"a") == 403
        address = store.endpoint_url
        store.stop()
        store.start()
        assert store.endpoint_url == address
        assert store.client().get_object(Bucket=store.bucket, Key="srv1/a")["Body"].read() == b"a"


def test_postgresql_asks_for_the_password_over_tcp(postgresql_server: PostgresqlServer) -> None:
    assert postgresql_server.psql("SHOW server_version_num").startswith(str(postgresql_server.major))
    argv = [postgresql_server.program("psql"), "-h", postgresql_server.host, "-p", str(postgresql_server.port)]
    argv += ["-U", postgresql_server.user, "-XAtc", "SELECT current_user", "postgres"]
    right, wrong = (
        subprocess.run(argv, env={**os.environ, "PGPASSWORD": password}, capture_output=True, text=True, check=False)
        for password in (postgresql_server.password, "wrong")
    )
    assert right.stdout.strip() == postgresql_server.user
    assert "password authentication failed" in wrong.stderr


def test_postgresql_recovers_from_a_crash(postgresql_server: PostgresqlServer) -> None:
    postgresql_server.psql("CREATE TABLE crash AS SELECT 1 AS a")
    postgresql_server.crash()
    postgresql_server.start()
    assert postgresql_server.psql("SELECT a FROM crash") == "1"
    postgresql_server.psql("DROP TABLE crash")


def test_ssh_key_restricted_to_a_command(ssh_server: SshServer) -> None:
    assert ssh_server.run("echo free") == "free\n"
    restricted = ssh_server.authorize("restricted", command='echo "only this"', restrict=True)
    assert ssh_server.run("id", identity_file=restricted) == "only this\n"


def _runs(pid: int) -> bool:
    """Say whether a process runs: one that has ended is in the list for as long as nobody asks for its status."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_no_service_outlives_the_program_that_started_it(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        # A program that a shell starts in the background has SIGINT ignored.
        "import signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from pathlib import Path; from development.services._process import Server; "
        "print(Server(['sleep', '300'], log=Path(sys.argv[1])).pid, flush=True); time.sleep(300)"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "log")]
    with subprocess.Popen(argv, cwd=environment.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.send_signal(number)
        starter.wait(20)
    end = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(pid), shlex.join(argv)


def test_service_that_fails_shows_its_log(tmp_path: Path) -> None:
    server = _process.Server(["sh", "-c", "echo out of order >&2; exit 3"], log=tmp_path / "log")
    with pytest.raises(_process.ServiceFailedError, match=r"(?s)status 3.*out of order"):
        server.wait_until(lambda: False, timeout=10, what="it")
