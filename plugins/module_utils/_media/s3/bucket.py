# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach a bucket: what of the medium's options says where it is and who asks."""

from __future__ import annotations

import dataclasses
import os
import urllib.parse

from ansible_collections.infitulua.backup.plugins.module_utils._errors import NotFound, Refused


@dataclasses.dataclass(frozen=True)
class Bucket:
    """How to reach a bucket. The parameters are the medium's options."""

    bucket: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    credentials_file: str | None = None
    access_key: str | None = None
    secret_key: str | None = dataclasses.field(default=None, repr=False)
    validate_certs: bool = True
    ca_bundle: str | None = None
    proxy_url: str | None = None

    def check(self) -> None:
        """Check how the options go together.

        :raises Refused: when they do not.
        """
        url = urllib.parse.urlsplit(self.endpoint_url or "https://")
        if bool(self.access_key) != bool(self.secret_key):
            self._refuse("access_key and secret_key go together", "Give both, or neither and a profile.")
        if self.access_key and (self.profile or self.credentials_file):
            self._refuse("it has both a key and a profile", "Give access_key and secret_key, or a profile, not both.")
        if url.scheme not in ("https", "http") or (self.endpoint_url and not url.hostname):
            why = f"{url.scheme}://{url.hostname or ''} is not an endpoint"
            self._refuse(why, "Give a URL such as https://s3.example.org.")
        if url.username or url.password:
            self._refuse("endpoint_url holds a user or a password", "Give the keys as access_key and secret_key.")
        if url.scheme == "http" and self.validate_certs:
            self._refuse(
                "endpoint_url is http, so nothing proves that the store is the right one",
                "Give an https URL; only validate_certs: false admits http.",
            )
        self._check_proxy()
        if self.ca_bundle and not self.validate_certs:
            self._refuse("it has a ca_bundle but certificates are not checked", "Remove one of the two.")
        for path in (self.ca_bundle, self.credentials_file):
            if path and not os.access(path, os.R_OK):
                raise NotFound(
                    "use an object store",
                    on=self.describe(),
                    why=f"the file {path} does not exist or may not be read",
                    next_step="Prepare this host (playbook infitulua.backup.step1_prepare_media), or correct the path.",
                )

    def _check_proxy(self) -> None:
        if self.proxy_url is None:
            return
        proxy = urllib.parse.urlsplit(self.proxy_url)
        if proxy.username or proxy.password:
            self._refuse(
                "proxy_url holds a user or a password, which would be shown wherever options are",
                "Let the proxy admit this host by its address, and give the URL without them.",
            )
        if proxy.scheme not in ("http", "https") or not proxy.hostname:
            self._refuse("proxy_url is no http or https URL", "Give a URL such as http://proxy.example.org:3128.")

    def describe(self) -> str:
        """Return the bucket and where it is, for messages."""
        return f"bucket {self.bucket} at {self.endpoint_url or 'AWS'}"

    def _refuse(self, why: str, next_step: str) -> None:
        raise Refused("use an object store", on=f"bucket {self.bucket}", why=why, next_step=next_step)
