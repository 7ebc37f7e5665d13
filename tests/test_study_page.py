"""The study's page: drawn from the records alone, honest about what is missing, usable in a real browser."""

import html.parser
import math
import re
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest
from browser import available, browser
from study_sample import sample

from minigrad.study import report, statements
from minigrad.study.claims import CLAIMS
from minigrad.study.figures import broadcast, film, filters, markup, svg, window
from minigrad.study.parts import PARTS, place
from minigrad.study.records import Results

PICTURES = ["broadcast", "film", "accuracy", "depth", "slider", "filters", "window"]


@pytest.fixture(scope="module")
def results():
    """Invented records of every kind, four reductions and two tasks: enough for a page, quick to draw."""
    return Results(sample(["sum", "mean", "max", "tied"], ["polarity", "presence", "common"]))


@pytest.fixture(scope="module")
def page(results):
    return report.page(results)


# ---------------------------------------------------------------------------------------------------- statements


@pytest.mark.parametrize("statement", statements.STATEMENTS, ids=lambda statement: statement.name)
def test_statement_is_confirmed_through_the_engine(statement):
    assert statement.check() <= statement.bound


@pytest.mark.parametrize(
    ("name", "arm", "wrong"),
    [
        ("affine", "mean", "max"),  # a gradient that does depend on the data
        ("affine", "max", "mean"),  # the converse: one that does not, where the reduction is said not to be affine
        ("shift", "logsumexp", "l2"),
        ("disguise", "mean", "max"),
        ("even", "abs", "max"),
    ],
)
def test_statement_would_be_refuted_by_another_reduction(monkeypatch, name, arm, wrong):
    (statement,) = [statement for statement in statements.STATEMENTS if statement.name == name]
    monkeypatch.setitem(statements.REDUCTIONS, arm, statements.REDUCTIONS[wrong])
    assert not statement.check() <= statement.bound


# ------------------------------------------------------------------------------------------------------ drawing


def test_raster_merges_runs_and_leaves_zero_blank():
    drawn = svg.raster(np.array([[1.0, 1.0, 0.0], [-0.5, 0.0, 9.0]]), size=4, limit=1)
    assert drawn.count("<path") == 2  # full plus (1, 1 and the clipped 9) and half minus
    assert 'd="M0 0h2v1h-2zM2 1h1v1h-1z" class="plus" fill-opacity="1"' in drawn
    assert 'd="M0 1h1v1h-1z" class="minus" fill-opacity="0.5"' in drawn


def test_scale_maps_ends_to_ends_and_decades_evenly():
    log = svg.Scale(1e-4, 1e2, 0, 60, log=True)
    assert [log(10.0**k) for k in (-4, -2, 2)] == pytest.approx([0, 20, 60])
    assert math.isnan(log(0.0))
    assert svg.Scale(0, 10, 100, 0)(2.5) == 75


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (svg.Scale(0, 1, 0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (svg.Scale(-3, 3, 0, 1), [-3, -2, -1, 0, 1, 2, 3]),
        (svg.Scale(0.01, 100, 0, 1, log=True), [0.01, 0.1, 1, 10, 100]),
        (svg.Scale(1e-8, 1e8, 0, 1, log=True), [1e-8, 1e-4, 1, 1e4, 1e8]),
    ],
)
def test_ticks_are_round_and_inside(scale, ticks):
    assert scale.ticks() == pytest.approx(ticks)


def test_a_point_that_is_not_finite_breaks_the_line():
    assert svg.path([(0, 0), (1, 1), (2, math.nan), (3, 3), (4, 4)]) == '<path d="M0 0L1 1M3 3L4 4"/>'


def test_labels_are_spread_in_order():
    placed = svg.spread([10, 11, 50, 10.5], gap=5, low=0, high=100)
    assert np.argsort(placed).tolist() == [0, 3, 1, 2]
    assert np.diff(sorted(placed)).min() >= 5
    assert max(svg.spread([99, 100], gap=5, low=0, high=100)) <= 100


def test_contour_follows_a_circle():
    grid = np.linspace(-2, 2, 41)
    ends = np.array(svg.contour(np.hypot(*np.meshgrid(grid, grid)), grid, grid, level=1.5)).reshape(-1, 2)
    assert len(ends) > 100
    assert np.hypot(*ends.T) == pytest.approx(1.5, abs=0.01)


