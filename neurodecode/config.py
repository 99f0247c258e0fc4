"""The YAML files: what to run (``config.yaml``) and one complete file a study."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializeAsAny,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from neurodecode.deconfound.settings import DeconfoundSettings
from neurodecode.embed.settings import DecoderSettings, EncoderSettings, SearchlightSettings
from neurodecode.errors import ConfigError
from neurodecode.evaluate.settings import EvaluateSettings
from neurodecode.online.settings import OfflineSettings
from neurodecode.preprocess.settings import EstimatorSettings
from neurodecode.reconstruct.settings import (
    SOURCES,
    GeneratorSettings,
    ReconstructSettings,
    Source,
)
from neurodecode.registry import BUILT_IN, kinds, settings_of
from neurodecode.settings import Name, Section, read_settings
from neurodecode.studies.settings import DataSettings, DesignSettings
from neurodecode.targets.settings import TargetSettings

__all__ = [
    "RunConfig",
    "StudyConfig",
    "SystemSettings",
    "load_run",
    "load_study",
]


class SystemSettings(Section):
    """One way from responses to pictures: a chain and a generator, by section names.

    Without a generator no picture is drawn: what was decoded is scored alone.
    """

    responses: Name
    decoder: Name
    generator: Name | Literal[""] = Field("", description="left out: nothing is drawn")
    role: Literal["system", "baseline", "peer"] = "system"
    sources: tuple[Source, ...] = Field(
        SOURCES, min_length=1, description="where conditions come from; ceilings and controls"
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_drawn(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and not raw.get("generator"):
            return {"sources": ("decoded",), **raw}
        return raw

    @model_validator(mode="after")
    def _sources_need_pictures(self) -> Self:
        if not self.generator and self.sources != ("decoded",):
            raise ValueError("sources: without a generator must be [decoded]")
        return self

    @property
    def chain(self) -> str:
        """Name of the responses and decoder that the system stands on."""
        return f"{self.responses}-{self.decoder}"

    @property
    def name(self) -> str:
        """Name of the system."""
        return f"{self.chain}-{self.generator or 'decoding'}"


NO_PICTURES: dict[str, Any] = {
    "responses": {}, "design": {"split": {"kind": "leave_one_out"}, "group": "run"},
    "decoders": {}, "reconstruct": {"unit": "trial"}, "evaluate": {}, "systems": (),
}  # fmt: skip
"""What a study of kinematics or of a cohort leaves out: without a system none of it is read."""
COHORTS = ("bids_cohort", "cohort", "virtual_cohort")


def _recorded(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the responses of a study of people who are read one by one: courses of regions."""
    data = raw.get("data")
    read = isinstance(data, dict) and data.get("kind") == "bids_cohort"
    return {"responses": {"regions": {"kind": "as_given"}}} if read else {}


class MultiverseSettings(Section):
    """Choices that could have been made otherwise, by section names; their product is scored."""

    responses: tuple[Name, ...] = Field(min_length=1)
    decoders: tuple[Name, ...] = Field(min_length=1)
    generators: tuple[Name, ...] = Field((), description="left out: nothing is drawn")
    metric: str = Field(description="name of the score that is compared, e.g. accuracy_8way")
    extractor: str = Field("", description="start of its extractor's name where several have it")
    baseline: SystemSettings | None = Field(
        None, description="what the specifications are held against, beside chance"
    )

    @model_validator(mode="after")
    def _listed_once(self) -> Self:
        for key in ("responses", "decoders", "generators"):
            names = getattr(self, key)
            if len(set(names)) < len(names):
                raise ValueError(f"{key}: names a section twice: {', '.join(names)}")
        return self

    @property
    def specifications(self) -> tuple[SystemSettings, ...]:
        """All combinations of the choices."""
        choices = product(self.responses, self.decoders, self.generators or ("",))
        return tuple(
            SystemSettings(responses=r, decoder=d, generator=g, sources=("decoded",))
            for r, d, g in choices
        )

    @property
    def scored(self) -> tuple[SystemSettings, ...]:
        """The specifications and, where there is one, their baseline, which has that role."""
        if self.baseline is None:
            return self.specifications
        as_baseline = {"role": "baseline", "sources": ("decoded",)}
        return (*self.specifications, self.baseline.model_copy(update=as_baseline))


def _or_installed(family: str) -> WrapValidator:
    """Let a section pass whose kind an installed package adds, by that kind's own settings."""

    def validate(raw: Any, built_in: ValidatorFunctionWrapHandler) -> Any:
        kind = raw.get("kind") if isinstance(raw, dict) else None
        if not isinstance(kind, str) or kind in BUILT_IN[family]:
            return built_in(raw)
        known = kinds(family)
        if kind not in known:
            raise ValueError(f"kind must be one of {', '.join(sorted(known))}, got {kind!r}")
        return settings_of(family, kind).model_validate(raw)

    return WrapValidator(validate)


