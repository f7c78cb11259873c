# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn the results of tasks into the report of a step."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.infitulua.backup.plugins.plugin_utils import (
    _clocks,
    _cloud_report,
    _compliance,
    _outcome,
    _report,
    _rereading,
    _steps,
)
from ansible_collections.infitulua.backup.plugins.plugin_utils._catalogue import catalogue

Hosts = t.Mapping[str, t.Mapping[str, t.Any]]


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters."""
        return {
            "backed_up": _backed_up,
            "cloud_prepared": _cloud_prepared,
            "compliance": _judged,
            "drilled": _steps.drilled,
            "failures": _failures,
            "never_stored": _steps.never_stored,
            "noted_at_end": _noted_at_end,
            "noted_failure": _noted_failure,
            "report": _show,
            "stored": _stored,
            "swept": _outcome.swept,
            "to_reread": _rereading.to_reread,
            "verified": _steps.verified,
            "verified_elsewhere": _steps.verified_elsewhere,
            "wrong_clocks": _clocks.wrong_clocks,
        }


def _backed_up(results: _steps.Results, language: str, **facts: t.Any) -> list[_outcome.Entry]:
    return _steps.backed_up(results, catalogue(language), **facts)


def _cloud_prepared(result: t.Mapping[str, t.Any], language: str) -> list[str]:
    return _cloud_report.cloud_prepared(result, catalogue(language))


def _judged(
    results: _steps.Results, server: str, variables: t.Mapping[str, t.Any], language: str, **facts: t.Any
) -> dict[str, list[_outcome.Entry]]:
    return _compliance.compliance(results, server, variables, catalogue(language), **facts)


def _stored(results: _steps.Results, language: str, **facts: t.Any) -> list[_outcome.Entry]:
    return _steps.stored(results, catalogue(language), **facts)


def _noted_failure(
    noted: _outcome.Noted, language: str, *, result: _outcome.Result, about: t.Mapping[str, t.Any]
) -> _outcome.Entry:
    return _kept(_outcome.with_failure(noted, result, about, catalogue(language)))


def _noted_at_end(noted: _outcome.Noted, language: str, *, end: t.Mapping[str, t.Any]) -> _outcome.Entry:
    return _kept(_outcome.at_the_end(noted, end, catalogue(language)))


def _show(hosts: Hosts, names: t.Iterable[str], steps: t.Sequence[str], language: str, **facts: t.Any) -> list[str]:
    return _report.report(_noted_of(hosts, names), steps, catalogue(language), **facts)


def _failures(hosts: Hosts, names: t.Iterable[str], steps: t.Sequence[str], language: str) -> str:
    texts = catalogue(language)
    found = _report.failures(_noted_of(hosts, names), steps, texts)
    return "\n".join(_report.failure_lines(found, texts))


def _noted_of(hosts: Hosts, names: t.Iterable[str]) -> dict[str, _outcome.Noted]:
    """Return what the hosts of a play have noted."""
    return {name: hosts[name].get("_backup_noted") or {} for name in names}


def _kept(entry: _outcome.Entry) -> _outcome.Entry:
    """Return what becomes a fact. A core before 2.19 would take braces in what a host said for a template."""
    kept: _outcome.Entry = wrap_var(_plain(entry))
    return kept


def _plain(value: t.Any) -> t.Any:
    """Return a value of the types that JSON has: what a template is given may be evaluated when it is looked at."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
