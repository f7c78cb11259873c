# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules say is worded in Spanish, nothing of it is lost, and what the catalogue lacks is seen here."""

from __future__ import annotations

import re
import time

import pytest

from ansible_collections.infitulua.backup.plugins.module_utils._engines.sqlite.set_files import FIXED
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError
from ansible_collections.infitulua.backup.plugins.plugin_utils import _wording
from ansible_collections.infitulua.backup.plugins.plugin_utils._spanish import CATALOGUE
from ansible_collections.infitulua.backup.tests.unit.plugins.plugin_utils.module_texts import Text, module_texts

hypothesis = pytest.importorskip("hypothesis", reason="the development environment brings it")
st = pytest.importorskip("hypothesis.strategies")

TEXTS = module_texts()
_NAMES = re.compile(r"\{([a-z_0-9]+)\}")


def spanish(text: str) -> str:
    said = _wording.worded(text, "es")
    assert isinstance(said, str)
    return said


def known(kind: str, text: Text) -> bool:
    if kind == "actions":
        return _wording.matched_action(text.sample) is not None
    if kind == "checks":
        # A field's name is shown without its underscores.
        names = (text.sample, text.sample.replace("_", " "))
        return any(_wording.matched(name, kind) is not None for name in names)
    kinds = [kind for kind in CATALOGUE if kind != "actions"]
    return any(_wording.matched(text.sample, kind) is not None for kind in kinds) or spanish(text.sample) != text.sample


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_every_text_has_spanish_words(kind: str) -> None:
    lacking = [f"{text.where}: {text.sample}" for text in TEXTS[kind] if not known(kind, text)]
    assert not lacking, "add these to plugins/plugin_utils/_spanish_*.py:\n" + "\n".join(lacking)


def test_the_settings_of_a_sqlite_database_have_spanish_words() -> None:
    assert [name for name in FIXED if _wording.matched(name.replace("_", " "), "checks") is None] == []


def test_values_reappear_in_every_text_of_the_code() -> None:
    for text in (text for texts in TEXTS.values() for text in texts):
        said = spanish(text.sample)
        assert sorted(re.findall(r"v\d+", said)) == sorted(text.values), (text, said)


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_both_sides_of_a_template_have_the_same_placeholders(kind: str) -> None:
    for english, said in CATALOGUE[kind].items():
        assert sorted(_NAMES.findall(english)) == sorted(_NAMES.findall(said)), english
        assert english.endswith(".") == said.endswith("."), english


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("database nomina on /run/postgresql", "la base de datos nomina en /run/postgresql"),
        ("as in the set: 4 indexes, 1 view", "como en la copia: 4 índices, 1 vista"),
        ("1 hard link, 2 files, 5 bytes", "1 enlace duro, 2 archivos, 5 bytes"),
        ("as in the set: plpgsql, unaccent", "como en la copia: plpgsql, unaccent"),
        ("/srv/a: entries by type and bytes", "/srv/a: entradas por tipo y bytes"),
        ("pg_dump ended with exit status 1: No. Never", "pg_dump terminó con estado de salida 1: No. Never"),
        (
            "pg_dump ended with exit status 1: a; zstd ended with exit status 2: b",
            "pg_dump terminó con estado de salida 1: a; zstd terminó con estado de salida 2: b",
        ),
        (
            "it holds 3 rows, less than 0.5 of the 10 of srv/nomina/20261122T030000Z",
            "tiene 3 filas, menos de 0.5 de los 10 de srv/nomina/20261122T030000Z",
        ),
        (
            "The tables are restored, but x was not removed: Could not restore (role a on b): disk. See the cause.",
            "Las tablas se restauraron, pero no se borró x: No se pudo restaurar (el rol a en b): disk. Vea la causa.",
        ),
        (
            "Install the package a (Debian, Ubuntu) or b (Red Hat); its own service need not run.",
            "Instale el paquete a (Debian, Ubuntu) o b (Red Hat); no hace falta que su servicio funcione.",
        ),
        (
            "there are foreign objects beside its own: 'web1/x/a, b'",
            "hay objetos ajenos junto a los suyos: 'web1/x/a, b'",
        ),
        (
            "there are sets that directory /v does not hold and that have not been audited: 'web1/x/20261122T030000Z'",
            "hay copias que no están en el directorio /v y que no se han auditado: 'web1/x/20261122T030000Z'",
        ),
        # Where a text may be read in two ways, and where nobody has translated it, it stays as it is.
        ("database a on b on c", "database a on b on c"),
        ("something new happened", "something new happened"),
        ("foo... ", "foo... "),
    ],
)
def test_a_text_is_worded_in_spanish(english: str, said: str) -> None:
    assert spanish(english) == said


