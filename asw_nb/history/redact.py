"""Secrets: values whose key names one are masked wherever payloads are shown or exported, and in the store when asked for.

Keys decide, not values: a password looks like any other text. In free text (a printed line, an error's cause, a function's source) the same names followed
by ``=`` or ``:`` mask what comes after them, and so does what needs no name: the password of a URL, the credentials of an ``Authorization`` header. JSON in
a text is read as JSON.

This is the one place that decides. Whoever shows a payload calls `redact`, and `redact_text` for what a person or a program wrote, *before* it is cut to
a length: a cut may part a value from its name. What a program works with (`run.output`, `run["Load"].input`) is never masked.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
from collections.abc import Iterable
from typing import Any

from asw_nb.engine.payload import decode, encode
from asw_nb.errors import UsageError
from asw_nb.history.secret_spans import LONGEST_IN_URL, spans

MASK = "•••"

NAMES = (
    "pwd", "pw", r"(?:access|auth|api|bearer|refresh|session|id|csrf|xsrf|user)?[ _.-]?tokens?",
    r"(?:access|private|signing|encryption|master|account|shared|storage|ssh)[ _.-]?keys?", "auth", "bearer", "cookies?", r"session[ _.-]?id", "jwt", "otp", "sig", "signature",
)  # fmt: skip
"""Words in a key that name a secret, as regular expressions without regard to case."""

ANYWHERE = (
    "passw(?:or)?d", "pass[ _.-]?(?:phrase|code)", "secret(?!ar)", "credential", "authori[sz]ation", "api[ _.-]?key", "密码", "密碼", "口令", "密钥", "密鑰", "令牌",
)  # fmt: skip
"""What names a secret wherever it stands in a key: ``PGPASSWORD``, ``clientsecret``."""

_PART = r"(?:max|min|num|n|total|prompt|completion|input|output|cached|reasoning|used|generated|new)[ _.-]?"
_SPECIAL = "special|stop|pad|eos|bos|unk|sep|cls|mask"
PLAIN = (
    rf"(?:{_PART})+tokens", rf"(?:{_SPECIAL})[ _.-]?tokens?(?:[ _.-]?ids?)?", "tokens?[ _.-]?(?:count|limit|usage|budget|ids?|types?)",
)  # fmt: skip
"""Whole keys that only look like a secret's: language models count tokens."""

_PIECES = (
    "pass", "secret", "token", "key", "auth", "cred", "pw", "cookie", "session", "sig", "bearer", "basic", "jwt", "otp", "密", "口令", "令牌", "\\u",
)  # fmt: skip
# One of these stands in every text with a name of a secret (or it may be hidden by JSON's escapes): to look for them costs a tenth of reading the text.

ENVIRONMENT = "ASW_NB_REDACT"

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMPARES = re.compile(r"(?:String|Numeric|Timestamp)(?!\w*Path$)")
_PAIRS = (("name", "value"), ("Name", "Value"), ("key", "value"), ("Key", "Value"))
_STATE_TYPES = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
_SCALARS = frozenset((int, float, bool, type(None)))
_NUMBERS = re.compile(r"[\d:.,+/TZ -]*+")
_MARGIN = LONGEST_IN_URL + 300
"""Characters read beyond a limit: no value that is recognised by itself is longer."""


def _as_word(pattern: str) -> str:
    return f"(?:^|[^a-z])(?:{pattern})(?:$|[^a-z])"


_SECRET = re.compile("|".join((*ANYWHERE, _as_word("|".join(NAMES)))), re.I)
_PLAIN = re.compile(r"(?:.*\.)?(?:" + "|".join(PLAIN) + ")", re.I)


