# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules' English texts in the language of the reports.

Modules speak English. A report in Spanish words what they say by templates: an English text with ``{placeholders}``,
and the same in Spanish. A value goes from one to the other as it is, and is no more than a sentence; except that of a
placeholder whose name begins with

- ``text``: a text that is translated itself,
- ``list``: several of them (``; `` between them),
- ``counts``: a list such as "4 indexes, 1 view",
- ``output``: what a program has said, however long.

What no template matches stays English: nothing is ever lost.
"""

from __future__ import annotations

import functools
import itertools
import re
import typing as t

from ansible_collections.infitulua.backup.plugins.plugin_utils import _spanish

_PLACEHOLDER = re.compile(r"\{([a-z_0-9]+)\}")
_SENTENCE_BORDER = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_COULD_NOT = "Could not "
# Values without a space.
_WORDS = {"days", "fraction", "id", "kind", "level", "n", "number", "option", "package", "signal", "source", "status"}
# Longer texts are a program's output that a message quotes.
_MOST_CHARACTERS = 20_000
_MOST_DEPTH = 4
# Brackets looked at from the front of an error, and sentences from its end.
_MOST_PARTS = 8


def worded(text: t.Any, language: str) -> t.Any:
    """Return a module's text in a language: ``en`` is how modules speak, ``es`` is Spanish; what is no text stays."""
    if not isinstance(text, str) or language != "es" or len(text) > _MOST_CHARACTERS:
        return text
    return _translate(text, 0)


class Template:
    """An English text with placeholders, and the same in Spanish."""

    def __init__(self, english: str, spanish: str) -> None:
        pieces = _PLACEHOLDER.split(english)
        self.literals = pieces[0::2]
        self.names = pieces[1::2]
        self.spanish = spanish
        self.weight = sum(map(len, self.literals))

    def values(self, text: str) -> dict[str, str] | None:
        """Return the placeholders' values in a text; None where it is not this template's, or is so in two ways."""
        if not text.startswith(self.literals[0]):
            return None
        if not self.names:
            return {} if text == self.literals[0] else None
        found = {}
        at = len(self.literals[0])
        for name, literal in zip(self.names[:-1], self.literals[1:-1]):
            end = text.find(literal, at + 1)
            if end < 0 or (
                literal.strip(" ,;:.") and text.find(literal, end + 1) >= 0 and literal not in self.literals[-1]
            ):
                return None
            found[name] = text[at:end]
            at = end + len(literal)
        end = len(text) - len(self.literals[-1])
        if end <= at or not text.endswith(self.literals[-1]):
            return None
        found[self.names[-1]] = text[at:end]
        for name, value in found.items():
            # A value ends where a sentence ends; and one that the template's own words stand in could be cut elsewhere.
            if not name.startswith(("text", "list", "output")) and _SENTENCE_BORDER.search(value):
                return None
            if name in _WORDS and " " in value:
                return None
        return found

    def fill(self, values: t.Mapping[str, str]) -> str:
        """Return the Spanish text with the values."""
        return _PLACEHOLDER.sub(lambda match: values[match[1]], self.spanish)


def _body(text: str) -> str:
    return text[:-1] if text.endswith(".") else text


@functools.cache
def _templates(kinds: tuple[str, ...]) -> list[Template]:
    """Return the templates of these kinds that have placeholders, the most specific first."""
    pairs = (pair for kind in kinds for pair in _spanish.CATALOGUE[kind].items())
    found = [Template(_body(english), _body(spanish)) for english, spanish in pairs if "{" in english]
    return sorted(found, key=lambda template: (-template.weight, len(template.names)))


@functools.cache
def _plain(kinds: tuple[str, ...]) -> dict[str, str]:
    """Return what has no placeholder."""
    pairs = (pair for kind in kinds for pair in _spanish.CATALOGUE[kind].items())
    return {_body(english): _body(spanish) for english, spanish in pairs if "{" not in english}