def test_an_error_is_worded_part_by_part() -> None:
    error = BackupError(
        "restore a database's programs (view v)",
        on="database nomina (old) on /run/mysqld",
        why="the set was taken from MySQL 9.1 and the server is 8.0",
        next_step="Restore into MySQL 9.1 or newer. A MySQL set cannot be restored into MariaDB, or the reverse.",
    )
    assert spanish(error.message) == (
        "No se pudo restaurar los programas de una base de datos (view v) (la base de datos nomina (old) en"
        " /run/mysqld):"
        " la copia se tomó de MySQL 9.1 y el servidor es 8.0. Restaure en MySQL 9.1 o más nuevo. "
        "Entre MySQL y MariaDB no puede pasar ninguna copia."
    )


def test_a_part_of_an_error_that_has_no_words_stays_english() -> None:
    error = BackupError("fold a set", on="a (b", why="its knees ache. All of them", next_step="Correct the cause.")
    assert spanish(error.message) == "Could not fold a set (a (b): its knees ache. All of them. Corrija la causa."


def test_english_and_what_is_no_text_are_left_alone() -> None:
    assert _wording.worded("all valid", "en") == "all valid"
    assert _wording.worded(None, "es") is None
    assert _wording.worded(["all valid"], "es") == ["all valid"]


VALUE = st.text("0123456789ñ_/", min_size=1, max_size=12)
TEMPLATES = sorted(english for kind in CATALOGUE if kind != "actions" for english in CATALOGUE[kind])


@hypothesis.given(st.sampled_from(TEMPLATES), st.lists(VALUE, min_size=5, max_size=5))
def test_no_value_of_a_template_is_lost(template: str, drawn: list[str]) -> None:
    values = dict(zip(_NAMES.findall(template), drawn))
    said = spanish(_NAMES.sub(lambda match: values[match[1]], template))
    for value in values.values():
        assert value in said


@hypothesis.given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_any_error_keeps_what_nobody_has_translated(what: str, on: str, why: str, step: str) -> None:
    """A text of letters that no template has comes through whole, whatever stands around it."""
    marks = [f"QX{number}Z" for number in range(4)]
    error = BackupError(
        f"{marks[0]}{what}", on=f"{on}{marks[1]}", why=f"{marks[2]}{why}{marks[2]}", next_step=f"{step}{marks[3]}"
    )
    said = spanish(error.message)
    assert all(said.count(mark) == error.message.count(mark) for mark in marks)


@hypothesis.given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_a_text_without_words_of_the_catalogue_stays(text: str) -> None:
    text = re.sub(r"[A-Za-z]", "9", text)
    assert spanish(text) == text


def seconds_for(piece: str, length: int) -> float:
    """The processor time that a text of so many characters takes."""
    began = time.process_time()
    spanish(f"Could not restore (x): {piece * (length // len(piece))}")
    return time.process_time() - began


@pytest.mark.parametrize("piece", [" (", "x (", "x. ", ". X", "; ", ": ", "1 index, "])
def test_a_long_text_takes_no_time(piece: str) -> None:
    # Five times the length: 25 times the time where each part of it is looked at once for each other one, never 125.
    assert seconds_for(piece, 15_000) < max(75 * seconds_for(piece, 3_000), 0.5)
