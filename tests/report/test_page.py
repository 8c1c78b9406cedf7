"""The page: whole, self-contained, and proof against what users call their labels."""

from __future__ import annotations

import html.parser
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from earmark.errors import MissingExtraError, OutputError
from earmark.report import page
from earmark.report.charts import Chart
from earmark.report.comparison import Comparison
from earmark.report.figures import per_class_bars
from earmark.report.page import Report, render, write_report

NASTY = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Outline(html.parser.HTMLParser):
    """Tags, text and addresses of a page; complains where tags don't nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.addresses = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def text(report):
    return render(report)


def test_everything_said_is_on_the_page(text):
    words = " ".join(Outline(text).texts)
    for said in ("Street sounds", "Tested on one clip.", "gated CRNN", "mAP", "Segment F1", "Error rate", "Event F1",
                 "broken.wav: contains no samples", "earmark demo --seed 0", "Operating point", "1 problem",
                 "犬"):  # fmt: skip
        assert said in words


def test_nothing_is_loaded_from_elsewhere(text):
    addresses = Outline(text).addresses
    assert len(addresses) >= 4
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"url\(|@import|//cdn|https?://", re.sub(r"base64,[\w+/=]+", "", text))
    assert "default-src 'none'" in text


def test_labels_are_text_and_neither_script_nor_template(text):
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert Outline(text).tags.count("script") == 1
    assert "{{ 7*7 }}" in text


def test_pictures_and_sound_are_inside(text):
    assert text.count("data:image/png;base64,") == 1
    assert text.count("data:image/svg+xml;base64,") == 1
    assert text.count("data:audio/ogg;base64,") == 1


def test_a_report_of_nothing_but_a_title():
    outline = Outline(render(Report("empty")))
    assert "empty" in outline.texts
    assert not {"table", "img", "article", "dl"} & set(outline.tags)


def test_recordings_without_sound_have_no_player(report, view):
    outline = Outline(render(replace(report, recordings=[replace(view, waveform=None, reference=None)])))
    assert "article" in outline.tags
    assert "audio" not in outline.tags


def test_truth_and_answer_are_both_shown_and_named(report, view):
    """A tag of the data does not read as the model's answer."""
    told = replace(view, truth=("cow", NASTY), answer=[("dog", 0.625)])
    text = render(replace(report, recordings=[told]))
    outline = Outline(text)
    words = re.sub(r"\s+", " ", " ".join(outline.texts))
    assert f"Truth cow, {NASTY}" in words
    assert "Model's answer dog 0.62" in words
    nothing = render(replace(report, recordings=[replace(view, truth=(), answer=[])]))
    assert "<dd>none of the labels</dd>" in nothing
    assert "<dd>no tag</dd>" in nothing


def test_the_page_says_when_the_curve_is_smoothed_and_can_show_the_raw_one(report, view, text):
    assert "score, as the model gives it" in text
    assert "show the raw score" not in text
    smooth = replace(view.scores, frames=view.scores.frames * np.float32(0.5))
    smoothed = render(replace(report, recordings=[replace(view, scores=smooth, raw=view.scores)]))
    assert "score, smoothed as the thresholds see it" in smoothed
    assert "show the raw score" in smoothed
    rows = smoothed.count('class="line"')
    assert rows == 4
    assert smoothed.count('path class="raw"') == rows
    assert 'd="M0 90H200V10H600V90H1000"' in smoothed  # the siren, 0.9 from 1 to 3 s
    assert 'd="M0 95H200V55H600V95H1000"' in smoothed


def test_classes_without_a_clip_are_folded_away():
    per_class = {"siren": {"ap": 0.5, "reference": 3}, "whale": {"ap": None, "reference": 0}}
    text = render(Report("x", metrics={"tagging": {"map": 0.5, "per_class": per_class}}))
    fold = text.index("1 class without a clip or event in these data")
    assert text.index("<td>siren</td>") < fold < text.index("<td>whale</td>")
    all_there = render(
        Report("x", metrics={"tagging": {"map": 0.5, "per_class": {"siren": {"ap": 1.0, "reference": 2}}}})
    )
    assert "without a clip" not in all_there


