"""`python -m minigrad.study --network model.onnx`: measure one's own network and write a page of its own."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from minigrad.channels.survey import Survey
from minigrad.study.foreign.images import PIXELS, bundled, from_folder, pixels_for
from minigrad.study.foreign.onnx_network import Network
from minigrad.study.foreign.page import About, headline, page
from minigrad.study.report import replace

Progress = Callable[[float, float], None]


def run(
    network: Path, images: Path | None, out: Path, pixels: str | None, progress: AbstractContextManager[Progress]
) -> str:
    """Measure the network, write its page, and return what the console says of it.

    Raises NetworkError for a network or images that cannot be used, ModuleNotFoundError without the extra, and OSError
    where the page cannot be written.
    """
    begun = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    found = Network(network)
    pixels = pixels_for(found.input, pixels)
    given = from_folder(images, found.input, pixels) if images else bundled(found.input, pixels)
    with progress as tell:
        survey = found.survey(given, progress=tell)
    target = out / page_name(found, given, pixels)
    text = page(survey, About(network.name, found.parameters, _inputs(given, images), _pixels(given, pixels)))
    replace(target, text)
    return "\n".join([headline(survey), *_extremes(survey), f"{target} ({time.perf_counter() - begun:.0f} s)"])


def page_name(network: Network, given: Sequence[tuple[str, Any]], pixels: str) -> str:
    """A name that another network, other inputs or other pixels do not share, so that no page replaces another's."""
    seen = zlib.crc32(f"{network.checksum} {pixels}".encode())
    for _, x in given:
        seen = zlib.crc32(x.tobytes(), seen)
    stem = re.sub(r"[^\w.-]+", "_", network.path.stem)
    return f"network_{stem}_{seen:08x}.html"


def _inputs(given: Sequence[tuple[str, Any]], images: Path | None) -> str:
    if images is None:
        return f"It was run on {len(given)} crops of scikit-learn’s two photographs"
    names = ", ".join(name for name, _ in given[:4])
    rest = f" and {len(given) - 4} more" if len(given) > 4 else ""
    return f"It was run on {names}{rest}"


def _pixels(given: Sequence[tuple[str, Any]], pixels: str) -> str:
    return "" if all(".npy" in name for name, _ in given) else PIXELS[pixels][0]


def _extremes(survey: Survey) -> Iterator[str]:
    rows = [row for row in survey.sort().rows if row.p == row.p]
    if rows:
        for word, row in (("Most", rows[0]), ("Least", rows[-1])):
            yield f"{word}: {row.name}, index {row.index:.3f}, by chance {row.null:.3f} (p = {row.p:.4f})"
