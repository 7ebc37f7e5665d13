"""The study's records survive kills, damage and two writers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from minigrad.study.records import Results, Store, line, parse, plain, read


def record(n: int, **fields) -> dict:
    return {"kind": "run", "key": f"run/{n}", "seconds": 0.1, **fields}


def test_a_record_comes_back_as_it_was_written(tmp_path):
    written = record(1, text="σ ≤ ½", numbers=[1, 2.5, None], nested={"a": [[1]]})
    with Store(tmp_path / "r.jsonl") as store:
        store.add(written)
    assert list(read(tmp_path / "r.jsonl")) == [written]


def test_plain_keeps_significant_digits_and_marks_what_is_not_finite():
    given = {"a": np.array([1 / 3, np.nan, -np.inf]), "b": np.float32(0.1), "c": 1234567.0, "d": (True, None, "x")}
    assert plain(given, 3) == {"a": [0.333, None, None], "b": 0.1, "c": 1230000.0, "d": [True, None, "x"]}
    assert json.dumps(plain(1.0)) == "1"


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_line_torn_anywhere_is_cut_off_and_the_rest_stays(tmp_path, cut):
    path = tmp_path / "r.jsonl"
    path.write_text(line(record(1)) + line(record(2))[:-cut])
    assert [r["key"] for r in read(path)] == ["run/1"]
    with Store(path) as store:
        assert list(store.done) == ["run/1"]
        store.add(record(2))
    assert [r["key"] for r in read(path)] == ["run/1", "run/2"]


def test_a_changed_record_is_named_and_left_out(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(line(record(1)) + line(record(2, accuracy=0.5)).replace("0.5", "0.9") + line(record(3)))
    with pytest.warns(UserWarning, match="line 2: damaged"):
        assert [r["key"] for r in read(path)] == ["run/1", "run/3"]


@pytest.mark.parametrize("text", ["", "no tab", "{}\t00000000", "[1]\t", "{\x00}\tzz", '{"kind":1}\tdeadbeef'])
def test_what_is_no_record_is_none(text):
    assert parse(text + "\n") is None


def test_bytes_that_are_no_text_do_not_stop_the_reader(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(line(record(1)).encode() + b"\xff\xfe\x00garbage\n" + line(record(2)).encode())
    with pytest.warns(UserWarning, match="line 2"):
        assert len(list(read(path))) == 2


def test_two_studies_do_not_write_to_one_file(tmp_path):
    pytest.importorskip("fcntl")
    with Store(tmp_path / "r.jsonl") as store:
        with pytest.raises(BlockingIOError, match="another study"):
            Store(tmp_path / "r.jsonl")
        store.add(record(1))
    Store(tmp_path / "r.jsonl").close()


def test_results_are_found_by_their_fields():
    results = Results([record(1, F=1, arm="sum"), record(2, F=8, arm="sum"), record(3, F=8, arm="max")])
    assert [r["key"] for r in results.where("run", F=8)] == ["run/2", "run/3"]
    assert [r["key"] for r in results.where("run", arm=lambda arm: arm != "sum")] == ["run/3"]
    assert results.one("run", F=1)["key"] == "run/1" and results.one("run", F=2) is None
    assert results.values("run", "arm") == ["sum", "max"] and results.where("cost") == []
    with pytest.raises(ValueError, match="2 records"):
        results.one("run", F=8)


def test_the_newest_of_two_records_with_one_key_counts():
    assert Results([record(1, a=1), record(1, a=2)]).one("run")["a"] == 2


def test_a_missing_file_says_what_makes_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m minigrad\.study"):
        Results.load(tmp_path / "none.jsonl")
