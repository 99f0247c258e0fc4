"""The commands. Everything heavy is imported inside the handlers, so that ``--help`` is instant."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurodecode import __version__
from neurodecode.errors import DataWarning, NeurodecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from neurodecode.config import RunConfig
    from neurodecode.pipeline import Job

__all__ = ["main"]

WILDCARDS = (
    "target", "responses", "subject", "chain", "deconfounder", "encoder", "searchlight", "system",
    "source",
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code (2 for a user's mistake)."""
    options = _parser().parse_args(argv)
    _one_thread()
    warnings.showwarning = _show_warning
    try:
        code: int = options.handler(options)
        sys.stdout.flush()
    except NeurodecodeError as error:
        print(f"neurodecode: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("neurodecode: stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    except OSError as error:
        from neurodecode.atomic import is_full

        if not is_full(error):
            raise
        _discard_output()
        print(
            f"neurodecode: {error.filename or 'output'}: cannot be written: the disk is full. "
            "Free space, then run the same command again: finished work is kept.",
            file=sys.stderr,
        )
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="neurodecode", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"neurodecode {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    stage = commands.add_parser("stage", help="run one stage of the pipeline, as the rules do")
    stage.add_argument("name", help="targets, preprocess, design, embed, encode, ...")
    stage.add_argument("--study", help="name of a study (not for: report, multiverse)")
    stage.add_argument("--studies", nargs="+", metavar="STUDY", help="of a page; else the config's")
    for wildcard in WILDCARDS:
        stage.add_argument(f"--{wildcard}", metavar="NAME")
    stage.set_defaults(handler=_stage)

    one = commands.add_parser("reconstruct", help="one subject's stimuli, from data to pictures")
    one.add_argument("--study", required=True, help="name of a study, or a path to its YAML")
    one.add_argument("--subject", required=True, help="participant, e.g. 01")
    one.set_defaults(handler=_reconstruct)

    unlock = commands.add_parser(
        "unlock", help="exact test scores of a locked study from now on: once, logged, for good"
    )
    unlock.add_argument("--study", required=True, help="name of a study, or a path to its YAML")
    unlock.set_defaults(handler=_unlock)

    for command in (stage, one, unlock):
        command.add_argument("--config", type=Path, default=Path("config/config.yaml"))
        command.add_argument("--seed", type=int, help="default: the one in config.yaml")
        command.add_argument(
            "--out", "--results", dest="out", type=Path, help="results folder (config: results)"
        )

    _add_online(commands)

    cohort = commands.add_parser("simulate-cohort", help="people whose truth is known, as BIDS")
    cohort.add_argument(
        "--out", type=Path, default=Path("data/virtual-cohort"), help="holds func/ and eeg/"
    )
    cohort.add_argument("--datatype", choices=["func", "eeg"], nargs="+", default=["func", "eeg"])
    cohort.add_argument("--preset", default="realistic", help="or easy, hard, world-B")
    cohort.add_argument("--effects", default="default", help="of age, sex and site")
    cohort.add_argument("--subjects", type=int, default=8, help="of each datatype (8)")
    cohort.add_argument("--train", type=int, default=600, help="training pictures (600)")
    cohort.add_argument("--test", type=int, default=100, help="held-out pictures (100)")
    cohort.add_argument("--jobs", type=int, default=2, help="people written at once (2)")
    cohort.set_defaults(handler=_simulate_cohort)

    doctor = commands.add_parser("doctor", help="devices, weights, data, versions; what to get")
    doctor.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    doctor.set_defaults(handler=_doctor)

    train = commands.add_parser("train-generator", help="retrain the small networks that ship")
    train.add_argument("--out", type=Path, default=Path("weights"), help="folder of the weights")
    train.add_argument("--work", type=Path, default=Path("training"), help="checkpoints, pictures")
    train.add_argument(
        "--parts", nargs="+", metavar="PART", help="clip captions independent vae unet"
    )
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--threads", type=int, default=2)
    train.set_defaults(handler=_train_generator)

    schema = commands.add_parser("schema", help="JSON schema of a study's YAML")
    schema.set_defaults(handler=_schema)
    return parser


_DECODERS = "kalman (default), kalman-steady, dkf, dkf-nw, dkf-kernel"


def _add_online(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    calibrate = commands.add_parser("calibrate", help="fit an online decoder on a recording")
    calibrate.add_argument(
        "recording", help=".npz with data, sfreq and kinematics, or flint2012 (ships)"
    )
    calibrate.add_argument("--decoder", default="kalman", help=_DECODERS)
    calibrate.add_argument("--out", type=Path, required=True, help="folder of the decoder")
    calibrate.add_argument("--bin-width", type=float, help="seconds (default: .05, or one sample)")

    replay = commands.add_parser("replay", help="decode a recording as if live, without waiting")
    replay.add_argument("recording", help="FIF, BrainVision, EDF, XDF, npz, or flint2012 (ships)")
    stream = commands.add_parser("stream", help="decode a live source")
    stream.add_argument("--source", help="lsl:NAME, replay:FILE or board:synthetic")
    stream.add_argument("--seconds", type=float, help="end after so long (default: Ctrl-C)")
    stream.add_argument("--study", help="with --decoder image: whose test trials are drawn")
    stream.add_argument("--subject", help="with --decoder image")
    stream.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    stream.add_argument("--results", type=Path, help="folder of the pipeline (config: results)")
    stream.add_argument("--steps", type=int, default=6, help="of the generator, a picture")
    stream.add_argument("--markers", metavar="NAME", help="LSL stream of markers, for image")
    stream.add_argument("--microvolts", action="store_true", help="the unit of the EEG (volts)")
    for command in (replay, stream):
        command.add_argument(
            "--decoder", type=Path, nargs="+", required=True, metavar="DIR",
            help="from calibrate; first decodes, the dashboard can swap; stream: or image",
        )  # fmt: skip
        command.add_argument("--log", type=Path, metavar="TSV", help="one row an output")
    for command in (calibrate, replay, stream):
        command.add_argument("--settings", type=Path, metavar="YAML", help="of a live session")

    simulate = commands.add_parser("simulate", help="a cursor, simulated neurons, closed loop")
    simulate.add_argument("--task", choices=["centre-out", "random", "grid"], default="centre-out")
    simulate.add_argument("--decoder", default="kalman", help=_DECODERS)
    simulate.add_argument("--drift", choices=["none", "slow", "fast"], default="none")
    simulate.add_argument("--calibration", type=float, default=60, help="seconds (60)")
    simulate.add_argument("--seconds", type=float, help="of control (60; dashboard: until stopped)")
    simulate.add_argument("--seed", type=int, default=1)
    for command in (stream, simulate):
        command.add_argument("--dashboard", action="store_true", help="a page on this machine")
        command.add_argument("--port", type=int, default=0, help="of the dashboard (any)")
    replay.set_defaults(dashboard=False)
    calibrate.set_defaults(handler=_online, module="commands", online="calibrate")
    simulate.set_defaults(handler=_online, module="commands", online="simulate")
    replay.set_defaults(handler=_online, module="sessions", online="replay")
    stream.set_defaults(handler=_online, module="sessions", online="stream")


_DESCRIPTION = "Decode brain recordings: what was seen, with an honest score beside it."


def _one_thread() -> None:
    """Give numerical libraries one thread: jobs fill the cores, and sums stay bit-identical."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def _show_warning(
    message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> None:
    if issubclass(category, DataWarning):
        print(f"warning: {message}", file=sys.stderr)


def _discard_output() -> None:
    """Drop what standard output could not take: Python would try, and fail, once more at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run_config(options: argparse.Namespace) -> RunConfig:
    from neurodecode.config import load_run

    run = load_run(options.config)
    changes = {"seed": options.seed, "results": options.out and str(options.out)}
    return run.model_copy(update={k: v for k, v in changes.items() if v is not None})


def _stage(options: argparse.Namespace) -> int:
    from neurodecode.config import load_study
    from neurodecode.errors import ConfigError
    from neurodecode.pages import run_multiverse, run_report
    from neurodecode.paths import Paths
    from neurodecode.pipeline import STAGES, Job, run

    config = _run_config(options)
    pages = {"report": run_report, "multiverse": run_multiverse}
    if options.name in pages:
        names = options.studies or config.studies
        studies = [load_study(name, options.config) for name in names]
        pages[options.name](studies, Path(config.results), config.seed)
        return 0
    if options.name not in STAGES:
        raise ConfigError(
            f"stage must be one of {', '.join([*STAGES, *pages])}, got {options.name!r}"
        )
    needed = STAGES[options.name].wildcards
    missing = [f"--{w}" for w in needed if getattr(options, w) is None]
    if options.study is None or missing:
        raise ConfigError(
            f"stage {options.name} needs --study {' '.join(f'--{w}' for w in needed)}"
        )
    study = load_study(options.study, options.config)
    paths = Paths(Path(config.results), study.name)
    wildcards = {name: getattr(options, name) for name in needed}
    job = Job(options.name, study, paths, config.seed, wildcards)
    _check_names(job)
    run(job)
    return 0


def _check_names(job: Job) -> None:
    from neurodecode.errors import ConfigError
    from neurodecode.reconstruct.settings import SOURCES

    study = job.study
    known: dict[str, Iterable[str]] = {
        "target": study.targets,
        "responses": study.responses,
        "subject": job.adapter.subjects(),
        "encoder": study.encoders,
        "deconfounder": study.deconfound.names if study.deconfound else (),
        "searchlight": study.searchlights,
        "chain": [system.chain for system in study.all_systems],
        "system": [system.name for system in study.all_systems],
        "source": SOURCES,
    }
    for name, value in job.wildcards.items():
        if value not in known[name]:
            raise ConfigError(
                f"study {study.name}: {name} must be one of {', '.join(known[name])}, got {value!r}"
            )


def _reconstruct(options: argparse.Namespace) -> int:
    from rich.console import Console

    from neurodecode.config import load_study
    from neurodecode.errors import ConfigError
    from neurodecode.paths import Paths
    from neurodecode.pipeline import jobs_for_subject, run
    from neurodecode.report.terminal import print_subject

    config, study = _run_config(options), load_study(options.study, options.config)
    if study.cohort:
        raise ConfigError(
            f"study {study.name}: holds no stimuli; its methods are audited by: neurodecode stage "
            f"deconfound --study {study.name} --deconfounder NAME"
        )
    if not study.systems:
        raise ConfigError(
            f"study {study.name}: holds no stimuli; its decoders are scored by: neurodecode stage "
            f"online --study {study.name} --subject {options.subject}"
        )
    paths = Paths(Path(config.results), study.name)
    console = Console(stderr=True)
    jobs = list(jobs_for_subject(study, paths, config.seed, options.subject))
    for number, job in enumerate(jobs, start=1):
        name = f"[{number}/{len(jobs)}] {' '.join([job.stage, *job.wildcards.values()])}"
        with console.status(name):
            done = run(job, reuse=True)
        console.print(f"{name}: {'done' if done else 'kept'}", highlight=False)
    print_subject(study, paths, options.subject)
    return 0


def _unlock(options: argparse.Namespace) -> int:
    from neurodecode.config import load_study
    from neurodecode.evaluate.holdout import unlock
    from neurodecode.paths import Paths
    from neurodecode.pipeline import Job

    config, study = _run_config(options), load_study(options.study, options.config)
    if not study.locked:
        print(f"study {study.name}: its test set is not locked; exact scores are given anyway.")
        return 0
    paths = Paths(Path(config.results), study.name)
    subjects = Job("design", study, paths, config.seed).adapter.subjects()
    done = unlock(study, paths, subjects)
    if not done:
        print(f"study {study.name}: is unlocked already.")
        return 0
    print(
        f"study {study.name}: test set unlocked for {', '.join(done)}; this cannot be taken back "
        "and stands in the ledger. The next run (snakemake, or neurodecode reconstruct) gives "
        "exact scores. Settings that are changed from here on lean on them: report only what was "
        "decided before."
    )
    return 0


def _online(options: argparse.Namespace) -> int:
    from importlib import import_module

    module = import_module(f"neurodecode.online.{options.module}")
    code: int = getattr(module, f"run_{options.online}")(options)
    return code


def _simulate_cohort(options: argparse.Namespace) -> int:
    from neurodecode.progress import track
    from neurodecode.simulate.written import Cohort, write_cohort

    for datatype in options.datatype:
        cohort = Cohort(
            options.out / datatype, datatype, options.preset, options.effects, options.subjects,
            options.train, options.test,
        )  # fmt: skip
        with track(f"people, {datatype}", total=options.subjects) as advance:
            write_cohort(cohort, options.jobs, advance)
        print(f"{cohort.root}: {options.subjects} simulated people")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from neurodecode.doctor import examine

    return examine(options.config)


def _train_generator(options: argparse.Namespace) -> int:
    import logging

    from neurodecode.models.train_generator import PARTS, train_generator

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train_generator(
        options.out,
        options.work,
        parts=options.parts or tuple(PARTS),
        seed=options.seed,
        threads=options.threads,
    )
    return 0


def _schema(options: argparse.Namespace) -> int:
    import json

    from neurodecode.config import StudyConfig

    print(json.dumps(StudyConfig.model_json_schema(), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
