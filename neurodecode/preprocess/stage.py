"""Stage ``preprocess``: one subject's responses by one estimator."""

from __future__ import annotations

from dataclasses import replace

from neurodecode.artifacts import save_responses
from neurodecode.contracts import Responses
from neurodecode.errors import ConfigError
from neurodecode.pipeline import Job, Output
from neurodecode.preprocess.quality import measure_quality, save_quality
from neurodecode.registry import Estimator, make

__all__ = ["run", "within_regions"]


def run(job: Job) -> Output:
    """Read a recording, estimate one response a trial, and say what the recording is like."""
    name = job.wildcards["responses"]
    settings = job.study.responses[name]
    estimator: Estimator = make("estimator", settings)
    data = job.adapter.load(job.wildcards["subject"])
    responses = estimator.estimate(data)
    responses = within_regions(responses, settings.rois, name)
    n_trials, n_units = responses.data.shape
    facts = {
        "transductive": responses.transductive, "n_trials": n_trials, "n_units": n_units
    }  # fmt: skip
    files = save_responses(job.sidecar, responses)
    files += save_quality(job.sidecar, measure_quality(data, responses))
    return Output(files, facts)


def within_regions(responses: Responses, rois: tuple[str, ...], name: str) -> Responses:
    """Keep the units of some regions; all where none is named.

    Parameters
    ----------
    responses : Responses
    rois : tuple of str
    name : str
        Of the responses section, for the message.

    Raises
    ------
    ConfigError
        Where a region has no unit.
    """
    if not rois:
        return responses
    found = responses.units["roi"].astype(str)
    unknown = [roi for roi in rois if roi not in set(found)]
    if unknown:
        known = ", ".join(sorted({roi for roi in found if roi})) or "(none named)"
        raise ConfigError(
            f"responses.{name}.rois: no unit in {', '.join(unknown)}; regions are {known}"
        )
    kept = found.isin(rois).to_numpy()
    units = responses.units[kept].reset_index(drop=True)
    return replace(responses, data=responses.data[:, kept], units=units)
