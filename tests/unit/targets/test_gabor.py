"""Gabor energy: a grating excites its own filter where it is, whatever its phase."""

import numpy as np
import pytest

from neurodecode.targets.gabor import N_ORIENTATIONS, WAVELENGTHS, GaborTarget


def grating(wavelength, angle, phase=0.0, left_half=False):
    y, x = np.mgrid[:64, :64]
    wave = np.cos(2 * np.pi / wavelength * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    if left_half:
        wave[:, 32:] = 0
    return np.repeat(np.uint8(128 + 100 * wave)[None, :, :, None], 3, axis=3)


def energy(picture, cells=4):
    return GaborTarget(cells).embed(picture).reshape(-1, cells, cells)


@pytest.mark.parametrize("scale", range(len(WAVELENGTHS)))
@pytest.mark.parametrize("turn", range(N_ORIENTATIONS))
def test_a_grating_excites_its_own_filter_most(scale, turn):
    found = energy(grating(WAVELENGTHS[scale], np.pi * turn / N_ORIENTATIONS)).mean(axis=(1, 2))
    assert found.argmax() == scale * N_ORIENTATIONS + turn


def test_energy_does_not_depend_on_phase_but_on_place():
    a, b = energy(grating(8, 0)), energy(grating(8, 0, phase=2.0))
    assert a[4, 1:-1, 1:-1] == pytest.approx(b[4, 1:-1, 1:-1], rel=0.05)
    half = energy(grating(8, 0, left_half=True))[4]
    assert half[:, 0].mean() > 5 * half[:, 3].mean()


def test_a_plain_picture_has_none_and_other_sizes_are_made_to_fit():
    assert energy(np.full((1, 64, 64, 3), 77, np.uint8)).max() == 0
    large = np.repeat(np.repeat(grating(8, 0), 2, axis=1), 2, axis=2)
    assert energy(large) == pytest.approx(energy(grating(8, 0)), abs=0.05)
