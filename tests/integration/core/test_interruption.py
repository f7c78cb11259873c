# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps that are told to stop, or killed, at any moment: no set that is not whole, and nothing running."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._operations.verify import set_verification
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core

if t.TYPE_CHECKING:
    from ansible_collections.infitulua.backup.plugins.module_utils._media.directory import DirectoryMedium
    from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId

DUMP = """
import sys
from ansible_collections.infitulua.backup.plugins.module_utils._operations.dump import dumping
from ansible_collections.infitulua.backup.plugins.module_utils._errors import Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible
from ansible_collections.infitulua.backup.tests.unit.plugins.module_utils import core
root, recipient = sys.argv[1:]
medium = core.medium_at(core.Path(root))
commands = {part: ["sh", "-c", "for i in 1 2 3 4; do head -c 100000 /dev/urandom; sleep 0.02; done"] for part in "abc"}
print("ready", flush=True)
try:
    with interruptible("dump", on="it"):
        while True:
            core.write_set(medium, options={"commands": commands}, filters=core.encrypted(recipient))
            print("written", flush=True)
except Interrupted as error:
    print(error.message)
"""


def begin_dumps(medium: DirectoryMedium, keys: core.Keys) -> subprocess.Popen[str]:
    """A process that dumps sets, one after another, until it is ended."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(entry for entry in sys.path if entry))
    child = subprocess.Popen(
        [sys.executable, "-c", DUMP, medium.root, keys.technician_recipient],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def check_what_is_left(medium: DirectoryMedium, sets: list[SetId]) -> None:
    """Every set that is listed is whole, and what was there before is there still."""
    now = medium.sets()
    assert set(sets) <= set(now)
    for set_id in now:
        set_verification.verify(medium, set_id)


def test_being_told_to_stop_leaves_nothing_behind(medium: DirectoryMedium, keys: core.Keys) -> None:
    core.adopt_orphans()
    before = core.descendants()
    sets: list[SetId] = []
    randomly = random.Random(7)
    for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP] * 2:
        child = begin_dumps(medium, keys)
        time.sleep(randomly.uniform(0.0, 0.45))
        child.send_signal(number)
        told = child.communicate(timeout=30)[0]
        assert f"the run was told to stop ({number.name})" in told
        assert not core.wait_until_gone(before)
        assert not [path for path in core.tree(medium.root) if ".partial" in path or ".new" in path]
        check_what_is_left(medium, sets)
        sets = medium.sets()
        with medium.locked(core.HOST, core.SOURCE):
            pass


def test_a_kill_at_any_moment_leaves_no_set_that_is_not_whole(medium: DirectoryMedium, keys: core.Keys) -> None:
    core.adopt_orphans()
    before = core.descendants()
    sets: list[SetId] = []
    partial = 0
    randomly = random.Random(11)
    for _attempt in range(25):
        child = begin_dumps(medium, keys)
        time.sleep(randomly.uniform(0.0, 0.5))
        child.kill()
        child.communicate()
        partial += any(".partial" in path for path in core.tree(medium.root))
        check_what_is_left(medium, sets)
        sets = medium.sets()
    assert partial > 5  # The kills did hit dumps under way.
    # What the killed left running ends by itself, for nobody reads it any more.
    assert not core.wait_until_gone(before)
    core.write_set(medium)
    assert not [path for path in core.tree(medium.root) if ".partial" in path]
    check_what_is_left(medium, sets)
