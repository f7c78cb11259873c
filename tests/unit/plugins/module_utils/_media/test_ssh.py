# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ssh medium takes and refuses before any connection is made, and how it reads names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium
from ansible_collections.infitulua.backup.plugins.module_utils._media.ssh import rsync
from ansible_collections.infitulua.backup.plugins.module_utils._media.ssh.medium import SshMedium


@pytest.fixture
def options(tmp_path: Path) -> dict[str, object]:
    for name in ("key", "known_hosts"):
        (tmp_path / name).write_text("")
    return {
        "type": "ssh",
        "ssh_host": "vault.example.org",
        "ssh_key_file": str(tmp_path / "key"),
        "ssh_known_hosts_file": str(tmp_path / "known_hosts"),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"ssh_host": "-oProxyCommand=id"},
        {"ssh_host": "a b"},
        {"ssh_host": "host;id"},
        {"ssh_port": 0},
        {"ssh_port": 65536},
        {"ssh_user": "-l"},
        {"ssh_user": "root id"},
        {"ssh_remote_path": "-e sh"},
        {"ssh_remote_path": "/srv/a b"},
        {"ssh_remote_path": "/srv/$(id)"},
        {"ssh_remote_path": "/srv/'x'"},
        {"ssh_remote_path": "../other"},
        {"ssh_key_file": "/tmp/a key"},
        {"ssh_key_file": "relative"},
        {"ssh_known_hosts_file": "/tmp/%h"},
        {"path": "/srv"},
    ],
    ids=str,
)
def test_what_could_be_taken_for_an_option_or_a_command_is_refused(
    options: dict[str, object], wrong: dict[str, object]
) -> None:
    with pytest.raises(Refused):
        make_medium({**options, **wrong})


@pytest.mark.parametrize("missing", ["ssh_host", "ssh_key_file", "ssh_known_hosts_file"])
def test_what_is_needed_is_named(options: dict[str, object], missing: str) -> None:
    del options[missing]
    with pytest.raises(Refused, match=missing):
        make_medium(options)


def test_a_key_file_that_is_not_there_is_named(options: dict[str, object]) -> None:
    with pytest.raises(NotFound, match="/nowhere/key"):
        make_medium({**options, "ssh_key_file": "/nowhere/key"})


def test_an_address_of_ipv6_is_written_as_rsync_wants_it(options: dict[str, object]) -> None:
    medium = make_medium({**options, "ssh_host": "fd00::1", "ssh_remote_path": "/srv/backup/"})
    assert isinstance(medium, SshMedium)
    assert medium._rsync.at("") == "[fd00::1]:/srv/backup/"
    assert medium._rsync.at("a/b/c/") == "[fd00::1]:/srv/backup/a/b/c/"


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("data/1.age", "data/1.age"),
        (r"a\#303\#261o", "año"),
        (r"two\#012lines", "two\nlines"),
        (r"back\#134#101", r"back\#101"),
        ("data/with  two spaces ", "data/with  two spaces "),
        (r"\#377", "\udcff"),
    ],
)
def test_names_are_read_as_they_are(printed: str, name: str) -> None:
    assert rsync._unescape(printed) == name


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("plain name'\"", "plain name'\""), ("a*b", r"a\*b"), ("[x]?", r"\[x]\?"), ("back\\slash*", r"back\\slash\*")],
)
def test_a_name_as_a_pattern_matches_only_itself(name: str, pattern: str) -> None:
    assert rsync.escape(name) == pattern
