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

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from neurodecode.contracts import Float
from neurodecode.deconfound.autoencoder import Autoencoder, Begun
from neurodecode.deconfound.demographics import MINIMUM, Array
from neurodecode.deconfound.demovae_loss import DemoLoss, Weights
from neurodecode.deconfound.demovae_model import Front, Rest, held_out_spread
from neurodecode.deconfound.demovae_network import Network
from neurodecode.deconfound.training import People
from neurodecode.errors import DataError
from neurodecode.seeds import generator

__all__ = ["DemoVAE"]


class DemoVAE(Autoencoder):
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
        Weights of the loss, see :mod:`~neurodecode.deconfound.demovae_loss`.
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
    spread_, validation_losses_
        See :class:`~neurodecode.deconfound.autoencoder.Autoencoder`.
    """

    stream: ClassVar[str] = "demovae"
    network_: Network

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

    def _begin(self, X: Array, design: Array) -> Begun:
        n_scores = self._n_scores(X, design)
        front = Front.learn(X, design, self.blocks_, n_scores)
        people = front.people(X, design, self._device())
        n_latents = min(self.latent_dim, n_scores - design.shape[1])
        network = front.network(people, n_latents, self.hidden, self._chance())
        return Begun(front, network, people, self._loss(front, people))

    def _finish(self, X: Array, design: Array, judged: Array) -> None:
        decoded = self._decode(self._encode(X, design), design)
        narrower = held_out_spread(judged)
        # With all people there may be more components than were judged: those are like the last.
        narrower = np.pad(narrower, (0, len(self.front_.variances) - len(narrower)), mode="edge")
        self.rest_ = Rest.learn(self.front_, X, design, decoded, narrower)

    def _loss(self, front: Front, people: People) -> DemoLoss:
        weights = Weights(self.linear, self.conditional, self.guidance)
        return DemoLoss(front.guide(people, self._shares()), weights)

    def _shares(self) -> Array:
        """Return the weight of each design column: those of one demographic sum to one."""
        names = [name.removesuffix(" (curve)") for name in self.blocks_]
        widths = [block.stop - block.start for block in self.blocks_.values()]
        owner = np.repeat(names, widths)
        return np.asarray([1 / (owner == name).sum() for name in owner])

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
        return {**super().state(), **self.rest_.state()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what :meth:`state` gave."""
        super().restore(arrays)
        if "rest.gain" not in arrays:
            raise DataError("DemoVAE: array(s) rest.gain missing")
        self.rest_ = Rest.restore(arrays)
        return self

    def _network(self, weights: Mapping[str, torch.Tensor]) -> Network:
        n_latents, n_scores = weights["linear_in.weight"].shape
        hidden = len(weights["bend_in.0.bias"])
        return Network(n_scores, n_latents, len(weights["gain"]), hidden)
