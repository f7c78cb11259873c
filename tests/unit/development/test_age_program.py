# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-ins for age and age-keygen read and write what the real programs read and write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyrage")

from development import environment

PROGRAMS = environment.ROOT / "development" / "programs"
STAND_IN = [sys.executable, "-I", str(PROGRAMS / "age")]
STAND_IN_KEYGEN = [sys.executable, "-I", str(PROGRAMS / "age-keygen")]
REAL = shutil.which("age", path=environment.outside_path())
REAL_KEYGEN = shutil.which("age-keygen", path=environment.outside_path())
# age ends every chunk at 64 KiB: sizes on both sides of the borders.
SIZES = [0, 65535, 65536, 65537, 1_000_000]


def _implementations() -> list[list[str]]:
    """Every age there is to compare: the real one is there wherever Debian's package is installed."""
    return [STAND_IN, [REAL]] if REAL else [STAND_IN]


def _name(argv: list[str]) -> str:
    return "stand-in" if argv is STAND_IN else "real"


def _run(argv: list[str], data: bytes = b"", **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(argv, input=data, capture_output=True, timeout=60, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    assert _run([*STAND_IN_KEYGEN, "-o", str(path)]).returncode == 0
    return path


def _public(path: Path) -> str:
    return _run([*STAND_IN_KEYGEN, "-y", str(path)]).stdout.decode().strip()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("decrypt", _implementations(), ids=_name)
@pytest.mark.parametrize("encrypt", _implementations(), ids=_name)
def test_round_trip(encrypt: list[str], decrypt: list[str], size: int, key_file: Path) -> None:
    data = os.urandom(size)
    encrypted = _run([*encrypt, "-r", _public(key_file)], data)
    assert encrypted.returncode == 0, encrypted.stderr
    decrypted = _run([*decrypt, "-d", "-i", str(key_file)], encrypted.stdout)
    assert (decrypted.returncode, decrypted.stdout) == (0, data), decrypted.stderr


@pytest.mark.parametrize("implementation", _implementations(), ids=_name)
def test_several_recipients_and_files(implementation: list[str], tmp_path: Path) -> None:
    keys = [tmp_path / name for name in ("operational", "escrow", "listed")]
    for key in keys:
        _run([*STAND_IN_KEYGEN, "-o", str(key)])
    listed = tmp_path / "recipients"
    listed.write_text(f"# the third\n\n{_public(keys[2])}\n")
    source, target = tmp_path / "plain", tmp_path / "plain.age"
    source.write_bytes(b"text")
    argv = [*implementation, "-r", _public(keys[0]), "-r", _public(keys[1]), "-R", str(listed)]
    assert _run([*argv, "-o", str(target), str(source)]).returncode == 0
    for key in keys:
        opened = tmp_path / f"{key.name}.opened"
        assert _run([*STAND_IN, "-d", "-i", str(key), "-o", str(opened), str(target)]).returncode == 0
        assert opened.read_bytes() == b"text"


def test_ssh_keys(tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=30)
    public = key.with_suffix(".pub").read_text().strip()
    for encrypt in _implementations():
        for decrypt in _implementations():
            encrypted = _run([*encrypt, "-r", public], b"text")
            assert _run([*decrypt, "-d", "-i", str(key)], encrypted.stdout).stdout == b"text"


@pytest.mark.parametrize("implementation", _implementations(), ids=_name)
def test_identity_from_an_inherited_pipe(implementation: list[str], key_file: Path) -> None:
    encrypted = _run([*STAND_IN, "-r", _public(key_file)], b"text").stdout
    read, write = os.pipe()
    os.write(write, key_file.read_bytes())
    os.close(write)
    try:
        argv = [*implementation, "-d", "-i", f"/dev/fd/{read}"]
        assert _run(argv, encrypted, pass_fds=[read]).stdout == b"text"
    finally:
        os.close(read)


@pytest.mark.parametrize("implementation", _implementations(), ids=_name)
@pytest.mark.parametrize("damage", ["cut", "cut at a chunk's border", "flipped", "header", "no age file", "empty"])
def test_damaged_input_is_refused(implementation: list[str], damage: str, key_file: Path) -> None:
    plain = bytes(3 * 65536)
    whole = _run([*STAND_IN, "-r", _public(key_file)], plain).stdout
    body = whole.index(b"\n--- ") + len(b"\n--- ") + 43 + 1 + 16
    damaged = {
        "cut": whole[:-1],
        "cut at a chunk's border": whole[: body + 65552],
        "flipped": whole[: body + 70000] + bytes([whole[body + 70000] ^ 1]) + whole[body + 70001 :],
        "header": whole[:40] + (b"B" if whole[40:41] == b"A" else b"A") + whole[41:],
        "no age file": b"root:x:0:0:root:/root:/bin/bash\n" * 100,
        "empty": b"",
    }[damage]
    assert damaged != whole
    answer = _run([*implementation, "-d", "-i", str(key_file)], damaged)
    assert answer.returncode == 1
    assert answer.stderr.startswith(b"age: error: ")
    assert answer.stdout != plain


@pytest.mark.parametrize("implementation", _implementations(), ids=_name)
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["-r", "bogus"], 1, b"age: error: unknown recipient type"),
        (["-r", "age1bogus"], 1, b"age: error: malformed recipient"),
        (["-R", "missing"], 1, b'age: error: failed to parse recipient file "missing"'),
        ([], 2, b""),
        (["-d", "-i", "missing"], 1, b'age: error: reading "missing": failed to open file'),
        (["-d", "-i", os.devnull], 1, b"age: error: reading"),
        (["--bogus"], 2, b""),
    ],
)
def test_errors(implementation: list[str], arguments: list[str], status: int, message: bytes, tmp_path: Path) -> None:
    answer = _run([*implementation, *arguments], b"text", cwd=tmp_path)
    assert answer.returncode == status or (not arguments and answer.returncode == 1)
    assert answer.stderr.startswith(message)
    assert answer.stderr
    assert not answer.stdout


