"""The benchmark works, without its peers: all of minigrad's part runs, and the arithmetic of the report is right."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "examples" / "benchmark"


@pytest.fixture(scope="module")
def modules():
    sys.path.insert(0, str(HERE))
    try:
        import load
        import nets
        import report
        import with_minigrad
        import work
        import worker

        yield {m.__name__: m for m in (load, nets, report, work, worker, with_minigrad)}
    finally:
        sys.path.remove(str(HERE))


def test_everything_that_is_timed_runs(modules):
    work, worker, ours = modules["work"], modules["worker"], modules["with_minigrad"]
    for direction in work.DIRECTIONS:
        ours.contraction((2, 3, 8, 4), direction)()
    for name in work.STEPS:
        ours.step(name)()
    for name in work.CONVOLUTIONS:
        ours.convolution(name)()
    for name in work.OPTIMIZERS:
        ours.optimizer(name)()
    ours.growth(2, 4, 8)()
    ours.chain(100)()
    count, call = ours.tiny()
    call()
    assert count == 100
    assert set(worker.timed(call, 0.0, 3)) == {"min", "median", "calls"}


def test_every_network_trains(modules):
    for name in modules["nets"].NETS:
        step, size = modules["with_minigrad"].training_step(name)
        first = step()
        for _ in range(3):
            last = step()
        assert last < first, name
        assert size > 0, name


def test_the_multiplications_of_a_network_are_counted(modules):
    sizes = {name: modules["with_minigrad"].training_step(name)[1] for name in ("mnist-toy", "autoencoder")}
    assert sizes["mnist-toy"] == 64 * (28 * 28 * 8 * 9 + 14 * 14 * 16 * 8 * 9 + 16 * 49 * 10)
    down, up = 14 * 14 * 16 * 9 + 7 * 7 * 32 * 16 * 9, 7 * 7 * 32 * 16 * 16 + 14 * 14 * 16 * 16
    assert sizes["autoencoder"] == 64 * (down + up)


def a_record(modules, others, ours, theirs):
    """A record in which every network has these times."""
    rounds = {
        f: [{"min": t, "median": 2 * t, "size": 1e6} for t in times]
        for f, times in (("minigrad", ours), ("torch", theirs))
    }
    names = [f"network:{name}" for name in modules["nets"].NETS]
    return {
        "answers": dict.fromkeys(names, rounds),
        "others": dict.fromkeys(names, others),
        "machine": {"date": "2026-01-01", "processor": "a processor, 2 cores", "versions": ["minigrad 1", "PyTorch 2"]},
    }


def test_ratios_are_taken_within_quiet_rounds(modules):
    report = modules["report"]
    record = a_record(modules, [0.0, 0.9, 0.05, 0.1], [2.0, 90.0, 30.0, 3.0], [1.0, 1.0, 10.0, 2.0])
    results = report.Results(record)
    assert results.ratio("network:mnist-toy", "torch", "min") == 2.0  # of 2, 3 and 1.5: the second was disturbed
    assert results.least("network:mnist-toy", "minigrad", "min") == 2.0
    assert "of these all rounds" not in report.say_quiet(results)
    loud = report.Results(a_record(modules, [0.5, 0.9], [2.0, 4.0], [1.0, 1.0]))
    assert loud.ratio("network:mnist-toy", "torch", "min") == 3.0  # none was quiet: all that there are
    assert "0 of" in report.say_quiet(loud) and "mnist-toy" in report.say_quiet(loud)


def test_the_table_of_the_readme_is_made_of_the_results(modules):
    report = modules["report"]
    record = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    text = report.README.read_text(encoding="utf-8")
    assert text.partition(report.START)[2].partition(report.END)[0].strip() == report.readme_table(record)
    assert (HERE / "results.md").read_text(encoding="utf-8") == report.tables(record)


def test_slope_is_the_exponent_of_growth(modules):
    slope = modules["report"].slope
    assert slope({"10": 5.0, "100": 500.0}) == pytest.approx(2)
    assert slope({"1": 1.0, "8": 1.0, "2": 9.0, "16": 2.0}) == pytest.approx(1)  # between the two largest


def test_what_others_use_of_the_processor_is_noticed(modules):
    load = modules["load"]
    if load.busy_seconds() is None:
        pytest.skip("the system does not tell")
    program = "import time; end = time.time() + 20\nwhile time.time() < end: pass"
    stranger = subprocess.Popen([sys.executable, "-c", program])
    try:
        watch = load.Watch([os.getpid()])
        while load.own_seconds([stranger.pid]) < 0.2:
            pass
        assert watch.others() * (time.perf_counter() - watch.start) > 0.1  # seconds
    finally:
        stranger.kill()
        stranger.wait()


def test_a_worker_answers_each_line_in_json():
    command = [sys.executable, str(HERE / "worker.py"), "minigrad", "1"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    asked = {"input": "version\nversion\n", "capture_output": True, "text": True}
    done = subprocess.run(command, check=True, env=environment, **asked)
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["minigrad"] * 2
