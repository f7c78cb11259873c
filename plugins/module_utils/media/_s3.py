# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The s3 medium."""

from __future__ import annotations

import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._bag import Contents
from ansible_collections.infitulua.backup.plugins.module_utils._set_id import SetId
from ansible_collections.infitulua.backup.plugins.module_utils.media._base import Medium, ProgressCallback, no_progress


class S3Medium(Medium):
    """Sets in a bucket."""

    kind = "s3"
    arguments = {
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
        "retain_days": {"type": "int"},
        "retain_mode": {"type": "str", "choices": ["compliance", "governance"]},
    }

    def __init__(self, *, bucket: str, **options: t.Any) -> None:
        self.bucket = bucket
        self.options = options

    def describe(self) -> str:
        return f"bucket {self.bucket}"

    def sets(self, *, host: t.Optional[str] = None, source: t.Optional[str] = None) -> t.List[SetId]:
        raise NotImplementedError

    def contents(self, set_id: SetId) -> Contents:
        raise NotImplementedError

    def store(self, set_id: SetId, directory: str, progress: ProgressCallback = no_progress) -> None:
        raise NotImplementedError

    def remove(self, set_id: SetId) -> None:
        raise NotImplementedError
