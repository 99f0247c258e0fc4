"""What a virtual brain sees: edges, motion, and what no decoding target holds."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Stimuli
from neurodecode.errors import DataError
from neurodecode.simulate.features import (
    clip_features,
    edge_maps,
    motion_maps,
    picture_features,
)
from neurodecode.simulate.world import WORLDS
from neurodecode.stimuli.objects64 import load_objects64

BANKS = {name: WORLDS[name].bank for name in ("realistic", "world-B")}


@pytest.fixture(scope="module")
def pictures():
    stimuli = load_objects64(("test",))
    return stimuli.where(np.arange(len(stimuli)) < 40)


def grating(wavelength, angle, phase):
    y, x = np.mgrid[:64, :64]
    wave = np.cos(2 * np.pi / wavelength * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return np.repeat((128 + 60 * wave)[..., None], 3, 2).astype(np.uint8)


@pytest.mark.parametrize("name", BANKS)
def test_edges_prefer_their_orientation_and_ignore_phase(name):
    bank = BANKS[name]
    wavelength = bank.wavelengths[1]
    for k in range(bank.n_orientations):
        angle = np.pi * k / bank.n_orientations
        shown = np.stack([grating(wavelength, angle, phase) for phase in (0, np.pi / 2)])
        maps = edge_maps(shown, bank)[:, :, 8, 8]
        luminance = maps[:, : len(bank.wavelengths) * bank.n_orientations]
        assert luminance[0].argmax() == bank.n_orientations + k
        np.testing.assert_allclose(luminance[0], luminance[1], atol=0.02 * luminance.max())


def test_edges_are_normalised_by_contrast():
    strong = grating(8, 0, 0)
    weak = (128 + (strong.astype(float) - 128) / 2).astype(np.uint8)
    maps = edge_maps(np.stack([strong, weak]), BANKS["realistic"])[:, :, 8, 8].max(axis=1)
    assert 1 < maps[0] / maps[1] < 1.6


def test_the_other_bank_sees_colour():
    red, green = np.full((2, 64, 64, 3), 128, np.uint8)
    red[:, 32:] = (228, 28, 128)
    green[:, 32:] = (128, 128, 128)
    luminance = edge_maps(np.stack([red, green]), BANKS["realistic"])
    np.testing.assert_allclose(luminance[0], luminance[1], atol=1e-5)
    assert np.abs(np.diff(edge_maps(np.stack([red, green]), BANKS["world-B"]), axis=0)).max() > 0.1


def moving(picture, angle, speed=2.5, n_frames=16):
    steps = speed * (np.arange(n_frames) - n_frames // 2)
    return np.stack(
        [np.roll(picture, (round(s * np.sin(angle)), round(s * np.cos(angle))), (0, 1))
         for s in steps]
    )  # fmt: skip


def test_motion_energy_tells_the_direction(pictures):
    bank = BANKS["realistic"]
    for k in range(bank.n_directions):
        clips = [moving(p, 2 * np.pi * k / bank.n_directions) for p in pictures.pixels[k::8]]
        fast = np.mean([motion_maps(c, bank)[bank.n_directions :] for c in clips], axis=(0, 2, 3))
        assert fast.argmax() == k
        assert fast[(k + bank.n_directions // 2) % bank.n_directions] == pytest.approx(-fast[k])


def test_what_stands_or_flickers_does_not_move(pictures):
    bank = BANKS["realistic"]
    still = np.stack([pictures.pixels[0]] * 16)
    assert np.abs(motion_maps(still, bank)).max() < 1e-6
    flicker = np.stack([pictures.pixels[k % 2] for k in range(16)])
    assert np.abs(motion_maps(flicker, bank).mean(axis=(1, 2))).max() < 1e-4


def test_a_clip_that_stands_is_its_picture(pictures):
    world = WORLDS["realistic"]
    still = picture_features(pictures.where(np.arange(40) < 2), world.bank, 7)
    clips = [np.stack([picture] * 8) for picture in pictures.pixels[:2]]
    clip = clip_features(clips, pictures.table.head(2), world.bank, 7)
    for kind in ("edges", "statistics", "attributes", "hidden"):
        np.testing.assert_allclose(getattr(clip, kind), getattr(still, kind), atol=1e-5)
    assert not still.motion.any()
    np.testing.assert_allclose(clip.motion, 0, atol=1e-6)


def test_nothing_but_the_hidden_features_depends_on_names_or_captions(pictures):
    bank = BANKS["realistic"]
    other = pictures.table.assign(caption="", id=[f"n{k}" for k in range(40)])
    one, two = (picture_features(s, bank, 7) for s in (pictures, Stimuli(other, pictures.pixels)))
    for kind in ("edges", "statistics", "attributes"):
        np.testing.assert_array_equal(getattr(one, kind), getattr(two, kind))
    assert not np.allclose(one.hidden, two.hidden)


def test_hidden_features_are_of_the_seed_and_the_picture_alone(pictures):
    bank = BANKS["realistic"]
    part = pictures.where(np.arange(40) % 2 == 1)
    whole = picture_features(pictures, bank, 7)
    np.testing.assert_array_equal(picture_features(part, bank, 7).hidden, whole.hidden[1::2])
    assert not np.allclose(picture_features(part, bank, 8).hidden, whole.hidden[1::2])
    rows = whole.rows(np.arange(1, 40, 2))
    assert rows.ids == tuple(part.table["id"])


def test_an_empty_picture_has_features():
    table = pd.DataFrame({"id": ["x"], "caption": "", "category": "none", "set": "train"})
    grey = Stimuli(table, np.full((1, 64, 64, 3), 128, np.uint8))
    for bank in BANKS.values():
        features = picture_features(grey, bank, 0)
        assert all(np.isfinite(getattr(features, k)).all() for k in ("statistics", "attributes"))


def test_other_sizes_are_refused(pictures):
    small = replace(pictures, pixels=pictures.pixels[:, ::2, ::2])
    with pytest.raises(DataError, match="64 x 64 x 3"):
        picture_features(small, BANKS["realistic"], 0)
