"""Saved decoders decode as before; what cannot be trusted is refused in words."""

import json

import numpy as np
import pytest
from test_kalman import recording

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.files import load_card, load_decoder, save_decoder
from neurodecode.online.kalman import KalmanFilter, SteadyKalmanFilter

Y, Z = recording()


@pytest.fixture
def folder(tmp_path):
    save_decoder(tmp_path, KalmanFilter(noise="diagonal").fit(Y, Z), {"bin_s": 0.02})
    return tmp_path


@pytest.mark.parametrize("decoder", [KalmanFilter(centre=False), SteadyKalmanFilter()])
def test_a_saved_decoder_decodes_as_before(tmp_path, decoder):
    decoder.fit(Y, Z)
    save_decoder(tmp_path, decoder)
    again = load_decoder(tmp_path)
    assert type(again) is type(decoder)
    assert again.get_params() == decoder.get_params()
    np.testing.assert_array_equal(again.predict(Y).mean, decoder.predict(Y).mean)
    np.testing.assert_array_equal(again.predict(Y).cov, decoder.predict(Y).cov)


def test_the_card_says_what_it_is(folder):
    card = load_card(folder)
    assert card["kind"] == "kalman"
    assert card["parameters"] == {"noise": "diagonal", "centre": True}
    assert (card["n_chans"], card["n_states"]) == (7, 3)
    assert card["facts"] == {"bin_s": 0.02}


def alter(folder, **changes):
    path = folder / "decoder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 99, "version": "9.1"}, "schema 99 by neurodecode 9.1.*Update neurodecode"),
        ({"schema": "one"}, "not the card of a decoder"),
        ({"kind": "oracle"}, "online_decoder kind must be one of .*kalman.*, got 'oracle'"),
        ({"parameters": {"gain": 2}}, "unexpected keyword argument 'gain'"),
        ({"parameters": 3}, "decoder.json: "),
        ({"files": {"decoder.safetensors": "0"}}, "not the file that decoder.json names"),
        ({"files": 7}, "decoder.json: "),
    ],
)
def test_a_card_that_cannot_be_trusted_is_refused(folder, changes, message):
    alter(folder, **changes)
    with pytest.raises(DataError, match=message):
        load_decoder(folder)


def test_a_damaged_or_missing_file_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"no such file\. A decoder is a folder with"):
        load_decoder(tmp_path / "nowhere")
    (folder / "decoder.safetensors").write_bytes(b"\x00" * 50)
    with pytest.raises(DataError, match="not a whole safetensors file"):
        load_decoder(folder)
    (folder / "decoder.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        load_decoder(folder)
    (folder / "decoder.json").write_text("[]")
    with pytest.raises(DataError, match="no schema number"):
        load_decoder(folder)
    (folder / "decoder.json").write_text('{"schema": 1}')
    with pytest.raises(DataError, match="kind, parameters, files missing"):
        load_decoder(folder)


def test_arrays_of_another_decoder_are_refused(folder):
    decoder = KalmanFilter().fit(Y, Z)
    with pytest.raises(DataError, match=r"KalmanFilter: array\(s\) C missing"):
        decoder.restore({k: v for k, v in decoder.state().items() if k != "C"})


def test_an_interrupted_save_leaves_no_decoder(folder, monkeypatch):
    monkeypatch.setattr("neurodecode.online.files.save_arrays", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_decoder(folder, KalmanFilter().fit(Y, Z))
    with pytest.raises(DataError, match="no such file"):
        load_decoder(folder)


def test_a_class_of_no_kind_is_not_saved(tmp_path):
    class Mine(KalmanFilter):
        pass

    with pytest.raises(ConfigError, match="of no known kind of online_decoder"):
        save_decoder(tmp_path, Mine().fit(Y, Z))
    assert not list(tmp_path.iterdir())
