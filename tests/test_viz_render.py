"""The pictures look the same everywhere: Chromium, librsvg, resvg and the PDF show the same colours at known places.

Nothing is black, nothing is clipped, and no viewer needs a stylesheet.
"""

import base64
import io
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from browser import available, browser
from test_viz_graph import Network, perceptron, scalar
from test_viz_layout import random_picture

import minigrad as mg
from minigrad.viz import Graph, RenderError, graph, render

FOLDER = Path(__file__).parents[1] / "examples" / "pictures"
PICTURES = sorted(FOLDER.glob("*.svg"))
NAMESPACE = "{http://www.w3.org/2000/svg}"
needs_rsvg = pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="needs Debian's librsvg2-bin")
Image = pytest.importorskip("PIL.Image")
pytest.importorskip("resvg_py")


@pytest.fixture(scope="module")
def page():
    if not available:
        pytest.skip("needs Debian's chromium and chromium-driver")
    with browser() as opened:
        yield opened


def image(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def places(svg):
    """Points in px whose colour is known: inside each shape, away from its text, and in the corners of the paper."""
    root = ElementTree.fromstring(svg)
    left, top, width, height = map(float, root.get("viewBox").split())
    found = [((x, y), "#ffffff") for x in (2, width - 2) for y in (2, height - 2)]
    for shape in root.iter():
        if "shape" in (shape.get("class") or "").split():
            if shape.tag == NAMESPACE + "ellipse":
                x, y = float(shape.get("cx")) - float(shape.get("rx")) + 4, float(shape.get("cy"))
            else:
                x, y = float(shape.get("x")) + 4, float(shape.get("y")) + float(shape.get("height")) / 2
            found.append(((x - left, y - top), shape.get("fill")))
    return found


def differing(picture, svg, tolerance=12):
    """The places where a rendered picture has another colour than the SVG says."""
    wrong = []
    for (x, y), colour in places(svg):
        seen = picture.getpixel((round(x), round(y)))
        wanted = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        if max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) > tolerance:
            wrong.append((x, y, seen, wanted))
    return wrong


def size(svg):
    root = ElementTree.fromstring(svg)
    return round(float(root.get("width"))), round(float(root.get("height")))


def rsvg(svg):
    return image(subprocess.run(["rsvg-convert"], input=svg.encode(), capture_output=True, check=True).stdout)


def test_there_are_pictures_to_look_at():
    assert len(PICTURES) >= 5


