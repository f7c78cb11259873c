# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module that makes the backup account does: looks, takes away what is too much, gives what is missing."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.infitulua.backup.plugins.module_utils._engines.parts import accounts
from ansible_collections.infitulua.backup.plugins.module_utils._engines.registry import SERVER_ENGINES
from ansible_collections.infitulua.backup.plugins.module_utils._engines.server.account import (
    LOCAL,
    PASSWORD,
    Account,
    AccountRequest,
    Right,
    State,
    may_become,
)
from ansible_collections.infitulua.backup.plugins.module_utils._engines.server.options import (
    LOCK,
    LOGIN_ARGUMENTS,
    LOGIN_OPTIONS,
    REFUSE,
)
from ansible_collections.infitulua.backup.plugins.module_utils._errors import BackupError, NotFound, Refused

from ..sources import choose

ACCOUNT_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "engine": {"type": "str", "choices": accounts.NAMES, "required": True},
    "name": {"type": "str", "required": True},
    "databases": {"type": "list", "elements": "str", "required": True},
    "authentication": {"type": "str", "choices": [LOCAL, PASSWORD], "default": LOCAL},
    "password": {"type": "str", "no_log": True},
    "exact": {"type": "bool", "default": True},
    "bypass_row_security": {"type": "bool"},
    "from_host": {"type": "str"},
    "nontransactional_tables": {"type": "str", "choices": [LOCK, REFUSE]},
    "read_accounts": {"type": "bool"},
    "show_databases": {"type": "bool"},
    **{name: LOGIN_ARGUMENTS[name] for name in LOGIN_OPTIONS},
}


@dataclasses.dataclass
class AccountReport:
    """What was, or in check mode would be, done.

    :param before: the account's rights, in words.
    :param after: the same afterwards.
    :param superfluous: what it holds that it does not need, and keeps.
    """

    account: str
    before: list[str]
    after: list[str]
    superfluous: list[str]
    warnings: list[str]
    changed: bool

    def result(self) -> dict[str, t.Any]:
        """Return the module's return values."""
        diff = {
            name: "".join(f"{text}\n" for text in texts)
            for name, texts in (("before", self.before), ("after", self.after))
        }
        return {
            "changed": self.changed,
            "account": self.account,
            "rights": self.after,
            "given": [text for text in self.after if text not in self.before],
            "taken": [text for text in self.before if text not in self.after],
            "superfluous": self.superfluous,
            "diff": {**diff, "before_header": self.account, "after_header": self.account},
        }


def make_account(params: t.Mapping[str, t.Any]) -> Account:
    """Return the account that a module's options describe.

    :raises Refused: when they do not fit together.
    """
    own = SERVER_ENGINES[params["engine"]].account_options
    others = {option for kind in SERVER_ENGINES.values() for option in kind.account_options if option not in own}
    foreign = sorted(option for option in others if params[option] is not None)
    if foreign:
        raise Refused(
            "use an option",
            on=", ".join(foreign),
            why=f"the engine {params['engine']} does not take it",
            next_step="Remove it, or correct the engine.",
        )
    given = {
        "bypass_row_security": params["bypass_row_security"],
        "from_host": params["from_host"],
        "lock_tables": params["nontransactional_tables"] == LOCK,
        "read_accounts": params["read_accounts"],
        "show_databases": params["show_databases"],
    }
    request = AccountRequest(
        name=params["name"],
        databases=_databases(params),
        authentication=params["authentication"],
        password=params["password"],
        login={name: params[name] for name in LOGIN_OPTIONS},
        **{name: value for name, value in given.items() if value is not None},
    )
    return SERVER_ENGINES[params["engine"]].account()(request)


def _databases(params: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """Return the databases that are meant; the server is asked only where there are patterns.

    :raises BackupError: when the server cannot be asked, or has none for one of them.
    """
    wanted = list(dict.fromkeys(params["databases"]))
    if not any(character in pattern for pattern in wanted for character in "*?["):
        return tuple(wanted)
    discovery = SERVER_ENGINES[params["engine"]].discover({name: params[name] for name in LOGIN_OPTIONS})
    found, missing = choose(discovery, wanted, [])
    if missing:
        raise NotFound(
            "find the databases of an account",
            on=f"{params['name']}, {discovery.engine} on {discovery.server}",
            why=f"the server has none for {', '.join(missing)}",
            next_step="Correct the names and patterns of its databases, or create them.",
        )
    return tuple(found)


def apply_account(params: t.Mapping[str, t.Any], *, check_mode: bool) -> AccountReport:
    """Make an account what it should be, or say what would be done.

    :raises BackupError: when it cannot be looked at, made, or used.
    """
    with make_account(params) as account:
        state = account.examine()
        take, give = _plan(account, state, exact=params["exact"])
        before = _texts(state.held)
        taken = _texts(take)
        after = sorted({*(text for text in before if text not in taken), *_texts(give)})
        changed = bool(take or give)
        if changed and not check_mode:
            account.change(take, give)
            state = account.examine()
            _check(account, state, exact=params["exact"])
            after = _texts(state.held)
        warnings = list(state.warnings)
        if not (changed and check_mode):
            _try(account, params, warnings)
        wanted = _texts(state.wanted)
        superfluous = [text for text in after if text not in wanted]
    return AccountReport(account.describe(), before, after, superfluous, warnings, changed)


def _texts(rights: t.Iterable[Right]) -> list[str]:
    return sorted({right.text for right in rights})


def _plan(account: Account, state: State, *, exact: bool) -> tuple[list[Right], list[Right]]:
    held, wanted = _texts(state.held), _texts(state.wanted)
    give = [
        right for right in state.wanted if right.text not in held and (exact or not account.covers(held, right.text))
    ]
    take = [right for right in state.held if right.text not in wanted and (exact or not right.take)]
    return take, give


def _check(account: Account, state: State, *, exact: bool) -> None:
    take, give = _plan(account, state, exact=exact)
    if take or give:
        raise BackupError(
            "set up an account",
            on=account.describe(),
            why="the server carried out every statement, but the account still "
            + "; ".join(
                [f"lacks: {text}" for text in _texts(give)]
                + [f"holds what it does not need: {text}" for text in _texts(take)]
            ),
            next_step="Grant or revoke it by hand, or choose another name for the account.",
        )


def _try(account: Account, params: t.Mapping[str, t.Any], warnings: list[str]) -> None:
    """Log in as the account, where that can be done from here."""
    if params["authentication"] == LOCAL and not may_become(params["name"]):
        warnings.append("Whether it can log in was not tested: only root, or that user, can test it")
    elif (params["from_host"] or "localhost") not in ("localhost", "%"):
        warnings.append("Whether it can log in was not tested: it may connect from another host only")
    else:
        account.log_in()
