"""Texts made to be slow: as large as the service takes, and bad for a reader or for a rule in one way each.

::

    HOSTILE    refused, and refused soon
    ENORMOUS   good definitions, and texts that are good until their end: these have to be read

`python -m tools.fuzz --hostile` says how long `asw.validate` takes for each of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SIZE = 1_048_576

Texts = dict[str, Callable[[], "str | bytes"]]


def filled(head: str, piece: str, tail: str = "", size: int = SIZE) -> str:
    """`head`, as many pieces as fit, `tail`."""
    return head + piece * ((size - len(head) - len(tail)) // max(len(piece), 1)) + tail


def numbered(head: str, piece: str, tail: str = "", size: int = SIZE) -> str:
    """The same with the number of the piece in place of ``#``."""
    out, left, number = [head], size - len(head) - len(tail), 0
    while True:
        part = piece.replace("#", str(number))
        left -= len(part)
        if left < 0:
            return "".join(out).rstrip(",") + tail
        out.append(part)
        number += 1


def passing(fields: str) -> str:
    return '{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,' + fields + "}}}"


def with_field(name: str, piece: str, head: str = "[", tail: str = "]", kind: str = "Pass") -> str:
    """A machine of one state whose field is filled with pieces."""
    before = '{"StartAt":"A","States":{"A":{"Type":"' + kind + '","End":true,"' + name + '":' + head
    return numbered(before, piece, tail + "}}}")


def with_states(state: str, start: str = "S0", outside: str = "") -> str:
    return numbered('{"StartAt":"' + start + '",' + outside + '"States":{', state + ",", "}}")


def nested(opener: str, closer: str, levels: int, middle: str) -> str:
    return opener * levels + middle + closer * levels


# --------------------------------------------------------------------------- no JSON at all