def test_charts_have_a_title_a_caption_and_a_picture(report):
    chart = Chart("Average precision", per_class_bars({"a": 1.0}), f"How to read {NASTY}")
    text = render(replace(report, charts=[chart]))
    assert text.count("data:image/svg+xml;base64,") == 2
    words = " ".join(Outline(text).texts)
    assert "Average precision" in words
    assert f"How to read {NASTY}" in words


def test_without_sounds_there_is_no_player(report):
    outline = Outline(render(replace(report, sounds=False)))
    assert "article" in outline.tags
    assert "audio" not in outline.tags


def test_the_hardest_recordings_have_a_section_of_their_own(report, view):
    text = render(replace(report, hardest=[replace(view, note="Missed: siren 3 s.")]))
    place = text.index("The hardest recordings</h2>")
    assert text.index("Missed: siren 3 s.") > place
    assert text[place:].count("<article") == 1
    assert text[:place].count("<article") == 1


def test_intervals_are_on_cards_in_the_table_and_in_each_class(report, metrics, text):
    words = " ".join(Outline(text).texts)
    low, high = metrics["segment"]["intervals"]["f1"]
    assert f"{low:.2f} to {high:.2f}" in words
    assert f"{low:.3f} to {high:.3f}" in words
    low, high = metrics["segment"]["per_class"]["siren"]["intervals"]["f1"]
    assert f'title="95 %: {low:.3f} to {high:.3f}"' in text


def test_two_models_side_by_side(report, metrics):
    better = {**metrics, "segment": {**metrics["segment"], "f1": metrics["segment"]["f1"] + 0.2}}
    paired = {"segment": {"f1": [0.1, 0.3], "error_rate": [-0.5, 0.5]}}
    text = render(replace(report, comparison=Comparison((f"old {NASTY}", "new"), metrics, better, paired)))
    outline = Outline(text)
    words = " ".join(outline.texts)
    for said in (
        "+0.20, +0.10 to +0.30",
        "better",
        "no significant difference",
        f"old {NASTY}",
        "Differences, class by class",
    ):
        assert said in words
    assert "<script>alert" not in text
    assert text.count("data:image/svg+xml;base64,") == 2  # the training, and the classes of both


def test_decisions_are_told_with_the_operating_point(report):
    text = render(replace(report, decisions=["Scores are not calibrated.", NASTY]))
    assert text.index("Scores are not calibrated. &lt;script&gt;") > text.index("Operating point</h2>")


def test_the_links_on_top_lead_somewhere(report, view):
    text = render(replace(report, hardest=[view], charts=[Chart("A", per_class_bars({"a": 1.0}))]))
    targets = re.findall(r'href="#([\w-]+)"', text)
    assert len(targets) >= 6
    assert all(f'id="{target}"' in text for target in targets)


def test_values_that_do_not_exist_are_dashes():
    nothing = {"tagging": {"map": None, "micro_f1": float("nan"), "per_class": {"a": {"ap": None}}}}
    texts = Outline(render(Report("x", metrics=nothing))).texts
    assert texts.count("–") == 5  # two cards, two rows, one class


def test_a_page_that_would_grow_too_large_says_what_it_left_out(report, view, monkeypatch):
    whole = render(replace(report, recordings=[view] * 4))
    largest = len(whole) - 10_000
    monkeypatch.setattr(page, "LARGEST", largest)
    text = render(replace(report, recordings=[view] * 2, hardest=[view] * 2))
    assert largest - 120_000 < len(text) < largest
    assert text.count("<article") == 3
    assert "not shown, because the page would exceed" in text


def test_written_whole_or_refused(report, tmp_path):
    write_report(tmp_path / "deep" / "report.html", Report("x"))
    assert (tmp_path / "deep" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "file" / "report.html", Report("x"))


def test_without_jinja_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match="needs jinja2"):
        render(Report("x"))
