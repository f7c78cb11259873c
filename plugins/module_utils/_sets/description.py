# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``backup.json``: what a set is, in words that a person and a program can both read in twenty years."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import SetInvalid
from ansible_collections.infitulua.backup.plugins.module_utils._system.json_shape import (
    NOTHING,
    Count,
    Exactly,
    Many,
    Maybe,
    Named,
    Seconds,
    Text,
    load,
    misfit,
)

from .bag import PAYLOAD_DIRECTORY, is_safe_path
from .set_id import SetId

BACKUP_JSON = "backup.json"
FORMAT = 1
# A set has a payload file for each part of its source: some dozens.
MAX_PAYLOAD_FILES = 10_000
_LINES = Many(Text(1024 * 1024), 100_000)
_DIGEST = Text(64, r"[0-9a-f]{64}")
_PAYLOAD = Exactly(
    {
        "path": Text(pattern=r"data/[^\x00]+"),
        "part": Text(1024),
        "bytes": Count(),
        "sha256": _DIGEST,
        "seconds": Seconds(),
    }
)
# What each field must be, see ``json_shape``: checked here, before anything uses it. (What an engine says of its
# source, its own ``facts_shape`` checks.)
_SHAPE: dict[str, t.Any] = {
    "format": Count(),
    "id": Text(512),
    "engine": Text(64, r"[a-z][a-z0-9_]*"),
    "series": Text(),
    "organization": Text(),
    "run_id": (Text(), NOTHING),
    "started": Text(64),
    "finished": Text(64),
    "source_bytes": Count(),
    "compression": {"method": Text(64), "level": Maybe(int)},
    "encryption": {"method": Text(64), "recipients": Maybe(Many(Text(), 1000))},
    "versions": Named(Text()),
    "payload": Many(_PAYLOAD, MAX_PAYLOAD_FILES),
    "engine_facts": dict,
    "warnings": _LINES,
    "restore_by_hand": _LINES,
    "content": Maybe(Named(Count())),
    "suspect": Maybe((Text(1024 * 1024), NOTHING)),
    "accepted": Maybe((Text(1024 * 1024), NOTHING)),
    "reencrypted": Maybe((Exactly({"tag_manifest_sha256": _DIGEST}), NOTHING)),
    "sequence": Maybe(Count()),
    "predecessors": Maybe(Named(_DIGEST)),
    "unrestorable": Maybe(Many(Exactly({"kind": Text(), "name": Text(), "why": Text(1024 * 1024)}), 1_000_000)),
}


@dataclasses.dataclass
class PayloadFile:
    """One payload file.

    :param path: within the set, ``data/…``.
    :param part: the engine's name for the stream in it.
    :param bytes: stored size.
    :param sha256: of the stored bytes, hexadecimal.
    :param seconds: how long writing it took.
    """

    path: str
    part: str
    bytes: int
    sha256: str
    seconds: float


