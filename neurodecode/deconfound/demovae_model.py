"""What DemoVAE learns, as plain arrays and a network: features -> scores -> code, and back.

Features x of a person with design row d (:mod:`~neurodecode.deconfound.design`):

    y = (x - m) / s                     standardised on training people
    t = V' y / sqrt(l)                  whitened scores on the first principal components
    x = m + s (V sqrt(l) t' + C d)      t' from the decoder

C is the effect of each design column on each feature, shrunken by empirical Bayes
(:mod:`~neurodecode.deconfound.shrunken`). It acts on all features, not on the components alone:
group differences are sparse, and most of them lies outside the directions in which people vary
most.

What components and code leave out is kept as a Gaussian for synthetic people: full within the
components, one variance a feature outside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from neurodecode.deconfound.demographics import Array
from neurodecode.deconfound.demovae_loss import Guide
from neurodecode.deconfound.demovae_network import Network, log_spread, start
from neurodecode.deconfound.shrunken import shrunken_means
from neurodecode.deconfound.training import People

__all__ = ["Front", "Rest", "held_out_spread"]

N_FACTORS = 50
"""Leading directions among people that are taken apart before effects are shrunken."""


@dataclass(frozen=True)
class Front:
    """From features to whitened scores and back.

    Attributes
    ----------
    mean, scale : (n_features,)
        m and s.
    components : (n_features, n_scores)
        V.
    variances : (n_scores,)
        l.
    effects : (n_columns, n_features)
        C, of standardised features.
    fitted : (n_columns, n_scores)
        Least-squares effects on the whitened scores: what the network does not get to see, as it
        would put back what the shrinking of C took away.
    """

    mean: Array
    scale: Array
    components: Array
    variances: Array
    effects: Array
    fitted: Array

    @classmethod
    def learn(cls, features: Array, design: Array, blocks: dict[str, slice], n_scores: int) -> Self:
        """Learn from training people.

        Parameters
        ----------
        features : (n_people, n_features)
        design : (n_people, n_columns)
            Centred.
        blocks : dict of str to slice
            Columns of the design that belong together.
        n_scores : int
        """
        bare = cls.without_effects(features, design.shape[1], n_scores)
        rows = (features - bare.mean) / bare.scale
        effects = shrunken_means(rows, design, blocks, N_FACTORS)
        fitted = np.linalg.lstsq(design, bare.scores(features), rcond=None)[0].astype(np.float64)
        return replace(bare, effects=effects, fitted=fitted)

    @classmethod
    def without_effects(cls, features: Array, n_columns: int, n_scores: int) -> Self:
        """Learn all but the effects, which are zero."""
        mean, scale = features.mean(axis=0), features.std(axis=0)
        rows = (features - mean) / scale
        # Of the smaller of the two products: 1,000 people with 34,716 features take a second.
        wide = rows.shape[0] < rows.shape[1]
        sizes, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
        at = np.argsort(-sizes)[:n_scores]
        components = rows.T @ vectors[:, at] / np.sqrt(sizes[at]) if wide else vectors[:, at]
        components = np.ascontiguousarray(components)  # as they come back from a file
        variances = sizes[at] / len(rows)
        effects, fitted = (np.zeros((n_columns, n)) for n in (len(mean), n_scores))
        return cls(mean, scale, components, variances, effects, fitted)

    def scores(self, features: Array) -> Array:
        """Return t, (n_people, n_scores)."""
        rows = (features - self.mean) / self.scale
        scores: Array = rows @ self.components / np.sqrt(self.variances)
        return scores

    @property
    def score_effects(self) -> Array:
        """Effect of the design on whitened scores, (n_columns, n_scores)."""
        effects: Array = self.effects @ self.components / np.sqrt(self.variances)
        return effects

    def features(self, scores: Array, design: Array) -> Array:
        """Return x of decoded scores t' and design rows, (n_people, n_features)."""
        rows = (scores * np.sqrt(self.variances)) @ self.components.T + design @ self.effects
        rows *= self.scale
        rows += self.mean
        return np.asarray(rows)

    def people(self, features: Array, design: Array, device: str) -> People:
        """Return what the network is trained on."""
        scores = self.scores(features)

        def tensor(values: Array) -> torch.Tensor:
            return torch.from_numpy(values.astype(np.float32)).to(device)

        targets = scores - design @ self.fitted
        return People(tensor(scores), tensor(targets), tensor(design))

    def network(
        self, people: People, n_latents: int, hidden: int, generator: torch.Generator
    ) -> Network:
        """Return a network whose linear parts are in place."""
        scores, design = people.scores.cpu().numpy(), people.design.cpu().numpy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
            network = Network(scores.shape[1], n_latents, design.shape[1], hidden)
        begin = start(scores.astype(float), self.variances, design.astype(float), n_latents)
        begin.put(network)
        return network.to(people.scores.device)

    def guide(self, people: People, shares: Array) -> Guide:
        """Return frozen predictors of the design, fitted on training people."""
        device = people.scores.device

        def tensor(values: Array) -> torch.Tensor:
            return torch.from_numpy(values.astype(np.float32)).to(device)

        return Guide(people, tensor(self.variances), tensor(self.score_effects), tensor(shares))

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays for safetensors."""
        return {f"front.{name}": np.asarray(getattr(self, name)) for name in _FRONT}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return what :meth:`state` described."""
        return cls(**{name: np.array(arrays[f"front.{name}"]) for name in _FRONT})


