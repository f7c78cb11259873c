# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the inventory's files something was written, as far as ansible-core says."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.parsing.yaml import objects

try:
    from ansible._internal._datatag._tags import Origin as _Tag
    from ansible._internal._datatag._tags import VaultedValue as _Vaulted
except ImportError:  # ansible-core before 2.19: what is read from a file has an attribute.
    _Tag = _Vaulted = None


@dataclasses.dataclass(frozen=True)
class Origin:
    """A place in a file.

    :param line: from 1 on.
    """

    file: str
    line: int


def origin_of(value: t.Any) -> Origin | None:
    """Return where a name or a value was written; None where that is not known (an option ``-e``, a plugin)."""
    if _Tag is None:
        position = getattr(value, "ansible_pos", None)
        return Origin(str(position[0]), int(position[1])) if position and position[0] else None
    tag = _Tag.get_tag(value)
    return Origin(str(tag.path), int(tag.line_num)) if tag is not None and tag.path and tag.line_num else None


def is_vaulted(value: t.Any) -> bool:
    """Tell whether a value is encrypted in the inventory, so that it must not be shown."""
    if _Vaulted is None:
        return isinstance(value, objects.AnsibleVaultEncryptedUnicode)
    return _Vaulted.is_tagged_on(value)
