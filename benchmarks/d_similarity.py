"""Deconfounded similarity: untrained networks are alike for want of training, brains are not.

Networks see the held-out pictures of ``objects64``. Two confounders are stated for each figure: the
likeness of pixels, and besides it what untrained networks of the same architecture (others than
those compared) make of the pictures. Real dissimilarities are those of 92 pictures in human
inferior temporal cortex (Kriegeskorte et al. 2008), in the folder kriegeskorte92 below
$NEURODECODE_RECORDINGS; their confounders are its models V1 and Silhouette.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rsatoolbox.rdm import RDMs, compare
from scipy.io import loadmat
from scipy.stats import t
from table import WEIGHTS, Table, run

from neurodecode.deconfound.similarity import cka, dcka, drsa, linear_kernel
from neurodecode.models.clip import load_openclip
from neurodecode.models.independent import Classifier, load_independent
from neurodecode.stimuli.objects64 import load_objects64

SOURCES = (
    "benchmarks/d_similarity.py", "neurodecode/deconfound/similarity.py",
    "neurodecode/stimuli/data", *WEIGHTS,
)  # fmt: skip
Array = NDArray[np.float64]
FOLDER = Path(os.environ.get("NEURODECODE_RECORDINGS", "recordings"), "kriegeskorte92")
OTHERS = 6  # untrained networks whose mean kernel is the confounder
EPOCHS = 5
ARCHITECTURES = ("small", "extractor", "resnet18", "alexnet")
SMALL = (24, 48, 96, 192)  # channels, whatever size the extractor that ships has


@cache
def pictures() -> torch.Tensor:
    """Held-out pictures, float (n, 3, 64, 64), 0 to 1."""
    pixels = load_objects64(("test",)).pixels
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def pixel_kernels() -> Array:
    """Likeness of pixels: linear, and radial with the median distance as width."""
    rows = pictures().flatten(1).numpy().astype(float)
    squares = ((rows[:, None] - rows) ** 2).sum(axis=2)
    return np.stack([linear_kernel(rows), np.exp(-squares / np.median(squares))])


@torch.no_grad()
def untrained(architecture: str, seed: int) -> Array:
    """Kernel of an untrained network's last pooled features."""
    torch.manual_seed(seed)
    if architecture in ("small", "extractor"):
        network = Classifier(7, SMALL) if architecture == "small" else Classifier(7)
        return linear_kernel(network.features(pictures()).numpy())
    import torchvision

    network = getattr(torchvision.models, architecture)(weights=None)
    if architecture == "resnet18":
        network.fc = torch.nn.Identity()
        network.train()  # batch normalisation by these pictures, as nothing was learned
    else:
        network.classifier = torch.nn.Identity()
        network.eval()
    return linear_kernel(network((pictures() - 0.5) / 0.25).numpy())


