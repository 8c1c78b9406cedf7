"""The page in a real browser: Debian's Chromium, driven by playwright, on a wide screen and on a phone.

Skipped where either is missing. `EARMARK_SCREENSHOTS=DIR` keeps pictures of every step.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from earmark.formats import read_events

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
pytest.importorskip("fastapi", reason="fastapi is not installed (extra web)")
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in _PROGRAMS if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

_spec = importlib.util.spec_from_file_location("tone_engine", Path(__file__).parents[1] / "tone_engine.py")
tones = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tones)

TRUTH = [  # of the recording that is dropped: eleven events
    *((1.0 + 2.5 * place, 1.6 + 2.5 * place, "beep") for place in range(6)),
    *((2.2 + 3.0 * place, 3.0 + 3.0 * place, "horn") for place in range(4)),
    (14.5, 15.5, "whistle"),
]
SIZES = {"wide": (1400, 900), "phone": (390, 844)}
PAINTED = """() => [...document.querySelectorAll('.picture canvas, .row canvas')].every(canvas => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(data).size > 8;
})"""
WAIT = 30_000  # ms; a busy machine takes its time


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "tones & more.wav"
    soundfile.write(path, tones.tones(17.0, TRUTH), tones.RATE)
    return path


@pytest.fixture
def server(tmp_path):
    script = Path(__file__).with_name("tone_server.py")
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        yield re.search(r"http://\S+", line)[0], tmp_path
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


@pytest.fixture(scope="module")
def driver():
    with playwright.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(driver):
    options = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=options)
    yield browser
    browser.close()


@pytest.fixture(params=SIZES)
def page(request, chromium):
    width, height = SIZES[request.param]
    phone = request.param == "phone"
    context = chromium.new_context(viewport={"width": width, "height": height}, has_touch=phone, accept_downloads=True,
                                   color_scheme="dark" if phone else "light")  # fmt: skip
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.size, page.faults = request.param, []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
    yield page
    context.close()
    assert page.faults == []


def keep(page, name):
    folder = os.environ.get("EARMARK_SCREENSHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{name}-{page.size}.png", full_page=True)


def accessible(page):
    """No violation that axe finds, and nothing wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (extra dev)").Axe()
    found = axe.run(page).response["violations"]
    told = [f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes'][:3]]}" for each in found]
    assert told == []


def drop(page, path):
    """Drop a file onto the page, as a file manager does."""
    page.evaluate(
        """([bytes, name]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, { type: "audio/wav" }));
            for (const kind of ["dragenter", "dragover", "drop"]) {
                const options = { dataTransfer: data, bubbles: true, cancelable: true };
                document.body.dispatchEvent(new DragEvent(kind, options));
            }
        }""",
        [list(path.read_bytes()), path.name],
    )


def rows(page):
    """(onset, offset, label) of the events listed."""
    cells = page.evaluate(
        """[...document.querySelectorAll('.below tbody tr')].map(
            row => [...row.cells].slice(1, 4).map(cell => cell.textContent))"""
    )
    return sorted((float(onset), float(offset), label) for onset, offset, label in cells)


def until(page, text, selector="body"):
    test = "([text, selector]) => document.querySelector(selector)?.textContent.includes(text)"
    try:
        page.wait_for_function(test, arg=[text, selector])
    except playwright.TimeoutError:
        pytest.fail(f"no {text!r} in {page.inner_text(selector)!r}; {page.inner_text('#notices')}")


def set_slider(page, word, value):
    page.evaluate(
        """([id, value]) => {
            const slider = document.getElementById(id);
            slider.value = value;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        [f"point-{word}", value],
    )


def test_drop_look_move_a_slider_review_export_and_train(page, server, recording, recipe, earmark):
    address, output = server
    page.goto(address)
    page.wait_for_selector(".welcome")
    accessible(page)
    keep(page, "1-welcome")

    drop(page, recording)
    page.wait_for_selector(".below tbody tr", state="attached")
    until(page, "11 events", ".below caption")
    found = rows(page)
    for (onset, offset, label), (begin, end, truth) in zip(found, sorted(TRUTH), strict=True):
        assert label == truth
        assert abs(onset - begin) <= 0.041
        assert abs(offset - end) <= 0.041
    page.wait_for_function(PAINTED)
    accessible(page)
    keep(page, "2-recording")

    if not page.evaluate("document.querySelector('.point').open"):
        page.click(".point > summary")
    page.select_option("#point-label", "beep")
    set_slider(page, "shortest", 1)
    until(page, "5 events", ".below caption")  # a beep lasts 0.6 s
    assert {label for _, _, label in rows(page)} == {"horn", "whistle"}
    until(page, "beep shortest event: 0 → 1", ".differences")
    keep(page, "3-slider")
    page.click(".point >> text=Discard")
    until(page, "11 events", ".below caption")
    set_slider(page, "shortest", 1)
    page.click(".point >> text=Save")
    until(page, "Saved as", "#notices")
    saved = (output / "operating-points" / "tones.json").read_text()
    assert '"min_duration_on": 1.0' in saved
    page.click(".point >> text=Back to the model")
    until(page, "11 events", ".below caption")
    assert not (output / "operating-points" / "tones.json").exists()

    page.click("nav >> text=Review")
    page.click("text=Review the events of the 1 recording")
    page.wait_for_selector(".row canvas")
    verdicts = Counter()
    for turn in range(10):
        before = page.inner_text(".event h1")
        wrong = turn in (3, 7)
        verdicts["wrong" if wrong else "right"] += 1
        page.keyboard.press("x" if wrong else "c")
        page.wait_for_function("before => document.querySelector('.event h1').innerText !== before", arg=before)
    until(page, "10 of 11 events judged: 8 right, 2 wrong", ".side")
    page.keyboard.press("z")
    until(page, "9 of 11 events judged", ".side")
    page.keyboard.press("c")
    until(page, "10 of 11 events judged", ".side")
    accessible(page)
    keep(page, "4-review")

    last = page.inner_text(".event h1")
    page.keyboard.press("E")  # the offset 10 ms later: confirmed with other borders
    until(page, "11 of 11 events judged", ".side")
    page.wait_for_function("before => document.querySelector('.event h1').innerText !== before", arg=last)
    page.keyboard.press("a")
    until(page, "1 added", ".side")
    page.reload()  # stored at once: all is there again
    until(page, "11 of 11 events judged: 9 right, 2 wrong, 0 unsure; 1 added.", ".side")

    page.click("summary:has-text('What follows')")
    page.wait_for_selector(".figures svg")
    accessible(page)
    page.click(".export button")
    until(page, "can teach and test a model", ".export")
    keep(page, "5-export")
    [folder] = (output / "reviews").glob("*/review")
    [events] = read_events(folder / "events.csv").values()
    assert len(events) == 10  # nine of eleven, one added
    data = folder / "training"
    command = page.inner_text(".export pre")
    assert command.startswith(f"earmark train {data} --audio ")
    audio = command.split(" --audio ")[1].split(" -o ")[0]
    given = ("--audio", audio, "--valid", data, "--valid-audio", audio, "--recipe", recipe)
    ran = earmark("train", data, *given, "-o", output / "model", "--set", "training.epochs=1")
    assert ran.code == 0, ran.err
    assert (output / "model" / "model.safetensors").is_file()


def test_borders_are_dragged_and_the_view_zooms(chromium, server, recording, page):
    address, _ = server
    page.goto(address)
    page.set_input_files("#file", recording)
    page.wait_for_selector(".below tbody tr", state="attached")
    span = "document.querySelector('.overview').getAttribute('aria-valuetext')"
    assert page.evaluate(span) == "0.00 to 17.00 of 17.00"
    page.click("[aria-label='Zoom in']")
    page.wait_for_function(f"() => {span} === '4.25 to 12.75 of 17.00'")
    page.keyboard.press("0")
    page.wait_for_function(f"() => {span} === '0.00 to 17.00 of 17.00'")

    page.click("nav >> text=Review")
    page.click("text=Review the events of the 1 recording")
    page.wait_for_selector(".row canvas")
    page.wait_for_timeout(300)
    onset, offset = (float(page.input_value(f"label:has-text('{name}') input")) for name in ("Onset", "Offset"))
    canvas = page.locator(".row canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    begin, end = (float(each) for each in re.match(r"([\d.]+) to ([\d.]+)", page.evaluate(span)).groups())
    place = lambda at: box["x"] + (at - begin) / (end - begin) * box["width"]  # noqa: E731
    middle = box["y"] + box["height"] / 2
    page.mouse.move(place(offset), middle)
    page.mouse.down()
    page.mouse.move(place(offset + 0.2), middle, steps=4)
    page.mouse.move(place(offset + 0.4), middle, steps=4)
    page.mouse.up()
    until(page, "confirmed", ".event")
    assert float(page.input_value("label:has-text('Onset') input")) == onset
    assert abs(float(page.input_value("label:has-text('Offset') input")) - offset - 0.4) < 0.08


@pytest.fixture
def microphone(driver, recording):
    """A browser whose microphone hears the recording, over and over."""
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    sound = f"--use-file-for-fake-audio-capture={recording}"
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *fake, sound])
    yield browser
    browser.close()


def test_the_microphone_is_heard_and_kept(microphone, server):
    address, _ = server
    page = microphone.new_page(viewport={"width": 1400, "height": 900})
    page.size, faults = "wide", []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}/#/listen")
    page.click("button:has-text('Listen')")
    until(page, "beep", ".listen tbody")
    until(page, "horn", ".listen tbody")
    accessible(page)
    keep(page, "6-microphone")
    page.click("button:has-text('Stop')")
    until(page, "were heard", ".listen")
    page.click("text=Analyse what was heard")
    page.wait_for_selector(".below tbody tr", state="attached", timeout=WAIT)
    assert {"beep", "horn"} <= {label for _, _, label in rows(page)}
    assert faults == []
    page.close()


def test_names_of_the_user_are_text(chromium, server, recording, tmp_path, page):
    address, _ = server
    nasty = tmp_path / "<img src=x onerror=document.title='broken'>.wav"
    shutil.copyfile(recording, nasty)
    page.goto(address)
    page.set_input_files("#file", nasty)
    page.wait_for_selector(".below tbody tr", state="attached")
    assert page.inner_text(".recording h1") == nasty.name
    assert page.title() == "Recordings – earmark"
    assert page.locator("img[src=x]").count() == 0


def test_a_file_that_is_no_recording_is_told(chromium, server, tmp_path, page):
    address, _ = server
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    page.goto(address)
    page.set_input_files("#file", tmp_path / "broken.wav")
    until(page, "This recording could not be analysed: broken.wav", ".recording")
    accessible(page)


def test_the_pages_that_are_files_are_legible_at_any_width(chromium, recording, tmp_path, page):
    """`detect --report` and the recordings of `evaluate --report`: names and axes in a size that can be read."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra report)")
    from earmark import api
    from earmark.decisions import OperatingPoint
    from earmark.runtime.tagger import Tagger

    (tmp_path / "in").mkdir()
    shutil.copyfile(recording, tmp_path / "in" / "with & tones.wav")
    soundfile.write(tmp_path / "in" / "quiet.wav", tones.tones(3.0, []), tones.RATE)
    point = OperatingPoint.plain(tones.HERTZ)
    parts = {label: part.model_copy(update={"median_seconds": 0.1}) for label, part in point.classes.items()}
    tagger = Tagger(tones.ToneEngine(), point.model_copy(update={"classes": parts}))
    found = api.detect([tmp_path / "in"], tagger=tagger, report=tmp_path / "report")
    page.goto(found.report.as_uri())
    assert page.locator(".recording").count() == 2
    accessible(page)
    keep(page, "7-detections")
    texts = "[...document.querySelectorAll('.name span, .axis span, .hertz')]"
    assert min(page.evaluate(f"{texts}.map(each => parseFloat(getComputedStyle(each).fontSize))")) >= 11
    whole = "[...document.querySelectorAll('.name span')].every(each => each.scrollWidth <= each.clientWidth + 1)"
    assert page.evaluate(whole)
    raw = page.locator("path.raw").first
    assert not raw.is_visible()
    page.locator("[data-name='with & tones.wav'] .raw-switch").check()
    assert page.locator(".shows-raw path.raw").first.evaluate("each => getComputedStyle(each).display") == "inline"
    page.select_option("#find-label", "whistle")
    assert page.inner_text("#find-count") == "1 of 2 recordings"
    page.locator("[data-name='with & tones.wav'] .lane .track").first.click(position={"x": 40, "y": 40})
    heard = "() => document.querySelector(`[data-name='with & tones.wav'] audio`).currentTime > 0"
    page.wait_for_function(heard)
