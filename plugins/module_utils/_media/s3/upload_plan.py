# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upload stores of a set, in which order, and until when it is locked."""

from __future__ import annotations

import datetime
import hashlib

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid, describe_os_error
from ansible_collections.infitulua.backup.plugins.module_utils._sets import bag
from ansible_collections.infitulua.backup.plugins.module_utils._sets.contents import DirectoryContents
from ansible_collections.infitulua.backup.plugins.module_utils._sets.set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils._system import host_clock

from .journal import ObjectRecord


def retention_end(days: int | None) -> str | None:
    """Until when objects that are stored now are locked, UTC, ISO 8601.

    :param days: for how long; None: they are not.
    """
    if days is None:
        return None
    return host_clock.write(host_clock.now() + datetime.timedelta(days=days))


def plan(set_id: SetId, directory: str) -> dict[str, ObjectRecord]:
    """Return the objects of a set in the order of storing, each with its size in bytes and its SHA-256.

    The payload's digests are those of the manifest, so that what is checked on arrival is what was backed up.

    :raises SetInvalid: when the directory holds no complete set.
    """
    contents = DirectoryContents(directory)
    sizes = contents.sizes()
    try:
        digests, findings = bag.read_manifest(bag.read_text(contents, bag.MANIFEST), name=bag.MANIFEST)
        payload = {path for path in sizes if path.startswith(bag.PAYLOAD_DIRECTORY + "/")}
        problems = [str(finding) for finding in findings]
        problems += [f"{path}: the manifest and the files differ" for path in sorted(payload ^ set(digests))]
        problems += [] if bag.BAGIT_TXT in sizes else [f"{bag.BAGIT_TXT} is missing"]
        tags, findings = bag.read_manifest(bag.read_text(contents, bag.TAG_MANIFEST), name=bag.TAG_MANIFEST)
        problems += [str(finding) for finding in findings]
        for path in set(sizes) - payload:
            with contents.open(path) as stream:
                digests[path] = hashlib.sha256(stream.read(bag.MAX_TAG_FILE_BYTES)).hexdigest()
            if tags.get(path, digests[path]) != digests[path]:
                problems.append(f"{path} is not what {bag.TAG_MANIFEST} says")
    except (OSError, ValueError) as error:
        problems = [describe_os_error(error) if isinstance(error, OSError) else str(error)]
    if problems:
        raise SetInvalid(
            "store a set",
            on=f"{set_id} in {directory}",
            why="; ".join(problems),
            next_step="Nothing was stored. Verify the set (set_verify), and store another copy.",
            details=problems,
        )
    others = sorted(set(sizes) - payload - {bag.TAG_MANIFEST, bag.BAGIT_TXT})
    order = [bag.TAG_MANIFEST, *sorted(payload), *others, bag.BAGIT_TXT]
    return {path: ObjectRecord(sizes[path], digests[path]) for path in order}
