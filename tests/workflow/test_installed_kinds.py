"""An installed package adds a kind of every family by its entry points, as CONTRIBUTING.md says."""

import subprocess
import sys

import pytest
import yaml
from conftest import environment

from neurodecode.artifacts import read_table
from neurodecode.cli import main
from neurodecode.config import load_study
from neurodecode.paths import Paths
from neurodecode.pipeline import Job
from neurodecode.registry import make

# One module of a package that is not ours: a study, an estimator, an extractor, a decoder and a
# backend, each the least that its protocol asks for.
MODULE = """
from typing import Literal

import numpy as np
import pandas as pd

from neurodecode.contracts import Recording, Responses, Stimuli, Targets
from neurodecode.embed.settings import DecoderSection
from neurodecode.preprocess.settings import EstimatorSection
from neurodecode.settings import Section


class StripesSettings(Section):
    kind: Literal["stripes"]
    n_pictures: int = 60


class Stripes:
    settings = StripesSettings
    level, simulated = "stimulus", True

    def __init__(self, n_pictures):
        self.n = n_pictures
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (self.n, 1, 8, 3)).repeat(8, axis=1)
        ids = [f"stripes-{k:02d}" for k in range(self.n)]
        sets = ["train" if k < self.n - 20 else "test" for k in range(self.n)]
        table = pd.DataFrame({"id": ids, "caption": ids, "category": "", "set": sets})
        self.shown = Stimuli(table, pixels.astype(np.uint8))
        x = pixels[:, 0].reshape(self.n, -1) @ rng.normal(size=(24, 40)) / 100
        self.data = (x + rng.normal(size=x.shape)).astype(np.float32)

    def subjects(self):
        return ("01",)

    def stimuli(self):
        return self.shown

    def load(self, subject):
        ids = self.shown.table["id"]
        trials = pd.DataFrame({
            "participant_id": subject, "trial": "t-" + ids, "stimulus": ids, "category": "",
            "session": "1", "run": np.arange(self.n) % 4, "repeat": 0,
        })
        units = pd.DataFrame({"unit": [f"u{k}" for k in range(40)], "roi": ""})
        return Responses(self.data, trials, units)

    def sources(self, subject):
        return []

    def stimulus_sources(self):
        return []

    def about(self):
        return {"recorded": "Made up.", "seen": "Stripes.", "limits": "All of it."}


class HalvedSettings(EstimatorSection):
    kind: Literal["halved"]


class Halved:
    settings = HalvedSettings

    def estimate(self, data):
        return Responses(data.data / 2, data.trials, data.units)


class ColumnsSettings(Section):
    kind: Literal["columns"]


class Columns:
    settings = ColumnsSettings

    def embed(self, pictures):
        return (pictures[:, 0].reshape(len(pictures), -1) / 255).astype(np.float32)

    def extract(self, stimuli):
        values = self.embed(stimuli.pixels)
        return Targets(tuple(stimuli.table["id"]), values, values.shape[1:], "columns")


class LeastSquaresSettings(DecoderSection):
    kind: Literal["least_squares"]
    targets: tuple[str, ...]
    penalty: float = 1.0


class LeastSquares:
    settings = LeastSquaresSettings
    classes = ()

    def __init__(self, targets, penalty):
        self.targets, self.penalty = targets, penalty

    def fit(self, X, targets, *, labels, groups):
        one = np.c_[X, np.ones(len(X))]
        inverse = np.linalg.inv(one.T @ one + self.penalty * np.eye(one.shape[1]))
        self.weights_ = {n: inverse @ one.T @ t for n, t in targets.items()}
        return self

    def predict(self, X):
        one = np.c_[X, np.ones(len(X))]
        return {n: (one @ w).astype(np.float32) for n, w in self.weights_.items()}

    def state(self):
        return self.weights_


class Bare:
    pass


class PaintedSettings(Section):
    kind: Literal["painted"]


class Painted:
    settings = PaintedSettings
    uses = ("columns",)

    def generate(self, conditions, gallery, *, seeds):
        row = np.clip(conditions.arrays["columns"] * 255, 0, 255).astype(np.uint8)
        return row.reshape(len(row), 1, 1, 8, 3).repeat(8, axis=2)
"""
KINDS = {"study": "Stripes", "estimator": "Halved", "extractor": "Columns",
         "decoder": "LeastSquares", "backend": "Painted"}  # fmt: skip
