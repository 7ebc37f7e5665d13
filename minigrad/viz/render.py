"""PNG and PDF of our own SVG, by the renderers of the extra [pictures]; they are loaded when a picture is asked for."""

from __future__ import annotations

import io
import re
import shutil
import warnings
from importlib.util import find_spec
from pathlib import Path

INSTALL = "pip install 'minigrad-whysum[pictures]'"
PX_PER_INCH = 96.0
MOST_PIXELS = 150e6  # of a PNG: beyond it, a reader's viewer gives up
IN_HELVETICA: dict[str, str | int | None] = {"→": "->", "⋮": ":", "ρ": "rho", "Σ": "Sum", "−": "-"}


class RenderError(RuntimeError):
    """No renderer for this kind of file is installed, or the picture is too large for it."""


def png(svg: str, dpi: float) -> bytes:
    """The picture as PNG, `dpi` pixels to 96 px of the SVG. Raises RenderError where resvg-py is missing."""
    try:
        import resvg_py
    except ImportError:
        raise RenderError(f"PNG is drawn by resvg-py, which is not installed; {INSTALL}") from None
    width, height = (float(n) for n in re.findall(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"', svg)[0])
    zoom = dpi / PX_PER_INCH
    if width * height * zoom**2 > MOST_PIXELS:
        size = f"{width * zoom:,.0f} × {height * zoom:,.0f}"
        raise RenderError(f"a PNG of {size} pixels is too large; lower dpi or budget")
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, font_files=spare_fonts()))


def spare_fonts() -> list[str]:
    """A font of reportlab's, for a machine that has none."""
    spec = find_spec("reportlab")
    fonts = Path(spec.origin).parent / "fonts" if spec and spec.origin else Path()
    return [str(fonts / name) for name in ("Vera.ttf", "VeraBd.ttf") if (fonts / name).exists()]


def pdf(svg: str) -> bytes:
    """The picture as PDF, one px of the SVG for 0.75 pt. Raises RenderError where svglib or reportlab is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the renderers say of each other's versions is not the reader's
            from reportlab.graphics import renderPDF
            from svglib.svglib import svg2rlg
    except ImportError:
        raise RenderError(f"PDF is drawn by svglib and reportlab, which are not installed; {INSTALL}") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawing = svg2rlg(io.StringIO(spell_for_pdf(svg)))
        if drawing is None:
            raise RenderError("svglib could not read the picture")
        return bytes(renderPDF.drawToString(drawing))


def spell_for_pdf(svg: str) -> str:
    """The SVG in letters that the PDF's font has: one of the machine's if fontconfig is there, else plain Helvetica."""
    return svg if shutil.which("fc-match") else svg.translate(str.maketrans(IN_HELVETICA))
