# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set is blamed for nothing that its host lacked, also where the server's log tells that a moment later."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.trial.instance import Instance
from ansible_collections.infitulua.backup.plugins.module_utils._errors import ProcessFailed
from ansible_collections.infitulua.backup.plugins.module_utils._operations.drill.verdict import shortage_behind


class SlowLog:
    """An instance whose log says only when it is looked at for the third time why the server has ended."""

    looks = 0

    def troubles(self) -> str:
        """The end of the log."""
        self.looks += 1
        return "server process (PID 7) was terminated by signal 9: Killed" if self.looks > 2 else ""

    def shortage(self) -> None:
        """Nothing by error codes."""


@pytest.mark.parametrize(
    ("why", "lack"),
    [
        ("server closed the connection unexpectedly; connection to server was lost", "terminated by signal 9"),
        ("ERROR 2013 (HY000): Lost connection to server during query", "terminated by signal 9"),
        # What says nothing of a lost server is judged at once.
        ("column x does not exist", None),
    ],
)
def test_a_lost_server_is_given_time_to_say_why(why: str, lack: str | None) -> None:
    error = ProcessFailed("ask a restored database", on="x", why=why, next_step="")
    assert shortage_behind(error, t.cast(Instance, SlowLog())) == lack
