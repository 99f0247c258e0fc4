"""A quarter of what drives voxels lies outside every decoding target."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import reference_features
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import named
from neurodecode.stimuli.objects64 import load_objects64
from neurodecode.targets.latent import LatentTarget
from neurodecode.targets.pixels import PixelTarget
from neurodecode.targets.semantic import OpenClipTarget


@pytest.fixture(scope="module")
def pictures():
    stimuli = load_objects64(("decoder", "test"))
    kinds = OpenClipTarget("embedded"), PixelTarget(16), LatentTarget("embedded")
    blocks = []
    for kind in kinds:
        values = PCA(60, random_state=0).fit_transform(kind.embed(stimuli.pixels))
        blocks.append(values / values.std())
    return stimuli, np.concatenate(blocks, axis=1)


def explained(regressors, signal):
    """Share of the variance that ridge predicts on pictures left out."""
    left = np.zeros_like(signal, dtype=float)
    for train, test in KFold(3, shuffle=True, random_state=0).split(signal):
        fitted = RidgeCV((1, 30, 1e3, 3e4)).fit(regressors[train], signal[train])
        left[test] = signal[test] - fitted.predict(regressors[test])
    return 1 - np.square(left).sum() / np.square(signal - signal.mean(axis=0)).sum()


@pytest.mark.parametrize("name", ["realistic", "world-B"])
def test_targets_do_not_explain_a_quarter_of_the_signal(pictures, name):
    stimuli, targets = pictures
    world = named(name)
    world = replace(world, cortex=replace(world.cortex, n_voxels=(120, 130)))
    features, _ = reference_features(world, stimuli)
    brain = draw_brain(world, draw_people(world, 1).iloc[0], features)
    parts = brain.tuning.parts(features)
    signal = sum(parts.values())
    assert parts["hidden"].var(axis=0).sum() >= 0.25 * signal.var(axis=0).sum()
    assert explained(targets, features.hidden) < 0.01
    assert explained(targets, parts["hidden"]) < 0.01
    of_targets = explained(targets, signal)
    assert 0.05 < of_targets <= 0.75
    # It is not that ridge could not find them: with the hidden features it does.
    both = np.concatenate([targets, features.hidden], axis=1)
    assert explained(both, signal) > of_targets + 0.2