AnyData = SerializeAsAny[Annotated[DataSettings, _or_installed("study")]]
AnyEstimator = SerializeAsAny[Annotated[EstimatorSettings, _or_installed("estimator")]]
AnyTarget = SerializeAsAny[Annotated[TargetSettings, _or_installed("extractor")]]
AnyDecoder = SerializeAsAny[Annotated[DecoderSettings, _or_installed("decoder")]]
AnyGenerator = SerializeAsAny[Annotated[GeneratorSettings, _or_installed("backend")]]


class StudyConfig(Section):
    """One study: its data, its named sections and the systems made from them.

    A study of kinematics has ``online`` in place of all sections from responses to systems, one
    of features of people has ``deconfound``.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)
    title: str
    data: AnyData
    responses: dict[Name, AnyEstimator]
    targets: dict[Name, AnyTarget] = Field(
        default_factory=dict, description="none where labels alone are decoded"
    )
    design: DesignSettings
    decoders: dict[Name, AnyDecoder]
    generators: dict[Name, AnyGenerator] = Field(
        default_factory=dict, description="none where nothing is drawn"
    )
    encoders: dict[Name, EncoderSettings] = Field(
        default_factory=dict, description="encoding models; none unless named"
    )
    searchlights: dict[Name, SearchlightSettings] = Field(
        default_factory=dict, description="maps of where labels can be decoded; none unless named"
    )
    surface: str | None = Field(
        None,
        pattern=r"\{hemi\}",
        description="GIFTI mesh, {hemi} for L and R, may hold {subject}: what maps of vertices are "
        "drawn on; none = fsaverage5 where it has as many",
    )
    reconstruct: ReconstructSettings
    evaluate: EvaluateSettings
    systems: tuple[SystemSettings, ...]
    deconfound: DeconfoundSettings | None = Field(
        None, description="demographics that are taken out of features of people, and the audit"
    )
    online: OfflineSettings | None = Field(
        None, description="online decoders, scored on a recording with kinematics"
    )
    multiverse: MultiverseSettings | None = Field(
        None, description="what `snakemake multiverse` compares; no other run looks at it"
    )

    @model_validator(mode="before")
    @classmethod
    def _kinematics_alone(cls, raw: Any) -> Any:
        # Of evaluate a study of kinematics has the lock of its test set.
        alone = isinstance(raw, dict) and not raw.keys() & (NO_PICTURES.keys() - {"evaluate"})
        if alone and raw.keys() & {"online", "deconfound"}:
            return {**NO_PICTURES, **_recorded(raw), **raw}
        return raw

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        moves = self.data.kind == "kinematics"
        if moves and (self.online is None or self.systems):
            raise ValueError(
                "data of kind kinematics are for the section online, without responses, design, "
                "decoders, reconstruct and systems"
            )
        if moves and self.evaluate.model_fields_set - {"holdout"}:
            raise ValueError("evaluate: of data of kind kinematics it holds holdout alone")
        if not moves and self.online is not None:
            raise ValueError("online: needs data of kind kinematics")
        if self.cohort and (self.deconfound is None or self.systems):
            raise ValueError(
                f"data of kind {self.data.kind} are for the section deconfound, without responses, "
                "design, decoders, reconstruct, evaluate and systems"
            )
        if not moves and not self.cohort and not self.systems:
            raise ValueError("systems: at least one is needed")
        return self

    @model_validator(mode="after")
    def _nothing_past_the_lock(self) -> Self:
        if self.locked and (self.encoders or self.searchlights):
            raise ValueError(
                "encoders and searchlights score each unit on test trials, and the test set is "
                "locked (config/README.md): leave them out until all settings are made, then set "
                "evaluate.holdout.locked: false"
            )
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for system in self.all_systems:
            _known("responses", system.responses, self.responses)
            _known("decoder", system.decoder, self.decoders)
            if system.generator:
                _known("generator", system.generator, self.generators)
        for name, decoder in self.decoders.items():
            if decoder.deconfound and not decoder.targets:
                raise ValueError(f"decoders.{name}.deconfound: needs targets, the space of trials")
            if decoder.deconfound and self.locked:
                raise ValueError(
                    f"decoders.{name}.deconfound: is fitted on decoded test trials of other "
                    "people, which have no training score to answer with while the test set is "
                    "locked; set evaluate.holdout.locked: false"
                )
            for target in decoder.targets:
                _known(f"decoders.{name}.targets", target, self.targets)
        for name, encoder in self.encoders.items():
            _known(f"encoders.{name}.responses", encoder.responses, self.responses)
            for band in encoder.bands:
                _known(f"encoders.{name}.bands", band, self.targets)
        for name, searchlight in self.searchlights.items():
            _known(f"searchlights.{name}.responses", searchlight.responses, self.responses)
            _known(f"searchlights.{name}.decoder", searchlight.decoder, self.decoders)
        if self.targets:
            _known("reconstruct.choose_by", self.reconstruct.choose_by, self.targets)
            kind = self.targets[self.reconstruct.choose_by].kind
            if kind in ("motion", "clip"):
                raise ValueError(
                    f"reconstruct.choose_by: must be a target of pictures, got one of kind {kind}"
                )
        if self.clustered and not self.targets:
            raise ValueError("design.split.n_clusters: needs a target, whose features it clusters")
        if self.evaluate.extractors and not any(s.generator for s in self.all_systems):
            raise ValueError(
                "evaluate.extractors: score pictures, and no system of this study draws any: leave "
                "them out, or name a generator"
            )
        names = [system.name for system in self.systems]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"systems: listed twice: {', '.join(twice)}")
        return self

    @property
    def cohort(self) -> bool:
        """Whether the data are features of people, one row a person."""
        return self.data.kind in COHORTS

    @property
    def chains(self) -> tuple[str, ...]:
        """Names of all chains, in the order of the systems."""
        return tuple(dict.fromkeys(system.chain for system in self.systems))

    @property
    def drawing(self) -> tuple[SystemSettings, ...]:
        """The systems that draw pictures."""
        return tuple(system for system in self.systems if system.generator)

    def surface_of(self, subject: str) -> str | None:
        """Name what a subject's vertices are drawn on, with ``{hemi}``."""
        return self.surface and self.surface.replace("{subject}", subject)

    @property
    def clustered(self) -> bool:
        """Whether folds are clusters of the semantic target."""
        return getattr(self.design.split, "n_clusters", None) is not None

    @property
    def locked(self) -> bool:
        """Whether test scores are answered by a reusable holdout until they are unlocked."""
        if self.evaluate.holdout.locked is not None:
            return self.evaluate.holdout.locked
        if self.data.kind == "kinematics" and self.data.public:
            return False
        return self.data.kind in ("arrays", "bids", "kinematics") and not self.data.simulated

    @property
    def all_systems(self) -> tuple[SystemSettings, ...]:
        """The systems, and those that only the multiverse compares."""
        return (*self.systems, *(self.multiverse.scored if self.multiverse else ()))

    @property
    def used_responses(self) -> list[str]:
        """Names of the response sections that some system, encoder or searchlight uses."""
        names = [
            *(system.responses for system in self.systems),
            *(encoder.responses for encoder in self.encoders.values()),
            *(searchlight.responses for searchlight in self.searchlights.values()),
            *(self.responses if self.cohort else ()),
        ]
        return list(dict.fromkeys(names))

    @property
    def specified(self) -> tuple[SystemSettings, ...]:
        """What the multiverse scores.

        Raises
        ------
        ConfigError
            Where the study declares none.
        """
        if self.multiverse is None:
            raise ConfigError(
                f"study {self.name}: no section multiverse, which names the choices to compare; "
                "see config/README.md"
            )
        return self.multiverse.scored

    def used_targets(self, system: SystemSettings) -> list[str]:
        """Names of the targets that reconstruct reads for one system."""
        by = [self.reconstruct.choose_by] if self.targets else []
        return list(dict.fromkeys([*self.decoders[system.decoder].targets, *by]))

    def system(self, name: str) -> SystemSettings:
        """Return the system of that name."""
        known = {system.name: system for system in reversed(self.all_systems)}
        _require("system", name, known)
        return known[name]

    def chain(self, name: str) -> SystemSettings:
        """Return the first system that stands on that chain."""
        known = {system.chain: system for system in reversed(self.all_systems)}
        _require("chain", name, known)
        return known[name]


