"""Secrets: values whose key names one are masked wherever payloads are shown or exported, and in the store when asked for.

Keys decide, not values: a password looks like any other text. In free text (a printed line, an error's cause) the same names followed by ``=`` or ``:`` mask
what comes after them. Tables and `run.output` give the data as it is: they are the program's own, not a picture of it.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "•••"

NAMES = (
    r"pass(?:word|wd|phrase)", r"secret", r"(?:access|auth|api|bearer|refresh|session|id)?[_-]?tokens?", r"(?:api|access|private|signing)[_-]?keys?",
    r"credentials?", r"authorization", r"cookies?", r"session[_-]?id", r"pwd",
)  # fmt: skip
"""Parts of keys that name a secret, as regular expressions without regard to case."""

# task tokens are capabilities too; a plain "key" is not in the list, since most keys of that name are no secrets
_KEY = re.compile("(?:^|[^a-z])(?:" + "|".join(NAMES) + ")(?:$|[^a-z])", re.I)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IN_TEXT = re.compile(
    r"""(?P<key>["']?[\w-]*(?:"""
    + "|".join(NAMES)
    + r""")[\w-]*["']?\s*[=:]\s*)(?P<value>"[^"]*"|'[^']*'|(?:Bearer|Basic)\s+[^\s,;&"']+|[^\s,;&"'}\]]+)""",
    re.I,
)


def is_secret(key: str) -> bool:
    """Whether a key names a secret.

    Examples
    --------
    >>> [k for k in ("password", "dbPassword", "api_key", "key", "tokenizer", "TaskToken") if is_secret(k)]
    ['password', 'dbPassword', 'api_key', 'TaskToken']
    """
    return _KEY.search(_CAMEL.sub("_", key)) is not None


def redact(value: Any) -> Any:
    """A copy of JSON data with secrets masked; nothing else changes.

    Examples
    --------
    >>> redact({"user": "lucy", "password": "x", "more": [{"apiKey": 3}]})
    {'user': 'lucy', 'password': '•••', 'more': [{'apiKey': '•••'}]}
    """
    if isinstance(value, dict):
        return {k: MASK if v not in (None, "", [], {}) and is_secret(k) else redact(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(v) for v in value]
    if isinstance(value, str) and (":" in value or "=" in value):
        return redact_text(value)
    return value


def redact_text(text: str) -> str:
    """Free text with what follows a secret's name masked.

    Examples
    --------
    >>> redact_text("login failed: password=hunter2 user=lucy")
    'login failed: password=••• user=lucy'
    """
    return _IN_TEXT.sub(lambda match: match.group("key") + MASK, text)


__all__ = ["MASK", "NAMES", "is_secret", "redact", "redact_text"]
