"""Pages and pictures in a real browser: no message on the console, controls and keys that work, text that fits."""

import pytest
from browser import available, browser
from test_viz_dot import HOSTILE
from test_viz_graph import Network, perceptron, scalar, square

import minigrad as mg
from minigrad import nn
from minigrad.viz import open_convolution

pytestmark = pytest.mark.skipif(not available, reason="needs Debian's chromium and chromium-driver")

OVERFLOW = """
const out = [];
for (const vertex of document.querySelectorAll(".vertex")) {
  const shape = vertex.querySelector(".shape").getBBox();
  for (const text of vertex.querySelectorAll("text")) {
    const box = text.getBBox();
    if (box.x < shape.x || box.x + box.width > shape.x + shape.width
        || box.y < shape.y - 1 || box.y + box.height > shape.y + shape.height + 2) out.push(text.textContent);
  }
}
const view = document.querySelector("svg.mg").viewBox.baseVal, all = document.querySelector("svg.mg").getBBox();
if (all.width > view.width + 1 || all.height > view.height + 1) out.push("viewBox");
return out;
"""


@pytest.fixture(scope="module")
def page():
    with browser() as opened:
        yield opened


@pytest.fixture
def replay(page, tmp_path):
    """The replay of the classic expression, just opened."""
    page.media()
    page.open(scalar(gradients=True).save(tmp_path / "replay.html"))
    return page


def lit(page):
    return page.run("return [...document.querySelectorAll('.vertex.lit text.t')].map(t => t.textContent)")


def test_it_opens_from_disk_without_a_word_on_the_console(replay):
    assert replay.console() == []
    assert replay.text("#count") == "0 / 5" and "Before backward" in replay.text("#step")
    assert replay.run("return performance.getEntriesByType('resource').length") == 0


def test_keys_step_and_play(replay):
    replay.press("Right", "Right")
    assert replay.text("#count") == "2 / 5" and lit(replay) == ["add"]
    replay.press("Left")
    assert replay.text("#count") == "1 / 5" and lit(replay) == ["mul"]
    replay.press("Space")
    assert replay.text("#play").endswith("pause")
    replay.wait("return document.querySelector('#count').textContent === '2 / 5'")
    replay.press("Space")
    assert replay.text("#play").endswith("play")
    replay.press(*["Right"] * 9)
    assert replay.text("#count") == "5 / 5"
    replay.press(*["Left"] * 9)
    assert replay.text("#count") == "0 / 5" and lit(replay) == []
    assert replay.console() == []


def test_space_on_a_focused_button_acts_once(replay):
    replay.focus("#next")
    replay.press("Space")
    assert replay.text("#play").endswith("pause") and replay.text("#count") == "0 / 5"
    replay.press("Space")


def test_buttons_and_slider(replay):
    replay.click("#next")
    replay.click("#next")
    replay.click("#back")
    assert replay.text("#count") == "1 / 5"
    replay.run("const s = document.querySelector('#scrub'); s.value = 4; s.dispatchEvent(new Event('input'))")
    assert replay.text("#count") == "4 / 5" and lit(replay) == ["a"]
    replay.click("#play")
    replay.wait("return document.querySelector('#count').textContent === '5 / 5'")
    replay.wait("return document.querySelector('#play').textContent.endsWith('play')")  # it stops at the end
    assert replay.console() == []


def test_a_step_shows_contributions_rules_and_thumbnails(replay):
    replay.press("Right")
    assert [replay.text("#step pre:nth-of-type(1)"), replay.text("#step pre:nth-of-type(2)")] == [
        "x=lambda g, y: g * y\n1 · (−6) = −6", "y=lambda g, x: g * x\n1 · (−4) = −4"
    ]  # fmt: skip
    assert replay.count(".edge.arriving") == 1 and replay.count(".edge.leaving") == 2
    replay.press("Right", "Right", "Right")
    assert "ρ = 0.67 of 2 contributions" in replay.text("#step") and replay.count(".edge.arriving") == 2
    assert replay.count("#step canvas") == 3  # the total and both contributions
    pixel = (
        "const c = document.querySelectorAll('#step canvas')[%d]; "
        "return [...c.getContext('2d').getImageData(2, 2, 1, 1).data]"
    )
    total, plus, minus = (replay.run(pixel % i) for i in range(3))
    assert minus[0] > minus[2] and plus[2] > plus[0] and total[2] > total[0]  # 24 = 30 − 6


