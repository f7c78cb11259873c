# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This host's clock. It names sets, for people; it does not decide which set of a source is the newest."""

from __future__ import annotations

import datetime

# Two clocks that differ by this much or less count as the same. What is dated later than that is dated after now.
TOLERANCE = datetime.timedelta(minutes=5)
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def now() -> datetime.datetime:
    """Return this moment, as this host's clock tells it (UTC)."""
    return datetime.datetime.now(datetime.timezone.utc)


def is_after(moment: datetime.datetime, reference: datetime.datetime) -> bool:
    """Whether a moment is so much later than ``reference`` that no ordinary difference of two clocks explains it."""
    return moment > reference + TOLERANCE


def write(moment: datetime.datetime) -> str:
    """Return a moment in ISO 8601, as records and messages have it."""
    return moment.astimezone(datetime.timezone.utc).strftime(_FORMAT)


def read(text: str) -> datetime.datetime:
    """Return the moment that :func:`write` wrote.

    :raises ValueError: when the text is not one.
    """
    return datetime.datetime.strptime(text, _FORMAT).replace(tzinfo=datetime.timezone.utc)