def trained(seed: int) -> tuple[Array, float]:
    """Kernel of a small network that was trained to name categories, and its held-out accuracy."""
    stimuli = load_objects64(("generator", "decoder"))
    names, labels = np.unique(stimuli.table["category"], return_inverse=True)
    seen = torch.from_numpy(stimuli.pixels).permute(0, 3, 1, 2).float() / 255
    target = torch.from_numpy(labels)
    torch.manual_seed(seed)
    network = Classifier(len(names), SMALL)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(seen)).split(64):
            mirror = torch.rand(len(rows), 1, 1, 1) < 0.5
            flipped = torch.where(mirror, seen[rows].flip(3), seen[rows])
            loss = F.cross_entropy(network(flipped), target[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    network.eval()
    with torch.no_grad():
        said = names[network(pictures()).argmax(dim=1).numpy()]
        kernel = linear_kernel(network.features(pictures()).numpy())
    true = load_objects64(("test",)).table["category"].to_numpy()
    return kernel, float((said == true).mean())


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval."""
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(np.mean(values) - half), float(np.mean(values) + half)


def shown(values: list[float]) -> str:
    """The same in words."""
    middle, low, high = interval(values)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def spanned(values: list[float]) -> str:
    """Mean, least and most: pairs that share networks have no interval."""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


Pairs = list[tuple[Array, Array]]


def judge(pairs: Pairs, known: Array) -> dict[str, list[float]]:
    """Similarities of pairs: plain, debiased and without two sets of confounders."""
    ways: dict[str, Callable[[Array, Array], float]] = {
        "plain": lambda a, b: cka(a, b, debiased=False),
        "debiased": cka,
        "pixels": lambda a, b: dcka(a, b, known[:2]),
        "pixels, plain": lambda a, b: dcka(a, b, known[:2], debiased=False),
        "all": lambda a, b: dcka(a, b, known),
        "all, plain": lambda a, b: dcka(a, b, known, debiased=False),
        "all, clipped": lambda a, b: dcka(a, b, known, clip=True),
    }
    return {name: [way(a, b) for a, b in pairs] for name, way in ways.items()}


def networks(table: Table, quick: bool) -> None:
    """Untrained pairs of four architectures; trained pairs beside them."""
    n_pairs = 2 if quick else 5
    pixels, found = pixel_kernels(), {}
    for architecture in ARCHITECTURES[: 3 if quick else None]:
        others = np.mean([untrained(architecture, 100 + k) for k in range(OTHERS)], axis=0)
        known = np.concatenate([pixels, others[None]])
        nets = [untrained(architecture, k) for k in range(2 * n_pairs)]
        found[architecture] = judge(list(zip(nets[::2], nets[1::2], strict=True)), known)
        of = found[architecture]
        table.add(f"two untrained {architecture}: plain CKA, {n_pairs} pairs", shown(of["plain"]),
                  f"debiased {shown(of['debiased'])}", ">= .6: alike",
                  interval(of["plain"])[0] >= 0.6)  # fmt: skip
        table.add("- dCKA without pixels", shown(of["pixels"]),
                  f"not debiased {shown(of['pixels, plain'])}")  # fmt: skip
        table.add("- dCKA without pixels and the mean untrained network", shown(of["all"]),
                  f"not debiased {shown(of['all, plain'])}; clipped {shown(of['all, clipped'])}",
                  "<= .2: not alike", interval(of["all"])[0] <= 0.2)  # fmt: skip
        if architecture == "extractor":
            networks_that_ship(table, known, max(of["all"]), quick)
        elif architecture == "small" and not quick:
            trained_pairs(table, known, max(of["all"]))


def networks_that_ship(table: Table, known: Array, bound: float, quick: bool) -> None:
    """The picture tower and the independent extractor: other pictures, another objective."""
    pixels = load_objects64(("test",)).pixels
    rows = load_openclip("embedded").embed_images(pixels), load_independent().features(pixels)
    of = judge([(linear_kernel(rows[0]), linear_kernel(rows[1]))], known)
    value = of["all"][0]
    table.add("the two networks that ship (text and pictures; concepts): plain CKA",
              f"{of['plain'][0]:.3f}", f"debiased {of['debiased'][0]:.3f}")  # fmt: skip
    table.add("- dCKA without pixels and the mean untrained network", f"{value:.3f}",
              f"without pixels {of['pixels'][0]:.3f}; most of untrained pairs {bound:.3f}",
              "above the untrained pairs", None if quick else value > bound)  # fmt: skip


def trained_pairs(table: Table, known: Array, bound: float) -> None:
    """Networks that learned something: seeds of one."""
    nets = [trained(seed) for seed in range(3)]
    accuracy = np.mean([net[1] for net in nets])
    of = judge([(nets[i][0], nets[j][0]) for i, j in ((0, 1), (0, 2), (1, 2))], known)
    name = f"small networks trained to name categories, {accuracy:.2f} of held-out pictures right"
    table.add(f"two {name}: plain CKA, 3 pairs of 3 (least to most)", spanned(of["plain"]),
              f"debiased {spanned(of['debiased'])}")  # fmt: skip
    table.add("- dCKA without pixels and the mean untrained network", spanned(of["all"]),
              f"without pixels {spanned(of['pixels'])}; not debiased {spanned(of['all, plain'])}",
              "least above the most of untrained pairs", min(of["all"]) > bound)  # fmt: skip


def bootstrapped(figure: Callable[[NDArray[np.int_]], Array], n: int, draws: int) -> Array:
    """Figures of stimuli drawn with replacement, each drawn one once; 95 % interval."""
    rng = np.random.default_rng(0)
    values = [figure(np.unique(rng.integers(n, size=n))) for _ in range(draws)]
    return np.percentile(values, [2.5, 97.5], axis=0)


def real(table: Table, quick: bool) -> None:
    """Human inferior temporal cortex with and without early vision."""
    if not (FOLDER / "92_brainRDMs.mat").is_file():
        if not quick:
            sys.exit(f"{FOLDER}: no such folder; set NEURODECODE_RECORDINGS")
        table.add("dissimilarities of brains", f"not here: {FOLDER}")
        return
    found = loadmat(FOLDER / "92_modelRDMs.mat", simplify_cells=True)["Models"]
    models = {m["name"]: np.asarray(m["RDM"], dtype=float) for m in found}
    brains = loadmat(FOLDER / "92_brainRDMs.mat", simplify_cells=True)["RDMs"]
    people = np.stack([np.mean([s.RDM for s in person], axis=0) for person in brains])
    early = np.stack([models["V1"], models["Silhouette"]])
    between = np.triu_indices(len(people), 1)
    tested = ("HMAX", "RADON", "monkeyIT", "animacy")
    stack = np.stack([models[name] for name in tested])

    def figures(rows: NDArray[np.int_]) -> Array:
        a, b, known = (RDMs(m[:, rows][:, :, rows]) for m in (people, stack, early))
        plain = [compare(a, other, method="spearman") for other in (a, b)]
        without = [drsa(a, other, known) for other in (a, b)]
        pairs = [p[0][between].mean() for p in (plain, without)]
        return np.array([pairs, *zip(plain[1].mean(axis=0), without[1].mean(axis=0), strict=True)])

    middle = figures(np.arange(92))
    low, high = bootstrapped(figures, 92, 50 if quick else 200)
    for k, name in enumerate(("each other (six pairs)", *tested)):
        plain, without = middle[k]
        low_level = name in ("HMAX", "RADON")  # models of vision: what is left is a finding
        goal = "" if low_level else ">= .8 of it, interval above 0"
        holds = None if low_level else bool(without >= 0.8 * plain and low[k, 1] > 0)
        table.add(f"people's IT and {name}: dRSA without V1 and Silhouette",
                  f"{without:.3f} ({low[k, 1]:.3f} to {high[k, 1]:.3f})",
                  f"RSA {plain:.3f} ({low[k, 0]:.3f} to {high[k, 0]:.3f})", goal,
                  holds)  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` has fewer networks, pairs and draws, and trains nothing."""
    torch.set_num_threads(1)
    real(table, quick)
    networks(table, quick)


if __name__ == "__main__":
    run("d_similarity", SOURCES, measure, __doc__ or "")
