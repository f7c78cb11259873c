# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator reads of a long module's progress."""

from __future__ import annotations

from ansible_collections.infitulua.backup.plugins.plugin_utils._progress_action import describe


def test_several_sources_at_once_are_one_line_that_tells_of_each() -> None:
    one = {"operation": "dump", "subject": "srv/a", "stage": "dumping", "bytes": 2048, "bytes_per_second": 1024}
    two = {**one, "subject": "srv/b", "total_bytes": 4096}
    shared = {"operation": "dump", "subject": "srv", "stage": "3 of 12 done", "under_way": [one, two]}
    assert describe(shared) == (
        "dump srv: 3 of 12 done; dump srv/a: dumping, 2.0 KiB, 1.0 KiB/s;"
        " dump srv/b: dumping, 2.0 KiB of 4.0 KiB (50 %), 1.0 KiB/s"
    )
    assert describe({**shared, "under_way": []}) == "dump srv: 3 of 12 done"
