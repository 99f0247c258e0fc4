"""Reading and writing of everything that the stages hand on: the only place that does.

A file is written under a temporary name and renamed when whole. The ``.json`` sidecar is removed
before a job begins, is written last and commits the artefact: what is missing its sidecar does not
exist. A sidecar holds the hashes of its files and of the sidecars that it was made from, so one
chain of hashes reaches back to the recording. It holds no time and no path of a machine:
identical runs hash alike.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from neurodecode import __version__
from neurodecode.atomic import claim, write_text, writing
from neurodecode.contracts import Conditions, Reconstruction, Responses, Targets
from neurodecode.errors import DataError

__all__ = [
    "SCHEMA",
    "Sidecar",
    "begin",
    "commit",
    "hash_file",
    "hash_settings",
    "is_current",
    "load_arrays",
    "load_conditions",
    "load_reconstruction",
    "load_responses",
    "load_targets",
    "load_trials",
    "name_inputs",
    "read_record",
    "read_sidecar",
    "read_table",
    "save_arrays",
    "save_conditions",
    "save_reconstruction",
    "save_responses",
    "save_targets",
    "write_table",
    "write_text",
    "writing",
]

SCHEMA = 1


@dataclass(frozen=True)
class Sidecar:
    """The commit record of one artefact.

    Attributes
    ----------
    stage : str
        Stage that made it.
    settings : str
        Hash of the settings, code and weights that the stage depends on.
    seed : int
        Seed of the run.
    inputs, files : dict of str to str
        sha256 of what was read (by name) and of the artefact's own files.
    facts : dict
        What a reader needs beside the arrays (shape, extractor, classes, ...).
    schema, version
        Layout of the artefact; version of the package that wrote it.
    """

    stage: str
    settings: str
    seed: int
    inputs: dict[str, str]
    files: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA
    version: str = __version__


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a tab-separated table with a header, whole or not at all."""
    with writing(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, na_rep="n/a", lineterminator="\n")


def read_table(path: Path, *, text: Sequence[str] = ()) -> pd.DataFrame:
    """Read a tab-separated table; columns named in ``text`` stay text (``01`` is not 1)."""
    try:
        table = pd.read_csv(
            path, sep="\t", na_values=["n/a"], keep_default_na=False, dtype=dict.fromkeys(text, str)
        )
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. Run the stage that makes it first.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path}: not a tab-separated table ({error})") from error
    for column in text:
        if column in table:
            table[column] = table[column].fillna("")
    return table


def hash_file(path: Path) -> str:
    """sha256 of a file's content."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def hash_settings(settings: object) -> str:
    """First 16 hex digits of the sha256 of a JSON-able object with sorted keys."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def begin(sidecar: Path) -> None:
    """Take back an artefact that is about to be made again.

    From here until :func:`commit` it does not exist, so that files of an old and of an interrupted
    run are never taken for one artefact. Tells at once, and not after the work, where nothing can
    be written.

    Raises
    ------
    OutputError
        Where the file system refuses.
    """
    with claim(sidecar):
        sidecar.unlink(missing_ok=True)


