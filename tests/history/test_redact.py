"""What counts as a secret: which keys, what in a text, what users add; that nothing else changes, and that looking for them is cheap."""

from __future__ import annotations

import json
import pprint
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.history import redact as module
from asw_nb.history.redact import MASK, current, is_secret, learn, redact, redact_lines, redact_text

SECRET_KEYS = [
    "password", "Passwd", "DB_PASSWORD", "dbPassword", "PGPASSWORD", "passphrase", "pass_code", "pwd", "db-pw", "secret", "clientSecret", "SecretKey", "secrets", "token",
    "accessToken", "TaskToken", "id_token", "refresh-token", "CSRF_TOKEN", "tokens", "apiKey", "api key", "API_KEYS", "X-Api-Key", "AccessKeyId", "aws_secret_access_key",
    "private_key", "signing.key", "AccountKey", "credentials", "Authorization", "authorisation", "auth", "bearer", "Cookie", "set-cookie", "sessionId", "JWT", "otp", "sig", "X-Amz-Signature",
    "用户密码", "口令", "密钥", "令牌",
]  # fmt: skip
PLAIN_KEYS = [
    "user", "key", "Key", "keys", "tokenizer", "tokenize", "max_tokens", "maxNewTokens", "prompt_tokens", "usage.total_tokens", "token_count", "pad_token_id", "secretary",
    "author", "authors", "signal", "session", "passed", "Pass", "monkey", "name", "url", "", "option", "widget",
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_added", ())
    monkeypatch.delenv("ASW_NB_REDACT", raising=False)


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_key_of_a_secret_hides_its_value_in_payloads_and_texts(key: str) -> None:
    assert is_secret(key)
    assert redact({key: "x1"}) == {key: MASK}
    if key != "api key":
        end = "" if re.search("authori|cookie", key, re.I) else " more"  # a header's value takes the whole line
        assert redact_text(f"{key}=x1, more") == f"{key}={MASK}{end}"
        assert redact_text(f'bad: {{"{key}": "x1"}}!') == f'bad: {{"{key}": "{MASK}"}}!'


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_other_keys_hide_nothing(key: str) -> None:
    payload = {key: "x1", "b": [{key: 2}]}
    assert not is_secret(key)
    assert redact(payload) is payload
    assert redact_text(f"{key}=x1, more: {key}: 2") == f"{key}=x1, more: {key}: 2"


TEXTS = {
    # names and values
    "login failed: password=hunter2 user=lucy": "login failed: password=••• user=lucy",
    "password : 'hunter 2', user: lucy": "password : '•••', user: lucy",
    "password='it''s' and more": "password='•••' and more",
    "password: b'hunter2' x": "password: b'•••' x",
    'token := "a\\"b" x': 'token := "•••" x',
    "token is not named, so hunter2 stays": "token is not named, so hunter2 stays",
    "password: None, token=null, secret=''": "password: None, token=null, secret=''",
    "password=": "password=",
    "password:\nhunter2": "password:\nhunter2",
    "retries: 3, tokens: 512 used": "retries: 3, tokens: ••• used",
    "api key: hunter2 x": "api key: ••• x",
    "密码：hunter2 好": "密码：••• 好",
    "?token=hunter2&page=2 x": "?token=••• x",
    # what stands in brackets, and what never closes
    "bad: {'credentials': {'a': 'x}', 'b': [1]}, 'z': 1}": "bad: {'credentials': •••, 'z': 1}",
    "Login(password=Secret('a b', 'c'), x=1)": "Login(password=••• x=1)",
    "password=hu(nter2 x": "password=••• x",
    'cut: {"password": "hunter2 and': 'cut: {"password": "•••',
    'cut: {"auth": {"a": 1, "b"': 'cut: {"auth": •••',
    # quoted again, once or twice
    'x {\\"password\\": \\"hunter2\\", \\"u\\": 1}': 'x {\\"password\\": \\"•••\\", \\"u\\": 1}',
    'line\\npassword=hunter2 x': 'line\\npassword=••• x',
    '{"\\u5bc6\\u7801": "hunter2"} x': '{"\\u5bc6\\u7801": "•••"} x',
    # headers and schemes
    "Authorization: Bearer hunter2 and so on\nHost: h": "Authorization: •••\nHost: h",
    "Cookie: a=hunter2; b=hunter3\nHost: h": "Cookie: •••\nHost: h",
    "{'Authorization': 'Bearer hunter2', 'Host': 'h'}": "{'Authorization': '•••', 'Host': 'h'}",
    "sent Bearer abc.def-123 to h": "sent Bearer ••• to h",
    "sent Basic dXNlcjpwYXNz= to h": "sent Basic ••• to h",
    "Basic authentication and a bearer token": "Basic authentication and a bearer token",
    # urls
    "postgres://lucy:hunter2@host/db": "postgres://lucy:•••@host/db",
    "at redis://:hunt@er/2@host:6379/0": "at redis://:•••@host:6379/0",
    "https://ghp_0123456789abcdefghij@host/x": "https://•••@host/x",
    "https://ghp_0123456789abcdefghij:x@host/x": "https://•••:•••@host/x",
    "http://host:8080/@scope/x and ssh://git@host": "http://host:8080/@scope/x and ssh://git@host",
    # command lines, calls, source code
    "mysql --password hunter2 -u x": "mysql --password ••• -u x",
    "['mysql', '--password', 'hunter2', '-u']": "['mysql', '--password', '•••', '-u']",
    "mysql --password=hunter2 -u x": "mysql --password=••• -u x",
    "mysql --password --verbose": "mysql --password --verbose",
    "[('Authorization', 'Bearer x1'), ('Host', 'h')]": "[('Authorization', '•••'), ('Host', 'h')]",
    'os.environ["DB_PASSWORD"] = "hunter2"': 'os.environ["DB_PASSWORD"] = "•••"',
    "if e.password == 'hunter2':": "if e.password == '•••':",
    'def f(user, token: str = "hunter2"): pass': 'def f(user, token: •••"): pass',
    'password = "hun" + "ter2"\nx = 1': 'password = "•••\nx = 1',
    "password = ('hun'\n  'ter2')\nx = 1": "password = •••\nx = 1",
    # nothing to hide
    "2026-11-02T12:00:00Z arn:aws:states:local:0:execution:f:n": "2026-11-02T12:00:00Z arn:aws:states:local:0:execution:f:n",
    "https://host:8080/path?page=2": "https://host:8080/path?page=2",
    "": "",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_free_text(text: str) -> None:
    assert redact_text(text) == TEXTS[text]
    assert redact_text(TEXTS[text]) == TEXTS[text]


def test_payloads_keep_what_is_empty_and_what_says_where_to_look() -> None:
    assert redact({"password": "", "token": None, "secrets": [], "auth": {}}) == {"password": "", "token": None, "secrets": [], "auth": {}}
    assert redact({"password": 0, "token": False, "secrets": ["a"]}) == {"password": MASK, "token": MASK, "secrets": MASK}
    assert redact({"password.$": "$.given", "password": "$.given"}) == {"password.$": "$.given", "password": MASK}


def test_a_variable_as_containers_have_it() -> None:
    env = [{"name": "DB_PASSWORD", "value": "x"}, {"Name": "API_KEY", "Value": 3}, {"Name": "HOME", "Value": "h"}, {"name": "PWD", "value": ""}]
    assert redact(env) == [
        {"name": "DB_PASSWORD", "value": MASK}, {"Name": "API_KEY", "Value": MASK}, {"Name": "HOME", "Value": "h"}, {"name": "PWD", "value": ""},
    ]  # fmt: skip


def test_names_of_states_are_no_keys() -> None:
    definition = {"StartAt": "GetToken", "States": {"GetToken": {"Type": "Task", "Parameters": {"password": "x"}, "End": True}}}
    assert redact(definition) == {"StartAt": "GetToken", "States": {"GetToken": {"Type": "Task", "Parameters": {"password": MASK}, "End": True}}}
    assert redact({"States": {"password": {"a": 1}}}) == {"States": {"password": MASK}}


def test_what_a_choice_rule_compares_a_secret_with_is_one() -> None:
    rules = [{"Variable": "$.password", "StringEquals": "x", "Next": "A"}, {"Variable": "$.token", "StringEqualsPath": "$.other"}, {"Variable": "$.user", "StringEquals": "x"}]
    assert redact(rules) == [{"Variable": "$.password", "StringEquals": MASK, "Next": "A"}, *rules[1:]]


def test_json_in_a_string_is_read_as_json() -> None:
    inner = json.dumps({"password": {"a": "x"}, "n": 1})
    assert redact({"body": inner, "n": 1}) == {"body": '{"password":"•••","n":1}', "n": 1}
    assert redact_text(json.dumps({"body": inner})) == '{"body":"{\\"password\\":\\"•••\\",\\"n\\":1}"}'
    same = '{ "a" : 1.50, "b": "c: d" }'
    assert redact_text(same) is same


# --------------------------------------------------------------------------- what always holds

CANARY = "ZQZ"
NASTY = st.text(st.sampled_from("abX09 \"'\\{}[]()=:,;&@/\n\t`#é密<>%+-."), max_size=10)
SECRETS = st.recursive(
    st.builds(lambda a, b: f"{a}{CANARY}{b}", NASTY, NASTY),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "password"]), inner, min_size=1, max_size=3),
    max_leaves=4,
)  # fmt: skip
# letters and what gives texts their shape, but no "=" and ":" after a name, whose values are another matter
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.sampled_from("abc 01.{}[]\"'\\,\n"), max_size=10)


