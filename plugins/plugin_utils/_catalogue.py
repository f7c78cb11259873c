# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the playbooks say to a person, in the language of the inventory."""

from __future__ import annotations

import dataclasses
import functools
import typing as t
from pathlib import Path

from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.infitulua.backup.plugins.plugin_utils import _wording

#: The one place of these texts.
PATH: t.Final = Path(__file__).resolve().parents[2] / "playbooks" / "vars" / "messages.yml"
LANGUAGES: t.Final = ("es", "en")
# Read when this is imported: most often in the process of the playbook itself, before it forks a worker for each task.
_ENTRIES: t.Final = yaml_load(PATH.read_text(encoding="utf-8"))["_backup_catalogue"]


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The texts in one language.

    :param language: ``es`` or ``en``.
    :param texts: each text by its key, with placeholders such as ``%(host)s``.
    """

    language: str
    texts: t.Mapping[str, str]

    def __getitem__(self, key: str) -> str:
        return self.texts[key]

    def say(self, key: str, **values: t.Any) -> str:
        """Return a text with its placeholders filled in."""
        return self.texts[key] % values

    def worded(self, text: t.Any) -> str:
        """Return what a module said, which is English, in this language."""
        return str(_wording.worded(text, self.language))


@functools.cache
def catalogue(language: str) -> Catalogue:
    """Return the texts of a language.

    :param language: of the inventory; whatever is not ``en`` is Spanish.
    """
    language = "en" if language == "en" else LANGUAGES[0]
    return Catalogue(language, {key: str(entry[language]) for key, entry in _ENTRIES.items()})
