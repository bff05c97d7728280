"""Inputs for the list that no producer of ours would push: drawn by kind, the same for the same seed."""

import json
import random
from collections.abc import Callable, Iterator

from greenscale_jobs.records import MAX_ITEM_BYTES, MAX_PROMPT_BYTES

LARGE_EVERY = 5000
"""Of so many inputs one is as large as an item may be, or larger."""

POOL = [f"fuzz-{number}" for number in range(50)]
"""Ids that come again and again."""

HOSTILE_IDS = [
    *("", " ", "*", "?", "[a-z]*", "a*", "jobs", "jobs:job:*", ":", "a:b", "..", ".", "-", "_a", "a\n", "\n", "a\r\nb"),
    *(
        "a\0b",
        "\0",
        '"',
        '\\"',
        "{",
        "}",
        "{x}",
        "a b",
        "ä",
        "\u202e",
        "A" * 64,
        "A" * 65,
        "A" * 100_000,
        "%s",
        "$(id)",
        "../a",
    ),
]

NUMBERS = ["0", "-0", "-1", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "9" * 400, "0x10", "1.5", "1e5", "00", "+1"]

SHAPES = ["null", "true", "[]", "{}", '""', '"a"', "[[]]", '{"a":1}', *NUMBERS]

FIELDS = [
    "prompt",
    "id",
    "parameters",
    "history",
    "messages",
    "token",
    "state",
    "attempts",
    "",
    "__class__",
    "prompt\\u0000",
]

TEXTS = [
    *(
        "hello",
        "",
        " ",
        "\t\r\n",
        "\0",
        "a\0b",
        "\ufeffhello",
        "\u2028",
        "\x1b[31mred",
        "\u202eabc",
        "\U0001f469\u200d\U0001f4bb",
    ),
    *("null", "{", "[", "}{", "<script>", "%n%s", "$(reboot)", "'; DROP", "{{x}}", "${x}", "a" * 5000, "\x7f\x80\x9f"),
]


