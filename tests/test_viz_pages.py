"""Pages and pictures in a real browser: no message on the console, controls and keys that work, text that fits."""

import runpy
from pathlib import Path

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
    assert replay.text("#count") == "0 / 5" and "Before the first step" in replay.text("#step")
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
        "x=lambda g, y: g * y\n∂/∂x = 1 · (−6) = −6", "y=lambda g, x: g * x\n∂/∂y = 1 · (−4) = −4"
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
    assert minus[0] > minus[1] and plus[1] > plus[0] and total[1] > total[0]  # 24 = 30 − 6: magenta is below zero


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


def test_gradients_appear_when_they_are_computed_and_arrows_follow_them(replay):
    hidden = (
        "return [...document.querySelectorAll('.late')]"
        ".filter(t => getComputedStyle(t).visibility === 'hidden').length"
    )
    counts = []
    for _ in range(5):
        replay.press("Right")
        counts.append(replay.run(hidden))
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1] == 0
    assert replay.count(".edge.arriving.against polygon.turned") == 1
    turned = replay.run(
        "const e = document.querySelector('.edge.arriving'), p = e.querySelector('path').getPointAtLength(0);"
        "const [x, y] = e.querySelector('.turned').getAttribute('points').split(' ').map(Number);"
        "return Math.hypot(p.x - x, p.y - y)"
    )
    assert turned < 0.1
    assert replay.text("#step").startswith("Backward: b")


def test_titles_of_steps_are_told_apart_and_rows_say_the_role(replay):
    titles = []
    for _ in range(5):
        replay.press("Right")
        titles.append(replay.text("#step h2"))
    assert len(set(titles)) == 5
    replay.press(*["Left"] * 4)
    roles = "return [...document.querySelectorAll('#step .role')].map(r => r.textContent)"
    assert replay.run(roles) == ["∂/∂x", "∂/∂y"]


def test_a_replay_goes_forward_and_then_backward(page, tmp_path):
    graph = scalar(gradients=True)
    (tmp_path / "g.html").write_text(graph.html(replay=True), encoding="utf-8")
    page.open(tmp_path / "g.html")
    assert page.text("#count") == "0 / 11"
    page.press("Right", "Right", "Right")
    assert page.text("#step h2") == "Forward: mul" and "= −6" in page.text("#step") and page.count(".edge.against") == 0
    page.press(*["Right"] * 4)
    assert page.text("#step h2") == "Backward: mul (1 of 2)"
    assert page.console() == []


@pytest.fixture
def explored(page, tmp_path):
    page.media()
    graph = mg.graph(Network(6), mg.ones(1, 1, 6, 6), budget=200)
    assert len(graph.html().encode()) < 1e6
    page.open(graph.save(tmp_path / "g.html"))
    return page


def scale(page):
    return page.run("return new DOMMatrix(getComputedStyle(document.querySelector('svg.mg')).transform).a")


def test_zoom_by_wheel_keys_and_buttons_and_pan_by_dragging(explored):
    before = scale(explored)
    explored.press("+")
    explored.click("#larger")
    assert scale(explored) == pytest.approx(before * 1.69, rel=1e-3)
    explored.run(
        "document.querySelector('#picture').dispatchEvent(new WheelEvent('wheel', {deltaY: 300, cancelable: true}))"
    )
    assert scale(explored) < before * 1.69
    place = "return new DOMMatrix(getComputedStyle(document.querySelector('svg.mg')).transform).f"
    at = explored.run(place)
    explored.run(
        "const p = document.querySelector('#picture'), fire = (n, t, y) => t.dispatchEvent(new PointerEvent(n, "
        "{pointerId: 1, clientX: 300, clientY: y, bubbles: true}));"
        "fire('pointerdown', p, 300); fire('pointermove', window, 250); fire('pointermove', window, 240);"
        "fire('pointerup', window, 240)"
    )
    assert explored.run(place) == pytest.approx(at - 60, abs=1)
    explored.press("0")
    box = explored.run("const b = document.querySelector('svg.mg').getBoundingClientRect(), f = document.querySelector("
                       "'#picture').getBoundingClientRect(); return [b.top - f.top, f.bottom - b.bottom]")  # fmt: skip
    assert min(box) >= -1 and explored.console() == []


