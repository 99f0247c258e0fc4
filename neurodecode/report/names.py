"""Plain words for systems, sources and roles."""

from __future__ import annotations

from neurodecode.config import StudyConfig

__all__ = ["BRAIN_FREE_SOURCES", "decoder_words", "generator_words", "is_brain_free", "label"]

BRAIN_FREE_SOURCES = ("permuted", "mean")

_GENERATORS = {
    "retrieval": "Nearest training picture",
    "prototype": "Prototype of the decoded class",
    "mean_picture": "Mean training picture",
    "random_picture": "Random training picture",
    "linear_pixels": "Linear ridge to pixels",
    "embedded": "Diffusion generator",
}
_SOURCES = {
    "true": "given the true features",
    "permuted": "given permuted brain data",
    "mean": "given the mean features",
}
_DECODERS = {"ridge": "ridge regression", "shrinkage_lda": "shrinkage LDA"}


def generator_words(study: StudyConfig, system: str) -> str:
    """Say how a system draws, e.g. ``Nearest training picture``."""
    name = study.system(system).generator
    settings = study.generators[name]
    words = _GENERATORS.get(settings.kind, settings.kind)
    if getattr(settings, "null_embedding", False):
        words += " (embedding ignored)"
    elif getattr(settings, "start", None):
        words += " (from a decoded latent)"
    same = [n for n, other in study.generators.items() if other == settings]
    twins = [n for n, other in study.generators.items() if other.kind == settings.kind]
    return words if len(twins) == len(same) else f"{words} [{name}]"


def decoder_words(study: StudyConfig, system: str) -> str:
    """Say what a system decodes from and how."""
    spec = study.system(system)
    decoder = study.decoders[spec.decoder].kind
    return f"{_DECODERS.get(decoder, decoder)} on {_responses_words(study, spec.responses)}"


def _responses_words(study: StudyConfig, name: str) -> str:
    settings = study.responses[name]
    if settings.kind == "as_given":
        return "the responses as given"
    if settings.kind == "block_position":
        return "the order of the blocks alone (no brain data)"
    if settings.kind == "blocks":
        cleaned = {
            "run": "z-scored over the run",
            "preceding_rest": "relative to the rest just before",
        }
        return f"block means {cleaned.get(settings.baseline, settings.baseline)}"
    return name


def label(study: StudyConfig, system: str, source: str) -> str:
    """Say what was drawn from what, e.g. ``Diffusion generator, given the true features``."""
    words = generator_words(study, system)
    return words if source == "decoded" else f"{words}, {_SOURCES.get(source, source)}"


def is_brain_free(study: StudyConfig, system: str, source: str) -> bool:
    """Whether nothing of the brain's response to the item went into the pictures."""
    spec = study.system(system)
    generator = study.generators[spec.generator]
    return (
        source in BRAIN_FREE_SOURCES
        or generator.kind in ("mean_picture", "random_picture")
        or study.responses[spec.responses].kind == "block_position"
    )
