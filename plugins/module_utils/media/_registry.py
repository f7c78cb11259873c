# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The media there are. A new one is one new file beside this and one line here."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium
from ansible_collections.infitulua.backup.plugins.module_utils.media._directory import DirectoryMedium
from ansible_collections.infitulua.backup.plugins.module_utils.media._s3 import S3Medium
from ansible_collections.infitulua.backup.plugins.module_utils.media._ssh import SshMedium

MEDIA: dict[str, type[Medium]] = {
    "directory": DirectoryMedium,
    "s3": S3Medium,
    "ssh": SshMedium,
}


def medium_argument() -> dict[str, t.Any]:
    """The specification of a module's option that names a medium."""
    options: dict[str, dict[str, t.Any]] = {"type": {"type": "str", "required": True, "choices": sorted(MEDIA)}}
    for medium in MEDIA.values():
        options.update(medium.arguments)
    return {"type": "dict", "options": options}


def make_medium(options: t.Mapping[str, t.Any]) -> Medium:
    """The medium that ``options`` describe: ``type`` and that type's own options.

    :raises Refused: when there is no such type, or it does not take these options.
    """
    given = {name: value for name, value in options.items() if value is not None and name != "type"}
    kind = options.get("type")
    if kind not in MEDIA:
        raise Refused(
            "choose a medium",
            on=str(kind),
            why=f"this version of the collection knows {', '.join(sorted(MEDIA))}",
            next_step="Correct the medium's type.",
        )
    try:
        return MEDIA[kind](**given)
    except TypeError as error:
        raise Refused(
            "choose a medium",
            on=f"{kind} with {', '.join(sorted(given)) or 'no options'}",
            why=str(error).split(") ", 1)[-1].replace("__init__() ", ""),
            next_step="Give the options that this type of medium takes.",
        ) from error
