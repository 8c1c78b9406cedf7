"""A study of three rows on a tiny collection: trained, fused, scored, taken up where it stopped, printed and drawn."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from earmark.errors import DataError
from earmark.recipes import Recipe, load_recipe
from earmark.studies import STUDIES, results, run
from earmark.studies.run import Outcome, read_material
from earmark.studies.study import Budget, Expectation, Row

XU = STUDIES["xu2018"]
GATED, PLAIN, FUSION = "tiny/gated", "tiny/plain", "tiny/fusion"
TINY = replace(
    XU,
    tables=(
        replace(XU.tables[0], rows=(Row("plain", PLAIN), Row("gated", GATED), Row("both", FUSION))),
        replace(XU.tables[1], rows=(Row("gated", GATED), Row("both", FUSION))),
    ),
    budgets=(Budget("full", "all of it"), Budget("small", "eight updates", epochs=2, steps=8, scale_queue=True)),
    expected=(Expectation("gates beat no gates", "Table 1", GATED, PLAIN),),
    figure_recipes=(FUSION, GATED),
)


@pytest.fixture(autouse=True)
def study(monkeypatch: pytest.MonkeyPatch, recipe: Path) -> None:
    """The tiny study in place of Xu's, its recipes out of the tests' own."""

    def load(name, changes=()):
        if not name.startswith("tiny/"):
            return load_recipe(name, changes)
        if name == FUSION:
            return Recipe(name=name, members=(PLAIN, GATED))
        data = yaml.safe_load(recipe.read_text()) | {"name": name, "published": {"F1 on dev (tagging)": 50.5}}
        data["network"]["encoder"]["activation"] = "glu" if name == GATED else "relu"
        data["training"]["operating_point"] = "xu2018"
        return Recipe.model_validate(data)

    for module in (run, results):
        monkeypatch.setattr(module, "load_recipe", load)
    monkeypatch.setitem(STUDIES, "xu2018", TINY)


def test_the_whole_road_and_what_is_done_is_not_done_again(earmark, collection, tmp_path):
    folder = tmp_path / "out"
    words = ["reproduce", "xu2018", collection / "train", "-o", folder, "--budget", "small", "--precision", "float32"]
    words += ["--test", collection / "dev"]
    part = earmark(*words, "--row", PLAIN)
    assert part.code == 0, part.err
    assert (folder / "models" / PLAIN / "seed-0" / "config.json").is_file()
    assert not (folder / "models" / GATED).exists()

    done = earmark(*words, "--seeds", "0,1")
    assert done.code == 0, done.err
    assert f"{PLAIN}, seed 0: done" not in done.err
    assert f"{FUSION}, seed 1: done" in done.err
    assert "Table 1: audio tagging; scored on dev" in done.out
    assert "gates beat no gates" in done.out
    result = json.loads((folder / "results" / FUSION / "seed-1.json").read_text())
    assert set(result["parts"]["dev"]) >= {"tagging", "segment", "tuned"}
    page = (folder / "tables.md").read_text()
    assert "eight updates" in page
    assert "50.5" in page
    assert page.count("### Table") == 2
    assert (folder / "results.csv").read_text().startswith("recipe,seed,part,section,figure,value\ntiny/plain,0,dev,")
    figures = list(folder.glob("figure-2-*.png"))
    assert len(figures) == 3
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in figures)

    again = earmark(*words, "--seeds", "0,1", "--clip", "dev03.wav")
    assert "done" not in again.err
    assert again.out == done.out
    assert (folder / "figure-2-dev03.png").is_file()
    (folder / "results" / FUSION / "seed-1.json").unlink()  # told before what is missing is trained
    assert "another folder" in earmark(*words[:5], *words[7:], "--budget", "full", "--seeds", "1").err
    assert not (folder / "results" / FUSION / "seed-1.json").exists()


def test_what_cannot_be_is_said(earmark, collection, tmp_path):
    words = ["reproduce", "xu2018", collection / "train", "-o", tmp_path / "out"]
    assert "name one with --test" in earmark(*words).err
    assert "did you mean 'xu2018'" in earmark("reproduce", "xu2017", *words[2:]).err
    assert "no budget 'smal' (did you mean 'small'?)" in earmark(*words, "--budget", "smal").err
    assert "did you mean 'tiny/gated'" in earmark(*words, "--row", "tiny/gate").err
    assert "whole numbers" in earmark(*words, "--seeds", "a").err
    assert "no test clip 'dev3.wav'" in earmark(*words, "--test", collection / "dev", "--clip", "dev3.wav").err
    assert not (tmp_path / "out").exists()


def test_parts_of_the_data_set_are_scored_under_the_papers_names(collection, tmp_path):
    names = [line.split("\t") for line in (collection / "train" / "weak.tsv").read_text().splitlines()[1:]]
    rows = [
        f"{name}\t{labels}\t{'testing' if place % 4 == 0 else 'training'}" for place, (name, labels) in enumerate(names)
    ]
    table = tmp_path / "weak.tsv"
    table.write_text("filename\tevent_labels\tsplit\n" + "\n".join(rows) + "\n")
    material = read_material(TINY, table, collection / "train" / "audio")
    assert {part: len(manifest) for part, manifest in material.tests.items()} == {"testing": 8}
    assert len(material.train) == 24
    with pytest.raises(DataError, match="testing or evaluation"):
        read_material(TINY, collection / "train")


def outcome(recipe: str, seed: int, f1: float) -> Outcome:
    return Outcome(recipe, seed, "small", {"testing": {"tagging": {"micro_f1": f1}}}, 24, 1.0)


@pytest.mark.parametrize(
    ("gated", "plain", "said"),
    [
        ((0.6, 0.7), (0.4, 0.5), "yes, in every seed"),
        ((0.6, 0.4), (0.4, 0.5), "yes, on the mean"),
        ((0.3, 0.5), (0.45, 0.45), "no, on the mean"),
        ((0.1, 0.2), (0.4, 0.5), "no, in every seed"),
        ((0.6,), (0.4, 0.9), "yes (one seed)"),  # the second of the other has no partner
    ],
)
def test_findings_say_how_sure_they_are(gated, plain, said):
    outcomes = [outcome(GATED, seed, f1) for seed, f1 in enumerate(gated)]
    outcomes += [outcome(PLAIN, seed, f1) for seed, f1 in enumerate(plain)]
    found = list(results.findings(TINY, outcomes, "testing"))
    assert [each.outcome for each in found] == [said]
    table = results.paper_table(TINY, TINY.tables[0], outcomes, "testing")
    row = dict(zip(table.header, table.rows[1], strict=True))
    assert (row["row"], row["F1, published"], row["seeds"]) == ("gated", "50.5", len(gated))
    assert row["F1, ours"].startswith(f"{100 * sum(gated) / len(gated):.1f}")
