# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the commands that the documentation quotes, for the scenario to run as they stand there.

``follow.py list|restore NAME=VALUE…`` prints the shell script of docs/restore-by-hand.md, with these values in its
assignments. ``follow.py readme`` prints, as JSON, the commands of the README for the day when everything is gone.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BY_HAND = ROOT / "docs" / "restore-by-hand.md"
README = ROOT / "README.md"


def blocks(path: Path, heading: str) -> list[str]:
    """The fenced blocks below a heading, up to the next one of any level."""
    text = path.read_text(encoding="utf-8")
    match = re.search(rf"^##+ {re.escape(heading)}$(.*?)(?=^##+ |\Z)", text, re.MULTILINE | re.DOTALL)
    if match is None:
        raise SystemExit(f"{path} has no heading '{heading}' any more")
    return re.findall(r"^```\n(.*?)^```$", match.group(1), re.MULTILINE | re.DOTALL)


def with_values(script: str, values: Sequence[str]) -> str:
    """The script with other values in its assignments; each must have its assignment there."""
    for value in values:
        name = value.split("=", 1)[0]
        script, count = re.subn(rf"(^|(?<= )){name}=\S+", lambda _match, value=value: value, script, flags=re.MULTILINE)
        if count != 1:
            raise SystemExit(
                f"{BY_HAND} assigns {name} {count} times: the scenario does not know its commands any more"
            )
    return script


def by_hand(part: str, values: Sequence[str]) -> str:
    """The script that lists the sets in the cloud, or the one that fetches, verifies and restores one."""
    listing, fetching = blocks(BY_HAND, "1. Find the set")
    if part == "list":
        return with_values(listing, values)
    # What says where the bucket is stands in the first block; it is listed again.
    verifying = blocks(BY_HAND, "2. Verify it")
    return with_values("".join([listing, fetching, *verifying, *blocks(BY_HAND, "3. Restore it")]), values)


def readme() -> list[str]:
    """Each command of the README's section, one line each."""
    text = "".join(blocks(README, "When everything is gone")).replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def main() -> None:
    """Entry point."""
    part, *values = sys.argv[1:]
    print(json.dumps(readme()) if part == "readme" else by_hand(part, values))


if __name__ == "__main__":
    main()
