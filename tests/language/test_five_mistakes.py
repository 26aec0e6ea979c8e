"""Five mistakes at once: each is told, with its place and fix, in JSON and in YAML."""

from __future__ import annotations

import pytest

from asw_nb.errors import DefinitionError
from asw_nb.language.reader import read
from asw_nb.language.rules import check

FIVE_MISTAKES = """\
{
  "StartAt": "Load",
  "States": {
    "Load": {
      "Type": "Task",
      "Resource": "load",
      "TimeoutSeconds": "60",
      "ResultSeclector": {"rows.$": "$.rows"},
      "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Reprot"}],
      "Next": "Check"
    },
    "Check": {
      "Type": "Choice",
      "Choices": [{"Variable": "rows", "NumericGreaterThan": 0, "Next": "Done"}],
      "Default": "Report"
    },
    "Report": {"Type": "Fail", "Error": "NoRows"},
    "Done": {"Type": "Pass"}
  }
}
"""

FIVE_MISTAKES_YAML = """\
StartAt: Load
States:
  Load:
    Type: Task
    Resource: load
    TimeoutSeconds: "60"
    ResultSeclector: {rows.$: $.rows}
    Catch:
      - ErrorEquals: [States.ALL]
        Next: Reprot
    Next: Check
  Check:
    Type: Choice
    Choices:
      - Variable: rows
        NumericGreaterThan: 0
        Next: Done
    Default: Report
  Report: {Type: Fail, Error: NoRows}
  Done: {Type: Pass}
"""

FIVE_SENTENCES = [
    ("States.Load.TimeoutSeconds", "Expected value of type Integer", "Write a whole number, without quotes."),
    ("States.Load", "Field 'ResultSeclector' is not supported", 'Did you mean "ResultSelector"?'),
    ("States.Load.Catch[0].Next", "Missing 'Next' target: Reprot", 'Did you mean "Report"?'),
    ("States.Check.Choices[0].Variable", "Value must be a valid JSONPath.", 'Write "$.rows".'),
    (
        "States.Done",
        "This object should have only one of the following fields: [Next, End]",
        'Add "Next" with the name of a state, or "End": true.',
    ),
]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (FIVE_MISTAKES, [(7, 25), (8, 7), (9, 57), (14, 32), (18, 5)]),
        (FIVE_MISTAKES_YAML, [(6, 21), (7, 5), (10, 15), (15, 19), (20, 3)]),
    ],
    ids=["json", "yaml"],
)
def test_five_mistakes_are_refused_together_each_with_its_place_and_fix(text, places):
    problems = check(read(text))
    assert [str(problem) for problem in problems] == [
        f"{path} (line {line}, column {column}): {message.removesuffix('.')}. {fix}"
        for (path, message, fix), (line, column) in zip(FIVE_SENTENCES, places, strict=True)
    ]
    assert {problem.severity for problem in problems} == {"ERROR"}
    refused = str(DefinitionError(problems, "cell"))
    assert refused == "\n".join(["5 problems in cell", *(f"  {problem}" for problem in problems)])
