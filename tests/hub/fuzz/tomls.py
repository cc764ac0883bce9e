"""Damage to TOML that keeps it TOML, or nearly so."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

VALUES = (
    "1", "0", "-1", "1.0", "1e400", "nan", "inf", "-inf", "true", "false", '""', '"x"', "'x'", "[]",
    "{}", "[[]]", "[1, 'a']", "{a = 1}", "{a = {b = {}}}", "1979-05-27", "1979-05-27T07:32:00Z",
    "07:32:00", "9999-99-99", "9223372036854775808", "0x_1", "0xff", "0o17", "0b1", "+1", "-0",
    '"\\u0000"', '"\\u202e"', '"\\ud800"', '"\\U0001f600"', '"\\x1b"', "'''a\nb'''",
    '"""a\n\\\n  b"""',
    '"""a"b""c"""""', "'''a''b'''''", '"a\\"b"', "'a\\'", '"../x"', '"a/b"',
    '"file:../../etc/passwd"',
    '"https://user:pw@h/x"', '"https://[::1"', '"https://h:99999999/x"', '"http://h/x"',
    '"hf:a/b@main/x"',
    '"npm:x@1.0.0/y"', '"pip:x==1/../y?sha256=00&size=1"', '"oci:x"', '"FILE:x"', '"file://host/x"',
    '"file:%00"', '"https://\u2100/x"', '"https://h/\ud7ff"', '"MIT OR Apache-2.0"', '"mit"',
    '"MIT AND"',
    '"((((MIT"', '"1.2.3.4"', '"0' + "0" * 60 + '.0.0"', '"' + "a" * 200 + '"', '"safetensors"',
    '"other"',
    '"signature"', '"weights"', '"extra"', '"onnx"', '"graph"', '"vision/mnist-cnn"', '"a/..b"',
)  # fmt: skip
KEYS = (
    "schema", "name", "version", "task", "labels", "build", "files", "files.x", "preprocess.mean",
    "build.settings", "build.settings.a.b", "metrics", "signature", "signature.key", '"a b"',
    "'\u202e'",
    '""', "shcema", "nmae", "sha265", "size", "sources", "role", "a.b.c.d", "x-y_z", '"\\u0000"',
    "1.2",
)  # fmt: skip
HEADERS = (
    "[build]", "[[files]]", "[files]", "[files.x]", "[[build]]", "[build.settings]", "[[metrics]]",
    "[preprocess]", "[signature]", "[]", "[a.b.c]", "[[a.b]]", "[ build ]", '["a"]', "[a", "[[a]",
    "[.a]",
)  # fmt: skip
TOKENS = (
    b'"', b"'", b'"""', b"'''", b"[", b"]", b"[[", b"]]", b"{", b"}", b"=", b".", b",", b"#", b"\n",
    b"\r\n", b"\r", b"\t", b"\\", b"\\u00", b"\xef\xbb\xbf", b"\xff", b"\x00", b"\x1b[2J",
    b"9" * 50,
    b"a.b.", b"a = 1\n", b"[files]\n", b"\xe2\x80\xae", b"_", b"+", b"e", b":",
)  # fmt: skip
_VALUE = re.compile(r"^([A-Za-z0-9_]+ = )(.*)$", re.MULTILINE)


def long_value(draw: random.Random) -> str:
    """Return a value that is large, deep, or a number of many digits."""
    count = draw.choice((10, 100, 100, 1000, 4000))
    return _LONG[draw.randrange(len(_LONG))](count, draw)


_LONG: tuple[Callable[[int, random.Random], str], ...] = (
    lambda n, draw: "9" * (n + 300),
    lambda n, draw: "9" * 5_000,
    lambda n, draw: "0x" + "f" * (n + 4_000),
    lambda n, draw: "-" + "1_1" * n,
    lambda n, draw: "1." + "1" * n + "e" + "9" * 5,
    lambda n, draw: "[" * min(n, 990) + "]" * min(n, 990),
    lambda n, draw: "{a = " * min(n, 990) + "1" + "}" * min(n, 990),
    lambda n, draw: "{" + "a." * n + "a = 1}",
    lambda n, draw: "[" + ", ".join(f'"{k % 7}"' for k in range(n)) + "]",
    lambda n, draw: "[" + ", ".join(f'"file:{k}"' for k in range(n)) + "]",
    lambda n, draw: "[" + "[], " * n + "]",
    lambda n, draw: "{" + ", ".join(f"k{k} = {k}" for k in range(n)) + "}",
    lambda n, draw: '"' + draw.choice(("a", "é", "-", "\\u0041", " ", "a-", "a.")) * n + '"',
    lambda n, draw: '"""' + "x\n" * n + '"""',
    lambda n, draw: '"' + "(" * n + "MIT" + ")" * n + '"',
    lambda n, draw: '"' + "MIT OR " * n + 'MIT"',
    lambda n, draw: '"https://h/' + "a" * n + '"',
    lambda n, draw: '"-----BEGIN PUBLIC KEY-----\\n' + "A" * n + '"',
)


def changed(text: str, draw: random.Random) -> str:
    """Return a document with other lines."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        lines = text.split("\n")
        place = draw.randrange(len(lines))
        how = draw.randrange(12)
        if how < 4:
            text = _another_value(text, draw)
            continue
        if how == 4:
            del lines[place]
        elif how == 5:
            lines.insert(place, lines[place])
        elif how == 6:
            other = draw.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        elif how == 7:
            value = draw.choice(VALUES) if draw.random() < 0.8 else long_value(draw)
            lines.insert(place, f"{draw.choice(KEYS)} = {value}")
        elif how == 8:
            lines.insert(place, draw.choice(HEADERS))
        elif how == 9:
            start = draw.randrange(len(lines))
            lines[place:place] = lines[start : start + draw.randrange(1, 12)] * draw.choice(
                (1, 3, 60)
            )
        elif how == 10:
            deep = draw.choice((2, 100, 400, 1200, 3000))
            lines.insert(place, draw.choice(("[{}a]", "[[{}a]]", "{}a = 1")).format("a." * deep))
        else:
            lines[place] = lines[place].replace(
                *draw.choice(
                    ((" = ", "="), ("=", " = = "), ('"', "'"), ("]", ""), ("\\", ""), ("", "\t"))
                )
            )
        text = "\n".join(lines)
    return text if draw.random() < 0.95 else text.replace("\n", "\r\n")


def _another_value(text: str, draw: random.Random) -> str:
    found = list(_VALUE.finditer(text))
    if not found:
        return text
    match = draw.choice(found)
    value = draw.choice(VALUES) if draw.random() < 0.75 else long_value(draw)
    if draw.random() < 0.15:
        value = draw.choice(found)[2]  # what another key has
    return text[: match.start()] + match[1] + value + text[match.end() :]
