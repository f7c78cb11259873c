# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outermost place of every module: whatever happens in it leaves it as one message, and all text is printable."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.infitulua.backup.plugins.module_utils._printable import printable, printable_value
from ansible_collections.infitulua.backup.plugins.module_utils._system.interruption import interruptible
from ansible_collections.infitulua.backup.plugins.module_utils._system.unforeseen import contained


class Module(t.Protocol):
    """What is needed of an AnsibleModule."""

    def warn(self, warning: str) -> None:
        """Show a warning."""

    def fail_json(self, msg: str, **result: t.Any) -> t.NoReturn:
        """End the module: it failed."""

    def exit_json(self, **result: t.Any) -> t.NoReturn:
        """End the module: it succeeded."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a module has to say.

    :param result: its return values.
    :param failure: why it failed, all of it; empty: it did not.
    """

    result: t.Mapping[str, t.Any]
    warnings: t.Sequence[str] = ()
    failure: str = ""


def carry_out(
    module: Module,
    action: str,
    *,
    on: str,
    work: t.Callable[[], Answer],
    nothing: t.Mapping[str, t.Any] | None = None,
) -> t.NoReturn:
    """Do a module's work and end it.

    :param action: what it does, as a verb phrase, for the message about being told to stop, and about what nobody
        foresaw.
    :param on: what it does it on.
    :param nothing: the return values where it could not even begin.
    """
    try:
        with interruptible(action, on=on), contained(action, on=on):
            answer = work()
            answer = dataclasses.replace(answer, result=printable_value(answer.result))
    except (BackupError, Interrupted) as error:
        answer = Answer({"details": error.details, **(nothing or {})}, failure=error.message)
    for warning in answer.warnings:
        module.warn(printable(warning))
    if answer.failure:
        module.fail_json(msg=printable(answer.failure), **answer.result)
    module.exit_json(**answer.result)
