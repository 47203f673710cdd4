"""The deep extra: a small language model that reads whole sentences, where the package `warmline-deep` is installed.

It is looked for when it is first asked for; without it, nothing of it is
imported. It reads English, one text at a time: its numbers would be rounded
by what else is in a batch, and the same text must always get the same answer.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from listener.analysis.opinion import FILE, Opinion
from listener.analysis.wording import TOKENS, plain
from storage.assessment import SeverityKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: The package as it is imported, and what it needs.
PACKAGE, NEEDS = "warmline_deep", ("onnxruntime", "tokenizers")

#: The group of an opinion's chances that says how near the text is to the description of each kind of severity.
DESCRIBED = "described"


class Encoder:
    """The model, loaded; make it with `found`. It fills the protocol `opinion.Deep`."""

    def __init__(self, package: Any, descriptions: Mapping[str, str] | None = None) -> None:
        """`descriptions` are an owner's own sentences for kinds of severity, instead of ours."""
        import numpy
        from onnxruntime import InferenceSession, SessionOptions
        from tokenizers import Tokenizer

        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._numpy = numpy
        self._session = InferenceSession(str(package.MODEL), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(package.TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS)
        about = json.loads(package.ABOUT.read_text(encoding="utf-8"))
        self.name = f"deep-{package.__version__}"
        #: The labels of each group, in the order of their chances.
        self.labels: dict[str, tuple[str, ...]] = {group: tuple(labels) for group, labels in about["labels"].items()}
        self._sides: Floats = numpy.array(about["sides"], numpy.float32)
        self._sides_bias: Floats = numpy.array(about["sides_bias"], numpy.float32)
        self._weights: Floats = numpy.array(about["weights"], numpy.float32)
        self._bias: Floats = numpy.array(about["bias"], numpy.float32)
        self._bias += _moved(about["labels"], about["thresholds"])
        self._described = self.meanings(list(descriptions_of(descriptions or {}).values()))

    @classmethod
    def found(cls, descriptions: Mapping[str, str] | None = None) -> Self | None:
        """The model, if it is installed."""
        return cls(import_module(PACKAGE), descriptions) if not lacking() else None

    def opinions(self, texts: Iterable[str]) -> list[Opinion]:
        """An opinion of each text, in order, some 3 ms each, so ask in a thread: the loop goes on meanwhile.

        Never raises for what somebody wrote.
        """
        return [self._opinion(*self._run(text)) for text in texts]

    def meanings(self, texts: Sequence[str]) -> Floats:
        """What each text means, as a row of 384 numbers of length 1: features for `fewshot.FewShot`."""
        return self._numpy.array([self._run(text)[1] for text in texts], self._numpy.float32).reshape(-1, 384)

    def _run(self, text: str) -> tuple[Floats, Floats]:
        """The heads' numbers, and the vector."""
        ids = self._numpy.array([self._tokenizer.encode(plain(text)).ids], self._numpy.int64)
        scores, vectors = self._session.run(None, {"ids": ids, "mask": self._numpy.ones_like(ids)})
        return scores[0], vectors[0] / max(float(self._numpy.linalg.norm(vectors[0])), 1e-9)

    def _opinion(self, scores: Floats, vector: Floats) -> Opinion:
        near = self._described @ vector
        sides = self._sides @ scores + self._sides_bias
        shares = self._numpy.exp(sides - sides.max())
        negative, neutral, positive = (shares / shares.sum()).tolist()
        logits = self._weights @ self._numpy.concatenate([scores, near, vector]) + self._bias
        chances = iter((1 / (1 + self._numpy.exp(-logits))).tolist())
        groups = {group: [next(chances) for _ in labels] for group, labels in self.labels.items()}
        return Opinion((negative, neutral, positive), positive - negative, groups | {DESCRIBED: near.tolist()})


def _moved(labels: Mapping[str, Sequence[str]], thresholds: Sequence[float]) -> Floats:
    """What to add to the logit of each label, so that it is believed from the same chance on as the tables' is.

    Only then may the mean of both be held against the tables' threshold.
    """
    import numpy

    names = [f"{group}:{label}" for group, each in labels.items() for label in each]
    with files("listener.analysis").joinpath(FILE).open("rb") as file, numpy.load(file) as tables:
        theirs = dict(zip(map(str, tables["labels.labels"]), tables["labels.thresholds"].tolist(), strict=True))
    both = numpy.array([[theirs.get(name, own), own] for name, own in zip(names, thresholds, strict=True)])
    logits = numpy.log(both / (1 - both))
    moved: Floats = (logits[:, 0] - logits[:, 1]).astype(numpy.float32)
    return moved


def lacking() -> list[str]:
    """What is not installed of the package and its needs; empty where the model can be used. Nothing is imported."""
    return [name for name in (PACKAGE, *NEEDS) if find_spec(name) is None]


def version() -> str:
    """The version of the package, which must be there."""
    return str(import_module(PACKAGE).__version__)


def descriptions_of(own: Mapping[str, str]) -> dict[SeverityKind, str]:
    """One sentence for each kind of severity: the owner's `own`, or ours from `descriptions.toml`."""
    content = files("listener.analysis").joinpath("descriptions.toml").read_text(encoding="utf-8")
    ours: dict[str, str] = tomllib.loads(content)
    return {kind: own.get(kind) or ours[kind] for kind in SeverityKind}