def test_search_finds_by_name_and_enter_opens(explored):
    explored.press("/")
    explored.press(*"conv")
    assert explored.text("#found").startswith("7 + ") and explored.count(".vertex.hit") == 7
    explored.press("Enter")
    assert "stem Conv2d" in explored.text("#details h2")
    explored.press("Enter")
    assert "conv Conv2d" in explored.text("#details h2") and explored.console() == []


def test_a_click_shows_shape_settings_line_and_the_path_to_the_result(explored):
    explored.click(".vertex[data-vertex='1']")
    details = explored.text("#details")
    assert "1×1×6×6 → 1×4×6×6" in details and "test_viz_graph.py:" in details and "vertices to output" in details
    assert explored.count(".vertex.traced") > 10 and explored.count(".edge.traced") > 10
    explored.run("document.activeElement.blur()")
    explored.press("Tab")
    explored.run("document.querySelector(\".vertex[data-vertex='2']\").focus()")
    explored.press("Enter")
    assert explored.run("return document.querySelector('.vertex.hit').dataset.vertex") == "2"


def test_frames_close_and_open_where_they_stand(explored):
    frame = "return [...document.querySelectorAll('.cluster rect')].map(r => r.getBoundingClientRect().y)"
    before = explored.run(frame)
    click = "document.querySelectorAll('%s')[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    explored.run(click % ".cluster text")
    assert explored.count(".cover") == 1 and explored.run(frame) == before
    explored.run(click % ".cover rect")
    assert explored.count(".cover") == 0 and explored.console() == []


def test_on_a_telephone_the_lit_vertex_is_on_screen_at_every_step(page, tmp_path):
    (tmp_path / "g.html").write_text(perceptron(gradients=True).html(replay=True), encoding="utf-8")
    page.resize(390, 800, mobile=True)
    try:
        page.open(tmp_path / "g.html")
        assert page.run("return document.documentElement.scrollWidth") <= 390
        steps = int(page.text("#count").split("/")[1])
        for _ in range(steps):
            page.press("Right")
            seen = page.run(
                "const a = document.querySelector('.vertex.lit .shape').getBoundingClientRect(),"
                "b = document.querySelector('#picture').getBoundingClientRect();"
                "return a.top >= b.top && a.bottom <= b.bottom && a.left < b.right && a.right > b.left"
            )
            assert seen, page.text("#step h2")
    finally:
        page.resize(1280, 900)


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


class TwoPaths(nn.Module):
    """A block in a block, a path around it, and a layer that is used twice."""

    def __init__(self):
        self.first = nn.Linear(4, 4)
        self.block = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 4))

    def forward(self, x):
        y = self.first(x)
        return self.first(self.block(y) * y + x).relu()


