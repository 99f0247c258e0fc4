"""The command line: quick, and a user's mistake shows one message and code 2."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neurodecode import doctor
from neurodecode.cli import main

ROOT = Path(__file__).parents[2]


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from neurodecode.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'pydantic', 'nilearn', 'diffusers', 'rich'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "reconstruct" in done.stdout


def stage(name, *wildcards):
    return ["stage", name, "--study", "haxby2001", *wildcards]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stage", "design", "--study", "nope"], "study must be one of"),
        (["stage", "dezign", "--study", "haxby2001"], "stage must be one of targets"),
        (["stage", "embed", "--study", "haxby2001"], "needs --study --chain"),
        (["stage", "embed", "--study", "haxby2001", "--chain", "a-b"], "chain must be one of"),
        (["reconstruct", "--study", "haxby2001", "--subject", "99"], "subject must be one of 01"),
        (stage("targets", "--target", "x"), "target must be one of semantic, pixels, got 'x'"),
        (stage("preprocess", "--responses", "blocks", "--subject", "99"), "subject must be one of"),
        (stage("preprocess", "--responses", "x", "--subject", "01"), "responses must be one of"),
        (stage("reconstruct", "--system", "x", "--source", "true", "--subject", "01"), "system m"),
        (
            stage(
                "reconstruct",
                "--system",
                "blocks-ridge-nearest",
                "--source",
                "x",
                "--subject",
                "01",
            ),
            "source must be one of decoded, true, permuted, mean",
        ),
        (["stage", "design", "--study", "haxby2001", "--config", "none.yaml"], "no such file"),
    ],
)
def test_a_mistake_is_one_message(arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert not list(tmp_path.iterdir())


def test_a_stage_whose_inputs_are_missing_says_what_to_run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    arguments = ["stage", "design", "--study", "haxby2001", "--out", str(tmp_path)]
    assert main(arguments) == 2
    assert "Run the stage that makes it first" in capsys.readouterr().err


def test_doctor_finds_what_ships_and_what_is_missing(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    monkeypatch.setitem(doctor.EXTRAS, "nothing", ("no-such-package", "nobody"))
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["doctor"]) == 0  # what only an extra needs is not missed
    shown = capsys.readouterr().out
    assert "1 subject(s), 3 of 3 files" in shown
    assert "2 subject(s), reads no files" in shown
    assert "pip install -e '.[nothing]' for nobody" in shown
    assert main(["doctor", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "missing" in capsys.readouterr().out


def test_schema_is_json(capsys):
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    assert "systems" in schema["properties"]


def test_a_full_disk_behind_standard_output_is_one_message():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "neurodecode.cli", "schema"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("neurodecode: output: cannot be written: the disk is full.")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_anywhere_is_one_message_and_other_errors_stay_visible(capsys, monkeypatch):
    def refuse(code):
        def examine(_):
            raise OSError(code, os.strerror(code), "/scratch/x")

        monkeypatch.setattr(doctor, "examine", examine)
        return main(["doctor"])

    assert refuse(errno.EDQUOT) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("neurodecode: /scratch/x: cannot be written: the disk is full.")
    with pytest.raises(OSError, match="Input/output"):
        refuse(errno.EIO)
