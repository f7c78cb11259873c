# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks of the collection from Python, with ansible-runner: follow the events, judge each run by its drills.

    python3 run.py                                         # infitulua.backup.daily
    python3 run.py prepare.yml infitulua.backup.daily      # before the first day: make this example's institution

It ends with status 1 where anything failed, and names each failure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import typing as t
from pathlib import Path

import ansible_runner

DRILL = "infitulua.backup.restore_drill"
#: What Ansible needs of this process's environment. ansible-runner writes all of the environment to the artifacts,
#: where the tokens that a CI server puts into it have no place.
KEPT = {
    "ANSIBLE_COLLECTIONS_PATH",
    "ANSIBLE_HOME",
    "ANSIBLE_VAULT_PASSWORD_FILE",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "PATH",
    "PYTHONPATH",
    "SSH_AUTH_SOCK",
    "TMPDIR",
    "USER",
    "VIRTUAL_ENV",
}


def forget_environment() -> None:
    """Remove all else from the environment."""
    for name in set(os.environ) - KEPT:
        del os.environ[name]


def show(event: dict[str, t.Any]) -> bool:
    """Print what an event says of the progress; ansible-runner calls this with each."""
    facts = event.get("event_data", {})
    if event["event"] == "playbook_on_play_start":
        print(f"== {facts['name']}", flush=True)
    elif event["event"] == "runner_on_ok" and facts.get("resolved_action") == DRILL:
        for drill in facts["res"].get("sets", []):
            print(f"   {drill['id']}: restored for trial in {drill['restore_seconds']} s", flush=True)
    elif event["event"] in ("runner_on_failed", "runner_on_unreachable") and not facts.get("ignore_errors"):
        print(f"   {facts['host']}: FAILED: {facts['task']}", flush=True)
    return True  # the event is to be kept in the artifacts


def failures(artifacts: Path) -> list[str]:
    """Everything that the summary of a run's drills says of failures, one line each."""
    try:
        summary = json.loads((artifacts / "drill-summary.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ["no drill-summary.json was written: see stdout"]
    found = [
        f"{drill['id']}: drill {drill['outcome']}: {drill['message']}"
        for drill in summary["drills"]
        if drill["outcome"] != "passed"
    ]
    for failure in summary["failures"]:
        subject = " ".join(filter(None, (failure["host"], failure["subject"])))
        found.append(f"{subject}: {failure['task']}: {failure['message']}")
    if not found and summary["outcome"] != "succeeded":
        found.append(summary["verdict"] or f"the run is {summary['outcome']}")
    return found


def run(directory: Path, playbook: str) -> bool:
    """Run one playbook; say whether all went well."""
    runner = ansible_runner.run(private_data_dir=str(directory), playbook=playbook, event_handler=show, quiet=True)
    artifacts = Path(runner.config.artifact_dir)
    found = failures(artifacts)
    if runner.status != "successful" and not found:
        found.append(f"ansible-runner says {runner.status}")
    for line in found:
        print(f"FAILURE: {line}", file=sys.stderr)
    print(f"{playbook}: {runner.status}; artifacts: {artifacts}", flush=True)
    return not found


def main() -> int:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    here = Path(__file__).resolve().parent
    parser.add_argument("--directory", type=Path, default=here, help="private data directory (default: %(default)s)")
    parser.add_argument("playbooks", nargs="*", default=["infitulua.backup.daily"], help="default: %(default)s")
    options = parser.parse_args()
    forget_environment()
    return 0 if all(run(options.directory, playbook) for playbook in options.playbooks) else 1


if __name__ == "__main__":
    sys.exit(main())
