"""The embedded generator on pictures that are held out by concept, in every style.

Drawn from the true embedding of ``objects64``'s test pictures, beside the nearest picture of its
generator set by embedding and the null condition.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from table import ROOT, WEIGHTS, Table, run

from neurodecode.evaluate.inference import interval
from neurodecode.evaluate.tables import correlations, pixel_rows, top1, wins
from neurodecode.models.clip import load_openclip
from neurodecode.models.diffusion import load_generator
from neurodecode.models.independent import hog_colour, load_independent
from neurodecode.models.pictures import to_unit
from neurodecode.models.vae import decode, encode, psnr
from neurodecode.reconstruct.baselines import nearest
from neurodecode.seeds import derive, generator
from neurodecode.stimuli.objects64 import load_objects64

SOURCES = (
    "benchmarks/a_generator.py", "neurodecode/models/diffusion.py",
    "neurodecode/models/samplers.py", "neurodecode/models/unet.py", "neurodecode/stimuli/data",
    *WEIGHTS,
)  # fmt: skip
HELD_OUT = "neurodecode/report/templates/held_out.png"
GOALS = {"pixels": 0.95, "HOG + colour": 0.96, "independent": 0.87}
Pictures = NDArray[np.uint8]


class Bench:
    """Pictures, networks and what is drawn, computed once."""

    def __init__(self, n_seeds: int, limit: int | None) -> None:
        self.test = load_objects64(("test",))
        if limit:
            keep = np.arange(len(self.test)) < limit
            self.test = self.test.where(keep)
        self.train = load_objects64(("generator",))
        self.clip, self.generator = load_openclip("embedded"), load_generator()
        self.extractor = load_independent()
        self.embedding = self.clip.embed_images(self.test.pixels)
        self.seeds = np.array(
            [[derive(s, "a_generator", i) for s in range(n_seeds)] for i in self.test.table["id"]]
        )
        self.features = {
            "pixels": pixel_rows,
            "HOG + colour": hog_colour,
            "independent": self.extractor.features,
        }

    def draw(self, embedding: NDArray[np.float32], **options: object) -> Pictures:
        """Return (n_seeds, n, 64, 64, 3)."""
        seeds = options.pop("seeds", self.seeds)
        return self.generator.draw(embedding, seeds, **options).swapaxes(0, 1)

    def items(self, name: str, drawn: Pictures) -> NDArray[np.float64]:
        """Two-way identification of each picture, mean over seeds."""
        real = self.features[name](self.test.pixels)
        tables = [wins(correlations(real, self.features[name](d))) for d in drawn]
        return np.mean([np.diag(table) for table in tables], axis=0)

    def top1(self, name: str, drawn: Pictures) -> float:
        """Share of pictures that are nearest to their own true picture."""
        real = self.features[name](self.test.pixels)
        tables = [top1(correlations(real, self.features[name](d))) for d in drawn]
        return float(np.mean([np.diag(table).mean() for table in tables]))

    def named(self, drawn: Pictures, n: int = 20) -> tuple[NDArray[np.float64], ...]:
        """Category by the best concept, and concept among ``n``, each picture's share."""
        truth = np.array([self.extractor.concepts.index(c) for c in self.test.table["caption"]])
        categories = np.array(self.extractor.categories)
        rng = generator(0, "naming")
        category, concept = [], []
        for pictures in drawn:
            logits = self.extractor.name_logits(pictures)
            category.append(categories[logits.argmax(axis=1)] == categories[truth])
            for _ in range(30):
                others = np.array([rng.choice(np.delete(truth, k), n - 1, replace=False)
                                   for k in range(len(truth))])  # fmt: skip
                own = logits[np.arange(len(truth)), truth]
                concept.append((np.take_along_axis(logits, others, 1) < own[:, None]).all(axis=1))
        return np.mean(category, axis=0), np.mean(concept, axis=0)