def inputs(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield so many inputs, each with its kind."""
    draw = random.Random(seed)  # noqa: S311 - chosen, not secret
    kinds = list(KINDS)
    for number in range(1, count + 1):
        kind = "huge" if number % LARGE_EVERY == 0 else draw.choice(kinds)
        yield kind, (_huge(draw) if kind == "huge" else KINDS[kind](draw))


def _good(draw: random.Random) -> bytes:
    item: dict[str, object] = {"prompt": f"say {draw.random()}"}
    if draw.random() < 0.5:
        item["parameters"] = {"maxTokens": draw.randint(1, 99), "temperature": draw.random()}
    return json.dumps(item).encode()


def _random_bytes(draw: random.Random) -> bytes:
    return draw.randbytes(draw.randint(1, 60))


def _broken_utf8(draw: random.Random) -> bytes:
    text = bytearray(draw.choice(["hëllo wörld", "日本語のテキスト", '{"prompt":"hëllo"}']).encode())
    text[draw.randrange(len(text))] = draw.randint(0x80, 0xFF)
    return bytes(text)


def _text(draw: random.Random) -> bytes:
    return draw.choice(TEXTS).encode() * draw.randint(1, 3)


def _surrogates(draw: random.Random) -> bytes:
    half = draw.choice(["\\ud800", "\\udfff", "\\ud83d", "\\ude00\\ud83d", "\\ud83d\\ude00"])
    raw = draw.choice(["\ud800", "\udfff"]).encode(errors="surrogatepass")
    return draw.choice([b'{"prompt":"a%s"}' % half.encode(), b'{"prompt":"a","id":"%s"}' % half.encode(), raw])


def _value(draw: random.Random) -> bytes:
    return draw.choice(SHAPES).encode()


def _wrong_shape(draw: random.Random) -> bytes:
    fields = [
        f'"{draw.choice(FIELDS)}":{draw.choice([*SHAPES, json.dumps(draw.choice(TEXTS))])}'
        for _ in range(draw.randint(0, 4))
    ]
    if draw.random() < 0.5:
        fields.insert(0, '"prompt":"hello"')
    return ("{" + ",".join(fields) + "}").encode()


def _wrong_history(draw: random.Random) -> bytes:
    turn = draw.choice([*SHAPES, '{"role":"user"}', '{"role":7,"content":[]}', '{"prompt":"a","answer":null}', '"a"'])
    field = draw.choice(["history", "messages", "turns"])
    return f'{{"prompt":"hello","{field}":[{",".join([turn] * draw.randint(0, 40))}]}}'.encode()


def _parameters(draw: random.Random) -> bytes:
    name = draw.choice(["maxTokens", "temperature", "system", "max_tokens", "model", "stream"])
    return f'{{"prompt":"hello","parameters":{{"{name}":{draw.choice(SHAPES)}}}}}'.encode()


def _deep(draw: random.Random) -> bytes:
    depth = draw.choice([10, 100, 1001, 20_000])
    opening, closing = draw.choice([("[", "]"), ('{"a":', "}"), ('{"prompt":', "}"), ('{"id":[', "]}")])
    inner = opening * depth + "1" + (closing * depth if draw.random() < 0.7 else "")
    return draw.choice([inner, f'{{"prompt":{inner}}}', f'{{"prompt":"a","parameters":{inner}}}']).encode()


def _truncated(draw: random.Random) -> bytes:
    whole = _wrong_shape(draw) if draw.random() < 0.5 else _good(draw)
    return whole[: draw.randint(1, len(whole))]


def _mutated(draw: random.Random) -> bytes:
    text = bytearray(_good(draw))
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(text))
        text[place : place + draw.randint(0, 2)] = draw.choice([b"", b'"', b"\\", b"{", b"\0", b"\xff", b"\n", b"u"])
    return bytes(text) or b"x"


def _taken_id(draw: random.Random) -> bytes:
    job_id = draw.choice(POOL)
    return (
        draw.choice(
            [
                b'{"id":"%s","prompt":"hello"}',
                b'{"id":"%s"}',
                b'{"prompt":"other","id":"%s"}',
                b'{"id":"%s","prompt":""}',
                b'{"id":"a","id":"%s","prompt":"hello"}',
            ]
        )
        % job_id.encode()
    )


def _hostile_id(draw: random.Random) -> bytes:
    return json.dumps({"id": draw.choice(HOSTILE_IDS), "prompt": "hello"}, ensure_ascii=draw.random() < 0.5).encode()


def _empty(draw: random.Random) -> bytes:
    return draw.choice([b"", b" ", b"\n", b"\0", b"\t \t", b"{}", b"{ }", "\u3000".encode()])


def _huge(draw: random.Random) -> bytes:
    return draw.choice(
        [
            b"x" * MAX_PROMPT_BYTES,
            b"x" * (MAX_PROMPT_BYTES + 1),
            b'{"prompt":"' + b"\\u0000" * MAX_PROMPT_BYTES + b'"}',
            b'{"prompt":"' + b"x" * MAX_ITEM_BYTES + b'"}',
            b"[" * MAX_PROMPT_BYTES,
            b'{"prompt":' + b"[" * MAX_PROMPT_BYTES,
            b" " * MAX_PROMPT_BYTES,
            b'{"' + b"k" * MAX_PROMPT_BYTES + b'":1,"prompt":"hello"}',
        ]
    )


KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "good": _good,
    "random bytes": _random_bytes,
    "broken UTF-8": _broken_utf8,
    "odd text": _text,
    "surrogates": _surrogates,
    "JSON that is no object": _value,
    "object of a wrong shape": _wrong_shape,
    "history of a wrong shape": _wrong_history,
    "wrong parameters": _parameters,
    "deep nesting": _deep,
    "truncated JSON": _truncated,
    "mutated JSON": _mutated,
    "an id that is taken": _taken_id,
    "a hostile id": _hostile_id,
    "empty": _empty,
}