def payloads(secret: bool) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(SECRET_KEYS), SECRETS, max_size=2) if secret else st.just({})
    return st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.builds(lambda a, b: {**a, **b}, st.dictionaries(st.sampled_from(PLAIN_KEYS) | st.text("abc", max_size=3), inner, max_size=4), named)
        ),
        max_leaves=15,
    )  # fmt: skip


def masked(value: Any) -> Any:
    """What is to come out, without regard to cost and to texts."""
    if isinstance(value, dict):
        return {k: MASK if k in SECRET_KEYS else masked(v) for k, v in value.items()}
    return [masked(v) for v in value] if isinstance(value, list) else value


@given(payloads(secret=True))
def test_no_value_is_left_under_a_secret_key_and_everything_else_is_equal(value: Any) -> None:
    before = json.dumps(value)
    assert redact(value) == masked(value)
    assert redact(redact(value)) == masked(value)
    assert json.dumps(value) == before


@given(payloads(secret=False))
def test_a_payload_without_secrets_is_given_back_itself(value: Any) -> None:
    assert redact(value) is value


def written(value: Any) -> list[str]:
    """A payload as programs write it into messages."""
    text = json.dumps(value)
    message = json.dumps({"errorMessage": f"x {text}", "stackTrace": [repr(value)]})
    return [
        text, json.dumps(value, ensure_ascii=False, indent=1), repr(value), f"ValueError: {text} ...", f"ValueError: {value!r}", f"ValueError: {text!r}", f"E {repr(value)!r}!",
        f"E {json.dumps(text)}", message, message[:-3], pprint.pformat(value, width=20),
    ]  # fmt: skip


