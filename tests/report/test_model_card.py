"""The card: a front matter the Hub can read, and Markdown no label can break."""

from __future__ import annotations

import re

import yaml

from earmark.report.model_card import ModelCard, model_card
from earmark.report.tables import Table


def test_the_front_matter_is_yaml_with_what_the_hub_wants():
    matter = model_card(ModelCard("m", ["a"], licence="mit")).split("---\n")[1]
    said = yaml.safe_load(matter)
    assert said["library_name"] == "earmark"
    assert said["pipeline_tag"] == "audio-classification"
    assert said["license"] == "mit"
    assert "sound-event-detection" in said["tags"]
    assert "license" not in yaml.safe_load(model_card(ModelCard("m", ["a"])).split("---\n")[1])


def test_everything_said_is_in_the_card(metrics):
    card = ModelCard(
        name="street", labels=["siren", "dog"], summary="Hears streets.", recipe="default", rate=32_000,
        parameters=1_234_567, data={"training clips": 240}, facts={"seed": "7"}, metrics=metrics,
        measured_on="60 test clips", operating_point=Table(("class", "threshold"), (("siren", 0.4),)),
        limits=["Never heard rain."], command="earmark train data -o street",
    )  # fmt: skip
    text = model_card(card)
    for said in ("# street", "`siren`, `dog`", "Hears streets.", "default", "32000 Hz", "1,234,567", "240", "seed",
                 "| mAP |", "Measured on 60 test clips.", "| siren | 0.400 |", "- Never heard rain.",
                 "earmark train data -o street", "earmark detect", "earmark.load"):  # fmt: skip
        assert said in text
    assert text.endswith("```\n")
    assert "\n\n\n" not in text


def test_a_card_of_little_has_no_empty_sections():
    headings = re.findall(r"^#+ .*", model_card(ModelCard("m", ["a"])), re.MULTILINE)
    assert headings == ["# m", "## Labels", "## Use", "## Limits"]


def test_labels_and_commands_cannot_break_out():
    text = model_card(ModelCard("<script>\n# x", ["a`b", "<script>", "c\n# d"], command="echo ```\n# not a heading"))
    assert "<script>" not in text
    assert "`a'b`" in text
    assert not re.search(r"^# [xd]", text, re.MULTILINE)
    assert "````sh\necho ```" in text
