"""Where in free text the values of secrets stand.

Free text is what people and programs write: a log line, an exception's message, a function's source, a piece of JSON that was cut. It
has no grammar, so a value is taken to end as late as it can: a quoted one at its quote, one in brackets at its bracket, what never closes at the end
of the text, and any other at the next blank. To mask a word too many is harmless; half a password shown is not.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator

IsSecret = Callable[[str], bool]

LONGEST_IN_URL = 1_000
NESTED_CHARS = 2_000
"""How far the closing bracket of a group in the middle of a value is looked for."""

MOST_READINGS = 10
"""How often a text is read at most, when values stand in values: then all of the rest is one."""

# Each pattern begins where a word does and takes the word whole, so that a megabyte without a blank is read once.
_NAMED = re.compile(
    r"(?<![\w.-])(?!(?<=\\)u[0-9a-fA-F]{4})(?P<key>(?:[\w.-]++|(?<!\\)\\++u[0-9a-fA-F]{4})++)"
    r"(?P<quote>\\*+[\"'`])?+[ \t]*+(?:\][ \t]*+)?+(?:==|!=|:=|=>|->|[=:：])[ \t]*+"
)
_OPTION = re.compile(r"(?<![\w.-])(?P<key>--[\w.-]++)(?P<quote>\\*+[\"'])?+,?+[ \t]++(?!\\*[\"']?-)")
_ARGUMENT = re.compile(r"\([ \t]*+(?P<quote>\\*+[\"'])(?P<key>[\w.-]++)\\*+[\"'][ \t]*+,\s*+")
_CODE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_BEFORE = re.compile(r"([^\W_]{2,20}) \Z")
_SECOND_WORDS = frozenset(("code", "id", "key", "keys", "phrase"))

_URL = re.compile(
    rf"://(?:(?P<user>[^\s/:@?#]{{0,200}}+):(?!\d{{1,5}}(?:[^\w@]|\Z))|(?P<token>[^\s/:@?#]{{20,{LONGEST_IN_URL}}}+)(?=@))"
)
_URL_ENDS = re.compile(r"[\s?#\"'<>]")
_BLANK = re.compile(r"\s")
_LONG_USER = 20
_SCHEME = re.compile(
    r"\b(?:[Bb]earer|BEARER)[ \t]+(?!(?:tokens?|auth\w*|schemes?|headers?|formats?)\b)(?P<bearer>[\w.~+/=-]{6,}+)"
    r"|\b[Bb]asic[ \t]+(?=[A-Za-z0-9+/]*(?:[0-9+/=]|[a-z][A-Z]))(?P<basic>[A-Za-z0-9+/]{8,}={0,2})"
)

_HEADER = re.compile(r"authori[sz]ation|cookie", re.I)
_SCHEME_WORD = re.compile(r"(?:Bearer|Basic|Token|Digest|Negotiate|ApiKey|AWS4-HMAC-SHA256)[ \t]+", re.I)
_OPENING = re.compile(r"[bBrRuUfF]{0,2}(?P<quote>\\*[\"'`])")
_LITERAL = re.compile(r"(?:None|null|true|false|True|False|-?\d+(?:\.\d+)?)(?=[\s,;)}\]\\]|\Z)")
_NOTHING = re.compile(r"(?:None|null|\"\"|''|\[\]|\{\})(?=[\s,;)}\]\\]|\Z)")
_RUN = re.compile(r"[^\s(\[{]*+")
_WORD = re.compile(r"\S*+")
_LINE = re.compile(r"[^\r\n]*+")
# what follows a closed quote and belongs to the same value: more of the word, a sum of texts, a text that goes on in the next line
_GOES_ON = re.compile(
    r"(?=\w)|[ \t]*\+[ \t]*(?=[bBrRuUfF]{0,2}[\"'])|[ \t]*\\?\r?\n[ \t]*(?=[bBrRuUfF]{0,2}[\"'](?!\w+[\"']\s*:))"
)
_ANNOTATED = re.compile(r"[ \t]*+(?:\|[ \t]*+[\w.\[\]]++[ \t]*+)*+=(?!=)[ \t]*+")
_BRACKETS = re.compile(r"(?<!\\)\\*+[\"'`]|[()\[\]{}]")
_PAIRS = {"(": ")", "[": "]", "{": "}"}


def spans(text: str, is_secret: IsSecret) -> list[tuple[int, int]]:
    """(start, end) of what must not be seen, in order, without overlaps.

    Examples
    --------
    >>> text = 'login(password="a b", user="lucy") at postgres://lucy:pw@host'
    >>> [text[start:end] for start, end in spans(text, lambda key: key == "password")]
    ['a b', 'pw']
    """
    found = list(_named(text, is_secret))
    if "://" in text and "@" in text:
        found += _in_urls(text)
    if "earer" in text or "asic" in text or "BEARER" in text:
        found += (match.span(match.lastgroup or 0) for match in _SCHEME.finditer(text))
    out: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if out and start <= out[-1][1]:
            out[-1] = out[-1][0], max(end, out[-1][1])
        elif end > start:
            out.append((start, end))
    return out


def _in_urls(text: str) -> Iterator[tuple[int, int]]:
    for match in _URL.finditer(text):
        user = match["user"]
        if user is None:
            yield match.span("token")
            continue
        end = _at_sign(text, match.end())
        if end > match.end():
            yield match.end(), end
            if len(user) >= _LONG_USER:  # so long a name is a token, with any word as its password
                yield match.span("user")


def _at_sign(text: str, start: int) -> int:
    """Where the password of a URL ends: at the last @ before its query, since many forget to write one in a password as %40; -1 when there is none."""
    limit = min(start + LONGEST_IN_URL, len(text))
    stop = _URL_ENDS.search(text, start, limit)
    end = text.rfind("@", start, stop.start() if stop is not None else limit)
    if end < 0 and stop is not None:
        blank = _BLANK.search(text, stop.start(), limit)
        end = text.find("@", stop.start(), blank.start() if blank is not None else limit)
    return end


def _named(text: str, is_secret: IsSecret) -> Iterator[tuple[int, int]]:
    """Values after names. A name inside a value is looked at too: who takes a value for too long must not swallow the beginning of the next."""
    room = MOST_READINGS * len(text) + 1_000
    for begin, at, key in _names(text):
        if not _is_name(text, begin, key, is_secret):
            continue
        start, end = _value(text, at, key)
        room -= end - start
        if room < 0:
            end = len(text)
        if end > start:
            yield start, end
        if end == len(text):
            return


def _names(text: str) -> Iterator[tuple[int, int, str]]:
    """Start of the name, start of its value, and the name."""
    patterns = [_NAMED]
    if "--" in text:
        patterns.append(_OPTION)
    if '("' in text or "('" in text or '(\\"' in text:
        patterns.append(_ARGUMENT)
    found: Iterable[re.Match[str]] = _NAMED.finditer(text)
    if len(patterns) > 1:
        found = sorted((m for pattern in patterns for m in pattern.finditer(text)), key=lambda m: m.end())
    for match in found:
        yield match.start(), match.end(), match["key"]


def _is_name(text: str, begin: int, key: str, is_secret: IsSecret) -> bool:
    if "\\u" in key:
        key = _CODE.sub(lambda match: chr(int(match[1], 16)), key)
    if is_secret(key) or _two_words(text, begin, key, is_secret):
        return True
    # after the end of a line as JSON and Python write it, an n seems to belong to the name
    return begin > 0 and text[begin - 1] == "\\" and key[0] in "nrt" and is_secret(key[1:])


def _two_words(text: str, begin: int, key: str, is_secret: IsSecret) -> bool:
    """Whether the name is the second word of one, as in ``api key: 3``."""
    if key.lower() not in _SECOND_WORDS or begin < 3:
        return False
    before = _BEFORE.search(text, max(0, begin - 22), begin)
    return before is not None and not is_secret(before[1]) and is_secret(f"{before[1]}_{key}")


# --------------------------------------------------------------------------- where a value ends


def _value(text: str, at: int, key: str) -> tuple[int, int]:
    """(start, end) of the value that begins at `at`; without its quotes when it is one quoted text."""
    if at >= len(text) or text[at] in "\r\n" or _NOTHING.match(text, at):
        return at, at
    quote = _OPENING.match(text, at)
    if quote is not None:
        end, closed = _quoted(text, quote.start("quote"), quote["quote"])
        if end - closed == quote.end():
            return at, at  # nothing between the quotes
        more = _more(text, end)
        return (quote.end(), end - closed) if more == end else (quote.end(), more)
    if text[at] in _PAIRS:
        end = _balanced(text, at, len(text)) or len(text)
        return at, _more(text, end)
    if _HEADER.search(key):
        match = _LINE.match(text, at)
        return at, match.end() if match else at
    literal = _LITERAL.match(text, at)
    if literal is not None:
        return at, literal.end()
    end = _run(text, at)
    annotated = _ANNOTATED.match(text, end)
    if annotated is not None:  # a parameter with a type: the value is its default
        _, end = _value(text, annotated.end(), key)
        return at, max(end, annotated.end())
    return at, end


def _run(text: str, at: int) -> int:
    """The end of what stands without quotes: at the next blank, but not within brackets."""
    scheme = _SCHEME_WORD.match(text, at)
    end = scheme.end() if scheme is not None else at
    while True:
        match = _RUN.match(text, end)
        end = match.end() if match else end
        if end >= len(text) or text[end] not in _PAIRS:
            return end
        closed = _balanced(text, end, end + NESTED_CHARS)
        if closed is None:
            word = _WORD.match(text, end)
            return word.end() if word else end
        end = closed


def _quoted(text: str, at: int, quote: str) -> tuple[int, int]:
    """The end of a quoted text, and the length of its closing quote: 0 when it does not close."""
    if len(quote) == 1 and text.startswith(quote * 3, at):
        end = text.find(quote * 3, at + 3)
        return (len(text), 0) if end < 0 else (end + 3, 3)
    if len(quote) == 1:
        whole = _WHOLE[quote].match(text, at)
        return (len(text), 0) if whole is None else (whole.end(), 1)
    close = _escaped(quote).search(text, at + len(quote))
    return (len(text), 0) if close is None else (close.end(), len(quote))


# A quote that stands twice belongs to the text, in CSV and in SQL. So does one after backslashes, whose number tells nothing: each time that a text
# is quoted anew they are doubled, and a quote of the other kind is not marked.
_WHOLE = {mark: re.compile(rf"{mark}(?:[^{mark}\\]++|\\++{mark}?+|{mark}{mark})*+{mark}") for mark in "\"'`"}


@functools.lru_cache(64)
def _escaped(quote: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\\)\\{{{len(quote) - 1}}}{quote[-1]}")


def _more(text: str, end: int) -> int:
    """The end of a value whose first part ends here."""
    while (goes_on := _GOES_ON.match(text, end)) is not None:
        quote = _OPENING.match(text, goes_on.end())
        if quote is None or goes_on.end() == end:
            word = _WORD.match(text, end)
            return word.end() if word else end
        end, _ = _quoted(text, quote.start("quote"), quote["quote"])
    return end


def _balanced(text: str, at: int, limit: int) -> int | None:
    """Beyond the bracket that closes the one at `at`; None when there is none. Brackets in quotes do not count."""
    end, certain = _closing_bracket(text, at, limit, 0)
    for period in () if certain or end is None else (2, 4, 8):
        other, _ = _closing_bracket(text, at, limit, period)
        if other is None:
            return None
        end = max(end or 0, other)
    return end


def _closing_bracket(text: str, at: int, limit: int, period: int) -> tuple[int | None, bool]:
    """The same for one reading of the backslashes before a quote, and whether there was only one.

    A quote closes what the same number of backslashes opened. With more of them it may be one that belongs to the quoted text, or the first one
    after an escaped backslash: that depends on how often the whole was quoted, each time with twice as many (`period`; 0: never the latter).
    """
    open_mark, opened, depth, certain = "", 0, 0, True
    for match in _BRACKETS.finditer(text, at, limit):
        token = match[0]
        if token[-1] in "\"'`":
            backslashes = len(token) - 1
            if not open_mark:
                open_mark, opened = token[-1], backslashes
            elif token[-1] != open_mark:
                continue
            elif backslashes == opened:
                open_mark = ""
            else:
                certain = False
                if period and (backslashes - opened) % (period * (opened + 1)) == 0:
                    open_mark = ""
        elif open_mark:
            continue
        elif token in _PAIRS:
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return match.end(), certain
    return None, certain


__all__ = ["LONGEST_IN_URL", "IsSecret", "spans"]
