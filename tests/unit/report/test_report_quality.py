"""The panels on a recording: each table gives one, and words say what the figures show."""

import base64

import numpy as np
import pandas as pd

from neurodecode.report.quality import quality_parts

CHANNELS = ["Fz", "Cz", "Pz", "Oz"]


def tables(**changes):
    times = np.linspace(-0.1, 0.3, 9)
    erp = pd.DataFrame(
        {"channel": np.repeat(CHANNELS, 9), "roi": "eeg", "time": np.tile(times, 4), "mean": 0.1}
    )
    erp.loc[erp["channel"].eq("Oz") & np.isclose(erp["time"], 0.1), "mean"] = 5.0
    channels = pd.DataFrame({"channel": CHANNELS, "roi": "eeg",
                             "x": [0.0, 0, 10, 0], "y": [70.0, 0, -50, -90],
                             "z": [60.0, 95, 70, 10], "noise": [1.0, 2, 9, 2],
                             "status": ["good", "good", "interpolated", "good"]})  # fmt: skip
    return {
        "facts": pd.DataFrame({"fact": ["Sampling"], "value": ["128 a second"]}),
        "dropped": pd.DataFrame({"reason": ["leave their run"], "n": [3]}),
        "erp": erp.assign(low=erp["mean"] - 1, high=erp["mean"] + 1),
        "channels": channels, **changes,
    }  # fmt: skip


def panels(found):
    (part,) = quality_parts({("epochs", "01"): found}, lambda subject: None)
    return {panel.heading: panel for panel in part.panels}


def test_every_table_is_drawn_and_said():
    found = panels(tables())
    assert list(found) == ["Recording", "Trials left out", "Mean response", "Channels"]
    assert found["Recording"].rows == (("What", "Value"), ("Sampling", "128 a second"))
    assert found["Trials left out"].rows[1] == ("leave their run", "3")
    assert "Oz deflects most" in found["Mean response"].alt
    words = found["Channels"].words
    assert "EEG: median 2 µV, largest 9 (Pz)" in words
    assert "Pz (interpolated)" in words
    for name in ("Mean response", "Channels"):
        assert base64.b64decode(found[name].picture).startswith(b"\x89PNG")


def test_the_same_table_gives_the_same_picture():
    assert panels(tables())["Channels"].picture == panels(tables())["Channels"].picture


def test_channels_without_places_are_drawn_as_bars():
    channels = tables()["channels"]
    flat = channels.drop(columns=["x", "y", "z"]).assign(status="good")
    found = panels(tables(channels=flat))["Channels"]
    assert "None was repaired throughout" in found.words
    assert (
        found.picture != panels(tables(channels=channels.assign(status="good")))["Channels"].picture
    )


def test_a_table_that_is_not_there_has_no_panel():
    assert list(panels({"facts": tables()["facts"]})) == ["Recording"]


def test_types_of_sensors_are_drawn_apart():
    found = tables()
    for name in ("erp", "channels"):
        upper = found[name]["channel"].isin(["Fz", "Cz"])
        found[name] = found[name].assign(roi=np.where(upper, "mag", "grad"))
    drawn = panels(found)
    assert "MAG: median 1.5 fT, largest 2 (Cz)" in drawn["Channels"].words
    assert "GRAD: median 5.5 fT/cm, largest 9 (Pz)" in drawn["Channels"].words
    assert drawn["Mean response"].alt.count("deflects most") == 2


def test_categories_are_drawn_apart_with_their_numbers():
    times = np.linspace(-0.1, 0.3, 9)
    means = pd.DataFrame({"category": np.repeat(["cat", "dog"], 9), "n": np.repeat([20, 30], 9),
                          "channel": "Oz", "roi": "eeg", "time": np.tile(times, 2),
                          "mean": np.repeat([1.0, -1.0], 9)})  # fmt: skip
    means = means.assign(low=means["mean"] - 0.5, high=means["mean"] + 0.5)
    found = panels(tables(means=means))["Mean response to each category"]
    assert found.alt == "Mean responses at Oz (eeg) to cat, dog."
    assert base64.b64decode(found.picture).startswith(b"\x89PNG")
    other = means.assign(n=np.repeat([21, 30], 9))
    again = panels(tables(means=other))["Mean response to each category"]
    assert again.picture != found.picture  # the numbers of trials are in it