class Redactor:
    """Finds secrets and masks them.

    Parameters
    ----------
    more : iterable of str
        Names besides `NAMES`; one that begins with ``!`` is a whole key that is none.
    mask : str
        What stands in place of a secret; it begins with `MASK`.
    """

    def __init__(self, more: Iterable[str] = (), mask: str = MASK) -> None:
        self.mask = mask
        more = tuple(more)
        self._more = [re.compile(_as_word(p), re.I) for p in more if not p.startswith("!")]
        self._not = [re.compile(p[1:], re.I) for p in more if p.startswith("!")]
        self.is_secret = functools.lru_cache(8192)(self._is_secret)

    def _is_secret(self, key: Any) -> bool:
        text = str(key)
        split = _CAMEL.sub("_", text)
        if _SECRET.search(split) is None and not any(p.search(text) or p.search(split) for p in self._more):
            return False
        return not (_PLAIN.fullmatch(split) or any(p.fullmatch(text) or p.fullmatch(split) for p in self._not))

    def value(self, value: Any) -> Any:
        """JSON data with its secrets masked; what holds none is given back itself."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, (list, tuple)):
            new = [v if type(v) in _SCALARS else self.value(v) for v in value]
            return value if all(map(_is, new, value)) else new
        return value

    def _object(self, value: dict[Any, Any]) -> dict[Any, Any]:
        out: dict[Any, Any] | None = None
        is_secret = self.is_secret
        for key, old in value.items():
            if is_secret(key) and not _is_expression(key, old):
                new = self._hidden(old)
            elif key == "States" and isinstance(old, dict) and all(map(_is_state, old.values())):
                new = self._states(old)
            elif type(old) in _SCALARS:
                continue
            else:
                new = self.value(old)
            if new is not old:
                out = dict(value) if out is None else out
                out[key] = new
        if "value" in value or "Value" in value:  # a variable as containers and tags have it: its name is a value too
            for name, content in _PAIRS:
                if content in value and isinstance(value.get(name), str) and is_secret(value[name]):
                    new = self._hidden(value[content])
                    if new is not value[content]:
                        out = dict(value) if out is None else out
                        out[content] = new
        variable = value.get("Variable")
        if isinstance(variable, str) and is_secret(variable):  # a Choice rule: what the secret is compared with is one too
            for key, old in value.items():
                if _COMPARES.match(str(key)) and not isinstance(old, bool):
                    out = dict(value) if out is None else out
                    out[key] = self._hidden(old)
        return value if out is None else out

    def _states(self, states: dict[Any, Any]) -> dict[Any, Any]:
        """The states of a definition: their names are no names of fields."""
        new = {name: self.value(state) for name, state in states.items()}
        return new if any(new[name] is not state for name, state in states.items()) else states

    def _hidden(self, value: Any) -> Any:
        """The mask; or the value itself, when it is empty or masked already."""
        if value is None or (isinstance(value, (str, list, tuple, dict)) and not value):
            return value
        return value if isinstance(value, str) and value.startswith(MASK) else self.mask

    def text(self, text: str, limit: int | None = None) -> str:
        """Free text with its secrets masked.

        Parameters
        ----------
        limit : int, optional
            Characters of the text that are wanted: of one much longer, no more than these are looked at.
        """
        if limit is not None and len(text) > limit + _MARGIN:
            return self._start_of(text, limit)
        if not self._may_hold(text):
            return text
        if text[0] in "{[" and text[-1] in "}]":
            try:
                data = decode(text)
            except (ValueError, RecursionError):
                data = None
            if isinstance(data, (dict, list)):
                masked = self.value(data)
                return text if masked is data else encode(masked).decode("utf-8", "surrogatepass")
        return self._masked(text, spans(text, self.is_secret))

    def _start_of(self, text: str, limit: int) -> str:
        found = spans(text[: limit + _MARGIN], self.is_secret)
        return self._masked(text[:limit], [(start, min(end, limit)) for start, end in found if start < limit])

    def _masked(self, text: str, found: list[tuple[int, int]]) -> str:
        if not found:
            return text
        out, at = [], 0
        for start, end in found:
            kept = text[start:end].startswith(MASK)
            out += [text[at:start], text[start:end] if kept else self.mask]
            at = end
        return "".join((*out, text[at:]))

    def _may_hold(self, text: str) -> bool:
        """Whether there is any sign of a secret."""
        if text.isalnum() or _NUMBERS.fullmatch(text):
            return False
        if self._more or ("://" in text and "@" in text):
            return True
        small = text.lower()
        return any(map(small.__contains__, _PIECES))

    def lines(self, lines: list[str]) -> list[str]:
        """Lines of one text, each masked with regard to those before it: a dict is often printed on several."""
        text = "\n".join(lines)
        found = spans(text, self.is_secret) if self._may_hold(text) else []
        if not found:
            return lines
        ends = list(itertools.accumulate((len(line) + 1 for line in lines), initial=0))
        parts: list[list[tuple[int, int]]] = [[] for _ in lines]
        row = 0
        for start, end in found:
            while ends[row + 1] <= start:
                row += 1
            for at in itertools.count(row):
                if at == len(lines) or ends[at] >= end:
                    break
                first, last = max(start, ends[at]) - ends[at], min(end, ends[at + 1] - 1) - ends[at]
                if last > first:
                    parts[at].append((first, last))
        return [self._masked(line, part) for line, part in zip(lines, parts, strict=True)]


def _is(one: Any, other: Any) -> bool:
    return one is other


def _is_expression(key: Any, value: Any) -> bool:
    """Whether it says, in a definition, where the secret is to be taken from."""
    return isinstance(value, str) and value.startswith(("$", "States.")) and str(key).endswith(".$")


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and value.get("Type") in _STATE_TYPES


# --------------------------------------------------------------------------- which names count here

_added: tuple[str, ...] = ()


def learn(names: str | Iterable[str]) -> None:
    """Let more names count as a secret's, for everything that this kernel shows from now on.

    Parameters
    ----------
    names : str or iterable of str
        Regular expressions for words in a key, such as ``"iban"`` or ``"tax_?id"``; ``"!tokens"`` for a whole key that is none.

    Raises
    ------
    UsageError
        One is no regular expression, or fits the empty text and thus every key.
    """
    global _added
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        _check(name)
    _added = tuple(dict.fromkeys((*_added, *names)))


def added() -> tuple[str, ...]:
    """The names that were learned in this kernel."""
    return _added


def _check(name: str) -> None:
    if not isinstance(name, str):
        raise UsageError(f'redact={name!r}: a name must be a text, such as "iban".')
    try:
        empty = re.compile(name.removeprefix("!")).search("") is not None
        re.compile(_as_word(name.removeprefix("!")))
    except re.error as problem:
        raise UsageError(f'redact="{name}" is no regular expression: {problem}.') from None
    if empty:
        raise UsageError(f'redact="{name}" fits every key: name a word, such as "iban".')


def _of_environment(text: str) -> list[str]:
    """The names in `$ASW_NB_REDACT`, separated by commas; one that is no regular expression is taken letter by letter."""
    out = []
    for name in filter(None, map(str.strip, text.split(","))):
        try:
            _check(name)
        except UsageError:
            name = re.escape(name)
        out.append(name)
    return out


@functools.lru_cache(16)
def _made(environment: str, added: tuple[str, ...], mask: str) -> Redactor:
    return Redactor((*_of_environment(environment), *added), mask)


def current(mask: str = MASK) -> Redactor:
    """The redactor with every name that counts at this moment."""
    return _made(os.environ.get(ENVIRONMENT, ""), _added, mask)


def is_secret(key: str) -> bool:
    """Whether a key names a secret.

    Examples
    --------
    >>> [k for k in ("password", "dbPassword", "api_key", "key", "tokenizer", "max_tokens", "TaskToken") if is_secret(k)]
    ['password', 'dbPassword', 'api_key', 'TaskToken']
    """
    return current().is_secret(key)


def redact(value: Any) -> Any:
    """JSON data with its secrets masked; nothing else changes, and what changes is a copy.

    Examples
    --------
    >>> redact({"user": "lucy", "password": "x", "more": [{"apiKey": 3}], "db": "postgres://lucy:pw@host/db"})
    {'user': 'lucy', 'password': '•••', 'more': [{'apiKey': '•••'}], 'db': 'postgres://lucy:•••@host/db'}
    """
    return current().value(value)


def redact_text(text: str, limit: int | None = None) -> str:
    """Free text with its secrets masked; of a very long one only the first `limit` characters.

    Examples
    --------
    >>> redact_text("login failed: password=hunter2 user=lucy")
    'login failed: password=••• user=lucy'
    """
    return current().text(text, limit)


def redact_lines(lines: list[str]) -> list[str]:
    """The lines of one text with its secrets masked; as many lines as there were.

    Examples
    --------
    >>> redact_lines(['"login": {', '  "user": "lucy"', '}, "auth": {', '  "token": "x"', "}"])
    ['"login": {', '  "user": "lucy"', '}, "auth": •••', '•••', '•••']
    """
    return current().lines(lines)


__all__ = [
    "ENVIRONMENT", "MASK", "NAMES", "Redactor", "current", "is_secret", "learn", "redact", "redact_lines", "redact_text",
]  # fmt: skip
