"""The functions that an expression can call: JSONata's own, without `$eval`, and the six that Step Functions adds.

Sources: JSONata documentation, "Function library"; Step Functions developer guide, "Transforming data with JSONata":
`$partition`, `$range`, `$hash`, `$random` with a seed, `$uuid`, `$parse`.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Callable
from typing import Any

from asw_nb.language import jsonata_collections as collections
from asw_nb.language import jsonata_dates as dates
from asw_nb.language import jsonata_integers as integers
from asw_nb.language import jsonata_matching as matching
from asw_nb.language import jsonata_numbers as numbers
from asw_nb.language import jsonata_strings as strings
from asw_nb.language.jsonata_calls import Native
from asw_nb.language.jsonata_errors import JsonataError
from asw_nb.language.jsonata_guard import Run
from asw_nb.language.jsonata_values import UNDEFINED, Function, Made, is_number, truth

# --- about values ---------------------------------------------------------------------------------------------------


def _boolean(run: Run, value: Any) -> Any:
    return UNDEFINED if value is UNDEFINED else truth(value, run)


def _not(run: Run, value: Any) -> Any:
    return UNDEFINED if value is UNDEFINED else not truth(value, run)


def _exists(run: Run, value: Any) -> bool:
    return value is not UNDEFINED


_TYPES = ((bool, "boolean"), (str, "string"), (list, "array"), (dict, "object"), (Function, "function"))


def _type(run: Run, value: Any) -> Any:
    if value is UNDEFINED or value is None:
        return UNDEFINED if value is UNDEFINED else "null"
    return (
        next((name for kind, name in _TYPES if isinstance(value, kind)), "number") if not is_number(value) else "number"
    )


def _error(run: Run, message: Any) -> Any:
    raise JsonataError("D3137", message=message or "$error() function evaluated")


def _assert(run: Run, condition: Any, message: Any) -> Any:
    if not truth(condition, run):
        raise JsonataError("D3141", message=message or "$assert() statement failed")
    return UNDEFINED


# --- what Step Functions adds ---------------------------------------------------------------------------------------


# Arguments that make no sense yield nothing instead of an error, as in the cloud.


def _whole(function: str, index: int, value: Any) -> int:
    """A number, rounded towards zero."""
    try:
        return int(value)
    except (OverflowError, ValueError):
        raise JsonataError("T0410", token=function, value=value, index=index) from None


def _partition(run: Run, values: Any, size: Any) -> Any:
    """Chunks of `size`; the last one may be shorter."""
    if values is UNDEFINED or size is UNDEFINED:
        return UNDEFINED
    step = _whole("partition", 2, size)
    if step < 1 or not values:
        return UNDEFINED
    run.grow(8 * len(values) + 64 * (len(values) // step + 1))
    return Made(Made(values[at : at + step]) for at in range(0, len(values), step))


def _range(run: Run, first: Any, last: Any, step: Any) -> Any:
    """`first`, `first + step`, ... up to and including `last`; a single one is no array, as with every sequence."""
    if first is UNDEFINED or last is UNDEFINED or step is UNDEFINED:
        return UNDEFINED
    start, end, delta = (_whole("range", index + 1, value) for index, value in enumerate((first, last, step)))
    if delta == 0:
        return UNDEFINED
    values = range(start, end + (1 if delta > 0 else -1), delta)
    if not values:
        return UNDEFINED
    if not _countable(values):
        raise JsonataError("D2014", value=(end - start) // delta + 1)
    run.grow(40 * len(values))
    return Made(values) if len(values) > 1 else start


def _countable(values: range) -> bool:
    try:
        return len(values) <= 10_000_000
    except OverflowError:
        return False


_DIGESTS: dict[str, Callable[..., Any]] = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


def _hash(run: Run, value: Any, algorithm: Any) -> Any:
    if value is UNDEFINED or algorithm is UNDEFINED:
        return UNDEFINED
    digest = _DIGESTS.get(algorithm)
    if digest is None:
        raise JsonataError(
            "D3142",
            message=f"Argument 2 of function $hash must be one of {', '.join(_DIGESTS)}, but was {algorithm[:50]}",
        )
    run.grow(2 * len(value))
    return digest(value.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _random(run: Run, seed: Any) -> float:
    """Below 1; the same seed gives the same number."""
    if seed is UNDEFINED:
        return run.rng.random()
    whole = int(seed) if type(seed) is float and seed.is_integer() else seed
    return random.Random(whole).random()


def _uuid(run: Run) -> str:
    return str(uuid.UUID(int=run.rng.getrandbits(128), version=4))


def _parse(run: Run, text: Any) -> Any:
    """The value that a JSON text stands for."""
    if text is UNDEFINED:
        return UNDEFINED
    # In the worst case, "[[],[],...", a value takes twenty times the memory of its text.
    run.grow(20 * len(text))
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise JsonataError("D3143", message=f"Argument 1 of function $parse is no JSON: {error}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


# --- the table ------------------------------------------------------------------------------------------------------

# Name: body, what it accepts, and how many arguments it takes from `$map` and its like.
_TABLE: dict[str, tuple[Callable[..., Any], str, int]] = {
    "abs": (strings.absolute, "<n-:n>", 1),
    "append": (collections.append, "<xx:a>", 2),
    "assert": (_assert, "<bs?:x>", 2),
    "average": (collections.average, "<a<n>:n>", 1),
    "base64decode": (strings.base64decode, "<s-:s>", 1),
    "base64encode": (strings.base64encode, "<s-:s>", 1),
    "boolean": (_boolean, "<x-:b>", 1),
    "ceil": (strings.ceil, "<n-:n>", 1),
    "clone": (collections.clone, "<(oa)-:o>", 1),
    "contains": (matching.contains, "<s-(sf):b>", 2),
    "count": (collections.count, "<a:n>", 1),
    "decodeUrl": (strings.decode_url, "<s-:s>", 1),
    "decodeUrlComponent": (strings.decode_url_component, "<s-:s>", 1),
    "distinct": (collections.distinct, "<x:x>", 1),
    "each": (collections.each, "<o-f:a>", 2),
    "encodeUrl": (strings.encode_url, "<s-:s>", 1),
    "encodeUrlComponent": (strings.encode_url_component, "<s-:s>", 1),
    "error": (_error, "<s?:x>", 1),
    "exists": (_exists, "<x:b>", 1),
    "filter": (collections.filter_, "<af>", 2),
    "floor": (strings.floor, "<n-:n>", 1),
    "formatBase": (strings.format_base, "<n-n?:s>", 2),
    "formatInteger": (integers.format_integer, "<n-s:s>", 2),
    "formatNumber": (numbers.format_number, "<n-so?:s>", 3),
    "fromMillis": (dates.from_millis, "<n-s?s?:s>", 3),
    "hash": (_hash, "<ss?:s>", 2),
    "join": (strings.join, "<a<s>s?:s>", 2),
    "keys": (collections.keys, "<x-:a<s>>", 1),
    "length": (strings.length, "<s-:n>", 1),
    "lookup": (collections.lookup, "<x-s:x>", 2),
    "lowercase": (strings.lowercase, "<s-:s>", 1),
    "map": (collections.map_, "<af>", 2),
    "match": (matching.match, "<s-f<s:o>n?:a<o>>", 3),
    "max": (collections.largest, "<a<n>:n>", 1),
    "merge": (collections.merge, "<a<o>:o>", 1),
    "millis": (dates.millis, "<:n>", 0),
    "min": (collections.smallest, "<a<n>:n>", 1),
    "not": (_not, "<x-:b>", 1),
    "now": (dates.now, "<s?s?:s>", 2),
    "number": (strings.to_number, "<(nsb)-:n>", 1),
    "pad": (strings.pad, "<s-ns?:s>", 3),
    "parse": (_parse, "<s:x>", 1),
    "parseInteger": (integers.parse_integer, "<s-s:n>", 2),
    "partition": (_partition, "<an?:a>", 2),
    "power": (strings.power, "<n-n:n>", 2),
    "random": (_random, "<n?:n>", 0),
    "range": (_range, "<nnn?:a>", 3),
    "reduce": (collections.reduce, "<afj?:j>", 3),
    "replace": (matching.replace, "<s-(sf)(sf)n?:s>", 4),
    "reverse": (collections.reverse, "<a:a>", 1),
    "round": (strings.round_, "<n-n?:n>", 2),
    "shuffle": (collections.shuffle, "<a:a>", 1),
    "sift": (collections.sift, "<o-f?:o>", 2),
    "single": (collections.single, "<af?>", 2),
    "sort": (collections.sort, "<af?:a>", 2),
    "split": (matching.split, "<s-(sf)n?:a<s>>", 3),
    "spread": (collections.spread, "<x-:a<o>>", 1),
    "sqrt": (strings.sqrt, "<n-:n>", 1),
    "string": (strings.string, "<x-b?:s>", 1),
    "substring": (strings.substring, "<s-nn?:s>", 3),
    "substringAfter": (strings.substring_after, "<s-s:s>", 2),
    "substringBefore": (strings.substring_before, "<s-s:s>", 2),
    "sum": (collections.total, "<a<n>:n>", 1),
    "toMillis": (dates.to_millis, "<s-s?:n>", 2),
    "trim": (strings.trim, "<s-:s>", 1),
    "type": (_type, "<x:s>", 1),
    "uppercase": (strings.uppercase, "<s-:s>", 1),
    "uuid": (_uuid, "<:s>", 0),
    "zip": (collections.zip_, "<a+>", 0),
}

FUNCTIONS: dict[str, Any] = {name: Native(name, *row) for name, row in _TABLE.items()}
"""Every function, by its name without the ``$``."""
