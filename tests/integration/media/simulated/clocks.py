# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clocks of a simulated institution: the true time, and what each host takes for it."""

from __future__ import annotations

import contextlib
import datetime
import time
import zoneinfo
from collections.abc import Iterator

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

UTC = datetime.timezone.utc
SERVER, SYSTEMS = "srv", "systems-computer"


class Clocks:
    """The clocks of the server and of the systems computer; the code under test asks that of the host it runs on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = {SERVER: datetime.timedelta(), SYSTEMS: datetime.timedelta()}
        self._true = datetime.datetime(1970, 1, 1, tzinfo=UTC)
        self._set_at = time.monotonic()
        self._host = SYSTEMS
        monkeypatch.setattr(host_clock, "now", self.now)

    def set(self, day: datetime.date, at: datetime.time, zone: zoneinfo.ZoneInfo) -> None:
        """Let it be so late, as the people of the zone say it."""
        self._true = datetime.datetime.combine(day, at, zone).astimezone(UTC)
        self._set_at = time.monotonic()

    def now(self) -> datetime.datetime:
        """Return what the clock of the host says on which something runs."""
        return self.true() + self.ahead[self._host]

    def true(self) -> datetime.datetime:
        """Return the true time, which goes on as the test's does."""
        return self._true + datetime.timedelta(seconds=time.monotonic() - self._set_at)

    def are_right(self) -> bool:
        """Whether both are."""
        return not any(self.ahead.values())

    @contextlib.contextmanager
    def on(self, host: str) -> Iterator[None]:
        """Run on a host."""
        before, self._host = self._host, host
        try:
            yield
        finally:
            self._host = before
