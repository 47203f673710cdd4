"""The recorded exchanges that lie beside the project, whatever the format they were kept in."""

from __future__ import annotations

import ast
import base64
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """One question and its answer."""

    file: str
    method: str
    url: str
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """The last part of the path, which names what was asked."""
        return self.url.partition("?")[0].rpartition("/")[2]

    def json(self) -> Any:
        """The answer's JSON; None where it has none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


#: What YAML escapes and Python does not.
_SIGNS = {" ": " ", "/": "/", "_": "\\xa0"}


def exchanges(files: list[Path]) -> list[Exchange]:
    """All exchanges of these cassettes, in the formats of vcrpy (JSON and YAML) and of betamax."""
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        found += list(_from_json(file.name, text) if file.suffix == ".json" else _from_yaml(file.name, text))
    return found


def _from_json(name: str, text: str) -> Iterator[Exchange]:
    for each in json.loads(text)["interactions"]:
        asked, answered = each["request"], each["response"]
        headers = {key.lower(): value[0] for key, value in answered["headers"].items() if value}
        kept = answered["body"] or {}
        body = kept.get("string") or _unpacked(base64.b64decode(kept.get("base64_string", "")))
        yield Exchange(name, asked["method"], asked["uri"], answered["status"]["code"], body, headers)


def _from_yaml(name: str, text: str) -> Iterator[Exchange]:
    """As much of YAML as vcrpy writes: scalars that are folded, quoted or packed."""
    for part in re.split(r"(?m)^- request:", text)[1:]:
        asked, _, answered = part.partition("\n  response:")
        method, url = (re.search(rf"(?m)^    {what}: (.*)$", asked) for what in ("method", "uri"))
        status = re.search(r"code: (\d+)", answered)
        assert method
        assert url
        assert status
        yield Exchange(name, method[1], url[1], int(status[1]), _scalar(answered.partition("string: ")[2]))


def _scalar(text: str) -> str:
    if text.startswith("!!binary"):
        return _unpacked(base64.b64decode("".join(re.findall(r"\n {8}(\S+)", text.partition("\n    headers")[0]))))
    if single := re.match(r"'((?:[^']|'')*)'", text):
        return re.sub(r" *\n +", " ", re.sub(r" *\n *\n +", r"\n", single[1])).replace("''", "'")
    if double := re.match(r'"(?:[^"\\]|\\.)*"', text, re.DOTALL):
        joined = re.sub(r"\n +", " ", re.sub(r"\\\n +", "", double[0]))
        return str(ast.literal_eval(re.sub(r"\\(.)", lambda sign: _SIGNS.get(sign[1], sign[0]), joined)))
    return ""


def _unpacked(body: bytes) -> str:
    """The text of a body; the packed ones of some recordings break off."""
    is_packed = body.startswith(b"\x1f\x8b")
    return (zlib.decompressobj(47).decompress(body) if is_packed else body).decode(errors="replace")


def inside(value: Any, is_one: Callable[[Mapping[str, Any]], bool]) -> Iterator[Any]:
    """Every object in an answer that `is_one`, however deep it lies."""
    if isinstance(value, dict):
        if is_one(value):
            yield value
        for inner in value.values():
            yield from inside(inner, is_one)
    elif isinstance(value, list):
        for inner in value:
            yield from inside(inner, is_one)
