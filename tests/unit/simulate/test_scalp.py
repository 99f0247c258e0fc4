"""Lead fields obey the physics of a sphere."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurodecode.errors import ConfigError
from neurodecode.simulate.scalp import lead_field, standard_scalp, turned

PLACES = np.array([[0.3, -0.6, 0.1], [-0.2, -0.5, 0.4]])
MOMENTS = np.array([[0.6, -0.8, 0.0], [0.0, 0.6, 0.8]])


@pytest.mark.parametrize("montage", ["biosemi32", "biosemi64"])
def test_electrodes_lie_on_a_sphere(montage):
    scalp = standard_scalp(montage)
    assert len(scalp) == int(montage[-2:])
    np.testing.assert_allclose(np.linalg.norm(scalp.directions, axis=1), 1, atol=1e-6)
    assert scalp.directions[scalp.near("Oz")[0], 1] < -0.9


def test_turning_dipoles_with_the_cap_changes_nothing():
    scalp, rotation = standard_scalp(), np.array([0.3, -0.2, 0.5])
    around = Rotation.from_rotvec(rotation)
    still = lead_field(scalp, PLACES, MOMENTS)
    moved = lead_field(turned(scalp, rotation), around.apply(PLACES), around.apply(MOMENTS))
    np.testing.assert_allclose(moved, still, atol=1e-6 * np.abs(still).max())


def test_lead_field_is_linear_in_the_moment_and_averages_to_zero():
    scalp = standard_scalp()
    one, two = lead_field(scalp, PLACES[[0, 0]], MOMENTS).T
    mixed = lead_field(scalp, PLACES[:1], 0.5 * MOMENTS[:1] - 2 * MOMENTS[1:])[:, 0]
    np.testing.assert_allclose(mixed, 0.5 * one - 2 * two, atol=1e-9)
    np.testing.assert_allclose([one.mean(), two.mean()], 0, atol=1e-12)


def test_an_outward_dipole_is_positive_above_it_and_of_microvolts():
    scalp = standard_scalp()
    field = 10 * lead_field(scalp, np.array([[0.0, -0.75, 0.0]]), np.array([[0.0, -1.0, 0.0]]))
    assert scalp.names[field[:, 0].argmax()] == "Oz"
    assert 1 < field.max() < 10


def test_errors_name_the_mend():
    with pytest.raises(ConfigError, match="biosemi32, biosemi64"):
        standard_scalp("mine")
    with pytest.raises(ConfigError, match="within"):
        lead_field(standard_scalp(), np.array([[0.0, 0.0, 0.95]]), np.array([[0.0, 0.0, 1.0]]))