LAID_OUT = """
const wrong = [], seen = [], near = 12;
const meet = (a, b) => a.x + a.w > b.x + .1 && b.x + b.w > a.x + .1 && a.y + a.h > b.y + .1 && b.y + b.h > a.y + .1;
const touches = (p, b) => p.x > b.x - near && p.x < b.x + b.w + near && p.y > b.y - near && p.y < b.y + b.h + near;
const place = (sheet, x, y) => {
  for (const [number, v] of sheet.vertices) {
    const at = { x: x + v.now.x, y: y + v.now.y, w: v.now.w, h: v.now.h, number, sheet };
    for (const other of seen) if (other.sheet === sheet && meet(at, other)) wrong.push([number, other.number]);
    seen.push(at);
    const child = sheet.open.get(number);
    if (child) place(child, at.x, at.y);
    else if (v.group.style.display === "none") wrong.push(`${number} hidden`);
  }
  const [w, h] = sheet.now || sheet.size, frame = { x: 0, y: 0, w, h };
  for (const edge of sheet.edges) {
    const path = edge.group.querySelector("path");
    const ends = [path.getPointAtLength(0), path.getPointAtLength(path.getTotalLength())];
    (edge.back ? [edge.head, edge.tail] : [edge.tail, edge.head]).forEach((number, i) => {
      if (!touches(ends[i], number < 0 ? frame : sheet.vertices.get(number).now)) wrong.push(`edge at ${number}`);
    });
  }
};
place(root, 0, 0);
const box = svg.viewBox.baseVal;
for (const v of seen) if (v.x < 0 || v.x + v.w > box.width || v.y + v.h > box.height) wrong.push(`${v.number} outside`);
return wrong;
"""


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("module, shape", [(TwoPaths, (2, 4)), (lambda: Network(3), (1, 1, 6, 6))])
def test_closed_boxes_open_where_they_stand_and_close_again(page, tmp_path, module, shape, direction):
    page.open(mg.graph(module(), input_size=shape, depth=0, direction=direction).save(tmp_path / "g.html"))
    size = "return [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]"
    before = page.run(size)
    assert page.run(LAID_OUT) == []
    boxes = page.run("return [...insides.keys()]")
    assert len(boxes) > 3
    for number in boxes:  # from outside in: all of them are open in the end
        page.run(f"setOpen({number}, true)")
        assert page.run(LAID_OUT) == [], number
    assert page.count("g.inside") == len(boxes) and page.count(".opener") == len(boxes)
    for number in boxes:
        page.run(f"setOpen({number}, false)")
    assert page.count("g.inside") == 0 and page.console() == []
    assert page.run(size) == before and page.run(LAID_OUT) == []


def test_a_box_opens_by_its_sign_by_the_button_by_a_key_and_by_search(page, tmp_path):
    page.open(mg.graph(TwoPaths(), input_size=(2, 4), depth=1).save(tmp_path / "g.html"))
    of = page.run("return [...insides.keys()].find((i) => data.vertices[i].title.includes('block'))")
    click = "document.querySelector(\"%s\").dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    page.run(click % f"[data-vertex='{of}'] .opener")
    assert page.run(f"return isOpen({of})") and page.text("#details .switch") == "close (o)"
    page.click("#details .switch")
    assert not page.run(f"return isOpen({of})")
    page.run("document.activeElement.blur()")
    page.press("o")
    assert page.run(f"return isOpen({of})")
    page.run(click % ".inside .cluster text")
    assert not page.run(f"return isOpen({of})")
    page.press("/")
    page.press(*"tanh")
    assert page.text("#found") == "0 + 1 inside"
    page.press("Enter")
    assert page.run(f"return isOpen({of})") and page.text("#details h2").startswith("tanh")
    assert "vertices to output" in page.text("#details") and page.count(".inside .vertex.hit") == 1
    assert page.console() == []


def test_what_leads_to_the_result_is_lit_through_boxes_that_are_open(page, tmp_path):
    page.open(mg.graph(TwoPaths(), input_size=(2, 4), depth=1).save(tmp_path / "g.html"))
    of = page.run("return [...insides.keys()].find((i) => data.vertices[i].title.includes('block'))")
    page.run(f"setOpen({of}, true); open(root.edges.find((e) => e.head === {of}).tail)")
    assert page.count(".inside .vertex.traced") == page.run(f"return insides.get({of}).count")
    assert page.count(".inside .edge.traced") == page.run(f"return insides.get({of}).edges.length")


def test_a_page_of_resnet18_with_all_its_insides_is_less_than_a_megabyte(page, tmp_path):
    models = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "draw_models.py"))
    graph = mg.graph(models["ResNet18"](), input_size=(1, 3, 64, 64))
    assert len(graph.html().encode()) < 1e6
    page.resize(390, 800, mobile=True)
    try:
        page.open(graph.save(tmp_path / "g.html"))
        for number in page.run("return [...insides.keys()]"):
            page.run(f"setOpen({number}, true)")
        assert page.run("return document.documentElement.scrollWidth") <= 390
        assert page.run(LAID_OUT) == [] and page.console() == []
    finally:
        page.resize(1280, 900)
