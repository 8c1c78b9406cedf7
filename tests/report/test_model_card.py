"""The card: a front matter the Hub can read, and Markdown no label can break."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml

from earmark.decisions import OperatingPoint
from earmark.decisions.tuning import Tuned, TuningReport
from earmark.report.model_card import (
    ModelCard,
    for_hub,
    licence_of,
    model_card,
    operating_point_section,
    retuned,
    with_operating_point,
)
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


def test_the_operating_point_says_how_it_was_chosen_and_what_is_calibrated():
    table = Table(("class", "threshold"), (("siren", 0.4),))
    summary = "tuned for segment-f1\n  default 0.5   0.363\n``` is no fence"
    text = model_card(
        ModelCard("m", ["siren"], operating_point=table, tuning=summary, calibration="Scores are not calibrated.")
    )
    section = text.partition("## Operating point")[2].partition("## Limits")[0]
    assert f"````text\n{summary}\n````" in section
    assert section.index("Scores are not calibrated.") < section.index("| siren | 0.400 |")
    assert "tuned on 40 clips\n\n|" in operating_point_section(table, "tuned on 40 clips")


def test_a_card_gets_another_operating_point_and_keeps_the_rest():
    first, second = (Table(("class", "threshold"), (("siren", value),)) for value in (0.4, 0.7))
    card = ModelCard("m", ["siren"], operating_point=first, tuning="a\nb", command="earmark train")
    changed = with_operating_point(model_card(card), operating_point_section(second, "c\\1\nd"))
    assert changed == model_card(replace(card, operating_point=second, tuning="c\\1\nd"))
    none = model_card(ModelCard("m", ["a"]))
    assert with_operating_point(none, operating_point_section(first)) == none


def test_intervals_are_in_the_card(metrics):
    text = model_card(ModelCard("m", ["siren"], metrics=metrics, measured_on="2 clips"))
    low, high = metrics["segment"]["intervals"]["f1"]
    assert f"| {low:.3f} to {high:.3f} |" in text
    assert "Measured on 2 clips. The 95 % intervals" in text


CARD = """\
# m

- **recipe**: tiny
- **operating point**: tuned long ago

## How well it does

Measured on the validation clips.

| metric | value |
|---|---:|
| mAP | 0.5 |

## Operating point

Applied by default.

| class | tag threshold |
|---|---:|
| dog | 0.100 |
| cat | 0.200 |

## Limits

- It knows the labels above.
"""


def test_a_card_is_brought_up_to_a_new_operating_point() -> None:
    point = OperatingPoint.plain(["dog"]).with_threshold(0.25)
    tuned = Tuned(point, report_of("tagging-f1"))
    card = retuned(CARD, tuned)
    assert "- **operating point**: plain: 0.5 everywhere; threshold 0.25\n" in card
    assert "| dog | 0.250 | 0.250 |" in card
    assert "cat" not in card
    assert "| mAP | 0.5 |" in card
    assert "Measured on the validation clips. The operating point was changed afterwards" in card
    assert card.endswith("\n\n## Limits\n\n- It knows the labels above.\n")
    assert "tuned for tagging-f1" in card
    assert retuned(card, tuned) == card


def test_a_card_of_another_make_is_left_alone() -> None:
    tuned = Tuned(OperatingPoint.plain(["dog"]), report_of("segment-f1"))
    assert retuned("# Our model\n\nAsk Ann.\n", tuned) == "# Our model\n\nAsk Ann.\n"


def report_of(objective: str) -> TuningReport:
    return TuningReport(objective, False, 16, 5, 0, 8.0, {}, {"dog": 4})


def test_for_a_hub_the_card_has_a_whole_head_and_names_itself() -> None:
    own = model_card(ModelCard(name="owls", labels=["owl"], licence="cc-by-4.0"))
    sent = for_hub(own, "hf:birds/owls")
    assert yaml.safe_load(sent.split("---\n")[1]) == yaml.safe_load(own.split("---\n")[1])
    assert sent.count("hf:birds/owls") == 3
    assert "earmark detect street.wav -m hf:birds/owls  # events with times" in sent
    assert "this directory" not in sent
    assert licence_of(own) == licence_of(sent) == "cc-by-4.0"
    assert licence_of(for_hub(own, "hf:birds/owls", "mit")) == "mit"
    assert for_hub(sent, "hf:birds/owls") == sent


@pytest.mark.parametrize(
    "head", ["", "---\n{: [\n---\n", "---\n- a list\n---\n", "---\ntags: owl\nlicense: [mit]\n---\n"]
)
def test_a_card_without_a_head_or_with_a_damaged_one_gets_one(head: str) -> None:
    sent = for_hub(f"{head}# My owls\n\nText.\n", "hf:birds/owls")
    said = yaml.safe_load(sent.split("---\n")[1])
    assert (said["library_name"], said["pipeline_tag"]) == ("earmark", "audio-classification")
    assert "sound-event-detection" in said["tags"]
    assert sent.endswith("---\n\n# My owls\n\nText.\n")
    assert licence_of(f"{head}# My owls") == ""


def test_what_the_user_added_to_the_head_stays() -> None:
    said = yaml.safe_load(for_hub("---\nlanguage: de\ntags: [owls, audio]\n---\n# Owls\n", "hf:a/b").split("---\n")[1])
    assert said["language"] == "de"
    assert said["tags"][:2] == ["owls", "audio"]
    assert said["tags"].count("audio") == 1
