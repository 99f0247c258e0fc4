"""Replay: every kind of file comes back as it was written, never before its time."""

import mne
import numpy as np
import pybv
import pytest

from neurodecode.errors import DataError
from neurodecode.online.clock import VirtualClock
from neurodecode.online.recorded import Recorded, read_recorded
from neurodecode.online.replay import Replay
from neurodecode.online.stream import Marker

SFREQ, NAMES = 100.0, ("Fz", "Cz", "Pz")
DATA = np.random.default_rng(0).normal(size=(300, 3)) * 1e-5
MARKERS = [(0.5, "left"), (1.2, "right")]


def raw():
    info = mne.create_info(list(NAMES), SFREQ, "eeg")
    made = mne.io.RawArray(DATA.T, info, verbose="error")
    made.set_annotations(mne.Annotations([m[0] for m in MARKERS], 0, [m[1] for m in MARKERS]))
    return made


def fif(folder):
    raw().save(folder / "rec_raw.fif", fmt="double", verbose="error")
    return folder / "rec_raw.fif"


def cropped_fif(folder):
    """A recording whose first sample is not at 0, as a crop leaves it."""
    long = mne.io.RawArray(
        np.vstack([np.zeros((200, 3)), DATA]).T, raw().info, first_samp=1000, verbose="error"
    )
    long.set_meas_date(0)
    onsets = [12.0 + m[0] for m in MARKERS]
    long.set_annotations(
        mne.Annotations(onsets, 0, [m[1] for m in MARKERS], orig_time=long.info["meas_date"])
    )
    long.crop(2.0).save(folder / "crop_raw.fif", fmt="double", verbose="error")
    return folder / "crop_raw.fif"


def brainvision(folder):
    events = [{"onset": round(t * SFREQ), "duration": 1, "description": d, "type": "Comment"}
              for t, d in MARKERS]  # fmt: skip
    pybv.write_brainvision(
        data=DATA.T, sfreq=SFREQ, ch_names=list(NAMES), fname_base="rec", folder_out=folder,
        events=events, resolution=1e-7,
    )  # fmt: skip
    return folder / "rec.vhdr"


def npz(folder):
    np.savez(
        folder / "rec.npz", data=DATA, sfreq=SFREQ, channels=NAMES,
        marker_times=[m[0] for m in MARKERS], marker_labels=[m[1] for m in MARKERS],
    )  # fmt: skip
    return folder / "rec.npz"


@pytest.mark.parametrize("write", [fif, cropped_fif, brainvision, npz])
def test_files_come_back_as_they_were_written(tmp_path, write):
    found = read_recorded(write(tmp_path))
    assert (found.sfreq, found.channels) == (SFREQ, NAMES)
    np.testing.assert_allclose(found.data, DATA, atol=1e-9)
    np.testing.assert_allclose(found.times, np.arange(300) / SFREQ)
    assert [m.label.removeprefix("Comment/") for m in found.markers] == ["left", "right"]
    np.testing.assert_allclose([m.time for m in found.markers], [0.5, 1.2], atol=1e-6)


def test_a_trigger_channel_gives_markers(tmp_path):
    trigger = np.zeros(300)
    trigger[50:60], trigger[120:125] = 3, 7
    info = mne.create_info([*NAMES, "STI"], SFREQ, ["eeg"] * 3 + ["stim"])
    made = mne.io.RawArray(np.vstack([DATA.T, trigger]), info, first_samp=500, verbose="error")
    made.save(tmp_path / "trig_raw.fif", verbose="error")
    found = read_recorded(tmp_path / "trig_raw.fif")
    assert found.channels == NAMES
    assert found.markers == (Marker(0.5, "3"), Marker(1.2, "7"))


def test_a_sample_comes_when_its_time_has_come():
    recorded = Recorded(DATA, np.arange(300) / SFREQ, SFREQ, NAMES, (Marker(0.5, "left"),))
    clock = VirtualClock(8.0)
    stream = Replay(recorded, clock)
    stream.connect()
    seen, markers, source = [], [], []
    for step in (0.0, 0.004, 0.021, 0.0, 0.3, 1.0, 1.0, 5.0):
        clock.advance(step)
        chunk = stream.acquire()
        assert (chunk.times <= clock.now()).all()
        assert all(m.time <= clock.now() for m in chunk.markers)
        seen.append(chunk)
        markers += chunk.markers
        source.append(chunk.source_times)
    assert [len(c) for c in seen] == [1, 0, 2, 0, 30, 100, 100, 67]
    assert stream.ended
    assert markers == [Marker(8.5, "left")]
    np.testing.assert_array_equal(np.vstack([c.data for c in seen]), DATA)
    np.testing.assert_array_equal(np.concatenate(source), recorded.times)
    stream.connect()
    assert not stream.ended
    assert len(stream.acquire()) == 1


def test_before_it_is_connected_nothing_is_known(tmp_path):
    with pytest.raises(DataError, match="connected"):
        _ = Replay(tmp_path / "no.npz", VirtualClock()).channels


def damaged(path):
    path.write_bytes(b"nothing of the kind")


def no_rate(path):
    np.savez(path, data=DATA)


def flat(path):
    np.savez(path, data=DATA[:, 0], sfreq=SFREQ)


def backwards(path):
    np.savez(path, data=DATA, sfreq=SFREQ, times=np.zeros(300))


def negative(path):
    np.savez(path, data=DATA, sfreq=-1.0)


def few_names(path):
    np.savez(path, data=DATA, sfreq=SFREQ, channels=["a"])


def nothing(path):
    np.savez(path, data=DATA[:0], sfreq=SFREQ)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (damaged, "cannot be read"),
        (no_rate, r"array\(s\) sfreq missing"),
        (flat, "n_samples, n_channels"),
        (backwards, "go forward"),
        (negative, "above 0 Hz"),
        (few_names, "as many times and names"),
        (nothing, "holds no samples"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, write, said):
    path = tmp_path / "rec.npz"
    write(path)
    with pytest.raises(DataError, match=said) as caught:
        read_recorded(path)
    assert str(path) in str(caught.value)


def test_missing_and_unknown_files_are_said(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_recorded(tmp_path / "rec.xdf")
    with pytest.raises(DataError, match=r"ends in .*\.vhdr"):
        read_recorded(tmp_path / "rec.csv")
    for kind in (".fif", ".vhdr", ".xdf", ".set", ".edf"):
        path = tmp_path / f"broken_raw{kind}"
        damaged(path)
        with pytest.raises(DataError, match="cannot be read"):
            read_recorded(path)