@dataclasses.dataclass
class Description:
    """The content of backup.json.

    :param id: the set's id.
    :param engine: which engine wrote it, and can restore it.
    :param series: the records series (TRD code) that decides how long it is kept.
    :param organization: whose data it is.
    :param run_id: the run that wrote it; a second dump with the same one changes nothing.
    :param started: UTC, ISO 8601.
    :param finished: UTC, ISO 8601.
    :param source_bytes: size of the source when it was dumped, as its engine measures it.
    :param compression: ``{"method": "zstd", "level": 3}``.
    :param encryption: ``{"method": "age", "recipients": […]}``.
    :param versions: program name to version.
    :param payload: the payload files, in the order of restoring.
    :param engine_facts: what the engine needs to restore and to check a restore (position, row counts, …).
    :param warnings: what the operator should know, though the set is complete.
    :param restore_by_hand: the exact commands that restore it without this collection.
    :param unrestorable: objects of which the dump knew that a restore leaves them out: ``kind``, ``name`` and ``why``.
    :param content: how much it holds, by unit ("rows", "files"), as its engine counts; sets of the same source are
        compared by it.
    :param suspect: why it may not hold what its source should have given, in words; it then never passes for a good
        set of its source. None: it is like any other.
    :param accepted: the same, of a set whose operator said that it is right; it is then not suspect.
    :param reencrypted: set on a copy that was encrypted anew for one delivery: what it is a copy of.
    :param sequence: one more than any set of the source on the medium had when this one was made; see
        :mod:`~.order`.
    :param predecessors: the newest sets of the source on the medium when this one was made, suspect ones among them,
        the newest first: id to SHA-256 of the tag manifest.
    """

    id: str
    engine: str
    series: str
    organization: str
    run_id: str | None
    started: str
    finished: str
    source_bytes: int
    compression: dict[str, t.Any]
    encryption: dict[str, t.Any]
    versions: dict[str, str]
    payload: list[PayloadFile]
    engine_facts: dict[str, t.Any]
    warnings: list[str]
    restore_by_hand: list[str]
    unrestorable: list[dict[str, str]] = dataclasses.field(default_factory=list)
    content: dict[str, int] = dataclasses.field(default_factory=dict)
    suspect: str | None = None
    accepted: str | None = None
    reencrypted: dict[str, str] | None = None
    sequence: int = 0
    predecessors: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def set_id(self) -> SetId:
        """The id, parsed."""
        return SetId.parse(self.id)

    @property
    def stored_bytes(self) -> int:
        """Size of all payload files, bytes."""
        return sum(file.bytes for file in self.payload)

    def file(self, part: str) -> PayloadFile:
        """Return the payload file of one part.

        :raises SetInvalid: when the set has no such part.
        """
        for file in self.payload:
            if file.part == part:
                return file
        raise SetInvalid(
            "find a part of a set",
            on=self.id,
            why=f"its backup.json lists no part {part!r}",
            next_step="Verify the set with set_verify and restore from another one.",
        )

    def to_json(self) -> str:
        """Return the text of backup.json."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, on: str) -> Description:
        """Read backup.json.

        :param on: the set's id as its place on the medium tells it; it must be the same inside.
        :raises SetInvalid: when it is not ours, or belongs to another set.
        """
        try:
            values = _checked(text)
            payload = [PayloadFile(**entry) for entry in values.pop("payload")]
            description = cls(payload=payload, **values)
            if description.id != on:
                raise ValueError(f"it describes the set {description.id!r}")
        except (ValueError, TypeError) as error:
            raise SetInvalid(
                "read backup.json",
                on=on,
                why=f"{error}" or type(error).__name__,
                next_step="Verify the set with set_verify; restore from another copy.",
            ) from error
        return description


def _checked(text: str) -> dict[str, t.Any]:
    """Return the fields of backup.json, each as it must be.

    :raises ValueError: when they are not what this version of the collection writes.
    """
    values = load(text)
    found = values.get("format") if isinstance(values, dict) else None
    if found != FORMAT:
        raise ValueError(f"its format is {found!r:.40}; this version of the collection reads format {FORMAT}")
    unknown = sorted(set(values) - set(_SHAPE))
    if unknown:
        raise ValueError(f"it has {unknown[0][:100]!r}, which this version of the collection does not write")
    where = misfit(values, _SHAPE)
    if where is not None:
        raise ValueError(f"{where[:200]} is missing, or not what this version of the collection writes")
    for name in ("path", "part"):
        names = [entry[name] for entry in values["payload"]]
        if len(set(names)) != len(names):
            raise ValueError(f"two payload files have one {name}")
    for entry in values["payload"]:
        if not is_safe_path(entry["path"]) or not entry["path"].startswith(PAYLOAD_DIRECTORY + "/"):
            raise ValueError(f"the path {entry['path'][:100]!r} leads out of the set")
    del values["format"]
    return values