def matched(text: str, *kinds: str, depth: int = 0) -> str | None:
    """Return the Spanish of a text that a template of these kinds matches as a whole; None where there is none."""
    body = _body(text)
    end = text[len(body) :]
    known = _plain(kinds).get(body)
    if known is not None:
        return known + end
    for template in _templates(kinds):
        values = template.values(body)
        if values is not None:
            return template.fill({name: _value(name, value, depth + 1) for name, value in values.items()}) + end
    return None


def _value(name: str, value: str, depth: int) -> str:
    if depth > _MOST_DEPTH:
        return value
    if name.startswith("list"):
        return "; ".join(_translate(item, depth) for item in value.split("; "))
    if name.startswith("counts"):
        return _counts(value) or value
    return _translate(value, depth) if name.startswith("text") else value


def _counts(text: str) -> str | None:
    """Return a list of counts in Spanish; None where it is something else."""
    items = [matched(item, "counts") for item in text.split(", ")]
    return ", ".join(item for item in items if item) if all(items) else None


def _translate(text: str, depth: int) -> str:
    """Translate a text as a whole, as an error, or sentence by sentence; what has no template stays."""
    if text.startswith(_COULD_NOT):
        return text if depth > _MOST_DEPTH else _error(text, depth + 1)
    found = _whole(text, depth)
    if found is not None or depth > _MOST_DEPTH:
        return text if found is None else found
    head, colon, tail = text.partition(": ")
    if colon and "\n" not in head:
        name = matched(head, "checks", "targets", depth=depth)
        if name is not None:
            return f"{name}: {_translate(tail, depth + 1)}"
        # What something is called, and why it failed.
        why = None if "; " in tail else _whole(tail, depth + 1)
        if why is not None:
            return f"{head}: {why}"
    sentences = _SENTENCE_BORDER.split(text)
    if len(sentences) > 1:
        return " ".join(_translate(sentence, depth + 1) for sentence in sentences)
    # Several causes, each a text of its own.
    items = text.split("; ")
    return "; ".join(_whole(item, depth) or item for item in items) if len(items) > 1 else text


def _whole(text: str, depth: int) -> str | None:
    """Return the Spanish of a text that one template matches; None where none does."""
    found = matched(text, "targets", "checks", "findings", "reasons", "steps", depth=depth)
    return _counts(text) if found is None else found


def _error(text: str, depth: int) -> str:
    """Translate "Could not {what} ({on}): {why}. {next_step}"."""
    parts = _parts(text)
    if parts is None:
        return text
    what, on, rest = parts
    action = matched_action(what)
    said = f"{_COULD_NOT}{what}" if action is None else f"No se pudo {action}"
    where = matched(on, "targets", "subjects", depth=depth)
    return f"{said} ({on if where is None else where}): {_why_and_step(rest, depth)}"


def matched_action(what: str) -> str | None:
    """Return the Spanish of what could not be done; text in brackets after it is a name."""
    found = matched(what, "actions")
    if found is None and what.endswith(")"):
        head, _bracket, name = what.partition(" (")
        action = matched(head, "actions")
        found = None if action is None else f"{action} ({name}"
    return found


def _parts(text: str) -> tuple[str, str, str] | None:
    """Return what, on, and the rest of an error; None where it does not have that form."""
    fallback = None
    for opened in itertools.islice(re.finditer(r" \(", text), _MOST_PARTS):
        what = text[len(_COULD_NOT) : opened.start()]
        if "\n" in what:
            break
        end = _closing(text, opened.end())
        if end is not None and text.startswith("): ", end):
            return what, text[opened.end() : end], text[end + 3 :]
        end = text.find("): ", opened.end())
        if fallback is None and end >= 0:
            fallback = what, text[opened.end() : end], text[end + 3 :]
    return fallback


def _closing(text: str, start: int) -> int | None:
    depth = 1
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at
    return None


def _why_and_step(rest: str, depth: int) -> str:
    """Translate the cause and what to do next: the step is the longest end of the text that is one."""
    for border in list(re.finditer(r"(?<=\.) ", rest))[-_MOST_PARTS:]:
        step = matched(rest[border.end() :], "steps", depth=depth)
        if step is not None:
            return f"{_translate(rest[: border.start()], depth)} {step}"
    return _translate(rest, depth)
