"""The Wiener filter beside least squares, the compiled LSTM beside torch's."""

import numpy as np
import pytest
import torch
from test_kalman import recording

from neurodecode.errors import DataError
from neurodecode.online.lstm import LstmDecoder
from neurodecode.online.wiener import wiener_filter

Y, Z = recording()


def test_the_wiener_filter_is_least_squares_on_lagged_bins():
    decoder = wiener_filter(lags=2, penalty=0.0).fit(Y, Z)
    y, z = Y - Y.mean(axis=0), Z - Z.mean(axis=0)
    back = [np.vstack([np.zeros((k, 7)), y[: 400 - k]]) for k in range(3)]
    X = np.column_stack([*back, np.ones(400)])
    expected = X @ np.linalg.lstsq(X, z, rcond=None)[0] + Z.mean(axis=0)
    np.testing.assert_allclose(decoder.predict(Y).mean, expected, atol=1e-8)


def test_the_covariance_goes_over_to_that_of_the_state():
    decoder = wiener_filter(lags=0).fit(Y, Z)
    holes = np.full((2, 7), np.nan)
    holes[0] = Y[0]
    found = decoder.predict(holes).cov
    np.testing.assert_allclose(found[0], decoder.Q_)
    np.testing.assert_allclose(found[1], np.cov(Z.T, bias=True))


def test_the_compiled_lstm_is_torchs():
    decoder = LstmDecoder(hidden=6, epochs=2).fit(Y, Z)
    network = torch.nn.LSTM(7, 6, batch_first=True).double()
    with torch.no_grad():
        network.weight_ih_l0.copy_(torch.from_numpy(decoder.W_))
        network.weight_hh_l0.copy_(torch.from_numpy(decoder.U_))
        network.bias_ih_l0.copy_(torch.from_numpy(decoder.b_))
        network.bias_hh_l0.zero_()
        h = network(torch.from_numpy(Y - decoder.y_mean_)[None])[0][0].numpy()
    expected = h @ decoder.V_.T + decoder.v_ + decoder.z_mean_
    np.testing.assert_allclose(decoder.predict(Y).mean, expected, atol=1e-10)


def test_training_an_lstm_is_reproducible():
    first, second = (LstmDecoder(hidden=4, epochs=2, seed=3).fit(Y, Z) for _ in range(2))
    np.testing.assert_array_equal(first.predict(Y).mean, second.predict(Y).mean)


def test_an_lstm_says_what_it_lacks():
    with pytest.raises(DataError, match="needs 200 training bins and every state, got 150 bins, 0"):
        LstmDecoder().fit(Y[:150], Z[:150])
    holes = Z.copy()
    holes[3] = np.nan
    with pytest.raises(DataError, match="got 400 bins, 1 of them without a state"):
        LstmDecoder().fit(Y, holes)
