# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the options of the s3 medium go together; nothing is connected to."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media import registry
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3 import store
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.bucket import Bucket
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.journal import Journals, ObjectRecord, Upload
from ansible_collections.infitulua.backup.plugins.module_utils._media.s3.streams import Region
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

SECRET = "canary-of-the-unit-tests"
GOOD = {
    "type": "s3",
    "bucket": "backups",
    "endpoint_url": "https://s3.example.org",
    "access_key": "AK",
    "secret_key": SECRET,
}
SET_ID = SetId("web1", "accounts", "20261122T030000Z")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"secret_key": None}, "go together"),
        ({"access_key": None}, "go together"),
        ({"profile": "backup"}, "both a key and a profile"),
        ({"endpoint_url": "http://s3.example.org"}, "is http"),
        ({"endpoint_url": "s3.example.org"}, "not an endpoint"),
        ({"endpoint_url": "https://user:canary-of-the-unit-tests@s3.example.org"}, "holds a user or a password"),
        ({"validate_certs": False, "ca_bundle": "/etc/passwd"}, "certificates are not checked"),
        ({"proxy_url": "http://user:canary-of-the-unit-tests@proxy:3128"}, "proxy_url holds a user or a password"),
        ({"proxy_url": "proxy:3128"}, "no http or https URL"),
        ({"bandwidth": {"upload": "fast"}}, "bandwidth.upload is 'fast'"),
        ({"bandwidth": {"download": "08:00,1K"}}, "bandwidth.download.*less than 4096"),
        ({"retain_days": 0}, "retain_days is 0"),
        ({"retain_mode": "governance"}, "no retain_days"),
        ({"prefix": "/a"}, "the prefix is '/a'"),
        ({"prefix": "a/"}, "the prefix is 'a/'"),
        ({"prefix": "a/../b"}, "the prefix is"),
        ({"path": "/srv"}, "path"),
        ({"bucket": None}, "bucket"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        make_medium({**GOOD, **wrong})
    assert SECRET not in caught.value.message


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match=r"/nowhere/ca\.pem"):
        make_medium({**GOOD, "ca_bundle": "/nowhere/ca.pem"})


def test_the_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(NotFound, match="python3-boto3"):
        make_medium(GOOD)


def test_the_library_is_loaded_only_for_a_bucket() -> None:
    """It takes half a second, in every task."""
    path = [str(Path(registry.__file__).parents[6]), *sys.path]
    statement = f"import sys; sys.path[:0] = {path!r}; import {registry.__name__}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=True)
    loaded = set(answer.stdout.split())
    assert registry.__name__ in loaded
    assert not loaded & {store.__name__, "botocore"}


def test_the_secret_shows_nowhere() -> None:
    assert SECRET not in repr(Bucket("b", access_key="AK", secret_key=SECRET))


def test_a_journal_is_read_as_it_was_written_and_nobody_else_may_look(tmp_path: Path) -> None:
    journals = Journals(str(tmp_path / "state"), Bucket("b"), "")
    record = ObjectRecord(5, "0" * 64, upload_id="u", part_bytes=5, parts={"1": {"etag": "e", "crc32": "c"}})
    upload = Upload(str(SET_ID), "bucket b", "1" * 64, "/srv/x", objects={"data/1.age": record})
    with journals.locked(SET_ID):
        journals.write(SET_ID, upload)
    assert journals.read(SET_ID) == upload
    assert journals.sets() == [SET_ID]
    for path in (tmp_path / "state").rglob("*.json"):
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "state" / "s3").stat().st_mode & 0o077 == 0
    journals.forget(SET_ID)
    assert journals.read(SET_ID) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"objects": 1}'])
def test_a_journal_that_makes_no_sense_stops_the_upload(tmp_path: Path, text: str) -> None:
    journals = Journals(str(tmp_path), Bucket("b"), "")
    path = Path(journals.path(SET_ID))
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(BackupError, match="read the journal"):
        journals.read(SET_ID)


def test_a_region_gives_just_its_bytes_again_and_again_until_stopped(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        stopped = threading.Event()
        region = Region(descriptor, 2, 5, stopped)
        assert (len(region), region.read(3), region.read(), region.read()) == (5, b"234", b"56", b"")
        assert (region.seek(0), region.read()) == (0, b"23456")
        with pytest.raises(OSError, match="shorter"):
            Region(descriptor, 8, 5, stopped).read()
        stopped.set()
        region.seek(0)
        with pytest.raises(OSError, match="given up"):
            region.read()
    finally:
        os.close(descriptor)
