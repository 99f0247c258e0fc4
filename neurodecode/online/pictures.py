"""Pictures one by one: ``neurodecode stream --decoder image`` draws what each response says.

The responses of a study's test trials come one after another, as if they had just been measured.
Each is decoded alone by the ridge of a fold that did not train on it, and drawn at once by the
embedded generator in few steps, without guidance. With a ``--source``: :mod:`.live_pictures`.
"""

from __future__ import annotations

import base64
import io
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from neurodecode.artifacts import load_arrays, load_responses, load_targets, read_sidecar
from neurodecode.config import StudyConfig, SystemSettings, load_run, load_study
from neurodecode.contracts import Conditions, Float, Responses
from neurodecode.embed.design import fold_names, load_design
from neurodecode.errors import ConfigError
from neurodecode.models.diffusion import LATENT, Generator, load_generator
from neurodecode.models.samplers import SAMPLERS, sigmas_flow
from neurodecode.models.unet import velocity
from neurodecode.models.vae import decode as decode_latent
from neurodecode.online.terminal import dashboard_of, tell
from neurodecode.paths import Paths
from neurodecode.reconstruct.embedded import stretch
from neurodecode.reconstruct.settings import EmbeddedSettings
from neurodecode.reconstruct.sources import of_fold, training_gallery
from neurodecode.registry import make
from neurodecode.seeds import derive

__all__ = [
    "Drawn",
    "about_pictures",
    "decode",
    "draw_one",
    "draw_study",
    "drawing_system",
    "message",
    "run_pictures",
]


@dataclass(frozen=True)
class Drawn:
    """One picture.

    Attributes
    ----------
    trial, stimulus, fold : str
        Of the response.
    seen, picture : uint8 (h, w, 3)
        What was shown (empty where no picture is known); what was drawn.
    seconds : float
        From the response to the picture.
    """

    trial: str
    stimulus: str
    fold: str
    seen: NDArray[np.uint8]
    picture: NDArray[np.uint8]
    seconds: float


def decode(state: Mapping[str, NDArray[Any]], response: Float, target: str) -> Float:
    """Features (1, d) of one response (n_units,) by a saved ridge."""
    Z = (response[None] - state["mean"]) / state["scale"]
    decoded: Float = (Z @ state[f"coef.{target}"] + state[f"intercept.{target}"]).astype(np.float32)
    return decoded


def draw_one(generator: Generator, embedding: Float, seed: int, steps: int) -> NDArray[np.uint8]:
    """Draw one picture (64, 64, 3) of an embedding (1, d).

    Alone and without guidance: the batches of the pipeline, which make its pictures repeatable bit
    for bit, cost thirty times as much.
    """
    condition = torch.from_numpy(embedding)
    sigmas = sigmas_flow(steps)

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        time, mixed = sigma / (1 + sigma), x / (1 + sigma)
        return mixed - time * velocity(generator.unet, mixed, torch.full((1,), time), condition)

    noise = torch.randn((1, *LATENT), generator=torch.Generator().manual_seed(seed))
    latent = SAMPLERS["ddim"](denoise, noise * sigmas[0], sigmas)
    picture: NDArray[np.uint8] = decode_latent(generator.vae, latent)[0]
    return picture


def draw_study(
    study: StudyConfig, paths: Paths, subject: str, seed: int, steps: int
) -> Iterator[Drawn]:
    """Decode and draw a subject's test trials, fold by fold, in the order of the recording.

    Raises
    ------
    ConfigError
        Where the study has no ridge with an embedded generator, or not this subject.
    DataError
        Where the decoders have not been fitted.
    """
    system, by = drawing_system(study)
    adapter = make("study", study.data)
    if subject not in adapter.subjects():
        raise ConfigError(f"subject must be one of {', '.join(adapter.subjects())}, got {subject}")
    generator = load_generator()
    design, stimuli = load_design(paths), adapter.stimuli()
    responses = load_responses(paths.responses(system.responses, subject))
    gallery = training_gallery(stimuli, {by: load_targets(paths.targets(by))})
    pixels = dict(zip(stimuli.table["id"], stimuli.pixels, strict=True))
    for fold in fold_names(design):
        sidecar = paths.fold(system.chain, fold, subject)
        read_sidecar(sidecar)
        state = load_arrays(sidecar.with_suffix(".safetensors"))
        tested = _tested(design, responses, fold, subject)
        own = of_fold(gallery, Conditions(tested.assign(fold=fold), {}))
        for row in tested.index:
            start = time.perf_counter()
            embedding = stretch(decode(state, responses.data[row], by), own.targets[by].values)
            trial, stimulus = str(tested["trial"][row]), str(tested["stimulus"][row])
            number = derive(seed, study.name, subject, trial, "live")
            picture = draw_one(generator, embedding, number, steps)
            seen = pixels.get(stimulus, np.zeros((0, 0, 3), np.uint8))
            yield Drawn(trial, stimulus, fold, seen, picture, time.perf_counter() - start)


