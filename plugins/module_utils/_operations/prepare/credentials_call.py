# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cloud_credentials takes and answers."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused
from ansible_collections.infitulua.backup.plugins.module_utils._media.registry import make_medium, medium_argument

from ..cloud.key_limits import RIGHTS, bucket_only, prove
from ..outermost import Answer
from .changes import Changes
from .credentials import Credentials

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "medium": {**medium_argument(), "required": True},
    "access_key": {"type": "str", "required": True, "no_log": False},
    "secret_key": {"type": "str", "required": True, "no_log": True},
    "rights": {"type": "str", "required": True, "choices": list(RIGHTS)},
    "host": {"type": "str"},
    "without_lock": {"type": "str", "default": ""},
    "directory_mode": {"type": "str", "default": "0755"},
}


def call(params: t.Mapping[str, t.Any], *, check_mode: bool) -> Answer:
    """Prove what this host's key to the cloud may do there, and install it.

    :raises Refused: when the medium keeps no key in a file, or the key may do more or less than it is meant to.
    :raises BackupError: when the key cannot be tried or installed.
    """
    options = params["medium"]
    if options["type"] != "s3" or not options["credentials_file"] or not options["profile"]:
        raise Refused(
            "install the cloud key",
            on=options["type"],
            why="it has no credentials file and profile",
            next_step="Give a medium of type s3, with credentials_file and profile.",
        )
    changes = Changes(check_mode=check_mode)
    key = Credentials(params["access_key"], params["secret_key"], options["credentials_file"], options["profile"])
    key.check()
    trial = None
    if not check_mode:
        # Before it is installed: a host keeps the key that it has until another one is known to be right.
        own = {"access_key": key.access_key, "secret_key": key.secret_key}
        with make_medium({**options, "credentials_file": None, "profile": None, **own}) as medium:
            bucket = bucket_only(medium, "install the cloud key")
            trial = prove(
                bucket, params["rights"], host=params["host"] or None, without_lock=params["without_lock"]
            ).result()
    key.install(changes, directory_mode=params["directory_mode"])
    return Answer({"changed": changes.changed, "diff": changes.diff, "trial": trial})
