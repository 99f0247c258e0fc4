"""A small closed loop and decoders just good enough to steer by."""

from dataclasses import dataclass

import numpy as np

from neurodecode.online.closed_loop import ClosedLoop
from neurodecode.online.tasks import CentreOut
from neurodecode.online.user import SimulatedUser, UserSettings
from neurodecode.simulate.neurons import Drift, Neurons, NeuronSettings

BIN = 0.05


@dataclass(frozen=True)
class Guess:
    mean: np.ndarray
    cov: np.ndarray


class Linear:
    """Ridge with a leaky memory: enough to steer by."""

    def __init__(self, block):
        self.centre = block.counts.mean(axis=0)
        y = block.counts - self.centre
        penalty = 100 * np.eye(y.shape[1])
        self.weights = np.linalg.solve(y.T @ y + penalty, y.T @ block.velocities)
        self.reset()

    def reset(self):
        self.mean = np.zeros(2)

    def step(self, y, t):
        self.mean = 0.7 * self.mean + 0.3 * ((y - self.centre) @ self.weights)
        return Guess(self.mean, np.eye(2))


class Fixed:
    """Always the same answer."""

    def __init__(self, mean):
        self.mean = np.array(mean, dtype=float)

    def reset(self):
        pass

    def step(self, y, t):
        return Guess(self.mean, np.eye(2))


def world(seed=1, task=None, drift=None):
    neurons = Neurons(NeuronSettings(n_units=60, drift=drift or Drift()), BIN, seed)
    user = SimulatedUser(UserSettings(), BIN, seed)
    return ClosedLoop(neurons, user, task or CentreOut(), seed)
