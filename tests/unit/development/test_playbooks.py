# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks read like the procedure: what needs more than three lines of Jinja is Python, typed and tested."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"
MOST_LINES = 3
# A loop that computes, and JSON that a template of our own has written.
PROGRAMS = ("namespace(", "lookup('ansible.builtin.template'")


def texts(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Every scalar of a document."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from texts(inner)
    elif isinstance(node, yaml.MappingNode):
        for _key, inner in node.value:
            yield from texts(inner)


def programs(text: str) -> list[str]:
    """The expressions of a file of YAML that should be Python, by the line on which they begin."""
    lines = text.splitlines()
    found = []
    for node in texts(yaml.compose(text)):
        folded = node.style in (">", "|")
        first, end = node.start_mark.line + folded, node.end_mark.line + (not folded)
        length = sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines[first:end])
        if ("{{" in node.value and length > MOST_LINES) or "{%" in node.value or any(p in node.value for p in PROGRAMS):
            found.append(f"line {first + 1}")
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a: "{{ b | default([]) }}"\n', []),
        ("a: >-\n  {{ b\n     + c\n     + d }}\n\n# Why.\nb: 1\n", []),
        ("a: >-\n  {{ b\n     + c\n     + d\n     + e }}\nb: 1\n", ["line 2"]),
        ("a: >-\n  Only\n  a long\n  text\n  of four lines.\n", []),
        ('a: "{%- for b in c -%}{{ b }}{%- endfor -%}"\n', ["line 1"]),
        ("a: \"{{ lookup('ansible.builtin.template', 'x.j2') }}\"\n", ["line 1"]),
    ],
)
def test_a_program_in_an_expression_is_noticed(text: str, expected: list[str]) -> None:
    assert programs(text) == expected


@pytest.mark.parametrize("path", sorted(PLAYBOOKS.rglob("*.yml")), ids=lambda path: t.cast(Path, path).name)
def test_no_expression_is_a_program(path: Path) -> None:
    assert programs(path.read_text(encoding="utf-8")) == []


def test_no_template_computes() -> None:
    assert list(PLAYBOOKS.rglob("*.j2")) == []
