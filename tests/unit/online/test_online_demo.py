"""The recording that ships: whole, and decoded as well as was published."""

import numpy as np

from neurodecode.online.demo import flint2012
from neurodecode.online.kalman import KalmanFilter


def test_the_recording_is_whole():
    recording = flint2012()
    assert recording.features.shape == (7792, 10)
    assert recording.velocity.shape == (7792, 2)
    assert recording.bin_width == 0.1
    assert recording.features[0, 0] == 2.7462
    assert recording.velocity[19, 1] == -0.1741


def test_the_kalman_filter_decodes_it_as_published():
    Y, Z = flint2012().features, flint2012().velocity
    decoded = KalmanFilter(centre=False).fit(Y[:5000], Z[:5000]).predict(Y[5000:6000]).mean
    truth = Z[5000:6000]
    error = np.sqrt(((decoded - truth) ** 2).mean() / (truth**2).mean())
    assert abs(error - 0.765) < 1e-3
