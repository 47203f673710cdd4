"""The tuned net as a file of bytes: fewer word pieces, pooling inside, weights of eight bits."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from listener.analysis.wording import TOKENS
from tools.train.encoder_net import Net

OPSET = 17

#: So many word pieces stay, of 30,522; the rest is foreign letters and words that hardly occur.
PIECES = 20_000

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def pruned(tokenizer: str, net: Net, texts: Iterable[list[int]], pieces: int = PIECES) -> str:
    """The tokenizer with the `pieces` that occur most in `texts` (token numbers); `net` forgets the others too.

    Single letters and digits of the Latin alphabet stay, so that every English word can still be spelled.
    """
    content: dict[str, Any] = json.loads(tokenizer)
    numbers: dict[str, int] = content["model"]["vocab"]
    occurs = Counter(number for ids in texts for number in ids)

    def worth(piece: str) -> tuple[bool, int, int]:
        bare = piece.removeprefix("##")
        kept = piece in _SPECIAL or (len(bare) == 1 and bare.isascii())
        plain = bare.isascii() and not piece.startswith("[unused")
        # Where pieces occur equally often, BERT's own order decides: it runs from common to rare.
        return (kept, occurs[numbers[piece]] if kept or plain or occurs[numbers[piece]] > 1 else -1, -numbers[piece])

    chosen = sorted(sorted(numbers, key=worth, reverse=True)[:pieces], key=numbers.__getitem__)
    net.words = torch.nn.Embedding.from_pretrained(net.words.weight[[numbers[piece] for piece in chosen]])
    net.places = torch.nn.Embedding.from_pretrained(net.places.weight[:TOKENS].detach())
    content["model"]["vocab"] = {piece: number for number, piece in enumerate(chosen)}
    for token in content["added_tokens"]:
        token["id"] = content["model"]["vocab"][token["content"]]
    _renumber(content["post_processor"], content["model"]["vocab"])
    content["truncation"] = content["padding"] = None
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _renumber(processor: dict[str, Any], numbers: dict[str, int]) -> None:
    for token, about in processor["special_tokens"].items():
        about["ids"] = [numbers[token]]


def export(net: Net, path: Path) -> None:
    """Writes `net` to `path` as ONNX with weights of eight bits."""
    net.eval()
    ids = torch.ones(2, 9, dtype=torch.int64)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole, prepared = Path(folder, "whole.onnx"), Path(folder, "prepared.onnx")
        torch.onnx.export(
            net,
            (ids, torch.ones_like(ids)),
            str(whole),
            opset_version=OPSET,
            dynamo=False,
            input_names=["ids", "mask"],
            output_names=["heads", "meaning"],
            dynamic_axes={name: {0: "texts", 1: "pieces"} for name in ("ids", "mask")},
        )
        quant_pre_process(str(whole), str(prepared), skip_symbolic_shape=True)
        quantize_dynamic(str(prepared), str(path), weight_type=QuantType.QInt8, per_channel=True)
    onnx.checker.check_model(str(path))