@given(payloads(secret=True))
def test_no_secret_is_left_in_a_text_however_the_payload_was_written(value: Any) -> None:
    for text in written(value):
        shown = redact_text(text)
        assert CANARY not in shown
        assert redact_text(shown) == shown
        lines = redact_lines(text.split("\n"))
        assert (CANARY in "".join(lines), len(lines)) == (False, text.count("\n") + 1)


@given(payloads(secret=True), st.integers(0, 300))
def test_no_cut_lets_a_part_of_a_secret_out(value: Any, limit: int) -> None:
    for text in written([value, "x" * 3_000]):
        assert not set(CANARY) & set(redact_text(text, limit))


@pytest.mark.parametrize("text", ["x postgres://u:ZQZQZQ@h", "x Bearer ZQZQZQZQ y", 'x password="ZQZ ZQZ" y', "x auth={'a': 'ZQZ'} y", "x --token ZQZQ y"])
def test_a_cut_within_a_secret_shows_none_of_it(text: str) -> None:
    padded = text + " " * 3_000
    assert [redact_text(padded, n) for n in range(len(text)) if "Z" in redact_text(padded, n)] == []


def test_a_limit_leaves_a_short_text_whole() -> None:
    assert redact_text("password=x " + "y" * 100, 10) == "password=••• " + "y" * 100


# --------------------------------------------------------------------------- lines of one text


