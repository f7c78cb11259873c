# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The media there are. A new one is one new file beside this and one line here."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import Refused

from .base import Medium


def _directory() -> type[Medium]:
    from .directory import DirectoryMedium

    return DirectoryMedium


def _s3() -> type[Medium]:
    from .s3.medium import S3Medium

    return S3Medium


def _ssh() -> type[Medium]:
    from .ssh.medium import SshMedium

    return SshMedium


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of medium.

    :param load: imports its class; a module uses one or two of them.
    :param arguments: its part of an argument specification, as AnsibleModule takes it: its constructor's parameters.
    """

    load: t.Callable[[], type[Medium]]
    arguments: dict[str, dict[str, t.Any]]


_BANDWIDTH = {"type": "dict", "options": {"upload": {"type": "str"}, "download": {"type": "str"}}}
MEDIA = {
    "directory": Kind(_directory, {"path": {"type": "path"}, "require_mount": {"type": "path"}}),
    "s3": Kind(
        _s3,
        {
            "bucket": {"type": "str"},
            "prefix": {"type": "str"},
            "endpoint_url": {"type": "str"},
            "region": {"type": "str"},
            "profile": {"type": "str"},
            "credentials_file": {"type": "path"},
            "access_key": {"type": "str", "no_log": False},
            "secret_key": {"type": "str", "no_log": True},
            "validate_certs": {"type": "bool"},
            "ca_bundle": {"type": "path"},
            "state_directory": {"type": "path"},
            "allowed_signers_file": {"type": "path"},
            "retain_days": {"type": "int"},
            "retain_mode": {"type": "str", "choices": ["compliance", "governance"]},
            "proxy_url": {"type": "str"},
            "bandwidth": _BANDWIDTH,
        },
    ),
    "ssh": Kind(
        _ssh,
        {
            "ssh_host": {"type": "str"},
            "ssh_port": {"type": "int"},
            "ssh_user": {"type": "str"},
            "ssh_key_file": {"type": "path", "no_log": False},
            "ssh_known_hosts_file": {"type": "path"},
            "ssh_remote_path": {"type": "str"},
            "bandwidth": _BANDWIDTH,
        },
    ),
}


def medium_argument() -> dict[str, t.Any]:
    """Return the specification of a module's option that names a medium."""
    options: dict[str, dict[str, t.Any]] = {"type": {"type": "str", "required": True, "choices": sorted(MEDIA)}}
    for kind in MEDIA.values():
        options.update(kind.arguments)
    return {"type": "dict", "options": options}


def make_medium(options: t.Mapping[str, t.Any]) -> Medium:
    """Return the medium that ``options`` describe: ``type`` and that type's own options.

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
        return MEDIA[kind].load()(**given)
    except TypeError as error:
        raise Refused(
            "choose a medium",
            on=f"{kind} with {', '.join(sorted(given)) or 'no options'}",
            why=str(error).split(") ", 1)[-1].replace("__init__() ", ""),
            next_step="Give the options that this type of medium takes.",
        ) from error