NAMES = {"study": "stripes", "estimator": "halved", "extractor": "columns",
         "decoder": "least_squares", "backend": "painted"}  # fmt: skip
SYSTEM = {"responses": "halved", "decoder": "ours", "generator": "painted"}
STUDY = {
    "name": "stripes", "title": "Stripes", "data": {"kind": "stripes"},
    "responses": {"halved": {"kind": "halved"}},
    "targets": {"columns": {"kind": "columns"}},
    "design": {"split": {"kind": "stimulus_set"}, "group": "stimulus"},
    "decoders": {"ours": {"kind": "least_squares", "targets": ["columns"], "penalty": 2.0}},
    "generators": {"painted": {"kind": "painted"}},
    "reconstruct": {"unit": "stimulus", "n_samples": 1, "choose_by": "columns"},
    "evaluate": {"n_bootstrap": 200, "n_permutations": 500},
    "systems": [SYSTEM],
}  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder with a study in ``config`` and, in ``site``, a package as pip installs it."""
    folder = tmp_path_factory.mktemp("plugin")
    site = folder / "site" / "stripes-1.0.dist-info"
    site.mkdir(parents=True)
    (folder / "site" / "stripes.py").write_text(MODULE)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: stripes\nVersion: 1.0\n")
    (site / "entry_points.txt").write_text(
        "".join(f"[neurodecode.{f}]\n{NAMES[f]} = stripes:{c}\n" for f, c in KINDS.items())
        + "[neurodecode.decoder]\nno_settings = stripes:Bare\n"
    )
    (folder / "config" / "studies").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump({"studies": ["stripes"]}))
    write(folder, STUDY)
    return folder


def write(folder, study):
    (folder / "config" / "studies" / f"{study['name']}.yaml").write_text(yaml.safe_dump(study))


@pytest.fixture
def inside(installed, monkeypatch):
    """The folder, as the working one of a process that finds the package."""
    monkeypatch.syspath_prepend(installed / "site")
    monkeypatch.chdir(installed)
    return installed


def neurodecode(folder, *arguments):
    env = environment()
    env["PYTHONPATH"] += f":{folder / 'site'}"
    return subprocess.run(
        [sys.executable, "-m", "neurodecode.cli", *arguments],
        cwd=folder, capture_output=True, text=True, env=env,
    )  # fmt: skip


def test_a_kind_of_each_family_runs_from_responses_to_the_report(installed):
    done = neurodecode(installed, "reconstruct", "--study", "stripes", "--subject", "01")
    assert done.returncode == 0, done.stderr
    page = neurodecode(installed, "stage", "report")
    assert page.returncode == 0, page.stderr
    scores = read_table(installed / "results/stripes/scores/sub-01.tsv")
    row = scores[(scores["metric"] == "two_way_pixcorr") & (scores["source"] == "decoded")].iloc[0]
    assert row["n"] == 20
    assert row["ci_low"] > 0.5
    assert row["p"] < 0.05
    assert "Stripes" in (installed / "results/report/index.html").read_text()


def test_a_key_of_an_installed_kind_reaches_its_class_and_the_hash(inside):
    found = []
    for penalty in (2.0, 3.0):
        decoder = {**STUDY["decoders"]["ours"], "penalty": penalty}
        write(inside, {**STUDY, "decoders": {"ours": decoder}})
        study = load_study("stripes", inside / "config/config.yaml")
        job = Job("embed", study, Paths(inside, "stripes"), 1, {"chain": "halved-ours"})
        assert make("decoder", study.decoders["ours"]).penalty == penalty
        assert study.model_dump()["decoders"]["ours"]["penalty"] == penalty
        found.append(job.settings_hash)
    write(inside, STUDY)
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        ({"kind": "least_squares", "targets": ["columns"], "penlty": 2}, "penlty: unknown key"),
        ({"kind": "least_squares", "targets": [], "penalty": "x"}, "decoders.ours.penalty"),
        ({"kind": "least", "targets": []}, "must be one of least_squares, no_settings, ridge"),
        ({"kind": "no_settings"}, "stripes:Bare, of an installed package, must name its settings"),
    ],
)
def test_a_mistake_in_an_installed_kind_is_one_message(inside, decoder, message, capsys):
    write(inside, {**STUDY, "name": "wrong", "decoders": {"ours": decoder}})
    assert main(["reconstruct", "--study", "wrong", "--subject", "01"]) == 2
    assert message in capsys.readouterr().err
