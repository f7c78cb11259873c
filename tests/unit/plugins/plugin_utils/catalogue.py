# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks say to a person, for tests."""

from __future__ import annotations

from pathlib import Path

import yaml

_MESSAGES = Path(__file__).resolve().parents[4] / "playbooks" / "vars" / "messages.yml"


def catalogue(language: str) -> dict[str, str]:
    """Return the messages of the playbooks in one language."""
    read = yaml.safe_load(_MESSAGES.read_text(encoding="utf-8"))["_backup_catalogue"]
    return {name: texts[language] for name, texts in read.items()}
