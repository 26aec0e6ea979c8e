"""Rules for the fields that only a Map has: its mode, label, batches, reader, writer and tolerated failures."""

from __future__ import annotations

import re
from typing import Any

from asw_nb.language.rules_base import State, Step, listed, short, wrong_language
from asw_nb.language.rules_expressions import payload_template

MAX_LABEL = 40

# What the cloud refuses in a label: blanks, brackets, wildcards, special and control characters.
_LABEL_REFUSES = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff]")

_DISTRIBUTED_ONLY = (
    "ItemBatcher",
    "ItemReader",
    "Label",
    "ResultWriter",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
)
_INPUT_TYPES = ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST")
_BATCH_SIZES = ("MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")
_HEADERS = ("FIRST_ROW", "GIVEN")


def processor_of(state: State) -> tuple[str, dict[str, Any]] | None:
    """The name and the value of a Map's processor field."""
    for field in ("ItemProcessor", "Iterator"):
        value = state.value.get(field)
        if isinstance(value, dict):
            return field, value
    return None


def map_mode(state: State) -> None:
    """ProcessorConfig, and the fields that count in one mode only."""
    found = processor_of(state)
    if found is None:
        return
    field, processor = found
    config = processor.get("ProcessorConfig", {})
    place = (field, "ProcessorConfig")
    if not isinstance(config, dict):
        state.error("Expected value of type Object", *place, fix='Write {"Mode": "INLINE"}.')
        return
    mode = config.get("Mode", "INLINE")
    if mode not in ("INLINE", "DISTRIBUTED"):
        fix = 'Write "INLINE" or "DISTRIBUTED".'
        state.error("Value should be one of the following: [INLINE, DISTRIBUTED]", *place, "Mode", fix=fix)
        return
    for name in config:
        if name not in ("Mode", "ExecutionType"):
            fix = state.checkup.did_you_mean(name, ("Mode", "ExecutionType")) or "Remove it."
            state.warning(f"Field '{short(name)}' is not supported", *place, at=(*place, name), of="key", fix=fix)
    if mode == "DISTRIBUTED":
        _distributed(state, config, place)
        return
    if "ExecutionType" in config:
        at, fix = (*place, "ExecutionType"), 'Write "Mode": "DISTRIBUTED" or remove it.'
        state.error("Field 'ExecutionType' is not supported", *place, at=at, of="key", fix=fix)
    for name in _DISTRIBUTED_ONLY:
        if name in state.value:
            fix = f'Add "ProcessorConfig" with "Mode": "DISTRIBUTED" to "{field}", or remove it.'
            message = f'"{name}" counts in DISTRIBUTED mode only.'
            state.warning(message, name, code="DISTRIBUTED_ONLY", of="key", fix=fix)


def _distributed(state: State, config: dict[str, Any], place: tuple[Step, ...]) -> None:
    if "ExecutionType" not in config:
        fix = 'Add "ExecutionType": "STANDARD" (or "EXPRESS").'
        state.error("These fields are required: [ExecutionType]", *place, fix=fix)
    elif config["ExecutionType"] not in ("STANDARD", "EXPRESS"):
        message = "Value should be one of the following: [STANDARD, EXPRESS]"
        state.error(message, *place, "ExecutionType", fix='Write "STANDARD" or "EXPRESS".')
    if state.scope.express:
        message = "Express state machines have no distributed Map."
        state.warning(message, *place, "Mode", code="DISTRIBUTED_ONLY", fix='Write "INLINE".')


def label_field(state: State, field: str, value: Any) -> None:
    """Label: the part of a child execution's name, so it obeys the rules of names."""
    code = "INVALID_LABEL_NAME"
    if not isinstance(value, str):
        state.error("Expected value of type String", field, fix="Write a name in quotes.")
    elif not value:
        state.error("The label is empty.", field, code=code, fix="Write a name or remove the field.")
    elif len(value) > MAX_LABEL:
        state.error(f"The label is longer than {MAX_LABEL} characters.", field, code=code, fix="Shorten it.")
    elif found := _LABEL_REFUSES.search(value):
        shown = found.group() if found.group().isprintable() else f"U+{ord(found.group()):04X}"
        message = f"The label cannot contain '{shown}'."
        state.error(message, field, code=code, fix="Use letters, digits, hyphens and underscores.")
    elif value in state.checkup.labels:
        message = f"Duplicate Label name: {value}"
        state.error(message, field, code="DUPLICATE_LABEL_NAME", fix="Give every Map a label of its own.")
    else:
        state.checkup.labels.add(value)


