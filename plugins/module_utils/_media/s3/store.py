# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to an S3-compatible object store: one client, and one clear message for each way a call can fail.

Works from botocore 1.29 (Debian 12) on: what older versions do not know as parameters (conditional puts, the type of
a checksum) is sent as a header from an event hook, the same way on all versions.
"""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import threading
import typing as t
import warnings

from ansible_collections.infitulua.backup.plugins.module_utils._errors import (
    AccessDenied,
    BackupError,
    NotFound,
    SetInvalid,
)
from ansible_collections.infitulua.backup.plugins.module_utils._system.bandwidth import Bandwidth, Timetable

from .bucket import Bucket
from .retries import Retries

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
# So many threads use one client.
_CONNECTIONS = 16
# Bodies up to this size are sent without asking first whether they are welcome.
SMALL_BYTES = 1024 * 1024
_SHOWN_MESSAGE = 300
_CREDENTIALS_REFUSED = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "InvalidSecurity",
)
_OTHER_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
# What is answered so says nothing of the object that was asked for.
_OF_THE_REQUEST = (*_CREDENTIALS_REFUSED, *_OTHER_REGION, "RequestTimeTooSkewed", "RequestTimeout", "SlowDown")
# What passes, says the API reference (Amazon S3, "Error responses"; RFC 6585 for 429).
_PASSING_STATUSES = (429, 500, 502, 503, 504)
_PASSING_CODES = ("InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling", "TooManyRequests")
# RFC 9110, section 13.1.2: the put succeeds only where nothing stands.
ONLY_IF_ABSENT = {"If-None-Match": "*"}
# One small object stays in each host's part of a bucket: what the store and the key can do is tried with it.
PROBE_NAME = ".probe"
PROBE_BODY = b"infitulua.backup tries with this object what this store and this key can do.\n"
PROBE_SHA256 = base64.b64encode(hashlib.sha256(PROBE_BODY).digest()).decode()


class Declined(Exception):
    """A call that failed.

    :param error: the failure as an operator reads it.
    :param code: the store's error code, such as ``PreconditionFailed``; empty when it gave no answer.
    :param status: the HTTP status; 0 when it gave no answer.
    :param certain: whether it is sure that the call changed nothing: the only try was answered with a refusal.
    """

    def __init__(self, error: BackupError, *, code: str = "", status: int = 0, certain: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.code = code
        self.status = status
        self.certain = certain

    @property
    def is_there_already(self) -> bool:
        """Whether a conditional put was refused because an object stands there."""
        return self.code == "PreconditionFailed" or self.status == 412

    @property
    def is_withheld(self) -> bool:
        """Whether an answer to a reading concerns the object alone: who put it chose its storage class and its keys."""
        return self.status in (400, 403) and not self.is_of_request

    @property
    def is_of_request(self) -> bool:
        """Whether an answer says nothing of what was asked for: the key, the region or the clock is wrong."""
        return self.code in _OF_THE_REQUEST


def load_library(on: str) -> t.Any:
    """Import botocore. It takes half a second, which modules that use other media need not wait.

    :param on: what it is needed for, as messages name it.
    :returns: the package, with the modules of it that are used here.
    :raises NotFound: when it is not installed.
    """
    try:
        import botocore.awsrequest
        import botocore.config
        import botocore.exceptions
        import botocore.parsers
        import botocore.session
    except ImportError as error:
        raise NotFound(
            "use an object store",
            on=on,
            why=f"the Python library boto3 is not installed for {sys.executable}",
            next_step="Install the package python3-boto3 (or boto3 with pip, 1.26 or newer).",
        ) from error
    return botocore


class Store:
    """The bucket, call by call. Safe from several threads.

    :raises NotFound: when the library or the credentials are missing.
    """

    def __init__(
        self,
        access: Bucket,
        upload_timetable: Timetable | None = None,
        download_timetable: Timetable | None = None,
    ) -> None:
        self.access = access
        access.check()
        self._library = load_library(access.describe())
        self.upload_pace, self.download_pace = Bandwidth(upload_timetable), Bandwidth(download_timetable)
        self._failures: tuple[type[Exception], ...] = (
            self._library.exceptions.BotoCoreError,
            self._library.exceptions.ClientError,
            self._library.parsers.ResponseParserError,
        )
        self._extra = threading.local()
        self._has_answered = False
        self._is_given_up = False
        self._iam: t.Any = None
        try:
            self._client = self._connect("s3")
        except self._library.exceptions.BotoCoreError as error:
            raise self._explain(error, "use an object store", access.describe(), Retries()).error from error

    def _connect(self, service: str) -> t.Any:
        access = self.access
        session = self._library.session.Session()
        if access.profile or access.credentials_file:
            # An explicit profile also keeps AWS_ACCESS_KEY_ID of the environment from being used instead of it.
            session.set_config_variable("profile", access.profile or "default")
        if access.credentials_file:
            session.set_config_variable("credentials_file", access.credentials_file)
        options: dict[str, t.Any] = {
            "signature_version": "s3v4",
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "read_timeout": READ_TIMEOUT_SECONDS,
            # Tries are counted here (see attempt): botocore's give up by number, and in a storm all at once.
            "retries": {"mode": "standard", "total_max_attempts": 1},
            "max_pool_connections": _CONNECTIONS,
            "tcp_keepalive": True,
            "s3": {"addressing_style": "path" if access.endpoint_url else "auto"},
        }
        # Every put names its checksum, and every download is hashed against the manifest: botocore's own choice of
        # checksums, which some stores refuse, is not wanted. Before 1.36 it had none, and no such options.
        for option in ("request_checksum_calculation", "response_checksum_validation"):
            if option in self._library.config.Config.OPTION_DEFAULTS:
                options[option] = "when_required"
        if access.proxy_url:
            # Otherwise botocore takes the proxies of the environment.
            options["proxies"] = {"http": access.proxy_url, "https": access.proxy_url}
        if service != "s3":
            del options["signature_version"], options["s3"]
        client = session.create_client(
            service,
            region_name=access.region or session.get_config_variable("region") or "us-east-1",
            endpoint_url=access.endpoint_url,
            aws_access_key_id=access.access_key,
            aws_secret_access_key=access.secret_key,
            verify=(access.ca_bundle or True) if access.validate_certs else False,
            config=self._library.config.Config(**options),
        )
        client.meta.events.register("before-call.s3", self._add_headers)
        client.meta.events.register("before-send.s3", _begin_sending)
        if not access.validate_certs:
            # urllib3 would repeat on every request what the operator has chosen.
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        return client

    def _add_headers(self, params: dict[str, t.Any], **_ignored: t.Any) -> None:
        headers = params["headers"]
        headers.update(getattr(self._extra, "headers", {}))
        if int(headers.get("Content-Length") or SMALL_BYTES + 1) <= SMALL_BYTES:
            # botocore asks before it sends any body; a store may answer that early, and for a small one it is waste.
            headers.pop("Expect", None)

    def attempt(
        self,
        operation: str,
        *,
        action: str,
        on: str | None = None,
        headers: t.Mapping[str, str] | None = None,
        stopped: threading.Event | None = None,
        retries: Retries | None = None,
        **parameters: t.Any,
    ) -> dict[str, t.Any]:
        """One call on the bucket, tried again where the store or the link falters, until a deadline.

        :param operation: the client's method, such as ``put_object``.
        :param headers: further headers.
        :param stopped: when set, it is not tried again.
        :param retries: the patience that is left, where it is not this call's alone.
        :raises Declined: when it fails.
        """
        retries = retries or Retries(stopped)
        body = parameters.get("Body")

        def call() -> dict[str, t.Any]:
            if isinstance(body, io.IOBase):
                t.cast(t.Any, body).rewind()
            self._extra.headers = dict(headers or {})
            try:
                return t.cast("dict[str, t.Any]", getattr(self._client, operation)(Bucket=bucket, **parameters))
            except self._failures:
                if not self._survives_early_answers():
                    self._client = self._connect("s3")
                raise
            finally:
                self._extra.headers = {}

        bucket = self.access.bucket
        return self._patiently(call, action, on or self.access.describe(), retries)

    def _patiently(
        self, call: t.Callable[[], dict[str, t.Any]], action: str, on: str, retries: Retries
    ) -> dict[str, t.Any]:
        while True:
            try:
                answer = call()
            except self._failures as error:
                may_pass = self._may_pass(error)
                if isinstance(error, self._library.exceptions.ClientError) and (not may_pass or not self._is_given_up):
                    self._has_answered, self._is_given_up = True, False
                if may_pass and retries.pause(has_answered=self._has_answered):
                    continue
                if may_pass:
                    # Its next calls, if any, do not wait as long again.
                    self._has_answered, self._is_given_up = False, True
                raise self._explain(error, action, on, retries) from error
            self._has_answered, self._is_given_up = True, False
            return answer

    def _may_pass(self, error: Exception) -> bool:
        """Whether the same call can succeed soon: the store or the link falters."""
        exceptions = self._library.exceptions
        if isinstance(error, exceptions.ClientError):
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = str(error.response.get("Error", {}).get("Code", ""))
            return status in _PASSING_STATUSES or code in _PASSING_CODES
        if isinstance(error, self._library.parsers.ResponseParserError):
            return True
        lost = isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError))
        return lost and not _is_distrust(error, exceptions)

    def administer(self, operation: str, *, action: str, on: str, **parameters: t.Any) -> dict[str, t.Any]:
        """One call on the store's IAM API, which some stores have beside S3, at the same endpoint.

        :param operation: the client's method, such as ``get_user``.
        :raises Declined: when it fails.
        """

        def call() -> dict[str, t.Any]:
            if self._iam is None:
                self._iam = self._connect("iam")
            return t.cast("dict[str, t.Any]", getattr(self._iam, operation)(**parameters))

        return self._patiently(call, action, on, Retries())

    def _survives_early_answers(self) -> bool:
        """Whether a connection is of use on which an answer came before the body was sent.

        Before botocore 1.31 it misreads the next answer (a refusal comes early, after "Expect: 100-continue").
        """
        return "request" in vars(self._library.awsrequest.AWSConnection)

    def call(self, operation: str, *, action: str, **parameters: t.Any) -> dict[str, t.Any]:
        """As :meth:`attempt`, but a failure is the operator's.

        :raises BackupError: when it fails.
        """
        try:
            return self.attempt(operation, action=action, **parameters)
        except Declined as declined:
            raise declined.error from declined.__cause__

    def close(self) -> None:
        """Close the connections."""
        for client in (self._client, self._iam):
            close = getattr(client, "close", None)
            if close is not None:
                close()

    def _explain(self, error: Exception, action: str, on: str, retries: Retries) -> Declined:
        if isinstance(error, self._library.exceptions.ClientError):
            return self._explain_answer(error, action, on, retries)
        kind, why, next_step = _explain_silence(error, self.access, self._library.exceptions)
        # Where no connection came about, nothing can have changed.
        certain = _is_distrust(error, self._library.exceptions)
        return Declined(kind(action, on=on, why=why, next_step=next_step), certain=certain)

    def _explain_answer(self, error: t.Any, action: str, on: str, retries: Retries) -> Declined:
        code = str(error.response.get("Error", {}).get("Code", ""))
        text = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:_SHOWN_MESSAGE]
        metadata = error.response.get("ResponseMetadata", {})
        status = int(metadata.get("HTTPStatusCode", 0))
        said = f"the store answered {code or status}" + (f": {text}" if text else "")
        kind: type[BackupError] = BackupError
        if code in _CREDENTIALS_REFUSED:
            why, next_step = f"it refuses the credentials ({code})", "Correct the key in the credentials file."
        elif code == "RequestTimeTooSkewed":
            why, next_step = "this host's clock differs too much from the store's", "Correct the clock (NTP)."
        elif code == "NoSuchBucket":
            kind = NotFound
            why, next_step = "there is no such bucket", "Create the bucket, or correct its name."
        elif code in _OTHER_REGION:
            why, next_step = f"the bucket is in another region ({said})", "Set the bucket's own region."
        elif status == 403:
            kind = AccessDenied
            why = f"the store does not allow this key to do it ({code})"
            next_step = "Use a key that has this permission, or grant it."
        elif code == "BadDigest":
            kind = SetInvalid
            why = "the bytes that arrived are not those of the manifest (BadDigest)"
            next_step = "Verify the set on its medium (set_verify), then run again."
        elif "object lock" in text.lower() or "ObjectLock" in code:
            why, next_step = said, "Create the bucket with Object Lock and versioning, or omit retain_days."
        elif status >= 500 or code == "SlowDown":
            why = f"{said}, {retries.tries} times in a row, for {retries.seconds} seconds"
            next_step = "Check the state of the store, then run again: an upload goes on where it stopped."
        else:
            why, next_step = said, "Check the medium's options and the store's log."
        certain = 400 <= status < 500 and retries.tries == 1
        failure = kind(action, on=on, why=why, next_step=next_step)
        return Declined(failure, code=code, status=status, certain=certain)


def _begin_sending(request: t.Any, **_ignored: t.Any) -> None:
    """Tell a body that it is sent from now on: what read it before were its checksum and its signature."""
    begin = getattr(request.body, "begin_sending", None)
    if begin is not None:
        begin()


def _explain_silence(error: Exception, access: Bucket, exceptions: t.Any) -> tuple[type[BackupError], str, str]:
    """Return what to say when the store gave no answer: the kind of error, why, what to do."""
    where = access.endpoint_url or "AWS"
    cause = _innermost(error)
    if _is_distrust(error, exceptions):
        return (
            BackupError,
            f"the certificate of {where} is not trusted ({cause})",
            "Name its certificate authority with ca_bundle; do not switch validate_certs off.",
        )
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return NotFound, "there are no credentials for it", "Give a profile, or access_key and secret_key."
    if isinstance(error, exceptions.ProfileNotFound):
        return NotFound, str(error), "Prepare this host (playbook infitulua.backup.step1_prepare_media)."
    if isinstance(error, exceptions.ProxyConnectionError):
        return (
            BackupError,
            f"the proxy {access.proxy_url or 'of the environment'} does not connect to {where} ({cause})",
            "Check proxy_url, or HTTPS_PROXY and NO_PROXY of the environment, and what the proxy admits.",
        )
    if isinstance(error, (exceptions.ConnectTimeoutError, exceptions.EndpointConnectionError)):
        return (
            BackupError,
            f"no connection to {where} ({cause})",
            "Check the network, the name and that the store is up; then run again.",
        )
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return (
            BackupError,
            f"the connection to {where} was lost ({cause})",
            "Run again: an upload goes on where it stopped.",
        )
    return BackupError, cause, "Check the medium's options."


def _is_distrust(error: Exception, exceptions: t.Any) -> bool:
    """Whether a certificate was refused: a link that breaks within TLS is an SSLError too."""
    return isinstance(error, exceptions.SSLError) and "certificate" in str(error).lower()


def _innermost(error: BaseException) -> str:
    """Return the cause at the bottom of a library's chain of wrappings, in one line."""
    inner: BaseException = error
    for _depth in range(10):
        following = getattr(inner, "reason", None) or inner.__cause__ or inner.__context__
        if not isinstance(following, BaseException):
            break
        inner = following
    text = getattr(inner, "strerror", None) or getattr(inner, "verify_message", None) or str(inner)
    return " ".join(str(text).split())[:_SHOWN_MESSAGE]
