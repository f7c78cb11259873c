# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every reader of JUnit XML relies on, as the schema of Jenkins' xUnit plugin (junit-10.xsd) has it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

_LEAF: set[str] = set()
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase", "system-out", "system-err"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
    "skipped": _LEAF,
    "error": _LEAF,
    "failure": _LEAF,
    "system-out": _LEAF,
    "system-err": _LEAF,
}
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}}
ALLOWED = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time", "skipped", "timestamp", "hostname", "id", "package"},
    "testcase": {"name", "time", "classname"},
    "skipped": {"type", "message"},
    "error": {"type", "message"},
    "failure": {"type", "message"},
}


def read_junit(source: str | Path) -> dict[str, ElementTree.Element]:
    """The suites by name, of a file or a text that is as the schema says and whose counts are right."""
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    root = ElementTree.fromstring(text.encode())  # noqa: S314  # our own
    assert root.tag == "testsuites"
    _check(root)
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(name) == str(sum(case.find(tag) is not None for case in cases))
    for name in ("tests", "failures", "errors"):
        assert root.get(name) == str(sum(int(suite.get(name, "")) for suite in root))
    return {suite.get("name", ""): suite for suite in root}


def _check(element: ElementTree.Element) -> None:
    assert REQUIRED.get(element.tag, set()) <= set(element.keys()) <= ALLOWED.get(element.tag, set())
    if element.get("time") is not None:
        assert re.fullmatch(r"[0-9]+\.[0-9]{3}", element.get("time", ""))
    for child in element:
        assert child.tag in CHILDREN[element.tag]
        _check(child)