def drawing_system(study: StudyConfig) -> tuple[SystemSettings, str]:
    """The first system that decodes by ridge and draws by embedded; the target it draws from.

    Raises
    ------
    ConfigError
        Where there is none whose decoder reads responses as they are.
    """
    for system in study.systems:
        drawing = study.generators.get(system.generator)
        decoder = study.decoders[system.decoder]
        steps = (
            decoder.noise_normalisation
            or decoder.alignment
            or decoder.min_reliability
            or decoder.deconfound
        )
        by_ridge = decoder.kind == "ridge" and not steps
        if by_ridge and isinstance(drawing, EmbeddedSettings) and not drawing.null_embedding:
            return system, drawing.by
    raise ConfigError(
        f"study {study.name}: no system decodes by ridge (without noise_normalisation, alignment, "
        "min_reliability and deconfound) and draws by embedded"
    )


def _tested(design: pd.DataFrame, responses: Responses, fold: str, subject: str) -> pd.DataFrame:
    """Test trials of a fold; the index is their row among the responses."""
    here = (design["fold"] == fold) & (design["participant_id"] == subject)
    names = set(design[here & (design["role"] == "test")]["trial"])
    return responses.trials[responses.trials["trial"].isin(names)]


def run_pictures(options: Namespace) -> int:
    """Draw live, on the dashboard where it is wanted; print how fast."""
    run = load_run(options.config)
    study = load_study(options.study, options.config)
    paths = Paths(options.results or Path(run.results), study.name)
    took: list[float] = []
    begin = time.perf_counter()
    with dashboard_of(options) as dashboard:
        if dashboard is not None:
            title = f"Pictures from {study.name}, subject {options.subject}"
            simulated = bool(make("study", study.data).simulated)
            dashboard.show(about_pictures(title, simulated=simulated))
        for drawn in draw_study(study, paths, options.subject, run.seed, options.steps):
            took.append(drawn.seconds)
            if dashboard is not None:
                dashboard.show({"picture": message(drawn, took)})
                if any(order.do == "stop" for order in dashboard.orders()):
                    break
            if options.seconds and time.perf_counter() - begin >= options.seconds:
                break
    warm = took[1:] or took  # the first one loads the networks
    tell("pictures", f"{len(took)}, {1 / np.mean(warm):.1f} a second after the first")
    tell("response to picture", f"{np.median(warm):.2f} s median, {max(warm):.2f} s at most")
    return 0


def about_pictures(title: str, *, simulated: bool) -> dict[str, Any]:
    """What the page is told before the first picture."""
    return {"about": {
        "title": title, "simulated": simulated, "decoders": ["image"], "decoder": "image",
        "n_channels": 0, "orders": ["stop"], "pictures": True,
    }}  # fmt: skip


def message(drawn: Drawn, took: list[float]) -> dict[str, Any]:
    """One picture for the page; ``took`` are the seconds of all so far."""
    warm = took[1:] or took
    return {
        "number": len(took),
        "seen": _png(drawn.seen),
        "drawn": _png(drawn.picture),
        "text": f"Trial {drawn.trial}, fold {drawn.fold}, never trained on. {len(took)} pictures, "
        f"{1 / np.mean(warm):.1f} a second.",
    }


def _png(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    if not pixels.size:
        return ""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
