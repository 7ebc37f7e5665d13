"""Networks that others trained: what the page says of them follows from the records that come with minigrad."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from minigrad.study.claims import others
from minigrad.study.foreign import recorded, section
from minigrad.study.records import Results

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def records() -> Results:
    return recorded.load()


def test_the_records_are_small_and_name_packages_versions_and_licences(records):
    assert recorded.RECORDS.stat().st_size <= 300_000
    networks = records.where("network")
    assert {n["name"] for n in networks} == set(others.COHORT) and len({n["package"] for n in networks}) == 4
    pinned = (ROOT / "examples/networks/packages.txt").read_text(encoding="utf-8")
    for network in networks:
        assert f"{network['package']}=={network['version']} --hash=sha256:" in pinned
        assert network["licence"] in ("MIT", "Apache 2.0") and network["draws"] == 2000 and network["inputs"]
    folders = [ROOT / name for name in ("minigrad", "examples", "tests") if (ROOT / name).exists()]
    assert not [path for folder in folders for path in folder.rglob("*.onnx")]  # weights are never committed


def test_every_convolution_has_a_record_with_both_nulls_or_says_why_not(records):
    layers = records.where("layer")
    assert len(layers) == 303
    for layer in layers:
        assert layer["note"] or (0 <= layer["index"] <= 1 and 0 < layer["p"] <= 1 and layer["null"] is not None)
        one_by_one = re.fullmatch(r"\d+×\d+(×1)+", layer["shape"])
        assert layer["note"] or one_by_one or layer["shuffled"] is not None, layer["layer"]


def test_the_counts_are_these(records):
    counted = {outcome.prediction.name: (outcome.right, outcome.asked) for outcome in others.outcomes(records)}
    assert counted == {
        "deeper layers": (8, 9),
        "typical layer": (8, 9),
        "means": (7, 8),
        "colours": (4, 4),
        "unmatched": (9, 9),
    }
    assert all(outcome.holds for outcome in others.outcomes(records)) and others.near_zero(records) == (8, 9)


def test_the_sign_test_is_that_of_a_fair_coin():
    scipy = pytest.importorskip("scipy.stats")  # part of [study], and so of [test]
    outcome = others.Outcome(others.PREDICTIONS[0], 8, 9)
    assert outcome.p == pytest.approx(scipy.binomtest(8, 9, alternative="greater").pvalue)
    assert outcome.holds and not others.Outcome(others.PREDICTIONS[0], 7, 9).holds


def test_a_network_that_a_reader_adds_is_not_judged(records):
    stranger = {**records.where("network")[0], "name": "mine", "key": "network/mine"}
    layers = [{**layer, "network": "mine", "key": f"layer/mine/{layer['number']}", "excess": 0.5, "p": 0.001}
              for layer in records.where("layer", network="MTCNN O-Net")]  # fmt: skip
    more = Results([*records.records, stranger, *layers])
    assert others.outcomes(more) == others.outcomes(records) and others.numbers(more) == others.numbers(records)


def test_other_records_give_other_counts(records):
    turned = [{**r, "excess": -r["excess"]} if r["kind"] == "layer" and r["excess"] else r for r in records.records]
    found = {outcome.prediction.name: outcome.holds for outcome in others.outcomes(Results(turned))}
    assert not found["deeper layers"] and not found["typical layer"] and not found["colours"]
    shown = section.of_others(Results(turned))
    assert "they cancel less" not in shown and "A prediction failed" in shown and "0 of 4" in shown


def test_numbers_in_the_prose_come_from_the_records(records):
    """What stands in the prose as a digit is a fact of the cohort, of a claim's number, or of the pilot's notes."""
    plain = re.sub(r"<[^>]+>|\{\w+\}", "", others.PROSE)
    assert set(re.findall(r"[+−]?\d[\d.]*", plain)) == {"9", "8", "0", "2", "3", "+0.13", "+0.27"}
    assert set(re.findall(r"\{(\w+)\}", others.PROSE)) <= set(others.numbers(records))
    said = others.numbers(records)
    assert said["less"] == "166" and said["more"] == "2" and said["colours_told"] == "one"


def test_the_section_shows_a_mark_a_layer_and_without_records_says_so(records):
    shown = section.of_others()
    assert shown.count('width="2.4"') == sum(len(s.deeper) for s in others.summarise(records))
    assert all(name in shown for name in others.COHORT) and "{" not in re.sub(r"<style.*?</style>", "", shown)
    assert 'class="missing"' in section.of_others(Results([])) and "--network model.onnx" in section.of_your_own()


def test_the_recorder_names_every_network_of_the_cohort():
    source = (ROOT / "examples/networks/record.py").read_text(encoding="utf-8")
    assert re.findall(r'Known\(\s*"([^"]+)"', source) == list(others.COHORT)


def test_the_recorder_prepares_inputs_as_the_packages_do(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples/networks"))
    inputs = importlib.import_module("inputs")
    rng = np.random.default_rng(0)
    photographs = {name: rng.integers(0, 256, (90, 120, 3), dtype=np.uint8) for name in ("a", "b")}
    page = rng.integers(0, 256, (191, 384), dtype=np.uint8)
    images = inputs.Images(photographs, page, ((8, 36), (44, 66)), (60, 64, 67, 72))
    expected = {  # draw: how many inputs, the first one's shape, the least and largest value that may occur
        inputs.mtcnn_whole: (6, (1, 72, 54, 3), -1, 1),
        inputs.mtcnn_crops(24): (32, (1, 24, 24, 3), -1, 1),
        inputs.letterboxed: (2, (1, 3, 416, 416), 0, 255),
        inputs.grey_lines: (2, (1, 1, 64, 878), 0, 1),
        inputs.page_for_detection: (1, (1, 3, 736, 1472), -1, 1),
        inputs.lines_for_direction: (2, (1, 3, 48, 192), -1, 1),
        inputs.lines_for_reading: (2, (1, 3, 48, 658), -1, 1),
        inputs.notes: (2, (1, 43844, 1), -0.3, 0.3),
    }
    for draw, (count, shape, low, high) in expected.items():
        found, again = draw(images), draw(images)
        assert len(found) == count and found[0][1].shape == shape, draw
        assert all(low - 1e-6 <= x.min() and x.max() <= high + 1e-6 for _, x in found), draw
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(found, again, strict=True))
    box = inputs.letterboxed(images)[0][1][0]
    assert (box[:, 313:] == 114).all() and box[:, 10, 10].tolist() != [114] * 3  # the photograph stands at the top