def test_text_is_escaped_everywhere():
    assert svg.text(0, 0, "a<b") == '<text x="0" y="0">a&lt;b</text>'
    assert markup.missing("<script>").count("<script>") == 0
    assert "</script><b>" not in markup.embed("x", {"say": "</script><b>"})
    assert markup.maths("f(r_c) < x^(1/C)") == "f(r<sub>c</sub>) &lt; x<sup>1/C</sup>"


def test_an_interval_holds_its_mean_and_missing_seeds_have_none():
    mean, low, high = markup.mean_interval([0.9, 0.95, 1.0, 0.97])
    assert low < mean < high
    assert all(math.isnan(value) for value in markup.mean_interval([0.9, None]))
    assert markup.percent(math.nan) == "–"


# ----------------------------------------------------------------------------------------------------- pictures


def test_a_unit_of_gradient_is_counted_where_it_arrives():
    maximum = {"gradients": [[[1, 0]], [[0, 1]], [[0, 0]]]}
    assert broadcast.received(maximum) == (1.0, 1.0)
    assert broadcast.received({"gradients": [[[1, 1]]] * 3}) == (3.0, 3.0)


def test_poster_is_an_svg_file_with_a_row_a_reduction(results):
    image = xml.etree.ElementTree.fromstring(broadcast.poster(results.where("maps")))
    words = {text.text for text in image.iter("{http://www.w3.org/2000/svg}text")}
    assert {"sum", "mean", "max", "tied"} <= words
    painted = [element for element in image.iter() if element.tag.split("}")[1] in ("path", "rect")]
    assert all(element.get("fill", "").startswith(("#", "none")) for element in painted)


@pytest.fixture
def arrays(results):
    record = results.one("window")
    return {name: np.array(record[name], float) for name in ("x", "w", "responses", "out", "g", "dw", "dx", "bias")}


def test_window_film_writes_every_cell_and_ends_with_the_whole_gradients(arrays):
    written = {}
    for frame in window.film(arrays):
        written |= frame["write"]
    for grid, name in (("r", "responses"), ("dw", "dw"), ("dx", "dx")):
        expected = {window.cell(grid, *index): window.show(value) for index, value in np.ndenumerate(arrays[name])}
        assert expected.items() <= written.items()
    assert {
        window.cell("out", 0, *i): window.show(v) for i, v in np.ndenumerate(arrays["out"])
    }.items() <= written.items()


def test_window_film_refuses_numbers_that_do_not_add_up(arrays):
    arrays["dw"][0, 0, 0] += 1
    with pytest.raises(ValueError, match="do not add up"):
        list(window.film(arrays))


def test_filters_of_a_bank_stand_in_columns_and_channels_in_rows():
    weights = np.arange(2 * 3 * 3 * 3).reshape(2, 3, 3, 3) + 1.0
    mosaic = filters.mosaic(weights)
    assert mosaic.shape == (11, 7)
    assert (mosaic[4:7, 4:7] == weights[1, 1]).all()
    assert (mosaic[3] == 0).all()


def test_films_stand_task_by_task_with_minibatches_first(results):
    seen = [(record["task"], record["mode"]) for record in film.filmed(results)]
    assert seen == [(task, mode) for task in ("polarity", "presence") for mode in ("minibatch", "full", "mirrored")]
    assert film.filmed(Results([])) == []


# ----------------------------------------------------------------------------------------------------- the page


