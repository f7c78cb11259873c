# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks say has both languages, with the same placeholders."""

from __future__ import annotations

import re

import pytest

from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import LANGUAGES, catalogue

PLACEHOLDER = re.compile(r"%\((\w+)\)")


def test_every_text_says_the_same_in_both_languages() -> None:
    spanish, english = (catalogue(language).texts for language in LANGUAGES)
    assert spanish.keys() == english.keys()
    for key, text in spanish.items():
        assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(english[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_in_a_text_but_placeholders_has_a_meaning(language: str) -> None:
    for key, text in catalogue(language).texts.items():
        assert "%" not in PLACEHOLDER.sub("", text).replace("s", ""), key


def test_a_language_that_there_is_not_is_spanish() -> None:
    assert catalogue("fr").texts == catalogue("es").texts
    assert catalogue("en")["no_failures"] == "No failures."


def test_a_language_is_looked_up_once() -> None:
    assert catalogue("es") is catalogue("es")


def test_what_a_module_says_is_worded() -> None:
    assert catalogue("en").worded("It is not there.") == "It is not there."
    assert catalogue("es").say("host", host="srv") == "srv:"