def commit(
    path: Path,
    stage: str,
    *,
    settings: str,
    seed: int,
    inputs: Mapping[str, str],
    files: Sequence[Path],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the sidecar ``path`` that makes an artefact count.

    Parameters
    ----------
    path : Path
        The sidecar, ``*.json``.
    stage, settings, seed
        See :class:`Sidecar`.
    inputs : mapping of str to str
        What was read, hashes by name, see :func:`name_inputs`.
    files : sequence of Path
        What was written; named relative to the sidecar's folder.
    facts : mapping, optional
        See :class:`Sidecar`.
    """
    record = Sidecar(
        stage=stage,
        settings=settings,
        seed=seed,
        inputs=dict(inputs),
        files={file.relative_to(path.parent).as_posix(): hash_file(file) for file in files},
        facts=dict(facts or {}),
    )
    write_text(path, json.dumps(record.__dict__, indent=1, sort_keys=True) + "\n")


def read_record(path: Path, newest: int, *, what: str, absent: str, again: str) -> dict[str, Any]:
    """Read a JSON file that says what lies beside it, and in which schema.

    Parameters
    ----------
    path : Path
    newest : int
        Newest schema that this version reads.
    what : str
        What the file is, for the message.
    absent, again : str
        What to do where it is missing, and where it is damaged.

    Raises
    ------
    DataError
        Where it is missing, damaged, or written by a newer version of this package.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. {absent}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: damaged ({error}). {again}") from error
    schema = record.get("schema") if isinstance(record, dict) else None
    if not isinstance(schema, int):
        raise DataError(f"{path}: not {what} (no schema number)")
    if schema > newest:
        raise DataError(
            f"{path}: written in schema {schema} by neurodecode {record.get('version')}; this "
            f"version ({__version__}) reads schemas up to {newest}. Update neurodecode."
        )
    return dict(record)


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises
    ------
    DataError
        Where it is missing, damaged, or written by a newer version of this package.
    """
    record = read_record(
        path,
        SCHEMA,
        what="an artefact of neurodecode",
        absent="Run the stage that makes it first.",
        again="Delete it and run again.",
    )
    try:
        return Sidecar(**record)
    except TypeError as error:
        raise DataError(f"{path}: not a complete sidecar ({error})") from error


def is_current(path: Path, *, settings: str, seed: int, inputs: Mapping[str, str]) -> bool:
    """Whether the artefact behind a sidecar is whole and what the same job would make again."""
    if not path.exists():
        return False
    record = read_sidecar(path)
    return (
        record.version == __version__
        and record.settings == settings
        and record.seed == seed
        and record.inputs == inputs
        and all(_is_file(path.parent / name, digest) for name, digest in record.files.items())
    )


def _is_file(path: Path, digest: str) -> bool:
    return path.is_file() and hash_file(path) == digest


def name_inputs(inputs: Sequence[Path], root: Path) -> dict[str, Path]:
    """Name what a job reads, for its sidecar: no path of a machine, no two alike.

    Parameters
    ----------
    inputs : sequence of Path
    root : Path
        Folder of the study's results: what lies there is named from there, other files by their
        folder and name, with a number where two share them.
    """
    named: dict[str, Path] = {}
    for source in dict.fromkeys(inputs):
        inside = source.is_relative_to(root)
        name = (source.relative_to(root) if inside else Path(*source.parts[-2:])).as_posix()
        others = sum(known.partition("#")[0] == name for known in named)
        named[f"{name}#{others + 1}" if others else name] = source
    return named


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays as safetensors, whole or not at all."""
    with writing(path) as temporary:
        save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, temporary)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of a safetensors file.

    Raises
    ------
    DataError
        Where the file is missing or damaged.
    """
    try:
        # Not mapped into memory: what is mapped and its copy would count twice.
        with safe_open(path, framework="numpy", backend="pread") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. Run the stage that makes it first.") from error
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: not a whole safetensors file ({error})") from error


TEXT = ("participant_id", "trial", "stimulus", "category", "session", "item", "unit", "roi")


def save_responses(sidecar: Path, responses: Responses) -> list[Path]:
    """Write the files of ``Responses`` beside their sidecar's name; returns them."""
    stem = sidecar.with_suffix("")
    files = [
        stem.with_suffix(".safetensors"),
        stem.with_name(f"{stem.name}_trials.tsv"),
        stem.with_name(f"{stem.name}_units.tsv"),
    ]
    save_arrays(files[0], {"data": responses.data})
    write_table(files[1], responses.trials)
    write_table(files[2], responses.units)
    return files


def load_trials(sidecar: Path) -> pd.DataFrame:
    """Read the trials of ``Responses`` alone."""
    read_sidecar(sidecar)
    return read_table(sidecar.with_name(f"{sidecar.stem}_trials.tsv"), text=TEXT)


def load_responses(sidecar: Path) -> Responses:
    """Read ``Responses`` from the sidecar that commits them."""
    facts, stem = read_sidecar(sidecar).facts, sidecar.with_suffix("")
    return Responses(
        data=load_arrays(stem.with_suffix(".safetensors"))["data"],
        trials=load_trials(sidecar),
        units=read_table(stem.with_name(f"{stem.name}_units.tsv"), text=TEXT),
        transductive=bool(facts["transductive"]),
    )


