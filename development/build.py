# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the artifact that users install, look into it, install it without a network and ask a module for its manual."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from development import environment

TARGET = environment.BUILD / "artifact"
NAME = "infitulua.backup"
MODULE = f"{NAME}.set_info"

#: What users need, by the first part of the path; everything else in the artifact is an oversight.
WANTED = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "inventory.example",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "runner.example",
}
REQUIRED = {
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "meta/runtime.yml",
    "plugins/modules/database_dump.py",
    "plugins/modules/set_info.py",
    "runner.example/env/envvars",
}
UNWANTED = re.compile(
    r"(^|/)(\.[^/]+|__pycache__|tests|molecule|fragments|config\.yaml)(/|$)|\.(pyc|orig|rej|swp|bak|tar\.gz)$|~$"
)


class BuildFailedError(Exception):
    """The artifact is not what it must be; the message says why."""


def run(argv: Sequence[str], *, what: str, collections: Path | None = None) -> str:
    """Run one step with no collection in sight but those of ``collections``; return what it printed."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables["ANSIBLE_COLLECTIONS_PATH"] = str(collections or TARGET / "none")
    answer = subprocess.run(
        argv,
        cwd=environment.ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    if answer.returncode:
        raise BuildFailedError(f"{what} ended with status {answer.returncode}:\n{answer.stdout}")
    return answer.stdout


def build() -> Path:
    """Build the artifact and return its path."""
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    run(["ansible-galaxy", "collection", "build", "--force", "--output-path", str(TARGET)], what="the build")
    artifacts = list(TARGET.glob("infitulua-backup-*.tar.gz"))
    if len(artifacts) != 1:
        raise BuildFailedError(f"the build made {len(artifacts)} artifacts in {TARGET}")
    return artifacts[0]


def untracked() -> set[str]:
    """Files of the work tree that git ignores: none of them may be shipped."""
    argv = ["git", "-C", str(environment.ROOT), "ls-files", "-oz", "--exclude-standard", "--ignored"]
    answer = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    return set(answer.stdout.split("\0"))


def inspect(artifact: Path) -> int:
    """Compare what is in the artifact with what must and may be; return the number of files."""
    with tarfile.open(artifact) as tar:
        files = {member.name for member in tar.getmembers() if not member.isdir()}
    ignored = untracked()
    oversights = sorted(
        name for name in files if name.split("/")[0] not in WANTED or UNWANTED.search(name) or name in ignored
    )
    missing = sorted(REQUIRED - files)
    if oversights or missing:
        lines = [f"must not be in the artifact (build_ignore in galaxy.yml): {name}" for name in oversights]
        lines += [f"is missing in the artifact: {name}" for name in missing]
        raise BuildFailedError("\n".join(lines))
    return len(files)


def try_out(artifact: Path) -> None:
    """Install the artifact without a network, as a user would, and use what was installed."""
    with tempfile.TemporaryDirectory(prefix="collections-") as name:
        collections = Path(name)
        argv = ["ansible-galaxy", "collection", "install", "--offline", "--collections-path", name, str(artifact)]
        run(argv, what="the installation", collections=collections)
        installed = collections / "ansible_collections" / "infitulua" / "backup"
        manual = run(["ansible-doc", "-t", "module", MODULE], what=f"ansible-doc {MODULE}", collections=collections)
        if MODULE.upper() not in manual.upper():
            raise BuildFailedError(f"ansible-doc does not know {MODULE}:\n{manual}")
        for kind, directory in (("module", "modules"), ("callback", "callback")):
            listed = run(["ansible-doc", "-t", kind, "--list", NAME], what="ansible-doc", collections=collections)
            for path in sorted((installed / "plugins" / directory).glob("*.py")):
                if f"{NAME}.{path.stem}" not in listed:
                    raise BuildFailedError(f"ansible-doc --list does not show {path.stem}")
        for playbook in sorted((installed / "playbooks").glob("*.yml")):
            if playbook.name.endswith(".meta.yml"):
                continue
            argv = ["ansible-playbook", "--syntax-check", "-i", "localhost,", f"{NAME}.{playbook.stem}"]
            run(argv, what=f"the syntax check of {playbook.stem}", collections=collections)


def main() -> int:
    """Entry point of the command line."""
    try:
        artifact = build()
        count = inspect(artifact)
        try_out(artifact)
    except BuildFailedError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    size = artifact.stat().st_size // 1024
    print(f"{artifact.relative_to(environment.ROOT)}: {count} files, {size} KiB, installs and works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