class Reader(html.parser.HTMLParser):
    """Follows the nesting of elements; collects ids, links inside the page, and addresses that would be loaded."""

    VOID = frozenset(("meta", "link", "input", "br", "img"))

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.targets, self.loaded, self.errors = [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids += [attributes["id"]] if "id" in attributes else []
        target = attributes.get("href", "")
        self.targets += [target[1:]] if target.startswith("#") else []
        if tag != "a":
            self.loaded += [value for key, value in attributes.items() if key in ("src", "href", "srcset", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append((tag, self.getpos()))


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_page_is_whole_html_of_its_own(page):
    reader = read(page)
    assert reader.errors == [] and reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert set(reader.targets) <= set(reader.ids)
    assert reader.loaded == ["data:,"]  # nothing from elsewhere, not even an icon
    assert "@import" not in page and "url(" not in page


def test_page_leads_with_the_question_and_a_picture_and_has_a_place_for_every_claim(page):
    own = [part for part in PARTS if not part.published]
    marks = ["<h1>", "Your machine.", 'id="edge"', *(f'<section id="{part.name}"' for part in own)]
    places = [page.index(mark) for mark in marks]
    assert places == sorted(places)
    for claim in CLAIMS:
        assert page.count(f'<h3 id="{place(claim.name)}"') == 1
    assert all(f'id="{name}"' in page for name in PICTURES)


def test_only_a_whole_study_speaks_with_the_full_voice(page, published):
    full = report.page(published)
    assert "claim by claim" in full and "Your machine." not in full
    assert "one dot product" not in page and "claim by claim" not in page and "too few seeds to judge" in page
    said = re.search(r'class="answer">(.*?)</div>', full, re.S)[1]
    assert len(re.sub(r"<[^>]*>", "", said).split()) <= 120
    assert "Another verdict" not in full
    for part in PARTS:
        assert f'<section id="{part.name}"' in full and (f'<section id="{part.name}"' in page) != part.published


def test_a_whole_study_whose_verdict_turned_does_not_speak_the_published_words(published):
    records = [
        r | {"both_ratio": 1.0, "both_ratio_low": 1.0, "both_ratio_high": 1.0} if r["kind"] == "cost" else r
        for r in published.records
    ]
    page = report.page(Results(records))
    assert "Another verdict." in page and "The sum is cheapest (claim 4): fails, not holds" in page
    assert "walks over the channels one by one" not in page and "claim by claim" not in page


def test_a_claim_that_a_heading_cites_has_its_number_in_the_table_of_claims(published):
    page = report.page(published)
    table = page[page.index('<h2 id="claims">') : page.index("All predictions, limits and verdicts")]
    numbered = dict(re.findall(r"(\d+)\. (\w[^<]*)", table))
    assert set(re.findall(r"\(claim (\d+)\)", page)) <= set(numbered)
    assert numbered["3"].startswith("After some training most kernel values are close to zero")


def test_page_of_the_published_study_is_complete_and_small(published):
    page = report.page(published)
    assert read(page).errors == []
    assert "Not run" not in page and (Path(__file__).parent.parent / "examples/why_sum.html").read_text() == page
    assert len(page.encode()) <= 3_000_000


def test_same_records_give_the_same_page(results, page):
    assert report.page(results) == page
    assert report.page(Results(results.records[::-1])) == page  # workers may finish in any order


def test_page_without_any_record_names_what_was_not_run():
    page = report.page(Results([]))
    assert read(page).errors == []
    assert page.count("Not run:") >= len(PICTURES)
    assert "holds</span>" not in page and "fails</span>" not in page


@pytest.mark.parametrize("kind", sorted({record["kind"] for record in sample(["sum"], ["polarity"], 2)}))
def test_page_without_one_kind_of_record_is_still_drawn(results, page, kind):
    without = report.page(Results(record for record in results.records if record["kind"] != kind))
    assert read(without).errors == []
    if kind not in ("study", "tune"):
        assert without.count("Not run:") > page.count("Not run:")


def test_a_run_that_diverged_is_named_and_not_drawn_as_a_number():
    records = sample(["sum", "max"], ["polarity"], 2)
    for record in records:
        if record["kind"] == "run":
            record["accuracy"] = [None, None]
    page = report.page(Results(records))
    assert read(page).errors == []
    assert ">diverged</td>" in page
    picture = page[page.index('<h3 id="claim-accuracy"') : page.index('<h3 id="claim-cost"')]
    assert not re.search(r"\bnan\b", picture, re.IGNORECASE)


def test_writing_replaces_an_older_page_whole(tmp_path, results):
    path = tmp_path / "new" / "why_sum.html"
    report.write(results, path)
    path.write_text("old")
    assert report.write(results, path).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [file.name for file in path.parent.iterdir()] == ["why_sum.html"]


# -------------------------------------------------------------------------------------------- in a real browser

needs_browser = pytest.mark.skipif(not available, reason="needs chromium and chromedriver")


@pytest.fixture(scope="module")
def tab(tmp_path_factory, results):
    if not available:
        pytest.skip("needs chromium and chromedriver")
    path = report.write(results, tmp_path_factory.mktemp("page") / "why_sum.html")
    with browser() as tab:
        tab.open(path)
        yield tab


def slider_of(name):
    return f"#{name} input[type=range]"


@needs_browser
def test_page_loads_without_a_word_on_the_console_and_without_network(tab):
    assert tab.console() == []
    assert tab.run("return performance.getEntriesByType('resource').length") == 0


@needs_browser
def test_convolution_steps_scrubs_and_jumps_by_keys(tab):
    frames = int(tab.run("return document.querySelector(arguments[0]).max", slider_of("window"))) + 1
    assert tab.text("#r-0-0-0 text") == "" and tab.text("#x-0-0-0 text") != ""
    tab.click("#window [data-do=step]")
    assert tab.text("#r-0-0-0 text") != "" and tab.count("#window .cell.window") == 2 * 27
    tab.press("Right")  # the button has the keyboard
    assert tab.count("#window .cell.target") == 1 and "bias" in tab.text("#window output")
    tab.press("End")
    assert tab.text("#window output").startswith("Done") and tab.text("#dx-2-4-4 text") != ""
    tab.press("Home")
    assert tab.text("#dx-2-4-4 text") == ""
    tab.focus(slider_of("window"))
    tab.press("End", "Left")
    assert int(tab.run("return document.querySelector(arguments[0]).value", slider_of("window"))) == frames - 2


@needs_browser
@pytest.mark.parametrize("name", ["window", "film"])
def test_a_player_plays_by_click_and_stops_by_space(tab, name):
    value = f"Number(document.querySelector('{slider_of(name)}').value)"
    tab.focus(slider_of(name))
    tab.press("Home")
    tab.click(f"#{name} [data-do=play]")
    assert "Pause" in tab.text(f"#{name} [data-do=play]")
    tab.wait(f"return {value} >= 1")
    tab.focus(slider_of(name))
    tab.press("Space")
    assert "Play" in tab.text(f"#{name} [data-do=play]")
    assert tab.run(f"return document.querySelector('#{name} output').getAttribute('aria-live')") == "polite"


@needs_browser
def test_film_moves_heads_and_cursors(tab):
    where = """return [document.querySelector("#film-polarity-minibatch-0-head").cx.baseVal.value,
        document.querySelector("#film-polarity-minibatch-loss").getAttribute("x1")]"""
    tab.focus(slider_of("film"))
    tab.press("Home")
    start = tab.run(where)
    tab.press("End")
    assert all(a != b for a, b in zip(start, tab.run(where), strict=True))
    assert tab.text("#film output").startswith("Step 400:")


@needs_browser
def test_edge_slider_moves_bars_and_says_what_the_network_makes_of_it(tab, results):
    record = results.one("slider")
    height = "return Number(document.querySelector('#slider-b-0').getAttribute('height'))"
    tab.focus(slider_of("slider"))
    tab.press("Home")
    aligned, said = tab.run(height), tab.text("#slider output")
    for _ in range(len(record["blue"]) // 2):
        tab.press("Right")
    assert tab.run(height) < aligned
    assert tab.text("#slider output") != said and "flat" in tab.text("#slider output")


@needs_browser
@pytest.mark.parametrize("name", ["depth", "filters", "film"])
def test_a_switch_shows_one_view_at_a_time(tab, name):
    shown = f"""return [...document.querySelectorAll("#{name} [data-view]")]
        .filter((view) => !view.hidden).map((view) => view.dataset.view)"""
    (first,) = tab.run(shown)
    tab.click(f"#{name} label:nth-of-type(2) input")
    (second,) = tab.run(shown)
    assert first != second


@needs_browser
def test_everything_that_can_be_worked_has_a_name(tab):
    nameless = """return [...document.querySelectorAll("button, input, [role=img], [role=radiogroup]")].filter(
        (item) => !(item.getAttribute("aria-label") || item.labels?.length)).length"""
    assert tab.run(nameless) == 0
    assert tab.count("output[aria-live=polite]") == 8  # the convolution, six films, the edge slider


@needs_browser
def test_dark_and_light_differ_and_text_can_be_read_in_both(tab):
    colours = """const style = (element) => getComputedStyle(element);
        const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 765;
        return [light(style(document.body).backgroundColor), light(style(document.body).color),
                light(style(document.querySelector("#window text")).fill)]"""
    for scheme, sign in (("light", 1), ("dark", -1)):
        tab.media(prefers_color_scheme=scheme)
        paper, ink, drawn = tab.run(colours)
        assert sign * (paper - ink) > 0.6 and sign * (paper - drawn) > 0.4
    tab.media()


def test_words_stand_out_from_paper_in_light_and_in_dark():
    """The contrast of every colour that writes words is at least 4.5 (WCAG 2.1, AA)."""

    def light(colour: str) -> float:
        shares = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return float(np.dot((0.2126, 0.7152, 0.0722), linear))

    style = (Path(report.__file__).with_name("page.css")).read_text()
    screen = style[: style.index("@media print")]
    schemes = re.findall(r":root \{(.*?)\n\s*\}", screen, re.S)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", scheme))
        for name in set(colours) - {"paper", "panel", "rule", "plus", "minus", "heat", "mark"}:
            for behind in ("paper", "panel"):
                bright, dim = sorted((light(colours[name]), light(colours[behind])), reverse=True)
                assert (bright + 0.05) / (dim + 0.05) >= 4.5, (name, behind, colours[name])


@needs_browser
def test_page_fits_a_phone(tab):
    tab.resize(390, 844)
    try:
        assert tab.run("return document.documentElement.scrollWidth") <= 390
        sizes = """return [...document.querySelectorAll("figure svg text")].filter((text) => text.textContent.trim())
            .map((text) => [text.textContent, parseFloat(getComputedStyle(text).fontSize) * text.getCTM().a])"""
        small = [(words, size) for words, size in tab.run(sizes) if size and size < 10.9]
        assert small == []
        ends = """return [...document.querySelectorAll("#window svg")].map((svg) => svg.getBoundingClientRect())
            .map((box) => [box.left, box.right, box.top])"""
        (left, right, top), (_, end, below) = tab.run(ends)
        assert 0 <= left < right <= 390 and end <= 390 and below > top  # forward above backward, and nothing cut off
    finally:
        tab.resize(1280, 900)


@needs_browser
def test_print_shows_every_view_and_no_controls(tab):
    tab.media(type="print")
    try:
        hidden = (
            "return [...document.querySelectorAll(arguments[0])].filter((item) => item.offsetParent === null).length"
        )
        assert tab.run(hidden, "[data-view]") == 0
        assert tab.run(hidden, ".controls") == tab.count(".controls")
    finally:
        tab.media()


def test_a_table_whose_rows_do_not_fit_its_heads_is_refused():
    assert markup.table("numbers", ["a", "b"], [["1", "2"]]).count("<td") == 1  # the first cell is a head of its row
    with pytest.raises(ValueError, match="table: 3 cells under the 2 heads a, b"):
        markup.table("numbers", ["a", "b"], [["1", "2", "3"]])


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_no_words_of_the_published_pictures_are_cut_off_or_lie_on_each_other(tab, width):
    tab.resize(width, 900)
    try:
        tab.open(Path(__file__).parents[1] / "examples" / "why_sum.html")
        assert tab.count("svg text") > 500
        found = """const cut = [], covered = [];
        for (const picture of document.querySelectorAll("svg")) {
            const frame = picture.getBoundingClientRect();
            const words = [...picture.querySelectorAll("text")].filter((text) => text.textContent.trim())
                .map((text) => [text.textContent, text.getBoundingClientRect()]).filter(([_, box]) => box.width > 0);
            for (const [i, [text, a]] of words.entries()) {
                if (a.right > frame.right + 1 || a.left < frame.left - 1) cut.push(text);
                for (const [other, b] of words.slice(i + 1)) {
                    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                    if (across > 2 && down > 5.5) covered.push([text, other]);
                }
            }
        }
        return [cut, covered]"""
        assert tab.run(found) == [[], []]
    finally:
        tab.resize(1280, 900)
