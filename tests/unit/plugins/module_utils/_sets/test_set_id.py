# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set ids: what may stand in one, how they sort, and what a hostile name meets."""

from __future__ import annotations

import datetime
import os

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._operations.selection import SetSelection
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId, is_name, is_time
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

TIME = "20261122T030000Z"
HOSTILE_NAMES = [
    "",
    ".",
    "..",
    ".hidden",
    "-rf",
    "a/b",
    "../../etc",
    "a\\b",
    "a\nb",
    "a\n",
    "a\0b",
    "a b",
    "$(reboot)",
    "a;b",
    "contraseña",
    "x" * 129,
]


def test_an_id_reads_back_as_it_was_written() -> None:
    set_id = SetId.parse(f"srv-1.example.org/datos_usuarios/{TIME}")
    assert (set_id.host, set_id.source, set_id.time) == ("srv-1.example.org", "datos_usuarios", TIME)
    assert SetId.parse(str(set_id)) == set_id
    assert set_id.moment == datetime.datetime(2026, 11, 22, 3, tzinfo=datetime.timezone.utc)


def test_a_moment_of_any_time_zone_is_written_in_utc() -> None:
    bogota = datetime.timezone(datetime.timedelta(hours=-5))
    moment = datetime.datetime(2026, 11, 21, 22, 0, 0, tzinfo=bogota)
    assert str(SetId.at("srv", "contabilidad", moment)) == f"srv/contabilidad/{TIME}"


def test_ids_sort_by_host_then_source_then_time() -> None:
    ids = [
        SetId("a", "x", "20270101T000000Z"),
        SetId("b", "a", "20250101T000000Z"),
        SetId("a", "x", "20261122T030000Z"),
        SetId("a", "b", "20280101T000000Z"),
    ]
    assert [str(set_id) for set_id in sorted(ids)] == [
        "a/b/20280101T000000Z",
        "a/x/20261122T030000Z",
        "a/x/20270101T000000Z",
        "b/a/20250101T000000Z",
    ]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=repr)
def test_a_name_that_is_no_name_is_refused_everywhere(name: str, medium: DirectoryMedium) -> None:
    assert not is_name(name)
    with pytest.raises(BackupError, match="use a name in a set id"):
        SetId(name, "contabilidad", TIME)
    with pytest.raises(BackupError, match="use a name in a set id"):
        SetId("srv", name, TIME)
    with pytest.raises(BackupError, match="use a name in a set id"):
        SetSelection(host=name)
    with pytest.raises(BackupError, match="use a name in a set id"):
        dumping.dump(core.request(medium, source=name))
    assert core.tree(os.path.dirname(medium.root)) == {"disk": b"<not a file>"}  # Not even a directory was made.


@pytest.mark.parametrize(
    "time",
    ["", "2026-11-22", "20261122T030000", "20261322T030000Z", "20261122T250000Z", "20260230T000000Z", TIME + "\n"],
)
def test_a_time_that_is_no_time_is_refused(time: str) -> None:
    assert not is_time(time)
    with pytest.raises(BackupError, match="it is not a UTC time"):
        SetId("srv", "contabilidad", time)
    with pytest.raises(BackupError, match="it is not a UTC time"):  # It would quietly choose no set at all.
        SetSelection(at=time)


@pytest.mark.parametrize("text", ["", "srv", f"srv/{TIME}", f"/srv/a/{TIME}", f"srv/a/{TIME}/", f"srv/a/b/{TIME}"])
def test_what_is_not_an_id_is_refused(text: str) -> None:
    with pytest.raises(BackupError):
        SetId.parse(text)


def test_choosing_sets(medium: DirectoryMedium) -> None:
    first, second, third = core.write_sets(medium, "20261120T030000Z", "20261121T030000Z", "20261122T030000Z")
    assert SetSelection().choose(medium) == [first, second, third]
    assert SetSelection(newest=True).choose(medium) == [third]
    assert SetSelection(newest=True, at="20261121T235959Z").choose(medium) == [second]
    assert SetSelection(at="20261119T000000Z").choose(medium) == []
    assert SetSelection(host="another").choose(medium) == []
    assert SetSelection(ids=(third, first, third)).choose(medium) == [first, third]
    with pytest.raises(BackupError, match="does not hold srv-financiero/contabilidad/20000101T000000Z"):
        SetSelection(ids=(first, SetId(first.host, first.source, "20000101T000000Z"))).choose(medium)


def test_an_empty_list_of_sets_chooses_none_and_not_all(medium: DirectoryMedium) -> None:
    core.write_set(medium)
    assert SetSelection(ids=()).choose(medium) == []
