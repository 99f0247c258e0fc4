"""Plain words for systems, sources and roles."""

from __future__ import annotations

from neurodecode.config import StudyConfig
from neurodecode.evaluate.dictionary import is_identification

__all__ = [
    "BRAIN_FREE_SOURCES",
    "ORACLE",
    "control_words",
    "decoder_words",
    "generator_words",
    "is_brain_free",
    "is_of_decoding",
    "label",
]

BRAIN_FREE_SOURCES = ("permuted", "mean")
ORACLE = "Bayes oracle"

_GENERATORS = {
    "retrieval": "Nearest training picture",
    "prototype": "Prototype of the decoded class",
    "mean_picture": "Mean training picture",
    "random_picture": "Random training picture",
    "linear_pixels": "Linear ridge to pixels",
    "embedded": "Diffusion generator",
}
_OF_CLIPS = {
    "nearest_clip": "Nearest training clip",
    "linear_clip": "Linear ridge to frames",
    "mean_clip": "Mean training clip",
    "random_clip": "Random training clip",
}
_BLIND = ("mean_picture", "random_picture", "mean_clip", "random_clip")
_SOURCES = {
    "true": "given the true features",
    "permuted": "given permuted brain data",
    "mean": "given the mean features",
}
_RESPONSES: dict[tuple[str, str | None], str] = {
    ("as_given", None): "the responses as given",
    ("blocks", "run"): "block means z-scored over the run",
    ("blocks", "preceding_rest"): "block means relative to the rest just before",
    ("block_position", None): "the order of the blocks alone (no brain data)",
}
_DECODERS = {"ridge": "ridge regression", "shrinkage_lda": "shrinkage LDA"}


def generator_words(study: StudyConfig, system: str) -> str:
    """Say how a system draws, e.g. ``Nearest training picture``."""
    name = study.system(system).generator
    if not name:
        return "Decoding alone"
    words, settings = _drawing_words(study, name), study.generators[name]
    # Sections that say the same are one system's; others of the same words are told by their name.
    twins = [n for n in study.generators if _drawing_words(study, n) == words]
    alike = all(study.generators[n] == settings for n in twins)
    return words if alike else f"{words} [{name}]"


def _drawing_words(study: StudyConfig, name: str) -> str:
    """Say what a section of ``generators`` does."""
    settings = study.generators[name]
    words = {**_GENERATORS, **_OF_CLIPS}.get(settings.kind, settings.kind)
    if getattr(settings, "stretch", False):
        words += " (contrast restored)"
    notes = [
        note
        for key, note in (
            ("start", "from a decoded latent"),
            ("null_embedding", "embedding ignored"),
        )
        if getattr(settings, key, None)
    ]
    if notes:
        words += f" ({', '.join(notes)})"
    clips = any(other.kind in _OF_CLIPS for other in study.generators.values())
    return f"{words}, held still" if clips and settings.kind in _GENERATORS else words


def decoder_words(study: StudyConfig, system: str) -> str:
    """Say what a system decodes from and how."""
    spec = study.system(system)
    decoder = study.decoders[spec.decoder]
    words = f"{_DECODERS.get(decoder.kind, decoder.kind)} on "
    words += _responses_words(study, spec.responses)
    if decoder.deconfound is not None:
        words += f", without {', '.join(decoder.deconfound.demographics)}"
    return words


def _responses_words(study: StudyConfig, name: str) -> str:
    settings = study.responses[name]
    key = (settings.kind, getattr(settings, "baseline", None))
    return _RESPONSES.get(key, f"{settings.kind.replace('_', ' ')} [{name}]")


def is_of_decoding(metric: str) -> bool:
    """Whether a metric scores what was decoded, before any picture is drawn."""
    return metric.startswith(("accuracy_", "retrieval_"))


def label(study: StudyConfig, system: str, source: str, metric: str = "") -> str:
    """Say what was scored, e.g. ``Diffusion generator, given the true features``."""
    if source == "oracle":
        picked = "" if is_identification(metric) else ": the scored one it finds likeliest"
        return ORACLE + picked
    if is_of_decoding(metric):
        words = decoder_words(study, system)
        words = words[0].upper() + words[1:]
    else:
        words = generator_words(study, system)
    return words if source == "decoded" else f"{words}, {_SOURCES.get(source, source)}"


def is_brain_free(study: StudyConfig, system: str, source: str, metric: str = "") -> bool:
    """Whether nothing of the brain's response to the item went into what was scored."""
    if source == "oracle":
        return False
    spec = study.system(system)
    if source in BRAIN_FREE_SOURCES or study.responses[spec.responses].kind == "block_position":
        return True
    if not spec.generator or is_of_decoding(metric):
        return False
    return study.generators[spec.generator].kind in _BLIND


def control_words(study: StudyConfig, system: str, source: str, metric: str) -> str:
    """Name a control without brain data in a few words."""
    spec = study.system(system)
    if study.responses[spec.responses].kind == "block_position":
        return "the order of the blocks alone"
    words = {"permuted": "permuted brain data", "mean": "the mean features"}.get(source)
    named = words or label(study, system, source, metric)
    return named[0].lower() + named[1:]
