# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people who may approve that sets are removed ahead of policy, and how many of them it takes."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import re
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

APPROVALS_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "required": {"type": "int", "required": True},
    "approvers": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "public_key": {"type": "str", "required": True},
            "valid_before": {"type": "str"},
        },
    },
}
#: Separates these signatures from others that are made with the same key (ssh-keygen -n).
NAMESPACE = "approve@infitulua.backup"
# A principal of ssh-keygen(1), ALLOWED SIGNERS, is a list of patterns: nothing of those may be in a name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_RSA = "ssh-rsa"
_LEAST_RSA_BITS = 3072
_TYPES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    _RSA,
)


@dataclasses.dataclass(frozen=True)
class Approver:
    """One person.

    :param name: how signatures are asked for and recorded.
    :param public_key: type and key, as in OpenSSH's ``.pub`` files, without a comment.
    :param valid_before: the day (ISO 8601) from which on this key approves nothing any more; empty: there is none.
    """

    name: str
    public_key: str
    valid_before: str = ""

    def is_valid_on(self, day: datetime.date) -> bool:
        """Whether the key may still approve on a day."""
        return not self.valid_before or day.isoformat() < self.valid_before

    @property
    def line(self) -> str:
        """The person as a line of ssh-keygen(1), ALLOWED SIGNERS."""
        return f'{self.name} namespaces="{NAMESPACE}" {self.public_key}\n'


@dataclasses.dataclass(frozen=True)
class Approvers:
    """The people, by name, and how many of them must sign; 0: nothing needs approval."""

    required: int
    people: tuple[Approver, ...]

    def tightened(self, wanted: Approvers) -> Approvers:
        """Return what of other approvers needs nobody's approval: fewer people, earlier ends, more signatures.

        Whoever edits the inventory alone can so revoke a key at once, and not add one of theirs. What would leave
        fewer people than are needed is not done.
        """
        others = {(one.name, one.public_key): one for one in wanted.people}
        people = tuple(
            dataclasses.replace(one, valid_before=min(filter(None, ends), default=""))
            for one in self.people
            if (one.name, one.public_key) in others
            for ends in [(one.valid_before, others[one.name, one.public_key].valid_before)]
        )
        people = people if len(people) >= self.required else self.people
        required = max(self.required, wanted.required)
        return Approvers(required if required <= len(people) else self.required, people)

    def record(self) -> dict[str, t.Any]:
        """Return what is written down of them."""
        return {"required": self.required, "approvers": [dataclasses.asdict(one) for one in self.people]}


#: Nothing needs approval.
NOBODY = Approvers(0, ())


def approvers_of(record: t.Mapping[str, t.Any]) -> Approvers:
    """Return the approvers that :meth:`Approvers.record` wrote down.

    :raises ValueError, TypeError, KeyError: when it is something else.
    """
    return Approvers(int(record["required"]), tuple(Approver(**one) for one in record["approvers"]))


def make_approvers(options: t.Any) -> Approvers:
    """Read who may approve, as :data:`APPROVALS_ARGUMENTS` describes it.

    :raises Refused: when it makes no sense.
    """
    if not isinstance(options, t.Mapping):
        raise _refused(why="it is not a mapping", next_step="Write it as in the documentation of set_prune.")
    checked = ArgumentSpecValidator(APPROVALS_ARGUMENTS).validate(dict(options))
    if checked.error_messages:
        raise _refused(
            why="; ".join(checked.error_messages),
            next_step="Correct it; set_prune's documentation has the keys of approvals.",
        )
    given = checked.validated_parameters
    people = tuple(sorted((_approver(one) for one in given["approvers"]), key=lambda one: one.name))
    names, keys = {one.name for one in people}, {one.public_key for one in people}
    if len(names) < len(people) or len(keys) < len(people):
        raise _refused(
            why="two of the approvers have the same name or the same key",
            next_step="Give each person once, with a key of their own.",
        )
    if not 1 <= given["required"] <= len(people):
        raise _refused(
            why=f"it requires {given['required']} signatures of {len(people)} people",
            next_step="Require at least 1, and no more than there are people.",
        )
    return Approvers(given["required"], people)


def _approver(given: t.Mapping[str, t.Any]) -> Approver:
    name = given["name"]
    if not _NAME.fullmatch(name):
        raise _refused(
            subject=name,
            why="a name of an approver has only letters, digits and . _ @ + -",
            next_step="Give a name such as ana.perez.",
        )
    until = given.get("valid_before") or ""
    try:
        until = datetime.date.fromisoformat(until).isoformat() if until else ""
    except ValueError:
        raise _refused(subject=name, why=f"{until!r} is not a date", next_step="Give dates as 2026-11-22.") from None
    return Approver(name, _public_key(given["public_key"], name), until)


def _public_key(text: str, name: str) -> str:
    """Return type and key of a public key, without its comment.

    :raises Refused: when it is none, or a weak one.
    """
    kind, _space, rest = text.strip().partition(" ")
    encoded = rest.split(maxsplit=1)[0] if rest.strip() else ""
    try:
        fields = _fields(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        fields = []
    if kind not in _TYPES or len(text.splitlines()) != 1 or len(fields) < 2 or fields[0] != kind.encode():
        raise _refused(
            subject=name,
            why="it is not an OpenSSH public key of a kind that is accepted",
            next_step=f"Give the line of the person's .pub file: {', '.join(_TYPES)}.",
        )
    if kind == _RSA and int.from_bytes(fields[-1], "big").bit_length() < _LEAST_RSA_BITS:
        raise _refused(
            subject=name,
            why=f"the RSA key is shorter than {_LEAST_RSA_BITS} bits",
            next_step="Let the person make another one: ssh-keygen -t ed25519.",
        )
    return f"{kind} {encoded}"


def _fields(blob: bytes) -> list[bytes]:
    """Return the fields of a public key: each its length in four bytes, then itself (RFC 4253, section 6.6).

    :raises ValueError: when it is cut short.
    """
    fields = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError("cut short")
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return fields


def _refused(*, why: str, next_step: str, subject: str = "approvals") -> Refused:
    return Refused("use the approvers", on=subject, why=why, next_step=next_step)
