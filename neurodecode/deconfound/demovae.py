"""DemoVAE: an autoencoder whose code does not know age, sex or site; its decoder is told them.

After Orlichenko et al. 2024 (arXiv 2405.09809): ``latents`` are features without demographics,
``transform`` rebuilds everybody as the average person of the training group would be,
``counterfactual`` as someone else, ``sample`` draws new people. What is different here, and why:

- Principal components stand in front, so that 34,716 features take minutes and a thousand people
  cannot be told apart by chance directions.
- The network begins as the best linear method and is trained only as long as *validation people*
  gain: decorrelation that holds for the training people alone is what it would learn next.
- Linear correlation, conditional covariances and the overall spread are penalised; a nonlinear
  probe reads the last two.
- A batch of drawn people holds all categories, each demographic is guided once, no term grows with
  the batch, and numbers are standardised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from neurodecode.contracts import Float
from neurodecode.deconfound.base import DeconfounderBase
from neurodecode.deconfound.demographics import MINIMUM, Array, Encoding, persons
from neurodecode.deconfound.demovae_loss import DemoLoss, Weights
from neurodecode.deconfound.demovae_model import Front, Rest, held_out_spread
from neurodecode.deconfound.demovae_network import Network
from neurodecode.deconfound.demovae_training import Checkpoint, People, best_steps, train
from neurodecode.deconfound.design import Design
from neurodecode.errors import ConfigError, DataError
from neurodecode.models.training import torch_generator
from neurodecode.seeds import generator

__all__ = ["DemoVAE"]

PEOPLE_A_COMPONENT = 4
"""Training people that each principal component needs."""


class DemoVAE(DeconfounderBase):
    """Autoencoder with a code that is free of demographics.

    Parameters
    ----------
    n_components : int
        Principal components in front; fewer where there are not four people for each.
    latent_dim : int
        Size of the code; fewer where the components, without those that demographics change, are
        fewer.
    hidden : int
        Width of the perceptrons.
    linear, conditional, guidance : float
        Weights of the loss, see :mod:`~neurodecode.deconfound.demovae_training`.
    steps, every, patience : int
        Most optimiser steps; steps between looks at the validation people; looks without gain
        after which training ends.
    lr : float
        Learning rate of AdamW.
    validation : float
        Share of the training people that decide when to stop. Then all are trained on.
    seed : int
    knots : {0, 3, 4, 5}
        Knots of the spline of each continuous demographic; 0: a straight line.
    device : str, optional
        As torch names it; by default a GPU where there is one.
    checkpoints : str or Path, optional
        Folder in which the training is kept; a killed fit goes on there, bit for bit.
    minimum : int
        Fewest training people a level.

    Attributes
    ----------
    steps_ : int
        Steps that validation people chose; 0 is the linear method.
    spread_ : (n_columns,)
        Standard deviation of each design column.
    validation_losses_ : list of float
        Loss of the validation people at each look, the first before any step.
    """

    learned: ClassVar[tuple[str, ...]] = ("steps", "spread")

    def __init__(
        self,
        n_components: int = 150,
        latent_dim: int = 120,
        hidden: int = 128,
        linear: float = 10.0,
        conditional: float = 10.0,
        guidance: float = 0.001,
        steps: int = 1000,
        every: int = 20,
        patience: int = 5,
        lr: float = 3e-4,
        validation: float = 0.2,
        seed: int = 0,
        knots: int = 3,
        device: str | None = None,
        checkpoints: str | Path | None = None,
        minimum: int = MINIMUM,
    ) -> None:
        super().__init__(minimum)
        self.n_components = n_components
        self.latent_dim = latent_dim
        self.hidden = hidden
        self.linear = linear
        self.conditional = conditional
        self.guidance = guidance
        self.steps = steps
        self.every = every
        self.patience = patience
        self.lr = lr
        self.validation = validation
        self.seed = seed
        self.knots = knots
        self.device = device
        self.checkpoints = checkpoints

    def _fit(self, X: Array, table: pd.DataFrame) -> None:
        self._check_parameters()
        self.design_ = Design.learn(self.encoding_, table, self.knots)
        self.spread_ = self.design_.matrix(table).std(axis=0)
        self.blocks_ = self.design_.effects(table)
        design = self._columns(table)
        whose = persons(table)
        n_people = int(whose.max()) + 1
        order = generator(self.seed, "demovae", "validation people").permutation(n_people)
        held_out = np.isin(whose, order[: max(round(self.validation * n_people), 1)])
        steps, narrower = self._choose(
            X, design, np.flatnonzero(~held_out), np.flatnonzero(held_out)
        )
        self.steps_ = np.array(steps)
        self._train(X, design, steps, narrower)

    def _columns(self, table: pd.DataFrame) -> Array:
        return np.asarray(self.design_.matrix(table) / self.spread_)

    def _check_parameters(self) -> None:
        for name in ("n_components", "latent_dim", "hidden", "every", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if not 0 < self.validation < 1:
            raise ConfigError(f"validation: must lie between 0 and 1, got {self.validation}")

    def _front(self, X: Array, design: Array) -> tuple[Front, int]:
        n_scores = min(self.n_components, len(X) // PEOPLE_A_COMPONENT, X.shape[1])
        n_latents = min(self.latent_dim, n_scores - design.shape[1])
        if n_latents < 1:
            raise DataError(
                f"DemoVAE: {len(X)} people and {X.shape[1]} features give {n_scores} components, "
                f"the demographics take {design.shape[1]}: more people or features are needed"
            )
        return Front.learn(X, design, self.blocks_, n_scores), n_latents

    def _choose(
        self, X: Array, design: Array, trained: NDArray[np.int_], held_out: NDArray[np.int_]
    ) -> tuple[int, Array]:
        """Return the steps that people who are not trained on choose, and how they are spread."""
        centre = design[trained].mean(axis=0)
        rows, others = design[trained] - centre, design[held_out] - centre
        front, n_latents = self._front(X[trained], rows)
        people = front.people(X[trained], rows, self._device())
        judges = front.people(X[held_out], others, self._device())
        chance = torch_generator(self.seed, "demovae", "network")
        network = front.network(people, n_latents, self.hidden, chance)
        steps, self.validation_losses_ = best_steps(
            network, people, judges, self._loss(front, people),
            steps=self.steps, every=self.every, patience=self.patience, lr=self.lr,
            seed=self.seed, keep=self._checkpoint("choose", X, design),
        )  # fmt: skip
        return steps, held_out_spread(front.scores(X[held_out]))

    def _train(self, X: Array, design: Array, steps: int, narrower: Array) -> None:
        self.front_, n_latents = self._front(X, design)
        people = self.front_.people(X, design, self._device())
        chance = torch_generator(self.seed, "demovae", "network")
        self.network_ = self.front_.network(people, n_latents, self.hidden, chance)
        train(
            self.network_, people, self._loss(self.front_, people),
            steps=steps, every=self.every, lr=self.lr, seed=self.seed,
            keep=self._checkpoint("all", X, design),
        )  # fmt: skip
        self.network_.cpu().eval()
        decoded = self._decode(self._encode(X, design), design)
        # With all people there may be more components than were judged: those are like the last.
        narrower = np.pad(narrower, (0, len(self.front_.variances) - len(narrower)), mode="edge")
        self.rest_ = Rest.learn(self.front_, X, design, decoded, narrower)

    def _device(self) -> str:
        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")

    def _loss(self, front: Front, people: People) -> DemoLoss:
        weights = Weights(self.linear, self.conditional, self.guidance)
        return DemoLoss(front.guide(people, self._shares()), weights)

    def _shares(self) -> Array:
        """Return the weight of each design column: those of one demographic sum to one."""
        names = [name.removesuffix(" (curve)") for name in self.blocks_]
        widths = [block.stop - block.start for block in self.blocks_.values()]
        owner = np.repeat(names, widths)
        return np.asarray([1 / (owner == name).sum() for name in owner])

    def _checkpoint(self, what: str, X: Array, design: Array) -> Checkpoint | None:
        if self.checkpoints is None:
            return None
        own = {k: v for k, v in self.get_params().items() if k != "checkpoints"}
        digest = hashlib.sha256(repr(sorted(own.items())).encode())
        digest.update(np.ascontiguousarray(X).tobytes() + np.ascontiguousarray(design).tobytes())
        return Checkpoint(
            Path(self.checkpoints) / f"demovae-{what}.safetensors", digest.hexdigest()
        )

    @torch.no_grad()
    def _encode(self, X: Array, design: Array) -> Array:
        people = self.front_.people(X, design, "cpu")
        return self.network_.encode(people.scores, people.design).numpy().astype(float)

    @torch.no_grad()
    def _decode(self, code: Array, design: Array) -> Array:
        pair = [torch.from_numpy(rows.astype(np.float32)) for rows in (code, design)]
        return self.network_.decode(*pair).numpy().astype(float)

    def _rebuild(self, code: Array, design: Array) -> Array:
        return self.front_.features(self._decode(code, design), design)

    def _transform(self, X: Array, table: pd.DataFrame) -> Array:
        code = self._encode(X, self._columns(table))
        return self._rebuild(code, np.zeros((len(X), len(self.spread_))))

    def latents(self, X: Float, *, demographics: pd.DataFrame) -> Float:
        """Return the code of each person, float32 (n_people, n_latents)."""
        values, design = self._checked(X, demographics)
        return cast(Float, self._encode(values, design).astype(np.float32))

    def _checked(self, X: Float, demographics: pd.DataFrame) -> tuple[Array, Array]:
        check_is_fitted(self)
        values: Array = validate_data(self, X, dtype=np.float64, reset=False)
        design = self._columns(demographics)
        if len(design) != len(values):
            raise DataError(f"demographics: {len(design)} rows for {len(values)} rows of features")
        return values, design

    def counterfactual(self, X: Float, *, demographics: pd.DataFrame, to: pd.DataFrame) -> Float:
        """Return the same people had their demographics been ``to``, float32 as ``X``.

        What the code does not hold of a person is kept, scaled as ``to`` has it: without a change
        of demographics a person comes back exactly.
        """
        values, own = self._checked(X, demographics)
        _, other = self._checked(X, to)
        code = self._encode(values, own)
        rest = values - self._rebuild(code, own)
        rest *= np.exp((other - own) @ self.rest_.gain)[:, None]
        return np.asarray(self._rebuild(code, other) + rest, dtype=np.float32)

    def sample(self, n: int, *, demographics: pd.DataFrame, seed: int = 0) -> Float:
        """Return ``n`` people who do not exist, with these demographics, float32 (n, n_features).

        Raises
        ------
        DataError
            Where ``demographics`` has not one row for each.
        """
        check_is_fitted(self)
        design = self._columns(demographics)
        if len(design) != n:
            raise DataError(f"demographics: {len(design)} rows for {n} people: one row each")
        rng = generator(seed, "demovae", "sample")
        code = rng.normal(size=(n, self.network_.linear_in.out_features))
        drawn = self.rest_.draw(self.front_, self._decode(code, design), design, rng)
        return drawn.astype(np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors; no features of a single person are among them."""
        parts = [self.design_.state(), self.front_.state(), self.rest_.state()]
        weights = {f"network.{k}": v.numpy() for k, v in self.network_.state_dict().items()}
        return {**super().state(), **{k: v for part in parts for k, v in part.items()}, **weights}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what :meth:`state` gave."""
        super().restore(arrays)
        wanted = ("front.mean", "rest.gain", "network.gain", "centre")
        lacking = [name for name in wanted if name not in arrays]
        if lacking:
            raise DataError(f"DemoVAE: array(s) {', '.join(lacking)} missing")
        self.design_ = Design.restore(Encoding.restore(arrays), arrays)
        self.front_, self.rest_ = Front.restore(arrays), Rest.restore(arrays)
        weights = {
            name.removeprefix("network."): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith("network.")
        }
        n_latents, n_scores = weights["linear_in.weight"].shape
        hidden = len(weights["bend_in.0.bias"])
        self.network_ = Network(n_scores, n_latents, len(weights["gain"]), hidden)
        self.network_.load_state_dict(weights)
        self.network_.eval()
        return self