def save_targets(sidecar: Path, targets: Targets) -> tuple[list[Path], dict[str, Any]]:
    """Write the files of ``Targets``; returns them and the facts for the sidecar."""
    file = sidecar.with_suffix(".safetensors")
    save_arrays(file, {"values": targets.values})
    return [file], {"ids": targets.ids, "shape": targets.shape, "extractor": targets.extractor}


def load_targets(sidecar: Path) -> Targets:
    """Read ``Targets`` from the sidecar that commits them."""
    facts = read_sidecar(sidecar).facts
    return Targets(
        ids=tuple(facts["ids"]),
        values=load_arrays(sidecar.with_suffix(".safetensors"))["values"],
        shape=tuple(facts["shape"]),
        extractor=facts["extractor"],
    )


def save_conditions(sidecar: Path, conditions: Conditions) -> tuple[list[Path], dict[str, Any]]:
    """Write the files of ``Conditions``; returns them and the facts for the sidecar."""
    files = [sidecar.with_suffix(".safetensors"), sidecar.with_suffix(".tsv")]
    save_arrays(files[0], dict(conditions.arrays))
    write_table(files[1], conditions.table)
    return files, {"classes": conditions.classes}


def load_conditions(sidecar: Path) -> Conditions:
    """Read ``Conditions`` from the sidecar that commits them."""
    facts = read_sidecar(sidecar).facts
    return Conditions(
        table=read_table(sidecar.with_suffix(".tsv"), text=TEXT),
        arrays=load_arrays(sidecar.with_suffix(".safetensors")),
        classes=tuple(facts["classes"]),
    )


def save_reconstruction(sidecar: Path, drawn: Reconstruction) -> list[Path]:
    """Write the shown pictures as PNG, all samples as safetensors and the table as TSV.

    The folder that has the sidecar's name holds ``{item}.png``, of clips ``{item}.webp`` that move.

    Raises
    ------
    DataError
        Where an item's name, which comes from the data, is no plain file name.
    """
    from PIL import Image

    unsafe = [name for name in drawn.table["item"] if not re.fullmatch(r"\w[\w.+-]{0,150}", name)]
    if unsafe:
        raise DataError(
            f"stimulus or trial names must be letters, digits, '_', '.', '+', '-' (they name the "
            f"pictures' files), got {', '.join(map(repr, unsafe[:5]))}"
        )
    files = [sidecar.with_suffix(".safetensors"), sidecar.with_suffix(".tsv")]
    folder = sidecar.with_suffix("")
    with writing(folder) as temporary:
        temporary.mkdir()
        if drawn.fps is None:
            for item, picture in zip(drawn.table["item"], drawn.shown, strict=True):
                Image.fromarray(picture).save(temporary / f"{item}.png")
        else:
            for item, clip in zip(drawn.table["item"], drawn.clips(), strict=True):
                _write_webp(temporary / f"{item}.webp", clip, drawn.fps)
    arrays = {f"gate.{name}": values for name, values in drawn.gates.items()}
    if drawn.fps is not None:
        arrays["fps"] = np.array([drawn.fps])
    save_arrays(files[0], {"samples": drawn.samples, "chosen": drawn.chosen, **arrays})
    table = drawn.table.assign(chosen=drawn.chosen, **drawn.gates)
    write_table(files[1], table)
    return [*files, *sorted(folder.iterdir())]


def _write_webp(path: Path, frames: NDArray[np.uint8], fps: float) -> None:
    """Write a clip (n_frames, h, w, 3) without loss, repeated for ever."""
    from PIL import Image

    first, *rest = [Image.fromarray(frame) for frame in frames]
    first.save(path, save_all=True, append_images=rest, duration=1000 / fps, loop=0, lossless=True)


def load_reconstruction(sidecar: Path) -> Reconstruction:
    """Read a ``Reconstruction`` from the sidecar that commits it."""
    read_sidecar(sidecar)
    arrays = load_arrays(sidecar.with_suffix(".safetensors"))
    table = read_table(sidecar.with_suffix(".tsv"), text=TEXT)
    gates = {n.removeprefix("gate."): a for n, a in arrays.items() if n.startswith("gate.")}
    return Reconstruction(
        table=table.drop(columns=["chosen", *gates]),
        samples=arrays["samples"],
        chosen=arrays["chosen"],
        gates=gates,
        fps=float(arrays["fps"][0]) if "fps" in arrays else None,
    )
