"""Adaptive whitening: gain-modulating interneurons beside a running covariance, on data that drift.

Each figure is the distance ||C_yy - I|| (Frobenius) of the second moments of what came out, over
a window that was not used to choose anything; x is Gaussian with a covariance that turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from table import Table, run

from neurodecode.online.whitening import EmaWhitening, GainWhitening, frame, gains_of, root
from neurodecode.seeds import generator

SOURCES = ("benchmarks/h_whitening.py", "neurodecode/online/whitening.py")
N = 10
Array = NDArray[np.float64]


class Frozen:
    """Whitening that was learned on the calibration and stays: the baseline."""

    def fit(self, X: Array) -> Frozen:
        """Learn the inverse root of the covariance."""
        self.inverse = root(X.T @ X / len(X), -0.5)
        return self

    def step(self, x: Array) -> Array:
        """Whiten one."""
        whitened: Array = self.inverse @ x
        return whitened


def covariance(name: str, n: int = N) -> Array:
    """A random covariance whose scales differ by an order of magnitude."""
    rng = generator(0, "whitening", name)
    vectors = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return (vectors * np.geomspace(4.0, 0.25, n)) @ vectors.T


def draws(R: Array, n: int, name: str) -> Array:
    """Samples x = R e, (n, size)."""
    samples: Array = generator(1, "whitening", name).normal(size=(n, len(R))) @ R
    return samples


def error(Y: Array) -> float:
    """||C_yy - I||."""
    return float(np.linalg.norm(Y.T @ Y / len(Y) - np.eye(Y.shape[1])))


def methods() -> dict[str, Callable[[], GainWhitening | EmaWhitening | Frozen]]:
    """What is compared."""
    return {
        "gains": lambda: GainWhitening(N, 2e-3),
        "running covariance": lambda: EmaWhitening(N, 2e-3),
        "frozen": Frozen,
    }


def after_change(n: int) -> dict[str, Array]:
    """Learned on one covariance, then another comes: the outputs."""
    before, after = root(covariance("before")), root(covariance("after"))
    X0 = draws(before, 2000, "calibration")
    X = draws(after, n, "change")
    return {name: stream(make().fit(X0), X) for name, make in methods().items()}


def drifting(n: int, turns: float) -> dict[str, Array]:
    """The covariance turns steadily by so many radians: the outputs."""
    C = covariance("before")
    A = generator(2, "whitening", "turn").normal(size=(N, N))
    A = (A - A.T) / np.linalg.norm(A - A.T, 2) * turns / n
    step, rotation = expm(A), np.eye(N)
    start = root(C)
    X0 = draws(start, 2000, "calibration")
    noise = generator(1, "whitening", "drift").normal(size=(n, N))
    X = np.empty((n, N))
    for t in range(n):
        rotation = step @ rotation
        X[t] = rotation @ start @ noise[t]
    return {name: stream(make().fit(X0), X) for name, make in methods().items()}


def stream(whitening: GainWhitening | EmaWhitening | Frozen, X: Array) -> Array:
    """Whiten bin after bin."""
    return np.array([whitening.step(x) for x in X])


def measure(table: Table, quick: bool) -> None:
    """Fill the table."""
    closed_form(table)
    n = 6000 if quick else 40000
    Y = after_change(n)
    late = {name: error(y[-n // 3 :]) for name, y in Y.items()}
    chance = sampling(n // 3)
    table.add("another covariance: ||C_yy - I||, last third", f"{late['gains']:.3f}",
              f"running covariance {late['running covariance']:.3f}, frozen {late['frozen']:.3f}",
              "< half of frozen", late["gains"] < late["frozen"] / 2)  # fmt: skip
    table.add("the same of truly white data", f"{chance:.3f}")
    first = {name: error(y[:1000]) for name, y in Y.items()}
    table.add("the same, first 1000 bins", f"{first['gains']:.3f}",
              f"running covariance {first['running covariance']:.3f}")  # fmt: skip
    Y = drifting(n, turns=1.5)
    windows = {
        name: float(np.mean([error(part) for part in np.array_split(y, n // 2000)[1:]]))
        for name, y in Y.items()
    }
    table.add("steady turn by 1.5 rad: mean ||C_yy - I|| over windows of 2000 bins",
              f"{windows['gains']:.3f}",
              f"running covariance {windows['running covariance']:.3f}, "
              f"frozen {windows['frozen']:.3f}",
              "< frozen", windows["gains"] < windows["frozen"])  # fmt: skip
    table.add("gains no worse than the running covariance there", f"{windows['gains']:.3f}",
              f"{windows['running covariance']:.3f}", "<= 1.1 times",
              windows["gains"] <= 1.1 * windows["running covariance"])  # fmt: skip
    weak_directions(table, n // 2)
    costs(table, 300 if quick else 3000)


def closed_form(table: Table) -> None:
    """The fixed point in closed form whitens exactly."""
    C, W = covariance("before"), frame(N)
    M = np.eye(N) + (W * gains_of(C, W)) @ W.T
    inverse = np.linalg.inv(M)
    off = float(np.linalg.norm(inverse @ C @ inverse - np.eye(N)))
    table.add("closed form: ||C_yy - I||", f"{off:.1e}", "", "<= 1e-9", off <= 1e-9)


def sampling(n: int) -> float:
    """||C - I|| of n truly white samples."""
    return error(generator(3, "whitening", "white").normal(size=(n, N)))


def weak_directions(table: Table, n: int) -> None:
    """Two directions hold hardly anything: whitening blows their noise up, damping does not."""
    C = np.diag(np.r_[np.linspace(3, 1, N - 2), 1e-6, 1e-6])
    vectors = np.linalg.qr(generator(4, "whitening", "weak").normal(size=(N, N)))[0]
    C = vectors @ C @ vectors.T
    R = root(C, floor=0.0)
    X0, X = draws(R, 2000, "weak-0"), draws(R, n, "weak")
    X = X + 0.03 * generator(5, "whitening", "noise").normal(size=X.shape)  # a little new noise
    largest = {}
    for name, whitening in (
        ("nonnegative", GainWhitening(N, 2e-3, nonnegative=True)),
        ("signed", GainWhitening(N, 2e-3)),
        ("running covariance", EmaWhitening(N, 2e-3)),
    ):
        Y = stream(whitening.fit(X0), X)[:500]
        largest[name] = float(np.linalg.eigvalsh(Y.T @ Y / len(Y))[-1])
    table.add("new noise in weak directions: largest variance in the first 500 bins",
              f"nonnegative {largest['nonnegative']:.2f}",
              f"signed {largest['signed']:.1f}, running covariance "
              f"{largest['running covariance']:.1f}", "<= 2",
              largest["nonnegative"] <= 2)  # fmt: skip


def costs(table: Table, n: int) -> None:
    """Time of one step."""
    for size in (10, 30):
        X = draws(root(covariance("cost", size)), n + 500, "cost")
        medians = {}
        for name, whitening in (
            ("gains", GainWhitening(size)),
            ("running covariance", EmaWhitening(size)),
        ):
            fitted, taken = whitening.fit(X[:500]), []
            for x in X[500:]:
                start = time.perf_counter()
                fitted.step(x)
                taken.append(time.perf_counter() - start)
            medians[name] = (1e6 * np.median(taken), 1e6 * np.percentile(taken, 99))
        table.add(f"{size} features: a step (us), median / 99 %",
                  "{:.0f} / {:.0f}".format(*medians["gains"]),
                  "running covariance {:.0f} / {:.0f}".format(*medians["running covariance"])
                  )  # fmt: skip


if __name__ == "__main__":
    run("h_whitening", SOURCES, measure, __doc__ or "")
