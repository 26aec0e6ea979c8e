"""What a Task's `Resource` names, in every spelling: an ASL arn, a Tencent qrn, or a plain function name.

::

    sum                                                   py:sum
    qrn:qcs:asw:{region}:{appid}:sdk:json:qcloud:scf:Invoke/sum[/{qualifier}/{namespace}]
    qrn:qcs:asw:{region}:{appid}:sdk:json:qcloud:{service}:{action}
    arn:aws:lambda:{region}:{account}:function:sum[:{qualifier}]
    arn:aws:states:::lambda:invoke                        with FunctionName and Payload in its input
    arn:aws:states:::{service}:{action}[.sync|.sync:2|.waitForTaskToken]
    arn:aws:states:{region}:{account}:activity:{name}

Sources: Tencent's Task node document and the qrn grammar of its samples; the Step Functions developer guide, "Service
integrations"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_SCF = re.compile(r"qrn:qcs:asw:[^:]*:[^:]*:sdk:json:qcloud:scf:Invoke/([^/]+)(?:/([^/]+))?(?:/([^/]+))?")
_QCLOUD = re.compile(r"qrn:qcs:asw:[^:]*:[^:]*:sdk:json:qcloud:([^:]+):(.+)")
_MACHINE_QRN = re.compile(r"qrn:qcs:asw:[^:]*:[^:]*:http:json:flowmachine:(?:[^:]+:)?([^:]+)")
_LAMBDA = re.compile(r"arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)(?::(.+))?")
_ACTIVITY = re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:activity:(.+)")
_STATES = re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:(.+?)(\.sync(?::2)?|\.waitForTaskToken)?")
_MACHINE_ARN = re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:(?:stateMachine|express):(.+)")


@dataclass(frozen=True, slots=True)
class Resource:
    """A parsed resource.

    Attributes
    ----------
    text : str
        As written.
    kind : str
        ``function`` (called by its name), ``invoke`` (the function's name is in the task's input), ``activity``,
        ``workflow`` (a nested execution) or ``service``.
    name : str
        Function, activity, or ``service:action``.
    qualifier, namespace : str or None
        Version or alias, and SCF namespace, of a function.
    pattern : str
        ``""``, ``"sync"``, ``"sync:2"`` or ``"waitForTaskToken"``.
    """

    text: str
    kind: str
    name: str
    qualifier: str | None = None
    namespace: str | None = None
    pattern: str = ""

    @property
    def integration(self) -> tuple[str, str] | None:
        """``(resourceType, resource)`` of an ``arn:aws:states:::`` integration, as history events name it."""
        if self.kind in ("function", "activity") or not self.text.startswith("arn:"):
            return None
        service, _, action = self.name.rpartition(":")
        return service, action + (f".{self.pattern}" if self.pattern else "")


@lru_cache(maxsize=4096)
def parse_resource(text: str) -> Resource:
    """Parse a resource; any text is a function's name when it is nothing else.

    Examples
    --------
    >>> parse_resource("arn:aws:lambda:eu-west-1:1:function:sum:prod").name
    'sum'
    >>> parse_resource("qrn:qcs:asw:gz:1:sdk:json:qcloud:scf:Invoke/sum/$DEFAULT/default").namespace
    'default'
    """
    if match := _SCF.fullmatch(text):
        return Resource(text, "function", match.group(1), match.group(2), match.group(3))
    if match := _QCLOUD.fullmatch(text):
        service, action = match.groups()
        if (service.lower(), action.lower()) == ("asw", "startexecution"):
            return Resource(text, "workflow", "asw:StartExecution")
        return Resource(text, "service", f"{service}:{action}")
    if match := _MACHINE_QRN.fullmatch(text):
        return Resource(text, "workflow", match.group(1), pattern="sync")
    if match := _LAMBDA.fullmatch(text):
        return Resource(text, "function", match.group(1), match.group(2))
    if match := _ACTIVITY.fullmatch(text):
        return Resource(text, "activity", match.group(1))
    if match := _MACHINE_ARN.fullmatch(text):
        return Resource(text, "workflow", match.group(1), pattern="sync")
    if match := _STATES.fullmatch(text):
        name, pattern = match.group(1), (match.group(2) or "").lstrip(".")
        if name == "lambda:invoke":
            return Resource(text, "invoke", name, pattern=pattern)
        if name in ("states:startExecution", "aws-sdk:sfn:startExecution"):
            return Resource(text, "workflow", name, pattern=pattern)
        return Resource(text, "service", name, pattern=pattern)
    if text.startswith(("arn:", "qrn:")):
        return Resource(text, "service", text)
    return Resource(text, "function", text.removeprefix("py:"))


__all__ = ["Resource", "parse_resource"]