def test_lines_are_read_as_one_text() -> None:
    assert redact_lines(['{"login": {', '  "auth": {', '    "a": "x",', '    "b": 1', "  },", '  "u": 1', "}}"]) == [
        '{"login": {', '  "auth": •••', "•••", "•••", "•••,", '  "u": 1', "}}",
    ]  # fmt: skip
    same = ["nothing: 1", "", "to hide"]
    assert redact_lines(same) is same
    assert redact_lines([]) == []


# --------------------------------------------------------------------------- what users add


def test_more_names_count_in_the_whole_kernel(tmp_path: Any) -> None:
    payload = {"customerIban": "DE1", "taxId": "2", "urban": 3, "tokens": ["the", "cat"]}
    assert redact(payload) == {"customerIban": "DE1", "taxId": "2", "urban": 3, "tokens": MASK}
    with asw.Workspace(tmp_path, redact=("iban", "tax_?id", "!tokens")):
        assert redact(payload) == {"customerIban": MASK, "taxId": MASK, "urban": 3, "tokens": ["the", "cat"]}
        assert redact_text("iban: DE1 x") == "iban: ••• x"
    assert redact(payload)["taxId"] == MASK
    learn("urban")
    assert redact(payload)["urban"] == MASK


def test_the_environment_adds_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASW_NB_REDACT", "iban, tax_?id,,a(b,!tokens")
    assert redact({"iban": 1, "tax_id": 2, "a(b": 3, "ab": 4, "tokens": 5}) == {"iban": MASK, "tax_id": MASK, "a(b": MASK, "ab": 4, "tokens": 5}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a(b", 'redact="a(b" is no regular expression: missing ), unterminated subpattern at position 1.'),
        ("", 'redact="" fits every key: name a word, such as "iban".'),
        ("x*", 'redact="x*" fits every key: name a word, such as "iban".'),
        ("!", 'redact="!" fits every key: name a word, such as "iban".'),
        (3, 'redact=3: a name must be a text, such as "iban".'),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: Any, message: str, tmp_path: Any) -> None:
    with pytest.raises(asw.UsageError) as problem:
        asw.Workspace(tmp_path, redact=[name])
    assert str(problem.value) == message
    assert list(tmp_path.glob("*.db")) == []


# --------------------------------------------------------------------------- cost


def seconds(text: str) -> float:
    best = 1e9
    for _ in range(3):
        begun = time.perf_counter()
        redact_text(text)
        best = min(best, time.perf_counter() - begun)
    return best


HARD = {
    "one word": "a", "backslashes": "\\", "escapes": "\\u1234", "quotes": "password='", "escaped quotes": 'password=\\"\\\\', "open brackets": "password={", "brackets in a word": "secret=x(a",
    "urls": "://a:", "urls without an end": "x://a:b@", "schemes": "Bearer a", "options": "--password ", "arguments": "('token', ", "types": "token: a | b", "sums": "password='a' + ", "blanks": "token  ",
}  # fmt: skip


@pytest.mark.parametrize("kind", HARD)
def test_the_cost_grows_with_the_text_and_no_faster(kind: str) -> None:
    unit, end = HARD[kind], " token=@"
    small, large = (unit * (size // len(unit)) + end for size in (20_000, 160_000))
    # eight times the text: eight times the time, or sixty-four times where the cost is quadratic
    assert seconds(large) < 30 * seconds(small) + 0.05


def test_a_megabyte_is_read_in_a_moment() -> None:
    rows = [{"id": i, "user": f"u{i}", "when": "2026-11-02T12:00:00Z", "password": "x", "url": "https://h/x?a=b"} for i in range(9_000)]
    begun = time.perf_counter()
    shown = redact(rows)
    assert (time.perf_counter() - begun < 5, shown[-1]["password"]) == (True, MASK)  # 0.08 s where it was measured
    text = json.dumps(rows) + " and so on"
    begun = time.perf_counter()
    assert "x?a=b" in redact_text(text, 4_000)
    assert time.perf_counter() - begun < 0.5  # 0.7 ms


def test_names_are_looked_at_once() -> None:
    redactor = current()
    assert current() is redactor
    for _ in range(3):
        redactor.value([{"some_name_of_a_field": 1}] * 1_000)
    assert redactor.is_secret.cache_info().misses <= redactor.is_secret.cache_info().hits
