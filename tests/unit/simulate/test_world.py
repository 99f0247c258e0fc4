"""The simulated world as a decoder meets it: from outside, through the study's own trials."""

import ast
from pathlib import Path

import numpy as np
import pytest

import neurodecode.simulate
from neurodecode.simulate.fmri import World, noise
from neurodecode.simulate.gabor import receptive_fields
from neurodecode.studies.virtual_min import VirtualMin

ROOM = Path(neurodecode.simulate.__file__).parent


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.name)
def test_no_network_and_no_target_takes_part_in_the_world(path):
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    own = {name for name in modules if name.startswith("neurodecode.")}
    allowed = (
        "neurodecode.artifacts", "neurodecode.atomic", "neurodecode.contracts",
        "neurodecode.errors", "neurodecode.seeds", "neurodecode.simulate.", "neurodecode.stimuli.",
    )  # fmt: skip
    assert all(name.startswith(allowed) for name in own)
    assert not {name.split(".")[0] for name in modules} & {"torch", "open_clip", "diffusers"}
    assert "caption" not in path.read_text("utf-8").replace("no caption", "")


def test_receptive_field_centres_are_recovered_by_fitting_the_trials():
    """A pRF grid fit finds x and y of the unit table; another voxel's centre fits worse."""
    study = VirtualMin(1, 200, 300, 20, 2, 0.9, 5)
    responses = study.load("01")
    place = {name: k for k, name in enumerate(study.stimuli().table["id"])}
    maps = study._features.maps[responses.trials["stimulus"].map(place)]
    early = (responses.units["roi"] == "early").to_numpy()
    grid = np.array([(x, y) for x in np.arange(0.1, 0.95, 0.1) for y in np.arange(0.1, 0.95, 0.1)])
    data = responses.data[:, early] - responses.data[:, early].mean(axis=0)
    explained = np.stack([_explained(maps, data, centre) for centre in grid])
    found = grid[explained.argmax(axis=0)]
    true = responses.units.loc[early, ["x", "y"]].to_numpy()
    error = np.linalg.norm(found - true, axis=1)
    exchanged = np.linalg.norm(found - np.roll(true, 7, axis=0), axis=1)
    assert np.median(error) < 0.1
    assert np.median(error) < np.median(exchanged) / 3


def _explained(maps, data, centre):
    """Largest share of variance that channels pooled at a centre explain, over three sizes."""
    best = np.zeros(data.shape[1])
    for size in (0.06, 0.1, 0.15):
        field = receptive_fields(centre[None].astype(np.float32), np.array([size], np.float32))[0]
        pooled = np.einsum("ncyx,yx->nc", maps, field, optimize=True)
        left, strength, _ = np.linalg.svd(pooled - pooled.mean(axis=0), full_matrices=False)
        left = left[:, strength > 1e-4 * strength[0]]
        best = np.maximum(best, ((left.T @ data) ** 2).sum(axis=0) / (data**2).sum(axis=0))
    return best


@pytest.mark.parametrize("wanted", [0.1, 0.2, 0.5])
def test_the_ceiling_asked_for_is_measured_by_an_analysis_of_variance(wanted):
    """Between-picture mean squares give the signal's variance; no use of the world's own table."""
    responses = VirtualMin(1, 500, 250, 10, 4, wanted, 11).load("01")
    order = np.argsort(responses.trials["stimulus"].to_numpy(str), kind="stable")
    cells = responses.data[order].reshape(-1, 4, responses.data.shape[1]).astype(float)
    between = 4 * cells.mean(axis=1).var(axis=0, ddof=1)
    within = cells.var(axis=1, ddof=1).mean(axis=0)
    signal = (between - within) / 4
    assert np.median(signal / (signal + within)) == pytest.approx(wanted, abs=0.03)


def test_the_share_of_noise_inside_the_signal_subspace_follows_its_setting():
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 120))
    signal = ((signal - signal.mean(0)) / signal.std(0)).astype(np.float32)
    space = np.linalg.svd(signal, full_matrices=False)[2][:4]
    shares = []
    for inside in (0.0, 0.5, 1.0):
        drawn = noise(signal, 3000, World(120, 0.2, correlated=0.8, inside=inside), rng)
        shares.append((drawn @ space.T).var(axis=0).sum() / drawn.var(axis=0).sum())
    # Outside noise falls into 4 of 120 dimensions by chance.
    expected = [0.8 * inside + (1 - 0.8 * inside) * 4 / 120 for inside in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(shares, expected, atol=0.05)