def test_light_and_dark(page, replay, tmp_path):
    colours = {}
    for scheme in ("light", "dark"):
        page.media(prefers_color_scheme=scheme)
        colours[scheme] = page.run(
            "const c = (s, p) => getComputedStyle(document.querySelector(s))[p];"
            "return [c('body', 'backgroundColor'), c('.paper', 'fill'), c('text.t', 'fill'), c('h1', 'color')]"
        )
        page.screenshot(tmp_path / f"{scheme}.png")
    assert colours["light"][:2] == ["rgb(255, 255, 255)"] * 2 and colours["dark"][:2] == ["rgb(13, 17, 23)"] * 2
    assert colours["light"][2:] != colours["dark"][2:]
    assert (tmp_path / "light.png").read_bytes() != (tmp_path / "dark.png").read_bytes()


def test_no_page_scrolls_sideways_on_a_telephone(page, tmp_path):
    page.open(perceptron(gradients=True).save(tmp_path / "g.html"))
    page.resize(390, 800, mobile=True)
    try:
        assert page.run("return document.documentElement.scrollWidth") <= 390
    finally:
        page.resize(1280, 900)


def test_hostile_names_run_nothing(page, tmp_path):
    tensors = [mg.tensor([float(i)], requires_grad=True) for i in range(len(HOSTILE))]
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    path = mg.graph(
        total, names=dict(zip(HOSTILE, tensors, strict=True)), gradients=True, title=HOSTILE[0], layout="builtin"
    ).save(tmp_path / "hostile.html")
    page.open(path)
    assert page.console() == []
    assert page.count("script") == 2 and page.count("#step b, svg b") == 0
    page.press("Right", "Right", "Right")
    assert page.text("#count").startswith("3 /") and page.run(OVERFLOW) == []


@pytest.mark.parametrize(
    "make",
    [
        scalar,
        lambda: scalar(gradients=True),
        lambda: perceptron(gradients=True),
        lambda: perceptron(depth=0),
        lambda: mg.graph(Network(6), mg.ones(1, 1, 6, 6), gradients=True, budget=40),
        lambda: open_convolution(nn.Conv2d(3, 2, 3), mg.ones(1, 3, 8, 8), square, layout="builtin"),
    ],
)
def test_text_stays_inside_of_its_shape_and_the_picture_in_its_viewbox(page, tmp_path, make):
    page.open(make().save(tmp_path / "g.html"))
    assert page.run(OVERFLOW) == [] and page.console() == []


def test_another_font_does_not_clip(page, tmp_path):
    page.open(perceptron().save(tmp_path / "g.html"))
    page.run("document.querySelectorAll('svg text').forEach(t => { t.style.fontFamily = 'DejaVu Sans' })")
    assert page.run(OVERFLOW) == []


def test_an_svg_file_opens_by_itself(page, tmp_path):
    page.open(scalar(gradients=True).save(tmp_path / "g.svg"))
    assert page.count("g.vertex") == 6 and page.console() == []


def test_a_page_without_gradients_has_no_controls(page, tmp_path):
    page.open(scalar().save(tmp_path / "g.html"))
    assert page.run("return document.querySelector('#replay').hidden") and page.console() == []


def test_two_pictures_in_one_notebook_do_not_disturb_each_other(page, tmp_path):
    path = tmp_path / "notebook.html"
    parts = [scalar()._repr_svg_(), perceptron(gradients=True)._repr_svg_(), mg.ones(2, 2)._repr_html_()]
    path.write_text("<!doctype html><meta charset=utf-8>" + "".join(parts), encoding="utf-8")
    page.open(path)
    identifiers = page.run("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(identifiers) == 4 == len(set(identifiers)) and page.console() == []