TEXTS: Texts = {
    "nothing but blanks": lambda: " " * SIZE,
    "nothing but line ends": lambda: "\n" * SIZE,
    "nothing but tabs": lambda: "\t" * SIZE,
    "one letter": lambda: "a" * SIZE,
    "one letter to a line": lambda: "a\n" * (SIZE // 2),
    "nothing but colons": lambda: ":" * SIZE,
    "nothing but quotes": lambda: '"' * SIZE,
    "nothing but hyphens": lambda: "-" * SIZE,
    "nothing but Chinese": lambda: "状" * SIZE,
    "nothing but zero bytes": lambda: b"\0" * SIZE,
    "nothing but bad bytes": lambda: b"\xff" * SIZE,
    "a bad byte at the end": lambda: b"{" + b" " * (SIZE - 2) + b"\xff",
    "half a pair at the end": lambda: "{" + " " * (SIZE - 2) + "\ud800",
    "lines that nearly are fields": lambda: "a b c d e f g h\n" * (SIZE // 16),
    "one line that nearly is a field": lambda: "a:b" * (SIZE // 3),
    "quoted lines that nearly are fields": lambda: '"aaaaaaa"\n' * (SIZE // 10),
    # JSON that breaks off
    "open arrays": lambda: "[" * SIZE,
    "open objects": lambda: '{"a":' * (SIZE // 5),
    "open objects behind an object": lambda: filled('{"a":{},', '"b":{"a":'),
    "arrays of 150 levels, one not closed": lambda: filled("[", nested("[", "]", 150, "") + ","),
    "a megabyte before the fault": lambda: filled('{"States":[', "{},", "{]}"),
    "many values before the fault": lambda: filled('{"States":[', "1,", "x]}"),
    "many texts before the fault": lambda: filled('{"States":[', '"a",', "x]}"),
    "objects of 199 levels before the fault": lambda: filled('{"States":[', nested('{"a":', "}", 190, "1") + ",", "x]}"),
    "objects of 201 levels at the end": lambda: filled('{"States":[', "{},", nested('{"a":', "}", 201, "1") + "]}"),
    "every level holds a third": lambda: '{"a":[' + thirds(SIZE - 20) + "]}",
    "line ends before the fault": lambda: "{" + "\n" * (SIZE - 2) + "x",
    "blanks before the fault": lambda: "{" + " " * (SIZE - 2) + "x",
    "a text that is not closed": lambda: '{"a":"' + "x" * (SIZE - 7),
    "a text of quotes that is not closed": lambda: '{"a":"' + '\\"' * ((SIZE - 7) // 2),
    "a text of escapes with a bad one": lambda: filled('{"a":"', "\\u0041", '\\x"}'),
    "a text with a tab at the end": lambda: filled('{"a":"', "x", '\t"}'),
    "comments": lambda: filled("{", "// x\n", "}"),
    "single quotes": lambda: filled("{", "'a':1,", "}"),
    "single quotes that do not end": lambda: filled("{'", "\\'", ""),
    "a number of a million digits": lambda: filled('{"a":', "1", "}"),
    "a fraction of a million digits": lambda: filled('{"a":0.', "1", "}"),
    "a name without quotes": lambda: filled("{", "a", ":1}"),
    "text after the end": lambda: filled("{}", "{}"),
    "braces that close nothing": lambda: filled("{}", "}"),
    "an array": lambda: filled("[", "{},", "{}]"),
    "a text": lambda: filled('"', "x", '"'),
    "a number": lambda: "1" * SIZE,
    # JSON with repeated keys
    "one key": lambda: filled("{", '"a":1,', '"a":1}'),
    "one key with an object": lambda: filled("{", '"a":{"b":1},', '"a":1}'),
    "a repeated key at the end": lambda: numbered("{", '"k#":{},', ',"a":1,"a":2}'),
    "a repeated key in the deep": lambda: '{"a":[' + thirds(SIZE - 40, '{"a":1,"a":2}') + "]}",
    "a repeated key in every object": lambda: filled('{"a":[', '{"a":1,"a":2},', "1]}"),
    "a repeated key at every level": lambda: filled('{"x":[', nested('{"a":1,"a":', "}", 150, "1") + ",", "1]}"),
    "a repeated key behind many objects": lambda: filled('{"x":[', "{},", '{"a":1,"a":2}]}'),
    # JSON that is fine
    "empty objects": lambda: filled('{"a":[', "{},", "{}]}"),
    "empty arrays": lambda: filled('{"a":[', "[],", "[]]}"),
    "small objects": lambda: filled('{"a":[', '{"b":1},', "1]}"),
    "numbers": lambda: filled('{"a":[', "1,", "1]}"),
    "fractions": lambda: filled('{"a":[', "1.5,", "1]}"),
    "numbers of 4000 digits": lambda: filled('{"a":[', "1" * 4000 + ",", "1]}"),
    "fractions of 4000 digits": lambda: filled('{"a":[', "0." + "1" * 4000 + ",", "1]}"),
    "numbers of 400 digits": lambda: filled('{"a":[', "1" * 400 + ",", "1]}"),
    "numbers with exponents": lambda: filled('{"a":[', "1e300,", "1]}"),
    "a number that is infinite": lambda: filled('{"a":[', "1e300,", "1e400]}"),
    "escapes": lambda: filled('{"a":"', "\\u0041", '"}'),
    "halves of pairs": lambda: filled('{"a":"', "\\ud800", '"}'),
    "halves of pairs in many texts": lambda: filled('{"a":[', '"\\ud800",', "1]}"),
    "halves of pairs in many keys": lambda: numbered('{"a":[', '{"\\ud800#":1},', ",1]}"),
    "half a pair in the deep": lambda: '{"a":[' + thirds(SIZE - 40, '"\\ud800"') + "]}",
    "half a pair behind many objects": lambda: filled('{"a":[', "{},", '"\\ud800"]}'),
    "whole pairs": lambda: filled('{"a":[', '"\\ud83d\\ude00",', "1]}"),
    "many keys": lambda: numbered("{", '"k#":1,', "}"),
    "many long keys": lambda: numbered("{", '"' + "k" * 500 + '#":1,', "}"),
    "objects of 199 levels": lambda: filled('{"a":[', nested('{"a":', "}", 190, "1") + ",", "1]}"),
}


def thirds(size: int, middle: str = "{]") -> str:
    """Arrays in one another, each beginning with text that is a third of what is left, the fault in the innermost."""
    head, tail = [], []
    while size > 300 and len(head) < 180:
        part = size // 3
        head.append("[" + "{}," * (part // 3))
        tail.append("]")
        size -= part
    return "".join(head) + middle + "".join(tail)


# --------------------------------------------------------------------------- a JSON object, and no definition

OBJECTS: Texts = {
    "fields of the machine": lambda: numbered('{"StartAt":"A","States":{"A":{"Type":"Succeed"}},', '"f#":1,', "}"),
    "fields of the machine, near ones": lambda: numbered('{"StartAt":"A","States":{"A":{"Type":"Succeed"}},', '"Commend#":1,', "}"),
    "fields without StartAt": lambda: numbered('{"States":{"A":{"Type":"Succeed"}},', '"StartAs#":1,', "}"),
    "long fields of the machine": lambda: numbered("{", '"' + "f" * 900 + '#":1,', "}"),
    "states that are numbers": lambda: with_states('"S#":1'),
    "states that are empty": lambda: with_states('"S#":{}'),
    "states without a type": lambda: with_states('"S#":{"Typ":"Pass"}'),
    "states of an unknown type": lambda: with_states('"S#":{"Type":"Pas#"}'),
    "states with types in capitals": lambda: with_states('"S#":{"Type":"SUCCEED"}'),
    "states with an unknown field": lambda: with_states('"S#":{"Type":"Succeed","f#":1}'),
    "states with a foreign field": lambda: with_states('"S#":{"Type":"Succeed","Choices":1}'),
    "states without End": lambda: with_states('"S#":{"Type":"Pass"}'),
    "states that go nowhere": lambda: with_states('"S#":{"Type":"Pass","Next":"T#"}'),
    "states that go nearly somewhere": lambda: with_states('"State#":{"Type":"Pass","Next":"Stat#"}'),
    "states that nobody reaches": lambda: with_states('"S#":{"Type":"Succeed"}'),
    "states that start elsewhere": lambda: with_states('"S#":{"Type":"Succeed"}', start="X"),
    "states that go to themselves": lambda: with_states('"S#":{"Type":"Pass","Next":"S#"}'),
    "states in a ring": lambda: with_states('"S#":{"Type":"Pass","Next":"S0"}'),
    "states without resource": lambda: with_states('"S#":{"Type":"Task","End":true}'),
    "states with a bad resource": lambda: with_states('"S#":{"Type":"Task","End":true,"Resource":"arn:"}'),
    "states with a bad qrn": lambda: with_states('"S#":{"Type":"Task","End":true,"Resource":"qrn:x"}'),
    "states of the other language": lambda: with_states('"S#":{"Type":"Pass","End":true,"Output":1}'),
    "states with every path bad": lambda: with_states('"S#":{"Type":"Pass","End":true,"InputPath":"x","OutputPath":"y","ResultPath":"z"}'),
    "states with every query bad": lambda: with_states('"S#":{"Type":"Pass","End":true,"InputPath":"$[?#","OutputPath":"$..[#"}'),
    "states with long names": lambda: with_states('"' + "S" * 200 + '#":{"Type":"Succeed"}'),
    "states with very long names": lambda: with_states('"' + "S" * 20_000 + '#":{"Type":"Succeed"}'),
    "states with wrong values": lambda: with_states('"S#":{"Type":"Task","Resource":1,"Next":1,"End":1,"Retry":1,"Catch":1,"Assign":1}'),
    "states with a wrong wait": lambda: with_states('"S#":{"Type":"Wait","Seconds":"1","Timestamp":"x","Next":"A"}'),
    "states with a wrong choice": lambda: with_states('"S#":{"Type":"Choice","Choices":[{"Variable":"x"}]}'),
    "states with a wrong map": lambda: with_states('"S#":{"Type":"Map","End":true,"Iterator":1,"ItemProcessor":{"StartAt":1}}'),
    "states with a wrong parallel": lambda: with_states('"S#":{"Type":"Parallel","End":true,"Branches":[1,{},{"States":{}}]}'),
    "branches without states": lambda: with_field("Branches", "{},", kind="Parallel"),
    "branches of one name": lambda: with_field("Branches", '{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},', kind="Parallel"),
    "branches with errors": lambda: with_field("Branches", '{"StartAt":"B#","States":{"C#":{"Type":"Pass"}}},', kind="Parallel"),
    "maps in maps": lambda: passing('"Next":"M","M":1').replace("}}}", "") + ',"B":' + maps(60) + "}}}",
    "fields of a state": lambda: with_field("Comment", '"f#":1,', '"c",', ""),
    "fields of a state, near ones": lambda: with_field("Comment", '"InputPaht#":1,', '"c",', ""),
    "choices that are numbers": lambda: with_field("Choices", "1,", kind="Choice"),
    "choices that are empty": lambda: with_field("Choices", "{},", kind="Choice"),
    "choices with unknown fields": lambda: with_field("Choices", '{"a":1},', kind="Choice"),
    "choices with unknown operators": lambda: with_field("Choices", '{"Variable":"$.a","StringEqual#":"x","Next":"A"},', kind="Choice"),
    "choices with bad operands": lambda: with_field("Choices", '{"Variable":"$.a","NumericEquals":"x","Next":"A"},', kind="Choice"),
    "choices that repeat": lambda: with_field("Choices", '{"Variable":"$.a","IsNull":true,"Next":"A"},', kind="Choice"),
    "choices that go nowhere": lambda: with_field("Choices", '{"Variable":"$.a","NumericEquals":#,"Next":"B#"},', kind="Choice"),
    "choices with bad paths": lambda: with_field("Choices", '{"Variable":"$.a[?#","IsNull":true,"Next":"A"},', kind="Choice"),
    "choices nested": lambda: with_field("Choices", nested('{"Not":', "}", 150, '{"Variable":"a"}') + ",", kind="Choice"),
    "choices of many parts": lambda: with_field("Choices", '{"Variable":"$.#","IsNull":true},', '[{"Next":"A","And":[', "]}]", kind="Choice"),
    "choices with many operators": lambda: with_field("Choices", '"StringEquals#":"x",', '[{"Variable":"$.a","Next":"A",', "}]", kind="Choice"),
    "retriers that are numbers": lambda: with_field("Retry", "1,", kind="Task"),
    "retriers that are empty": lambda: with_field("Retry", "{},", kind="Task"),
    "retriers with unknown fields": lambda: with_field("Retry", '{"ErrorEquals":["a"],"MaxAttempt#":1},', kind="Task"),
    "retriers with unknown errors": lambda: with_field("Retry", '{"ErrorEquals":["States.Timeou#"]},', kind="Task"),
    "retriers never reached": lambda: with_field("Retry", '{"ErrorEquals":["a"]},', kind="Task"),
    "retriers with ALL": lambda: with_field("Retry", '{"ErrorEquals":["States.ALL"]},', kind="Task"),
    "retriers with bad numbers": lambda: with_field("Retry", '{"ErrorEquals":["a#"],"BackoffRate":0,"MaxAttempts":-1},', kind="Task"),
    "catchers that go nowhere": lambda: with_field("Catch", '{"ErrorEquals":["a#"],"Next":"B#"},', kind="Task"),
    "errors of one retrier": lambda: with_field("Retry", '"States.X#",', '[{"ErrorEquals":[', "]}]", kind="Task"),
    "errors that are numbers": lambda: with_field("Retry", "1,", '[{"ErrorEquals":[', "]}]", kind="Task"),
    "variables with bad names": lambda: with_field("Assign", '"a-#":1,', "{", "}"),
    "variables with long names": lambda: with_field("Assign", '"' + "a" * 300 + '#":1,', "{", "}"),
    "paths without a dollar": lambda: with_field("Parameters", '"a#.$":"x",', "{", "}"),
    "paths that are numbers": lambda: with_field("Parameters", '"a#.$":1,', "{", "}"),
    "templates of bad queries": lambda: with_field("Parameters", '"a#.$":"$..[?#",', "{", "}"),
    "templates of bad long queries": lambda: with_field("Parameters", '"a#.$":"$' + "..a" * 600 + '[?#",', "{", "}"),
    "templates of unknown functions": lambda: with_field("Parameters", '"a#.$":"States.Forma#()",', "{", "}"),
    "templates of bad calls": lambda: with_field("Parameters", '"a#.$":"States.Format(#, ",', "{", "}"),
    "templates in templates": lambda: with_field("Parameters", nested('{"a":', "}", 150, '{"a.$":"x"}') + ","),
    "bad JSONata": lambda: jsonata_field('"a#":"{% $x# + %}",'),
    "open JSONata": lambda: jsonata_field('"a#":"{% $x# ",'),
    "empty JSONata": lambda: jsonata_field('"a#":"{%%}",'),
    "a bad JSONata expression of 90,000 characters": lambda: jsonata_field(f'"a#":"{{% {"a+" * 45_000} %}}",', 95_000),
    "bad JSONata expressions of 90,000 characters": lambda: jsonata_field(f'"a#":"{{% {"a+" * 45_000} %}}",'),
    "bad JSONata expressions of 4,000 characters": lambda: jsonata_field(f'"a#":"{{% # + {"a+" * 2_000} %}}",'),
    "JSONata in brackets": lambda: jsonata_field(f'"a#":"{{% {"(" * 40_000} %}}",'),
    "JSONata with bad patterns": lambda: jsonata_field('"a#":"{% $match(a, /(#/) %}",'),
    "JSONata with long patterns": lambda: jsonata_field(f'"a#":"{{% $match(a, /#{"(a|b)" * 300}(/) %}}",'),
    "JSONata with a text that does not end": lambda: jsonata_field('"a#":"{% \\"' + "x" * 90_000 + ' %}",'),
    "JSONata with a comment that does not end": lambda: jsonata_field('"a#":"{% /*' + "x" * 90_000 + ' %}",'),
    "labels": lambda: with_states('"S#":{"Type":"Map","Label":"/","End":true,"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Pass"}}}}'),
}


def jsonata_field(piece: str, size: int = SIZE) -> str:
    head = '{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Output":{'
    return numbered(head, piece, "}}}}", size)


def maps(levels: int) -> str:
    inner = '{"Type":"Pass"}'
    for level in range(levels):
        inner = f'{{"Type":"Map","End":true,"ItemProcessor":{{"StartAt":"M{level}","States":{{"M{level}":{inner}}}}}}}'
    return inner


# --------------------------------------------------------------------------- one text that is huge

HUGE: Texts = {
    "a path of fields": lambda: passing(f'"InputPath":"${".a" * 500_000}"'),
    "a path of indexes": lambda: passing(f'"InputPath":"${"[0]" * 340_000}"'),
    "a path of quoted fields": lambda: passing('"InputPath":"$' + "['a']" * 200_000 + '"'),
    "a path that nearly is one": lambda: passing(f'"InputPath":"${".a" * 500_000}."'),
    "a path of quotes": lambda: passing('"InputPath":"$[' + "'" * 1_000_000 + '"'),
    "a path of brackets": lambda: passing(f'"InputPath":"${"[" * 1_000_000}"'),
    "a path of blanks": lambda: passing(f'"InputPath":"$[{" " * 1_000_000}"'),
    "a path of digits": lambda: passing(f'"InputPath":"$[{"1" * 1_000_000}]"'),
    "a path of backslashes": lambda: passing('"InputPath":"$[' + "'" + "\\\\" * 500_000 + '"'),
    "a path to put": lambda: passing(f'"ResultPath":"${".a" * 500_000}"'),
    "a path to put that is none": lambda: passing(f'"ResultPath":"${".a" * 500_000}[*]"'),
    "a query of descents": lambda: passing(f'"InputPath":"${"..a" * 340_000}"'),
    "a query of 2000 brackets": lambda: passing(f'"InputPath":"$[?{"(" * 1900}"'),
    "a query of 2000 conditions": lambda: passing(f'"InputPath":"$[?{"@||" * 630}@]"'),
    "a query of 2000 negations": lambda: passing(f'"InputPath":"$[?{"!" * 1900}@]"'),
    "a query of filters in filters": lambda: passing(f'"InputPath":"${"[?@" * 600}{"]" * 600}"'),
    "a query of lengths": lambda: passing(f'"InputPath":"$.a{".length()" * 100_000}"'),
    "a bad regular expression": lambda: passing(f'"InputPath":"$[?@ =~ /{"(" * 1900}/]"'),
    "a regular expression of counts": lambda: passing('"InputPath":"$[?@ =~ /' + "(" * 60 + "a" + "{99}){99}" * 60 + '/]"'),
    "a call of brackets": lambda: passing(f'"Parameters":{{"a.$":"States.Format({"(" * 1_000_000}"}}'),
    "a call of arguments": lambda: passing(f'"Parameters":{{"a.$":"States.Array({"1," * 500_000}"}}'),
    "a call of 1000 arguments, often": lambda: with_field("Parameters", f'"a#.$":"States.Array({"1," * 1000}#)",', "{", "}"),
    "a call of a text": lambda: passing(f'"Parameters":{{"a.$":"States.Format(\'{"x" * 1_000_000}"}}'),
    "a call of backslashes": lambda: passing('"Parameters":{"a.$":"States.Format(\'' + "\\\\" * 500_000 + '"}'),
    "a call of a path": lambda: passing(f'"Parameters":{{"a.$":"States.Format($.{"a" * 1_000_000}"}}'),
    "a call of blanks": lambda: passing(f'"Parameters":{{"a.$":"States.Format({" " * 1_000_000}"}}'),
    "a call of calls": lambda: passing(f'"Parameters":{{"a.$":"{"States.Array(" * 80_000}"}}'),
    "a call of an unknown name": lambda: passing(f'"Parameters":{{"a.$":"States.{"x" * 1_000_000}("}}'),
    "a call without a bracket": lambda: passing(f'"Parameters":{{"a.$":"States.{"x" * 1_000_000}"}}'),
    "a resource": lambda: passing("").replace("Pass", "Task").replace(",}", f',"Resource":"arn:{":" * 1_000_000}"}}'),
    "a qrn": lambda: passing("").replace("Pass", "Task").replace(",}", f',"Resource":"qrn:{":" * 1_000_000}"}}'),
    "a name of a state": lambda: '{"StartAt":"A","States":{"' + "A" * 1_000_000 + '":{"Type":"Succeed"}}}',
    "a start": lambda: '{"StartAt":"' + "A" * 1_000_000 + '","States":{"A":{"Type":"Succeed"}}}',
    "a type": lambda: '{"StartAt":"A","States":{"A":{"Type":"' + "A" * 1_000_000 + '"}}}',
    "a version": lambda: '{"Version":"' + "A" * 1_000_000 + '","StartAt":"A","States":{"A":{"Type":"Succeed"}}}',
    "a timestamp": lambda: passing("").replace("Pass", "Wait").replace(",}", f',"Timestamp":"{"2" * 1_000_000}"}}'),
    "a label": lambda: passing("").replace("Pass", "Map").replace(",}", f',"Label":"{"x" * 1_000_000}"}}'),
    "a JSONata expression": lambda: jsonata_field(f'"a#":"{{% {"a" * 1_000_000} %}}",'),
    "a JSONata number of 99,000 digits": lambda: jsonata_field(f'"a#":"{{% {"1" * 99_000} %}}",'),
    "a JSONata signature": lambda: jsonata_field(f'"a#":"{{% function($a)<{"(a" * 10_000}>{{1}} %}}",'),
    "a JSONata pattern of counts": lambda: jsonata_field('"a#":"{% /' + "(" * 60 + "a" + "{99}){99}" * 60 + '/ %}",'),
}

# --------------------------------------------------------------------------- YAML

YAML: Texts = {
    "YAML: a list": lambda: "---\n" + "- a\n" * (SIZE // 4 - 4),
    "YAML: a list of one line": lambda: "a: [" + "a," * (SIZE // 2 - 8) + "a]",
    "YAML: a list that is not closed": lambda: "a: [" + "a," * (SIZE // 2 - 8),
    "YAML: empty mappings": lambda: "a: [" + "{}," * (SIZE // 3 - 8) + "1]",
    "YAML: open lists": lambda: "a: " + "[" * SIZE,
    "YAML: open mappings": lambda: "a: " + "{" * (SIZE - 8),
    "YAML: lists in lists": lambda: "a:\n  " + "- " * (SIZE // 2 - 8),
    "YAML: complex keys": lambda: "a:\n  " + "? " * (SIZE // 2 - 8),
    "YAML: many keys": lambda: numbered("", "k#: 1\n")[:SIZE],
    "YAML: one key": lambda: filled("", "a: 1\n"),
    "YAML: one key, indented": lambda: filled("b:\n", "  a: 1\n"),
    "YAML: a repeated key in every mapping": lambda: filled("b:\n", "- a: 1\n  a: 2\n"),
    "YAML: keys that are numbers": lambda: numbered("a: 1\n", "#: 1\n"),
    "YAML: line ends": lambda: "a: 1" + "\n" * (SIZE - 8),
    "YAML: blanks": lambda: "a: 1\n" + " " * (SIZE - 8),
    "YAML: blanks and a fault": lambda: "a: 1\n" + " " * (SIZE - 18) + "b: 2\n c: 1",
    "YAML: comments": lambda: filled("a: 1\n", "#\n"),
    "YAML: comments and a fault": lambda: filled("a: 1\n", "#\n", "- a"),
    "YAML: documents": lambda: filled("", "---\n"),
    "YAML: a second document at the end": lambda: filled("a: 1\n", "#\n", "---\n"),
    "YAML: directives": lambda: numbered("", "%TAG !t# x\n", "---\na: 1\n"),
    "YAML: unknown directives": lambda: numbered("", "%FOO !t# x\n", "---\na: 1\n"),
    "YAML: a plain text": lambda: "a: " + "x" * (SIZE - 8),
    "YAML: a plain text of many lines": lambda: filled("a:\n", "  x\n"),
    "YAML: a quoted text": lambda: 'a: "' + "x" * (SIZE - 8) + '"',
    "YAML: a quoted text of escapes": lambda: filled('a: "', "\\x41", '"'),
    "YAML: a quoted text that does not end": lambda: 'a: "' + "x" * (SIZE - 8),
    "YAML: a quoted text of many lines": lambda: filled('a: "', " x\n", ' "'),
    "YAML: a block": lambda: filled("a: |\n", "  x\n"),
    "YAML: a folded block": lambda: filled("a: >\n", "  x\n\n"),
    "YAML: an anchor": lambda: "a: &" + "x" * (SIZE - 18) + " 1",
    "YAML: anchors": lambda: numbered("", "k#: &a# 1\n"),
    "YAML: aliases": lambda: filled("a: &a 1\nb: [", "*a,", "*a]"),
    "YAML: aliases of aliases": lambda: "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
    "YAML: aliases of 99,000 values": lambda: "a: &a [" + "x," * 990 + "x]\nb: [" + "*a," * 98 + "*a]\nStartAt: A\nStates: {A: {Type: Succeed}}",
    "YAML: aliases of states": lambda: numbered("StartAt: S0\nx: &s {Type: Pass, Nxt: 1, Foo: 1}\nStates:\n", "  S#: *s\n"),
    "YAML: tags": lambda: filled("a: [", "!t x,", "1]"),
    "YAML: merge keys": lambda: filled("a: &a {}\nb:\n", "  - <<: *a\n"),
    "YAML: numbers": lambda: filled("a: [", "1,", "1]"),
    "YAML: a number of a million digits": lambda: "a: " + "1" * (SIZE - 8),
    "YAML: a fraction of a million digits": lambda: "a: 0." + "1" * (SIZE - 18),
    "YAML: a hexadecimal of a million digits": lambda: "a: 0x" + "f" * (SIZE - 18),
    "YAML: an octal of a million digits": lambda: "a: 0o" + "7" * (SIZE - 18),
    "YAML: hexadecimals of 4000 digits": lambda: "a: [" + ("0x" + "f" * 4000 + ",") * 250 + "1]",
    "YAML: a tab": lambda: filled("a: 1\nb:\n", "  - x\n", "\tc: 1\n"),
    "YAML: colons": lambda: "a:" + " :" * (SIZE // 2 - 8),
    "YAML: Chinese": lambda: "状: " + "态" * (SIZE - 8),
    "YAML: halves of pairs": lambda: filled("a: [", '"\\ud800",', "1]"),
    "YAML: states without a type": lambda: numbered("StartAt: S0\nStates:\n", "  S#:\n    Typ: Pass\n"),
    "YAML: a control character at the end": lambda: filled("a: 1\n", "#\n", "\x01"),
}

HOSTILE: Texts = {**TEXTS, **OBJECTS, **HUGE, **YAML}


# --------------------------------------------------------------------------- what is merely enormous


def machine(state: Callable[[int], dict[str, Any]], size: int = SIZE - 2000) -> str:
    """A good definition of about that many characters: states one after the other."""
    states: dict[str, Any] = {}
    used, number = 0, 0
    while used < size:
        made = {**state(number), "Next": f"S{number + 1}"}
        states[f"S{number}"] = made
        used += len(json.dumps(made)) + 12
        number += 1
    states[f"S{number}"] = {"Type": "Succeed"}
    return json.dumps({"StartAt": "S0", "States": states})


def one_state(state: dict[str, Any]) -> str:
    return json.dumps({"StartAt": "A", "States": {"A": state, "B": {"Type": "Succeed"}}})


_RETRY = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2.0}]


def _choice(n: int) -> dict[str, Any]:
    return {"And": [{"Variable": f"$.a{n}", "NumericEquals": n}, {"Variable": "$.b", "IsPresent": True}], "Next": "B"}


ENORMOUS: Texts = {
    "5,000 good states": lambda: machine(lambda n: {"Type": "Pass", "Comment": "x" * 120, "Parameters": {"n": n, "a.$": f"$.a{n}"}}),
    "tasks with Retry": lambda: machine(lambda n: {"Type": "Task", "Resource": f"f{n}", "ResultPath": f"$.r{n}", "Retry": _RETRY}),
    "short states": lambda: machine(lambda n: {"Type": "Pass"}),
    "intrinsic calls": lambda: machine(lambda n: {"Type": "Pass", "Parameters": {"a.$": f"States.Format('{{}}-{n}', $.a{n})"}}),
    "queries": lambda: machine(lambda n: {"Type": "Pass", "InputPath": f"$.a[?(@.b == {n})]"}),
    "JSONata": lambda: machine(lambda n: {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"a": f"{{% $states.input.a{n} + {n} %}}"}}),
    "choices": lambda: one_state({"Type": "Choice", "Choices": [_choice(n) for n in range(9_000)]}),
    "one Result": lambda: one_state({"Type": "Pass", "Result": [{"id": n, "x": [1, 2]} for n in range(35_000)], "Next": "B"}),
    "a comment": lambda: filled('{"a":1,//', "x", "\n}"),
    "variables that nobody sets": lambda: with_field("Parameters", '"a#.$":"$x#",', "{", "}"),
    "variables that nobody sets, near ones": lambda: with_field("Parameters", '"a#.$":"$variable#",', '{"b":1},"Assign":{"variable":1},"Result":{', "}"),
    "templates without .$": lambda: with_field("Parameters", '"a#":"$.a",', "{", "}"),
    "results with paths": lambda: with_field("Result", '"a#.$":"$.a",', "{", "}"),
    "JSONata of unknown variables": lambda: jsonata_field('"a#":"{% $x# %}",'),
    "a query of 2000 characters": lambda: passing(f'"InputPath":"${"..a" * 660}"'),
    "a regular expression": lambda: passing(f'"InputPath":"$[?@ =~ /{"(a|b)" * 390}/]"'),
    "a JSONata text of escapes": lambda: jsonata_field('"a#":"{% \'' + "\\\\n" * 33_000 + "' %}\","),
    "YAML: states that nobody reaches": lambda: numbered("StartAt: S0\nStates:\n", "  S#:\n    Type: Succeed\n"),
    "YAML: states that go nowhere": lambda: numbered("StartAt: S0\nStates:\n", "  S#: {Type: Pass, Next: T#}\n"),
    "a JSONata expression of 99,000 letters": lambda: jsonata_field(f'"a#":"{{% $states.input.{"a" * 99_000} %}}",'),
    "a JSONata expression of 99,000 blanks": lambda: jsonata_field(f'"a#":"{{% {" " * 99_000}1 %}}",'),
    "a JSONata text of 99,000 letters": lambda: jsonata_field(f'"a#":"{{% \'{"a" * 99_000}\' %}}",'),
    "a JSONata variable": lambda: jsonata_field(f'"a#":"{{% ${"a" * 90_000} %}}",'),
    "a JSONata pattern": lambda: jsonata_field(f'"a#":"{{% /{"(a|b)" * 390}/ %}}",'),
}

__all__ = ["ENORMOUS", "HOSTILE", "SIZE"]
