# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions over several databases that died while they were committed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite import (
    super_journal as sqlite_super_journal,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from tests.integration.files.support import House
from tests.integration.sqlite.support import bank, contents, files_of, left_by_a_killed_application, query
from tests.unit.plugins.module_utils._engines.test_sqlite import tail

# The second database would have to grow, which kills the application: the first is written by then, and no more.
DIE_AMID_A_COMMIT = """
    import resource
    connection.execute("ATTACH ? AS other", (OTHER,))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(OTHER),) * 2)
    connection.execute("BEGIN")
    connection.execute("UPDATE account SET balance = balance - 1")
    connection.execute("UPDATE other.account SET balance = balance + 1")
    connection.execute("INSERT INTO other.bulk (text) VALUES (zeroblob(100000))")
    connection.execute("COMMIT")
"""


@pytest.fixture
def pair(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two databases that a transaction was to change together when it died."""
    monkeypatch.setattr(sqlite_super_journal, "SECONDS", 0.2)
    one, other = home / "año uno.db", home / "dos.db"
    bank(one, "delete", bulk=10)
    bank(other, "delete", bulk=1000)
    script = DIE_AMID_A_COMMIT.replace("OTHER", repr(str(other))).replace("THIS", repr(str(one)))
    left_by_a_killed_application(one, script, by=signal.SIGXFSZ)
    assert len(list(home.glob("*-mj*"))) == 1
    return one, other


def test_a_transaction_over_several_databases_that_died_is_told_and_left_to_be_undone_in_all(
    house: House, home: Path, pair: tuple[Path, Path]
) -> None:
    there = {name: (home / name).read_bytes() for name in files_of(home)}
    for path, companion in (pair, reversed(pair)):
        with pytest.raises(Refused, match=rf"was interrupted in it, and has also changed {companion}\."):
            house.dump("sqlite", {"path": str(path)})
    assert {name: (home / name).read_bytes() for name in files_of(home)} == there
    assert not house.sets()

    for path in pair:  # SQLite undoes it in both.
        assert query(path, "SELECT min(balance), max(balance) FROM account") == [(1000, 1000)]
    dumped = house.dump("sqlite", {"path": str(pair[0])})
    house.restore(dumped.set_id, "sqlite", {"path": str(home / "copy.db")})
    assert contents(home / "copy.db") == contents(pair[0])


def test_a_journal_whose_super_journal_was_left_behind_is_not_taken_for_finished(
    house: House, home: Path, pair: tuple[Path, Path]
) -> None:
    (left_behind,) = home.glob("*-mj*")
    text = left_behind.read_bytes()
    left_behind.unlink()
    with pytest.raises(Refused, match=rf"but {left_behind}, by which SQLite tells .*is not there") as caught:
        house.dump("sqlite", {"path": str(pair[0])})
    assert "copy that file too" in caught.value.message
    left_behind.write_bytes(text)
    assert query(pair[0], "SELECT min(balance) FROM account") == [(1000,)]


def test_databases_that_are_dumped_together_need_nobody_to_undo_it(
    house: House, home: Path, pair: tuple[Path, Path]
) -> None:
    one, other = pair
    bank(home / "tres.db", "delete", bulk=10)
    with pytest.raises(Refused, match=rf"has also changed {other}\. .*attached"):
        house.dump("sqlite", {"path": str(one), "attached": [str(home / "tres.db")]})
    dumped = house.dump("sqlite", {"path": str(one), "attached": [str(home / "tres.db"), str(other)]})
    copies = {"path": str(home / "copy.db"), "attached": [str(home / "copy 3.db"), str(home / "copy 2.db")]}
    house.restore(dumped.set_id, "sqlite", copies)
    for name in ("copy.db", "copy 2.db"):
        assert query(home / name, "SELECT min(balance), max(balance) FROM account") == [(1000, 1000)]
    assert not list(home.glob("*-mj*"))


def test_a_journal_that_would_have_sqlite_remove_a_file_of_somebody_else_is_refused(
    house: House, home: Path, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """SQLite ends the name at the NUL, finds no journals in that file, and removes it."""
    victim = tmp_path / "victim"
    victim.write_text("of somebody else")
    name = os.fsencode(victim) + b"\0x"
    journal = Path(f"{pair[0]}-journal")
    whole = journal.read_bytes()
    (super_journal,) = home.glob("*-mj*")
    cut = len(tail(os.fsencode(super_journal)))
    assert whole.endswith(tail(os.fsencode(super_journal)))
    journal.write_bytes(whole[:-cut] + tail(name))
    for more in ({}, {"attached": [str(pair[1])]}):
        with pytest.raises(Refused, match="names a file as SQLite never does"):
            house.dump("sqlite", {"path": str(pair[0]), **more})
        journal.write_bytes(whole[:-cut] + tail(os.fsencode(victim)))  # Also where it is just no super-journal.
        with pytest.raises(Refused, match="has also changed others"):
            house.dump("sqlite", {"path": str(pair[0]), **more})
        journal.write_bytes(whole[:-cut] + tail(name))
    assert victim.exists()
    query(pair[0], "SELECT count(*) FROM account")
    assert not victim.exists(), "what is refused here is no danger"
