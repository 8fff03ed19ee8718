"""The page in a browser: no error, no request, sliders that compute what NumPy does; on a phone, dark, on paper."""

from __future__ import annotations

import base64
import json
import shutil

import numpy as np
import pytest

import kerasemble as ke

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed on this machine")
CLIP = 2.0**-24


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def written(request, tmp_path_factory):
    """The address of a page, by the kind of its report."""
    folder = tmp_path_factory.mktemp("pages")

    def write(kind):
        path = folder / f"{kind}.html"
        if not path.exists():
            images = np.random.default_rng(0).integers(0, 255, (300, 8, 8), dtype=np.uint8)
            ke.write_report(request.getfixturevalue(kind), path, images=images if kind == "full" else None)
        return path.as_uri()

    return write


@pytest.fixture
def opened(browser, written):
    """A page that is open, and what went wrong on it."""
    contexts = []

    def open_page(kind, **options):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page, wrong = context.new_page(), []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
        page.goto(written(kind))
        return page, wrong

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("kind", ["full", "bare", "of_labels", "large", "staged"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_an_error_or_a_request(opened, kind, scheme):
    page, wrong = opened(kind, color_scheme=scheme)
    page.click("#theme")
    assert wrong == []
    assert page.inner_text("h1")


@pytest.mark.parametrize("kind", ["full", "bare", "of_labels", "large", "staged"])
def test_on_a_phone_nothing_is_wider_than_the_page(opened, kind):
    page, _ = opened(kind, viewport={"width": 360, "height": 780})
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_dark_is_dark_and_light_is_light_and_a_button_changes_that(opened):
    def brightness(page):
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(", ")))

    light, dark = (opened("full", color_scheme=scheme)[0] for scheme in ("light", "dark"))
    assert brightness(dark) < 150
    assert brightness(light) > 600
    for page in (light, dark):
        before = brightness(page)
        page.click("#theme")
        assert (before > 400) != (brightness(page) > 400)


def numbers(data, weights, rule):
    """Return accuracy, log loss and calibration error as NumPy computes them from what is on the page."""
    shape = (len(data["members"]), data["rows"], data["classes"])
    values = np.frombuffer(base64.b64decode(data["values"]), "<u2").reshape(shape).astype(np.float64)
    values /= values.sum(axis=-1, keepdims=True)
    labels = np.array(data["labels"])
    if rule == "arithmetic":
        combined = np.tensordot(weights, values, axes=1) / np.sum(weights)
    else:
        logits = np.tensordot(weights, np.log(np.maximum(values, CLIP)), axes=1)
        combined = np.exp(logits - logits.max(axis=-1, keepdims=True))
        combined /= combined.sum(axis=-1, keepdims=True)
    confidence, right = combined.max(axis=-1), combined.argmax(axis=-1) == labels
    loss = -np.log(np.maximum(combined[np.arange(len(labels)), labels], CLIP)).mean()
    parts = np.array_split(np.argsort(confidence), data["bins"])
    error = sum(abs(confidence[part].sum() - right[part].sum()) for part in parts) / len(labels)
    return right.mean(), loss, error


@pytest.mark.parametrize("rule", ["arithmetic", "geometric"])
@pytest.mark.parametrize("weights", [[0.5] * 5, [1.0, 0.0, 0.25, 0.6, 0.01], [0.0, 0.0, 0.0, 0.0, 0.7]])
def test_weights_that_are_dragged_change_the_numbers_to_what_numpy_computes(opened, rule, weights):
    page, wrong = opened("full")
    data = json.loads(page.inner_text("#trial-data") or page.text_content("#trial-data"))
    page.select_option("#rule", rule)
    for index, weight in enumerate(weights):
        page.locator(f"#weight-{index}").evaluate(
            "(slider, value) => { slider.max = '1'; slider.value = value; slider.dispatchEvent(new Event('input')); }",
            str(weight),
        )
    names = ("#live-accuracy", "#live-loss", "#live-error")
    shown = [float(page.inner_text(name).rstrip(" %")) for name in names]
    accuracy, loss, error = numbers(data, weights, rule)
    assert shown[0] == pytest.approx(100 * accuracy, abs=0.006)
    assert shown[1] == pytest.approx(loss, abs=6e-5)
    # NumPy's bins differ by a row where the rows do not divide.
    assert shown[2] == pytest.approx(error, abs=0.01)
    assert wrong == []


def test_sliders_work_by_the_keyboard_and_buttons_set_them(opened, full):
    page, _ = opened("full")
    page.focus("#weight-0")
    before = page.input_value("#weight-0")
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#weight-0")) == pytest.approx(float(before) + 0.01)
    page.click("#fitted")
    found = [float(page.input_value(f"#weight-{index}")) for index in range(5)]
    assert found == pytest.approx([full.weights[name] for name in full.sample.members], abs=0.006)
    page.click("#equal")
    assert {page.input_value(f"#weight-{index}") for index in range(5)} == {"0.5"}


def test_weights_to_try_out_begin_with_the_fitted_ones_and_their_rule(opened, full):
    page, _ = opened("full")
    assert page.input_value("#rule") == "geometric"
    found = [float(page.input_value(f"#weight-{index}")) for index in range(5)]
    assert found == pytest.approx([full.weights[name] for name in full.sample.members], abs=0.006)


def test_no_weight_at_all_is_said_and_not_computed(opened):
    page, wrong = opened("full")
    for index in range(5):
        page.locator(f"#weight-{index}").fill("0")
    assert page.inner_text("#live-loss") == "-"
    assert "nothing to combine" in page.inner_text("#live-note")
    assert wrong == []


@pytest.mark.parametrize("kind", ["full", "large"])
def test_a_page_prints_to_a_few_sheets(opened, kind):
    page, wrong = opened(kind)
    paper = page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    assert 2 <= paper.count(b"/Type /Page\n") <= 40
    assert wrong == []
