"""Times one step of each decoder and peer, in the threads that its process was given.

Prints JSON: name -> median and 99th percentile (microseconds), in a hot loop and paced at 50 Hz,
and batch steps a second. Started by h_step_cost.py.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.online.dkf import DiscriminativeKalmanFilter
from neurodecode.online.kalman import KalmanFilter, SteadyKalmanFilter
from neurodecode.online.regressors import NadarayaWatson, Perceptron

N_STATES, N_CHANS, N_TIMES = 6, 192, 2000
PERIOD = 0.02
Array = NDArray[np.float64]
Step = Callable[[Array], Any]


def world() -> tuple[Array, Array]:
    """Features (2000, 192) and states (2000, 6) of a stable linear world."""
    rng = np.random.default_rng(0)
    Z = np.zeros((N_TIMES, N_STATES))
    for t in range(1, N_TIMES):
        Z[t] = 0.95 * Z[t - 1] + rng.normal(size=N_STATES)
    noise = 3 * rng.normal(size=(N_TIMES, N_CHANS))
    return Z @ rng.normal(size=(N_STATES, N_CHANS)) + noise, Z


def ours(Y: Array, Z: Array) -> dict[str, Step]:
    """Steps of our decoders."""
    decoders = {
        "kalman": KalmanFilter(),
        "kalman_steady": SteadyKalmanFilter(),
        "dkf_mlp": DiscriminativeKalmanFilter(Perceptron(epochs=1), folds=2),
        "dkf_nw": DiscriminativeKalmanFilter(NadarayaWatson(5.0), folds=2),
    }
    for decoder in decoders.values():
        decoder.fit(Y, Z)
    kalman = decoders["kalman"]

    def stepper(decoder: Any) -> Step:
        return lambda y: decoder.step(y, 0.0)

    def one_missing(y: Array) -> Any:
        holes = y.copy()
        holes[17] = np.nan
        return kalman.step(holes, 0.0)

    steps = {name: stepper(decoder) for name, decoder in decoders.items()}
    return steps | {"kalman_one_channel_missing": one_missing}


def filterpy(model: KalmanFilter) -> Step:
    """Predict and update of filterpy's KalmanFilter."""
    from filterpy.kalman import KalmanFilter as Peer

    peer = Peer(dim_x=N_STATES, dim_z=N_CHANS)
    peer.F, peer.Q, peer.H = model.A_, model.G_, model.C_
    peer.R, peer.P = np.linalg.inv(model.precision_), model.S_.copy()

    def step(y: Array) -> Any:
        peer.predict()
        peer.update(y[:, None])
        return peer.x

    return step


def pykalman(model: KalmanFilter) -> Step:
    """``filter_update`` of pykalman."""
    from pykalman import KalmanFilter as Peer

    peer = Peer(
        transition_matrices=model.A_, transition_covariance=model.G_,
        observation_matrices=model.C_, observation_covariance=np.linalg.inv(model.precision_),
    )  # fmt: skip
    state = [np.zeros(N_STATES), model.S_]

    def step(y: Array) -> Any:
        state[:] = peer.filter_update(state[0], state[1], y)
        return state[0]

    return step


def dynamax(model: KalmanFilter) -> Step:
    """Predict and condition of dynamax in one jitted function."""
    import jax
    import jax.numpy as jnp
    from dynamax.linear_gaussian_ssm.inference import _condition_on, _predict

    jax.config.update("jax_enable_x64", True)
    A, G, C = (jnp.asarray(m) for m in (model.A_, model.G_, model.C_))
    R = jnp.asarray(np.linalg.inv(model.precision_))
    none, no_state, no_chans = jnp.zeros(1), jnp.zeros((N_STATES, 1)), jnp.zeros((N_CHANS, 1))

    @jax.jit  # type: ignore[untyped-decorator]
    def update(m: Any, P: Any, y: Any) -> Any:
        m, P = _predict(m, P, A, no_state, jnp.zeros(N_STATES), G, none)
        return _condition_on(m, P, C, no_chans, jnp.zeros(N_CHANS), R, none, y)

    state = [jnp.zeros(N_STATES), jnp.asarray(model.S_)]

    def step(y: Array) -> Any:
        state[:] = update(state[0], state[1], y)
        return state[0].block_until_ready()

    return step


PEERS = {"filterpy": filterpy, "pykalman": pykalman, "dynamax": dynamax}


def timed(step: Step, Y: Array, n: int, period: float) -> list[float]:
    """Median and 99th percentile of ``n`` steps in microseconds, one a ``period`` (s)."""
    for y in Y[:20]:
        step(y)
    spent = []
    for i in range(n):
        if period:
            time.sleep(period)
        y = Y[i % len(Y)]
        start = time.perf_counter_ns()
        step(y)
        spent.append((time.perf_counter_ns() - start) / 1e3)
    return [float(v) for v in np.percentile(spent, [50, 99])]


def batch_rate(Y: Array, Z: Array) -> float:
    """Steps a second of the Kalman filter over a recording, best of five."""
    decoder, many = KalmanFilter().fit(Y, Z), np.tile(Y, (10, 1))
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        decoder.predict(many)
        spent.append(time.perf_counter() - start)
    return len(many) / min(spent)


def main(n_hot: int, n_paced: int) -> None:
    """Time everything and print it."""
    warnings.simplefilter("ignore")
    sys.path.extend(os.environ.get("NEURODECODE_PEERS", "").split(os.pathsep))
    Y, Z = world()
    model = KalmanFilter().fit(Y, Z)
    steps = ours(Y, Z)
    agreement = {}
    for name, make in PEERS.items():
        if find_spec(name) is None:
            continue
        steps[name] = make(model)
        model.reset()
        theirs = [np.ravel(make(model)(y - model.y_mean_)) for y in Y[:1]]
        mine = model.step(Y[0], 0.0).mean - model.z_mean_
        agreement[name] = float(np.abs(theirs[0] - mine).max())
    times: dict[str, dict[str, list[float]]] = {}
    for name, step in steps.items():
        peer = name in PEERS
        times[name] = {
            "hot": timed(step, Y, n_hot // 10 if peer else n_hot, 0.0),
            "paced": timed(step, Y, n_paced, PERIOD),
        }
    print(json.dumps({"times": times, "batch": batch_rate(Y, Z), "agreement": agreement}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
