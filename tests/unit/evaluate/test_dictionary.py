"""All scores of a run in one table, and what each metric means beside it."""

import json

import pandas as pd
import pytest

from neurodecode.artifacts import write_table
from neurodecode.errors import DataError
from neurodecode.evaluate.dictionary import COLUMNS, TEXT, collect, define
from neurodecode.report.load import SCORE_COLUMNS


def row(**changes):
    base = dict.fromkeys(COLUMNS, "text")
    numbers = {
        "subject": "01", "metric": "ssim", "value": 0.25, "ci_low": 0.1, "ci_high": 0.4,
        "chance": float("nan"), "n": 8, "p": 0.5, "transductive": True, "seed": 1,
    }  # fmt: skip
    return {**base, **numbers, **changes}


def test_collect_round_trip(tmp_path):
    one, two = pd.DataFrame([row()]), pd.DataFrame([row(subject="02", metric="accuracy_8way")])
    write_table(tmp_path / "a" / "sub-01.tsv", one)
    write_table(tmp_path / "a" / "sub-02.tsv", two)
    files = collect([tmp_path / "a/sub-01.json", tmp_path / "a/sub-02.tsv"], tmp_path / "all.tsv")
    assert [file.name for file in files] == ["all.tsv", "all.json"]
    whole = pd.read_csv(files[0], sep="\t", na_values=["n/a"], dtype=dict.fromkeys(TEXT, str))
    expected = pd.concat([one, two], ignore_index=True)
    pd.testing.assert_frame_equal(whole, expected, check_dtype=False)
    words = json.loads(files[1].read_text("utf-8"))
    assert set(words) == {"ssim", "accuracy_8way"}
    assert set(words["ssim"]) == {"definition", "range", "chance", "better"}
    before = [file.read_bytes() for file in files]
    collect([tmp_path / "a/sub-01.tsv", tmp_path / "a/sub-02.tsv"], tmp_path / "all.tsv")
    assert [file.read_bytes() for file in files] == before


def test_collect_says_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match="no score table"):
        collect([], tmp_path / "all.tsv")
    write_table(tmp_path / "sub-01.tsv", pd.DataFrame([row()]).drop(columns=["p", "chance"]))
    with pytest.raises(DataError, match="chance, p missing"):
        collect([tmp_path / "sub-01.tsv"], tmp_path / "all.tsv")
    write_table(tmp_path / "sub-01.tsv", pd.DataFrame([row(metric="magic")]))
    with pytest.raises(DataError, match="'magic' is not defined"):
        collect([tmp_path / "sub-01.tsv"], tmp_path / "all.tsv")
    assert not (tmp_path / "all.tsv").exists()


@pytest.mark.parametrize(
    ("name", "chance"),
    [("two_way_hog_colour", "0.5"), ("category_top1", "1 / number of categories"),
     ("accuracy_20way", "1 / number of classes"), ("retrieval_top1", "1 / number of candidates")],
)  # fmt: skip
def test_one_name_has_one_definition(name, chance):
    definition = define([name])[name]
    assert definition.chance == chance
    assert definition.better == "higher"
    assert definition.range == (0, 1)


def test_the_report_reads_the_same_columns():
    assert COLUMNS == SCORE_COLUMNS
