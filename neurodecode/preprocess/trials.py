"""From the events of a recording to a trial table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neurodecode.contracts import Recording, Responses
from neurodecode.errors import ConfigError

__all__ = ["need_recording", "trial_table"]


def need_recording(data: Recording | Responses, kind: str) -> Recording:
    """Return the recording, or say that the study gives none.

    Raises
    ------
    ConfigError
        Where the study already gives responses.
    """
    if isinstance(data, Recording):
        return data
    raise ConfigError(
        f"responses of kind {kind} need a recording over time; this study gives one response a "
        "trial: use kind: as_given"
    )


def trial_table(recording: Recording) -> pd.DataFrame:
    """Return one row a trial, in the order of the events; ``session`` is 1 where not known."""
    events = recording.events.reset_index(drop=True)
    number = events.groupby("run").cumcount()
    trial = [f"run-{run:02d}_block-{k:02d}" for run, k in zip(events["run"], number, strict=True)]
    table = pd.DataFrame(
        {
            "participant_id": recording.participant_id,
            "trial": trial,
            "stimulus": events["stimulus"].to_numpy(),
            "category": events["category"].to_numpy(),
            "session": events["session"].to_numpy() if "session" in events else "1",
            "run": events["run"].to_numpy(),
            "repeat": events.groupby(["category", "stimulus"]).cumcount().to_numpy(np.int64),
        }
    )
    extra = [name for name in ("set", "labelled") if name in events]
    return table.assign(**{name: events[name].to_numpy() for name in extra})