_FRONT = ("mean", "scale", "components", "variances", "effects", "fitted")


@dataclass(frozen=True)
class Rest:
    """What the code does not hold of a person, as a Gaussian.

    Attributes
    ----------
    within : (n_scores, n_scores)
        Square root of the covariance of the scores that the decoder leaves.
    outside : (n_features,)
        Standard deviation of what the components leave of standardised features.
    gain : (n_columns,)
        Log standard deviation of both for a unit of each design column.
    narrower : (n_scores,)
        How much less than the training people others vary along each component, as a factor.
    """

    within: Array
    outside: Array
    gain: Array
    narrower: Array

    @classmethod
    def learn(
        cls, front: Front, features: Array, design: Array, decoded: Array, narrower: Array
    ) -> Self:
        """Learn from training people and their decoded scores."""
        left = front.scores(features) - design @ front.fitted - decoded
        values, vectors = np.linalg.eigh(left.T @ left / len(left))
        within = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
        outside = (features - front.features(decoded + left, design)) / front.scale
        empty = (outside**2).mean() < 1e-12  # as many components as features
        gain = np.zeros(design.shape[1]) if empty else log_spread(outside, design)
        # What the components seem to hold of the training people alone is noise of single features.
        lost = front.components**2 @ (front.variances * (1 - narrower**2))
        return cls(within, np.sqrt(outside.var(axis=0) + lost), gain, narrower)

    def draw(self, front: Front, decoded: Array, design: Array, rng: np.random.Generator) -> Array:
        """Return features (n, n_features) of decoded scores with the rest drawn."""
        n = len(design)
        wide = np.exp(design @ self.gain)[:, None]
        within = wide * (rng.normal(size=(n, len(self.within))) @ self.within)
        features = front.features((decoded + within) * self.narrower, design)
        features += wide * rng.normal(size=features.shape) * (self.outside * front.scale)
        return features

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays for safetensors."""
        return {f"rest.{name}": np.asarray(getattr(self, name)) for name in _REST}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return what :meth:`state` described."""
        return cls(**{name: np.array(arrays[f"rest.{name}"]) for name in _REST})


def held_out_spread(scores: Array) -> Array:
    """Return the standard deviation of other people's whitened scores, (n_scores,).

    At most one, and falling from component to component: the later ones hold more chance.
    """
    from sklearn.isotonic import IsotonicRegression

    rank = np.arange(scores.shape[1])
    falling = IsotonicRegression(increasing=False, y_min=1e-3, y_max=1.0)
    return np.asarray(np.sqrt(falling.fit_transform(rank, (scores**2).mean(axis=0))))


_REST = ("within", "outside", "gain", "narrower")