def _object(state: State, field: str, value: Any, known: tuple[str, ...]) -> bool:
    if not isinstance(value, dict):
        state.error("Expected value of type Object", field, fix="Write an object.")
        return False
    for name in value:
        if name not in known:
            fix = state.checkup.did_you_mean(name, known) or f"It may have {listed(known)}."
            state.warning(f"Field '{short(name)}' is not supported", field, at=(field, name), of="key", fix=fix)
    return True


def item_reader_field(state: State, field: str, value: Any) -> None:
    """ItemReader: where a distributed Map reads its items."""
    if not _object(state, field, value, ("Resource", "ReaderConfig", "Parameters", "Arguments")):
        return
    _call_fields(state, field, value)
    if "Resource" not in value:
        fix = 'Add "Resource": "arn:aws:states:::s3:getObject".'
        state.error("These fields are required: [Resource]", field, fix=fix)
    config = value.get("ReaderConfig")
    if config is None:
        return
    place = (field, "ReaderConfig")
    if not isinstance(config, dict):
        state.error("Expected value of type Object", *place, fix='Write {"InputType": "JSON"}.')
        return
    kind, header = config.get("InputType"), config.get("CSVHeaderLocation")
    if kind is not None and not is_dynamic(state, kind) and kind not in _INPUT_TYPES:
        message = f"Value should be one of the following: {listed(_INPUT_TYPES)}"
        state.error(message, *place, "InputType", fix="Write one of them.")
    if header is None:
        if kind == "CSV":
            fix = 'Add "CSVHeaderLocation": "FIRST_ROW".'
            state.error("The field 'CSVHeaderLocation' is required", *place, fix=fix)
    elif not is_dynamic(state, header) and header not in _HEADERS:
        message = f"Value should be one of the following: {listed(_HEADERS)}"
        state.error(message, *place, "CSVHeaderLocation", fix='Write "FIRST_ROW" or "GIVEN".')
    elif header == "GIVEN" and "CSVHeaders" not in config:
        fix = 'Add "CSVHeaders" with the names of the columns.'
        state.error("These fields are required: [CSVHeaders]", *place, fix=fix)


def is_dynamic(state: State, value: Any) -> bool:
    """Whether a value is computed when the state runs."""
    return state.jsonata and isinstance(value, str) and value.startswith("{%")


def result_writer_field(state: State, field: str, value: Any) -> None:
    """ResultWriter: where a distributed Map writes its results."""
    if _object(state, field, value, ("Resource", "WriterConfig", "Parameters", "Arguments")):
        _call_fields(state, field, value)


def item_batcher_field(state: State, field: str, value: Any) -> None:
    """ItemBatcher: how many items go to one child execution."""
    if not _object(state, field, value, ("BatchInput", *_BATCH_SIZES)):
        return
    if not any(name in value for name in _BATCH_SIZES):
        fix = 'Add "MaxItemsPerBatch": 10.'
        message = f"At least one of these fields is required: {listed(_BATCH_SIZES)}"
        state.error(message, field, fix=fix)
    for name in ("MaxItemsPerBatch", "MaxInputBytesPerBatch"):
        number = value.get(name)
        if number is None or is_dynamic(state, number):
            continue
        if isinstance(number, bool) or not isinstance(number, int):
            state.error("Expected value of type Integer", field, name, fix="Write a whole number, without quotes.")
        elif number < 1:
            state.error("Minimum value is 1", field, name, fix="Write 1 or more.")
    if "BatchInput" in value:
        payload_template(state, "BatchInput", value["BatchInput"], field)


def _call_fields(state: State, field: str, value: dict[str, Any]) -> None:
    for name in ("Parameters", "Arguments"):
        if name not in value:
            continue
        if (name == "Arguments") != state.jsonata:
            message = wrong_language(state.jsonata, name)
            fix = f'Write "{"Arguments" if state.jsonata else "Parameters"}" instead.'
            state.error(message, field, at=(field, name), of="key", fix=fix)
        else:
            payload_template(state, name, value[name], field)


__all__ = [
    "is_dynamic",
    "item_batcher_field",
    "item_reader_field",
    "label_field",
    "map_mode",
    "processor_of",
    "result_writer_field",
]