@needs_rsvg
@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_every_picture_of_the_repository_looks_the_same_in_all_renderers(path, page):
    svg = path.read_text(encoding="utf-8")
    page.media(prefers_color_scheme="light")
    width, height = size(svg)
    page.resize(width + 20, 900)  # a picture that is wider than the window is scaled
    page.open(path)
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = page._devtools("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip})
    rendered = {
        "chromium": image(base64.b64decode(shot["data"])),
        "librsvg": rsvg(svg),
        "resvg": image(render.png(svg, 96)),
    }
    for name, picture in rendered.items():
        assert abs(picture.width - width) <= 1 and abs(picture.height - height) <= 1, name
        assert differing(picture, svg) == [], name
        dark = sum(picture.convert("L").resize((100, 100)).histogram()[:60])
        assert dark < 500, f"{name}: {dark} of 10,000 places are black"


@pytest.mark.skipif(shutil.which("gs") is None, reason="needs Ghostscript to look at a PDF")
@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_pdf_has_the_same_colours(path, tmp_path):
    pytest.importorskip("svglib")
    svg = path.read_text(encoding="utf-8")
    (tmp_path / "g.pdf").write_bytes(render.pdf(svg))
    subprocess.run(["gs", "-q", "-sDEVICE=png16m", "-r96", "-o", tmp_path / "g.png", tmp_path / "g.pdf"], check=True)
    picture = image((tmp_path / "g.png").read_bytes())
    width, height = size(svg)
    assert abs(picture.width - width) <= 2 and abs(picture.height - height) <= 2
    assert differing(picture, svg) == []


@needs_rsvg
@pytest.mark.parametrize("seed", range(3))
def test_random_pictures_look_the_same_in_both_renderers(seed):
    picture = random_picture(seed, 20)
    picture.notes = ["A note."]
    svg = Graph(picture).svg()
    for rendered in (rsvg(svg), image(render.png(svg, 96))):
        assert differing(rendered, svg) == []


def test_every_shape_and_line_has_its_colour_without_a_stylesheet():
    root = ElementTree.fromstring(perceptron(gradients=True).svg())
    for element in root.iter():
        if element.tag.removeprefix(NAMESPACE) in ("rect", "ellipse", "path", "polygon", "text", "polyline"):
            assert re.fullmatch("#[0-9a-f]{6}|none", element.get("fill", "")), ElementTree.tostring(element)
            assert element.get("fill") != "none" or element.get("stroke"), ElementTree.tostring(element)
    assert "var(" not in ElementTree.tostring(root, encoding="unicode")


def test_dpi_says_how_many_pixels_there_are():
    graph = scalar()
    width, height = size(graph.svg())
    for dpi in (96, 192, 300):
        picture = image(graph.png(dpi))
        assert abs(picture.width - width * dpi / 96) <= 1 and abs(picture.height - height * dpi / 96) <= 1


def test_the_gradient_is_in_the_png(tmp_path):
    path = scalar(gradients=True).save(tmp_path / "g.png")
    colours = {pixel for _, pixel in image(path.read_bytes()).getcolors(1 << 24)}
    assert (27, 127, 196) in colours


@pytest.mark.parametrize("suffix, missing, words", [(".png", "resvg_py", "resvg-py"), (".pdf", "svglib", "svglib")])
def test_without_a_renderer_the_error_says_what_to_install_and_the_svg_is_written(
    tmp_path, monkeypatch, suffix, missing, words
):
    for name in [name for name in sys.modules if name.split(".")[0] == missing] or [missing]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RenderError, match=rf"{words}.*pip install 'minigrad-whysum\[pictures\]'.*Wrote .*g\.svg"):
        scalar().save(tmp_path / f"g{suffix}")
    assert (tmp_path / "g.svg").read_text(encoding="utf-8").startswith("<svg")
    assert not (tmp_path / f"g{suffix}").exists()


def test_a_notebook_gets_svg_and_png(monkeypatch):
    bundle = scalar()._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"} and bundle["image/png"].startswith("iVBOR")
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert set(scalar()._repr_mimebundle_()) == {"image/svg+xml", "text/plain"}


def test_a_picture_that_is_too_large_for_a_png_is_a_clear_error():
    with pytest.raises(RenderError, match="too large; lower dpi or budget"):
        render.png('<svg xmlns="x" class="mg" width="90000" height="90000"/>', 96)


def test_a_dark_page_gets_a_dark_picture_by_the_page_alone(page, tmp_path):
    svg = scalar().svg()
    for scheme, attributes, colour in [
        ("light", 'style="color-scheme:dark"', "rgb(13, 17, 23)"),
        ("light", 'data-jp-theme-light="false"', "rgb(13, 17, 23)"),
        ("dark", 'data-jp-theme-light="true"', "rgb(255, 255, 255)"),
        ("dark", "", "rgb(255, 255, 255)"),  # the page itself stays light: it does not ask for the dark scheme
        ("dark", 'style="color-scheme:light dark"', "rgb(13, 17, 23)"),
    ]:
        path = tmp_path / "page.html"
        path.write_text(f"<!doctype html><meta charset=utf-8><body {attributes}>{svg}</body>", encoding="utf-8")
        page.media(prefers_color_scheme=scheme)
        page.open(path)
        seen = page.run("return getComputedStyle(document.querySelector('.paper')).fill")
        assert seen == colour, (scheme, attributes)
    page.media(prefers_color_scheme="dark")
    page.open(scalar().save(tmp_path / "g.svg"))
    assert page.run("return getComputedStyle(document.querySelector('.paper')).fill") == "rgb(13, 17, 23)"
    page.media()


def test_a_network_is_rendered_whole():
    made = mg.graph(Network(2), mg.ones(1, 1, 6, 6), gradients=True)
    assert isinstance(made, graph.Graph if hasattr(graph, "Graph") else Graph)
    svg = made.svg()
    assert differing(image(render.png(svg, 96)), svg) == []
