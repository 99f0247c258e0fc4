"""The simulated world has the numbers that it claims."""

import numpy as np
import pytest

from neurodecode.errors import ConfigError
from neurodecode.simulate.fmri import World, noise
from neurodecode.simulate.gabor import MAP_SIDE, N_CHANNELS, gabor_maps, receptive_fields
from neurodecode.studies.virtual_min import VirtualMin


@pytest.fixture(scope="module")
def study():
    return VirtualMin(2, 400, 150, 20, 2, 0.2, 2001)


def repeats(responses):
    trials = responses.trials.assign(row=range(len(responses.trials)))
    rows = trials.pivot_table(index="stimulus", columns="repeat", values="row").to_numpy(int)
    return responses.data[rows[:, 0]], responses.data[rows[:, 1]]


def test_the_noise_ceiling_measured_from_repeats_is_the_one_asked_for(study):
    one, two = repeats(study.load("01"))
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, two.T, strict=True)]
    assert np.median(r) == pytest.approx(0.2, abs=0.04)


def test_same_seed_same_data_and_subjects_differ(study):
    again = VirtualMin(2, 400, 150, 20, 2, 0.2, 2001)
    np.testing.assert_array_equal(study.load("01").data, again.load("01").data)
    assert study.load("01").data.shape[0] == study.load("02").data.shape[0] == 340
    assert not np.array_equal(study.load("01").data[:, :100], study.load("02").data[:, :100])


def test_test_pictures_are_held_out(study):
    table = study.stimuli().table
    assert table["set"].value_counts().to_dict() == {"train": 150, "test": 20}


def test_noise_has_unit_variance_and_its_share_inside_the_signal_subspace():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(300, 5)))[0]
    signal = rng.normal(size=(400, 5)) @ basis.T
    signal = ((signal - signal.mean(0)) / signal.std(0)).astype(np.float32)
    drawn = noise(signal, 6000, World(300, 0.2, correlated=0.6, inside=0.5, rank=3), rng)
    assert drawn.var(axis=0).mean() == pytest.approx(1, abs=0.03)
    space = np.linalg.svd(signal, full_matrices=False)[2][:5]
    inside = (drawn @ space.T @ space).var(axis=0).sum() / drawn.var(axis=0).sum()
    expected = 0.3 + 0.7 * 5 / 300  # the rest falls into the subspace by its dimension
    assert inside == pytest.approx(expected, abs=0.03)


def test_a_receptive_field_can_be_recovered():
    rng = np.random.default_rng(0)
    centre = np.array([[0.3, 0.7]], np.float32)
    field = receptive_fields(centre, np.array([0.08], np.float32))
    images = rng.normal(size=(3000, MAP_SIDE, MAP_SIDE))
    drive = np.einsum("nyx,vyx->n", images, field)
    estimate = np.einsum("n,nyx->yx", drive, images).clip(0)
    estimate[estimate < estimate.max() / 3] = 0
    place = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    found = [(estimate.sum(0) @ place), (estimate.sum(1) @ place)] / estimate.sum()
    np.testing.assert_allclose(found, centre[0], atol=0.05)


def test_gabor_energy_prefers_its_orientation_and_ignores_phase():
    x = np.arange(64)
    maps = []
    for phase in (0, np.pi / 2):
        wave = 128 + 60 * np.sin(2 * np.pi * x / 8 + phase)
        picture = np.repeat(np.repeat(wave[None, :, None], 64, 0), 3, 2).astype(np.uint8)
        maps.append(gabor_maps(picture[None])[0, :, 8, 8])
    assert maps[0].shape == (N_CHANNELS,)
    assert maps[0][4:8].argmax() == 0  # wavelength 8, vertical bars
    np.testing.assert_allclose(maps[0][4], maps[1][4], rtol=0.05)


def test_mistakes(study):
    with pytest.raises(ConfigError, match="subject"):
        study.load("03")
    with pytest.raises(ConfigError, match="objects64 has"):
        VirtualMin(1, 100, 5000, 10, 1, 0.2, 0).stimuli()
