"""Items from outside and results to outside: ItemReader and ResultWriter on files.

``s3:getObject`` with Bucket and Key reads the file ``Bucket/Key`` below the working directory, ``s3:listObjectsV2`` lists the folder, ``s3:putObject``
writes below it, unless a handler for that resource is registered (`asw_nb.service("s3:getObject")`): then it is called with the parameters and gives
text, bytes or the items themselves. Source: the Step Functions developer guide, "ItemReader" and "ResultWriter".
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asw_nb.backends.functions import Resolver
from asw_nb.engine.payload import encode, to_json
from asw_nb.engine.run import Order
from asw_nb.errors import StateError, UnknownFunction
from asw_nb.language.plan import Outside

FORMATS = ("CSV", "JSON", "JSONL", "MANIFEST", "PARQUET")


class PlainFailure(StateError):
    """Told as it is: no function was called, so there is no error object of a function's runtime around it."""


def _failed(text: str) -> PlainFailure:
    return PlainFailure("States.ItemReaderFailed", text)


def _handler(resolver: Resolver, outside: Outside) -> Callable[..., Any] | None:
    try:
        return resolver.find(outside.resource).call
    except UnknownFunction:
        return None


def read_items(order: Order, resolver: Resolver) -> list[Any]:
    """The items of a Map with an ItemReader.

    Raises
    ------
    PlainFailure
        ``States.ItemReaderFailed`` with the reason.
    """
    reader = order.state.map.reader if order.state.map is not None else None
    assert reader is not None
    params = order.input["params"]
    handler = _handler(resolver, reader)
    action = reader.resource.name.rpartition(":")[2]
    if handler is not None:
        found = handler(params)
    elif action == "listObjectsV2":
        found = _listed(params)
    elif action == "getObject":
        found = _file(params).read_bytes() if _file(params).is_file() else None
        if found is None:
            raise _failed(
                f'the file "{_file(params)}" that ItemReader names does not exist, and no handler for {reader.resource.text} is registered'
            )
    else:
        raise _failed(
            f'nothing reads "{reader.resource.text}" here: register a handler with @asw_nb.service("{reader.resource.name}")'
        )
    if isinstance(found, str):
        found = found.encode()
    items = parse(found, reader.config) if isinstance(found, bytes) else found
    if not isinstance(items, list):
        raise _failed("Attempting to map over non-iterable node.")
    limit = order.input.get("max_items")
    return to_json(items[:limit] if limit else items, "items")


def _file(params: dict[str, Any]) -> Path:
    return Path(str(params.get("Bucket", "."))) / str(params.get("Key", ""))


def _listed(params: dict[str, Any]) -> list[dict[str, Any]]:
    folder = Path(str(params.get("Bucket", ".")))
    prefix = str(params.get("Prefix", ""))
    out = []
    for path in sorted(folder.rglob("*")):
        key = path.relative_to(folder).as_posix()
        if path.is_file() and key.startswith(prefix):
            stat = path.stat()
            changed = int(stat.st_mtime)
            out.append(
                {
                    "Etag": f'"{changed:x}-{stat.st_size:x}"',
                    "Key": key,
                    "LastModified": changed,
                    "Size": stat.st_size,
                    "StorageClass": "STANDARD",
                }
            )
    return out


def parse(data: bytes, config: dict[str, Any]) -> Any:
    """File contents -> items, as ReaderConfig says."""
    kind = str(config.get("InputType", "JSON")).upper()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _failed(f"the {kind} file is no UTF-8 text") from None
    try:
        if kind == "CSV":
            return _csv(text, config)
        if kind == "JSONL":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        if kind == "JSON":
            return _pointed(json.loads(text), config.get("ItemsPointer", ""))
    except ValueError as problem:
        raise _failed(f"the file is no valid {kind}: {problem}") from None
    raise _failed(
        f'InputType "{kind}" is not read here; use CSV, JSON or JSONL, or register a handler that gives the items'
    )


def _pointed(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) finds."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise _failed(f'ItemsPointer "{pointer}" finds nothing in the file')
    return value


_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def _csv(text: str, config: dict[str, Any]) -> list[dict[str, str]]:
    import csv

    rows = csv.reader(
        io.StringIO(text), delimiter=_DELIMITERS.get(str(config.get("CSVDelimiter", "COMMA")).upper(), ",")
    )
    if config.get("CSVHeaderLocation") == "GIVEN":
        headers = [str(h) for h in config.get("CSVHeaders", [])]
    else:
        headers = next(rows, [])
    return [{h: row[i] if i < len(row) else "" for i, h in enumerate(headers)} for row in rows if row]


def write_results(order: Order, resolver: Resolver) -> dict[str, Any]:
    """Write the results of a Map with a ResultWriter.

    Returns
    -------
    dict
        What the Map gives instead of the results: MapRunArn and ResultWriterDetails.
    """
    writer = order.state.map.writer if order.state.map is not None else None
    assert writer is not None
    params = order.input["params"]
    map_run = (
        f"{order.run.state.context_execution['Id'].replace(':execution:', ':mapRun:')}/{order.state.name}:{order.frame}"
    )
    prefix = str(params.get("Prefix", "")).strip("/")
    key = "/".join(p for p in (prefix, f"{order.run.key}-{order.frame}", "manifest.json") if p)
    bucket = str(params.get("Bucket", "."))
    made = datetime.fromtimestamp(order.run.clock.time_us() / 1e6, UTC).isoformat(timespec="milliseconds")
    manifest = {
        "DestinationBucket": bucket,
        "MapRunArn": map_run,
        "CreatedAt": made,
        "Results": len(order.results or []),
    }
    files = {key.replace("manifest.json", "SUCCEEDED_0.json"): order.results or [], key: manifest}
    handler = _handler(resolver, writer)
    try:
        for name, content in files.items():
            if handler is not None:
                handler({**params, "Key": name, "Body": content})
            else:
                path = Path(bucket) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode(content))
    except OSError as problem:
        raise PlainFailure("States.ResultWriterFailed", f"the results cannot be written: {problem}") from None
    return {"MapRunArn": map_run, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


__all__ = ["FORMATS", "parse", "read_items", "write_results"]
