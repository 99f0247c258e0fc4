"""Simulated EEG sessions as BIDS: BrainVision files of 16-bit integers, channels, electrodes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from neurodecode.atomic import writing
from neurodecode.errors import DataError
from neurodecode.simulate.bids import (
    TASK,
    BidsSet,
    begin_record,
    events_table,
    is_written,
    record,
    stem,
    write_json,
    write_tsv,
)
from neurodecode.simulate.eeg import EegSession
from neurodecode.simulate.scalp import Scalp

__all__ = ["write_eeg_subject"]

RESOLUTION = 0.1
LARGEST = 32767 * RESOLUTION


def write_eeg_subject(dataset: BidsSet, participant: str, sessions: Iterable[EegSession]) -> None:
    """Write one person's sessions, or nothing where they are there already.

    Parameters
    ----------
    dataset : BidsSet
        Markers in the recording hold the row of the picture in its stimuli, from 1.
    participant : str
        ``sub-01``.
    sessions : iterable of EegSession
        Taken one at a time.

    Raises
    ------
    DataError
        Where a value does not fit into 16 bits at .1 microvolts.
    """
    if is_written(dataset, participant):
        return
    begin_record(dataset, participant)
    row = {str(name): k + 1 for k, name in enumerate(dataset.stimuli.table["id"])}
    with writing(dataset.root / participant) as folder:
        for recorded in sessions:
            place = folder / f"ses-{recorded.session}" / "eeg"
            place.mkdir(parents=True)
            markers = recorded.events["stimulus"].astype(str).map(row)
            _write_signal(place, participant, recorded, markers)
            _write_tables(place, participant, recorded, markers)
            _write_electrodes(place, participant, recorded)
    record(dataset, participant)


def _write_signal(folder: Path, participant: str, recorded: EegSession, markers: pd.Series) -> None:
    import pybv

    highest = float(np.abs(recorded.data).max())
    if highest > LARGEST:
        raise DataError(
            f"{participant}, session {recorded.session}: {highest:.0f} microvolts are more than "
            f"the {LARGEST:.0f} that the file can hold; make the world's noise smaller"
        )
    events = [
        {"onset": int(sample), "duration": 1, "description": int(marker), "type": "Stimulus"}
        for sample, marker in zip(recorded.events["sample"], markers, strict=True)
    ]
    steps = np.rint(recorded.data.T.astype(float) / RESOLUTION)
    # pybv cuts fractions off; a quarter of a step keeps 232.9999 from becoming 232.
    volts = (steps + 0.25 * np.sign(steps)) * RESOLUTION * 1e-6
    pybv.write_brainvision(
        data=volts,
        sfreq=recorded.sfreq,
        ch_names=list(recorded.scalp.names),
        fname_base=f"{stem(participant, recorded.session)}_eeg",
        folder_out=str(folder),
        events=events,
        resolution=RESOLUTION,
        unit="µV",
        fmt="binary_int16",
    )


def _write_tables(folder: Path, participant: str, recorded: EegSession, markers: pd.Series) -> None:
    name = stem(participant, recorded.session)
    n_times, n_chans = recorded.data.shape
    write_json(folder / f"{name}_eeg.json", {
        "TaskName": TASK,
        "SamplingFrequency": recorded.sfreq,
        "EEGReference": "average of the cap, before the noise of the electrodes",
        "PowerLineFrequency": recorded.line_frequency,
        "SoftwareFilters": "n/a",
        "EEGChannelCount": n_chans,
        "RecordingDuration": n_times / recorded.sfreq,
        "RecordingType": "continuous",
        "Manufacturer": "simulated",
        "EEGPlacementScheme": "10-10",
        "Instructions": "Look at the pictures.",
    })  # fmt: skip
    channels = {"name": recorded.scalp.names, "type": "EEG", "units": "µV",
                "sampling_frequency": recorded.sfreq, "status": "good"}  # fmt: skip
    write_tsv(folder / f"{name}_channels.tsv", pd.DataFrame(channels))
    events = events_table(recorded.events).assign(value=markers.to_numpy())
    write_tsv(folder / f"{name}_events.tsv", events)


def _write_electrodes(folder: Path, participant: str, recorded: EegSession) -> None:
    scalp: Scalp = recorded.scalp
    name = f"{participant}_ses-{recorded.session}_space-CapTrak"
    x, y, z = scalp.positions.round(6).T
    table = pd.DataFrame({"name": scalp.names, "x": x, "y": y, "z": z, "type": "simulated"})
    write_tsv(folder / f"{name}_electrodes.tsv", table)
    landmarks = {"nasion": "NAS", "lpa": "LPA", "rpa": "RPA"}
    places = {new: scalp.landmarks[old].round(6).tolist() for old, new in landmarks.items()}
    write_json(folder / f"{name}_coordsystem.json", {
        "EEGCoordinateSystem": "CapTrak",
        "EEGCoordinateUnits": "m",
        "AnatomicalLandmarkCoordinates": places,
        "AnatomicalLandmarkCoordinateSystem": "CapTrak",
        "AnatomicalLandmarkCoordinateUnits": "m",
    })  # fmt: skip