class RunConfig(Section):
    """Which studies a run covers, with which seed, and where results go."""

    studies: tuple[str, ...] = Field(min_length=1)
    seed: int = Field(1, ge=0, lt=2**31)
    results: str = "results"


def _known(where: str, name: str, table: Mapping[str, Any]) -> None:
    if name not in table:
        raise ValueError(f"{where}: must be one of {', '.join(table)}, got {name!r}")


def _require(what: str, name: str, table: Mapping[str, Any]) -> None:
    if name not in table:
        raise ConfigError(f"{what} must be one of {', '.join(table)}, got {name!r}")


def load_run(path: Path) -> RunConfig:
    """Read ``config.yaml``."""
    return read_settings(RunConfig, path)


def load_study(name: str, config: Path) -> StudyConfig:
    """Read a study's YAML.

    Parameters
    ----------
    name : str
        Name of a file in ``studies/`` beside ``config``, or a path that ends in ``.yaml``.
    config : Path
        The run's ``config.yaml``.
    """
    if name.endswith((".yaml", ".yml")):
        return read_settings(StudyConfig, Path(name))
    folder = config.parent / "studies"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        raise ConfigError(
            f"study must be one of {', '.join(known) or '(none found)'} in {folder}, or a path "
            f"to a .yaml file, got {name!r}"
        )
    study = read_settings(StudyConfig, path)
    if study.name != name:
        raise ConfigError(f"{path}: name must be the file's own ({name}), got {study.name!r}")
    return study