@pytest.mark.parametrize("implementation", _implementations(), ids=_name)
def test_other_identity(implementation: list[str], key_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    _run([*STAND_IN_KEYGEN, "-o", str(other)])
    encrypted = _run([*STAND_IN, "-r", _public(key_file)], b"text").stdout
    target = tmp_path / "target"
    answer = _run([*implementation, "-d", "-i", str(other), "-o", str(target)], encrypted)
    assert answer.returncode == 1
    assert answer.stderr.startswith(b"age: error: no identity matched any of the recipients\n")
    assert not target.exists()


@pytest.mark.parametrize("implementation", _implementations(), ids=_name)
@pytest.mark.parametrize("size", [10, 10_000_000])
def test_full_disk(implementation: list[str], size: int, key_file: Path) -> None:
    for data, arguments in (
        (bytes(size), ["-r", _public(key_file)]),
        (_run([*STAND_IN, "-r", _public(key_file)], bytes(size)).stdout, ["-d", "-i", str(key_file)]),
    ):
        with open("/dev/full", "wb") as full:
            argv = [*implementation, *arguments]
            answer = subprocess.run(argv, input=data, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
        assert answer.returncode == 1
        assert answer.stderr.startswith(b"age: error: ")
        assert b"no space left on device" in answer.stderr


def test_constant_memory(key_file: Path) -> None:
    program = (
        "import resource, runpy, sys, os; os._exit = sys.exit; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    argv = [sys.executable, "-I", "-c", program, str(PROGRAMS / "age"), "-r", _public(key_file), "-o", os.devnull]
    peaks = [int(_run(argv, bytes(size)).stderr) for size in (1_000_000, 100_000_000)]
    assert peaks[1] < peaks[0] * 1.5


def _keygens() -> list[list[str]]:
    return [STAND_IN_KEYGEN, [REAL_KEYGEN]] if REAL_KEYGEN else [STAND_IN_KEYGEN]


@pytest.mark.parametrize(
    "implementation", _keygens(), ids=lambda argv: "stand-in" if argv is STAND_IN_KEYGEN else "real"
)
def test_key_file(implementation: list[str], tmp_path: Path) -> None:
    path = tmp_path / "key"
    made = _run([*implementation, "-o", str(path)])
    created, public, secret = path.read_text().splitlines()
    assert created.startswith("# created: 20")
    key = public.removeprefix("# public key: ")
    assert key.startswith("age1")
    assert secret.startswith("AGE-SECRET-KEY-1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.stderr.decode() == f"Public key: {key}\n"
    for other in _keygens():
        assert _run([*other, "-y", str(path)]).stdout.decode() == f"{key}\n"
        assert _run([*other, "-y"], path.read_bytes()).stdout.decode() == f"{key}\n"
    again = _run([*implementation, "-o", str(path)])
    assert again.returncode == 1
    assert again.stderr.startswith(b"age-keygen: error: failed to open output file")
    broken = _run([*implementation, "-y"], b"no key\n")
    assert broken.returncode == 1
    assert broken.stderr.startswith(b"age-keygen: error: failed to parse input: error at line 1: ")


def test_stand_ins_only_where_programs_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    monkeypatch.setattr(environment, "VENV", tmp_path / "venv")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    environment.link_stand_ins()
    wrapper = tmp_path / "venv" / "bin" / "age"
    assert str(PROGRAMS / "age") in wrapper.read_text()
    assert os.access(wrapper, os.X_OK)
    installed = tmp_path / "nothing"
    installed.mkdir()
    for name in ("age", "age-keygen"):
        (installed / name).write_text("#!/bin/sh\n")
        (installed / name).chmod(0o755)
    environment.link_stand_ins()
    assert not wrapper.exists()
