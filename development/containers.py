# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this machine can run the containers that Molecule's hosts are."""

from __future__ import annotations

import shutil
import subprocess

from development import system_packages


def obstacle() -> str | None:
    """Why it cannot, in words; None where it can.

    What is tried is what every container needs. A machine that passes and then fails to start one has a defect, which
    is for the scenario to show.
    """
    if shutil.which("podman") is None:
        return "podman is not installed"
    prefix = system_packages.privilege()
    if prefix is None:
        return "podman needs root here, and there is neither root nor password-less sudo"
    tried = [*prefix, "unshare", "--mount", "--pid", "--net", "--fork", "true"]
    answer = subprocess.run(tried, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    if answer.returncode:
        said = (answer.stderr or answer.stdout).strip().splitlines() or ["no reason given"]
        return f"this machine lets nobody make containers ({said[-1]})"
    return None