def shown(items: NDArray[np.float64]) -> str:
    """Mean with its bootstrap interval over pictures."""
    groups = np.arange(len(items)).astype(str)
    low, high = interval(items, groups, np.random.default_rng(0), 4000)
    return f"{items.mean():.3f} ({low:.3f} to {high:.3f})"


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` draws one seed of 40 pictures."""
    torch.set_num_threads(1 if quick else 2)  # of quick ones several run at once
    bench = Bench(1 if quick else 2, 40 if quick else None)
    n = len(bench.test)
    pixels = to_unit(bench.test.pixels)
    rebuilt = decode(bench.generator.vae, encode(bench.generator.vae, pixels))
    quality = psnr(pixels, to_unit(rebuilt))
    table.add(f"VAE, PSNR (dB), N {n}", f"{quality:.1f}", "", ">= 25.5", quality >= 25.5)
    _captions(table, bench, quick)
    start = time.perf_counter()
    drawn = bench.draw(bench.embedding)
    seconds = (time.perf_counter() - start) / drawn.shape[0] / n
    table.add("seconds a picture, in a batch", f"{seconds:.3f}", "", "<= .1",
              None if quick else seconds <= 0.1)  # fmt: skip
    null = bench.draw(np.zeros_like(bench.embedding))
    rows = nearest(bench.embedding, bench.clip.embed_images(bench.train.pixels))
    retrieved = bench.train.pixels[rows][None]
    for name in bench.features:
        ours, peer = bench.items(name, drawn), bench.items(name, retrieved)
        nothing = float(bench.items(name, null).mean())
        good = ours.mean() >= GOALS[name] and ours.mean() > peer.mean()
        table.add(f"two-way from the true embedding, {name}", shown(ours),
                  f"nearest {shown(peer)}", f">= {GOALS[name]} and > nearest",
                  bool(ours.mean() > nothing) if quick else bool(good))  # fmt: skip
        table.add(f"two-way, null condition, {name}", f"{nothing:.3f}", "", ".45 to .55",
                  None if quick else 0.45 <= nothing <= 0.55)  # fmt: skip
        mine, theirs = bench.top1(name, drawn), bench.top1(name, retrieved)
        table.add(f"top 1, {name}", f"{mine:.3f}", f"nearest {theirs:.3f}", "> nearest",
                  None if quick else mine > theirs)  # fmt: skip
    _naming(table, bench, drawn, null, retrieved, quick)
    if not quick:
        _shown(table, bench, retrieved)
        _starts(table, bench)
        contact_sheet(bench, drawn, retrieved[0], ROOT / HELD_OUT)


def _captions(table: Table, bench: Bench, quick: bool) -> None:
    """Retrieval of captions; the bar is of 169, so trained captions fill up the held-out ones."""
    n, n_more = len(bench.test), max(169 - len(bench.test), 0)
    captions = bench.clip.embed_captions(list(bench.test.table["caption"]))
    scores = bench.embedding @ captions.T
    own = np.diag(scores)[:, None]
    rank = (scores >= own).sum(axis=1)
    table.add(f"caption retrieval, top 5 of {n}, all held out", shown((rank <= 5).astype(float)),
              f"chance {5 / n:.3f}", "")  # fmt: skip
    known = bench.clip.embed_captions(list(dict.fromkeys(bench.train.table["caption"])))
    beaten = bench.embedding @ known.T >= own
    rng = generator(0, "captions")
    draws = [rng.choice(len(known), n_more, replace=False) for _ in range(200)]
    found = np.mean([rank + beaten[:, more].sum(axis=1) <= 5 for more in draws], axis=0)
    table.add(f"the same among {n + n_more}, {n_more} of trained pictures, 200 draws", shown(found),
              f"chance {5 / (n + n_more):.3f}", ">= .35",
              None if quick else bool(found.mean() >= 0.35))  # fmt: skip


def _naming(
    table: Table, bench: Bench, drawn: Pictures, null: Pictures, retrieved: Pictures, quick: bool
) -> None:
    """Can the pictures be named by a classifier that had no part in making them?"""
    parts = {"drawn": drawn, "null": null, "nearest": retrieved, "true": bench.test.pixels[None]}
    results = {name: bench.named(pictures) for name, pictures in parts.items()}
    groups = np.arange(len(bench.test)).astype(str)
    for k, what in enumerate(("category named", "concept named among 20")):
        mine = results["drawn"][k].mean()
        peers = {name: results[name][k].mean() for name in ("null", "nearest", "true")}
        table.add(what, shown(results["drawn"][k]),
                  ", ".join(f"{name} {value:.3f}" for name, value in peers.items()),
                  "> null, > nearest",
                  None if quick else bool(mine > max(peers["null"], peers["nearest"])))  # fmt: skip
        gain = results["drawn"][k] - results["nearest"][k]
        clear = interval(gain, groups, np.random.default_rng(0), 4000)[0] > 0
        table.add(f"{what}, drawn less nearest", shown(gain), "", "interval above 0",
                  None if quick else bool(clear))  # fmt: skip


def _shown(table: Table, bench: Bench, retrieved: Pictures) -> None:
    """The same of what a page shows: of four samples the one most like what it is drawn from.

    That is asked of the embedding by which they are drawn; the naming classifier has no part in it.
    """
    seeds = np.array(
        [[derive(s, "a_generator, shown", i) for s in range(4)] for i in bench.test.table["id"]]
    )
    drawn = bench.draw(bench.embedding, seeds=seeds)
    likeness = [(bench.clip.embed_images(d) * bench.embedding).sum(axis=1) for d in drawn]
    best = drawn[np.argmax(likeness, axis=0), np.arange(len(bench.test))][None]
    for k, what in enumerate(("category named", "concept named among 20")):
        mine, peer = bench.named(best)[k], bench.named(retrieved)[k].mean()
        table.add(f"{what}, best of four by agreement with the embedding", shown(mine),
                  f"nearest {peer:.3f}", "> nearest", bool(mine.mean() > peer))  # fmt: skip


def _starts(table: Table, bench: Bench) -> None:
    """Img2img is always shown beside the same start without the embedding."""
    start = encode(bench.generator.vae, to_unit(bench.test.pixels)).numpy()
    for strength in (0.6, 0.8):
        pair = [
            bench.items(
                "independent",
                bench.draw(e, seeds=bench.seeds[:, :1], start=start, strength=strength),
            ).mean()
            for e in (bench.embedding, np.zeros_like(bench.embedding))
        ]
        table.add(f"start from the true latent, strength {strength}, independent",
                  f"{pair[0]:.3f}", f"null embedding {pair[1]:.3f}")  # fmt: skip


def contact_sheet(bench: Bench, drawn: Pictures, retrieved: Pictures, path: Path) -> None:
    """Write held-out pictures: true, two samples, nearest; 12 columns."""
    rows = generator(1, "sheet").permutation(len(bench.test))[:36]
    columns = [bench.test.pixels[rows], drawn[0][rows], drawn[-1][rows], retrieved[rows]]
    tiles = np.concatenate(
        [
            np.concatenate([np.concatenate(list(c[k : k + 12]), axis=1) for c in columns])
            for k in range(0, 36, 12)
        ]
    )
    Image.fromarray(tiles).quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run("a_generator", SOURCES, measure, __doc__ or "")
