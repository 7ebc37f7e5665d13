"""The study's engine: fair starts, networks side by side that do not meet, disguises, and runs that survive kills."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from study_tiny import TINY

from minigrad import optim
from minigrad.study import additions, arms, networks, plan, report, tasks, trainings
from minigrad.study.__main__ import PUBLISHED, arguments, main, page_of, records_of, with_options
from minigrad.study.arms import ARMS
from minigrad.study.claims import accuracy, verdicts
from minigrad.study.executors import serial
from minigrad.study.jobs import FULL, QUICK, Job
from minigrad.study.networks import Data, Network, batches, begin, draw, evaluate, matched_width, train, trained
from minigrad.study.plan import first_stage, second_stage, study, third_stage, work
from minigrad.study.records import Results, Store, read
from minigrad.study.tasks import TASKS

LONG = os.environ.get("MINIGRAD_TESTS") == "full"  # ten kills in place of two
SETTINGS = {"task": "polarity", "F": 2, "init": "he", "steps": 4}


# ------------------------------------------------------------------------------------------------- fairness


@pytest.mark.parametrize("init", ["he", "unit"])
@pytest.mark.parametrize("arm", ["sum", "max", "product", "tied", "concat"])
def test_a_network_trains_the_same_alone_as_beside_others(arm, init):
    together = trained(**SETTINGS | {"init": init}, arm=arm, lr=0.01, seeds=[3, 5], points=0)
    alone = trained(**SETTINGS | {"init": init}, arm=arm, lr=0.01, seeds=[5], points=0)
    for wide, single in zip(together[0].parameters(), alone[0].parameters(), strict=True):
        half = len(wide.array) // 2
        np.testing.assert_allclose(wide.array[half:], single.array, rtol=2e-4, atol=2e-5)


def test_all_arms_start_from_the_same_draws():
    data, _ = draw("polarity", (0, 1))
    starts = {}
    for name, arm in ARMS.items():
        network = Network(arm, 4, "polarity", 2)
        begin(network, arm, (0, 1), "he", data[:8][0])
        starts[name] = network.conv.weight.array
    for name in ARMS:
        shared = starts["sum"][:, :1] if name == "tied" else starts["sum"]
        if name == "untied":
            assert np.array_equal(starts[name], np.repeat(starts["sum"][:, :1], 3, axis=1))
        else:  # the sum under another name begins as the sum: slices w_c / a_c
            scale = np.array(ARMS[name].linear(3) if ARMS[name].renames_sum else [1, 1, 1])[:, None, None]
            np.testing.assert_allclose(starts[name] * scale, shared * np.ones_like(scale), rtol=1e-6)
    assert not np.array_equal(starts["sum"][:4], starts["sum"][4:])  # but each seed has its own


@pytest.mark.parametrize("arm", [name for name, arm in ARMS.items() if arm.reduces and name != "tied"])
def test_the_unit_start_gives_mean_zero_and_variance_one(arm):
    data, _ = draw("correlated", (0, 1))
    network = Network(ARMS[arm], 4, "correlated", 2)
    x = data[:64][0]
    begin(network, ARMS[arm], (0, 1), "unit", x)
    out = network.conv(x).array.reshape(64, 2, 4, -1)  # (N, copies, F, positions)
    np.testing.assert_allclose(out.mean((0, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(out.var((0, 3)).mean(1), 1, rtol=0.02)


def test_batches_are_epochs_of_every_image_in_an_order_of_each_seed():
    order = np.concatenate(list(batches([0, 1], 64, 2, 32)), axis=1)
    assert [sorted(row) for row in order.tolist()] == [list(range(64))] * 2
    assert order[0].tolist() != order[1].tolist()


def test_concatenation_with_matched_width_has_about_as_many_parameters():
    for F in (2, 4, 8):
        sizes = [
            sum(p.array.size for p in Network(ARMS[arm], F, "polarity", 1).parameters())
            for arm in ("sum", "concat-matched")
        ]
        assert sizes[1] == pytest.approx(sizes[0], rel=0.2)
    assert matched_width(3, 8, 2) < 8


def test_a_rate_for_each_copy_is_that_rate():
    data, _ = draw("polarity", (0,))
    pair = Data(np.tile(data.x, (2, 1, 1, 1, 1)), np.tile(data.y, (2, 1)))
    both = Network(ARMS["sum"], 2, "polarity", 2)
    begin(both, ARMS["sum"], [0, 0], "he", pair[:8][0])
    adam = optim.Adam(list(both.parameters()), lr=1.0)
    train(both, adam, pair, batches([0, 0], 1024, 4, 32), rates=[0.01, 0.05])
    for k, lr in enumerate((0.01, 0.05)):
        alone = trained(**SETTINGS, arm="sum", lr=lr, seeds=[0], points=0)[0]
        for wide, single in zip(both.parameters(), alone.parameters(), strict=True):
            half = len(wide.array) // 2
            np.testing.assert_allclose(wide.array[k * half : (k + 1) * half], single.array, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("arm", [name for name, arm in ARMS.items() if arm.renames_sum])
def test_the_sum_under_another_name_trains_as_the_sum(arm):
    runs = [trained(**SETTINGS, arm=name, lr=0.01, seeds=[0, 1], points=2)[3].rows[-1] for name in ("sum", arm)]
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(runs[1][name], runs[0][name], rtol=1e-4)


def test_the_search_takes_the_middle_of_the_good_and_goes_beyond_an_edge_that_wins(monkeypatch):
    def search(scores: dict[float, float], grid: list[float]) -> dict:
        def tried(task, arm, F, init, lrs, steps, seeds):
            return [scores.get(round(lr, 6), 0.1) for lr in lrs], None

        monkeypatch.setattr(trainings, "tried", tried)
        monkeypatch.setattr(trainings, "evaluate", lambda values, test: (np.array(values), None))
        return trainings.tune("polarity", "sum", "he", 8, 1, grid, [0])

    assert search({0.01: 0.9, 0.03: 0.9, 0.1: 0.897, 0.3: 0.5}, [0.01, 0.03, 0.1, 0.3])["best"] == 0.03
    beyond = search({0.01: 0.5, 0.03: 0.6, 0.09: 0.8, 0.27: 0.7}, [0.01, 0.03])
    assert beyond["best"] == pytest.approx(0.09) and len(beyond["lrs"]) == 4
    downhill = search({0.01: 0.5, 0.003333: 0.6, 0.001111: 0.7, 0.00037: 0.8}, [0.01, 0.03])
    assert len(downhill["lrs"]) == 4  # twice beyond the lower edge, then enough


# ------------------------------------------------------------------------------------------------- single jobs


def test_training_learns():
    record = work(
        Job(
            "run",
            {**SETTINGS, "steps": 60, "F": 8, "arm": "sum", "lr": 0.03, "seeds": [0, 1], "points": 3, "keep": True},
        )
    )
    assert min(record["accuracy"]) > 0.95 and record["chance"] == 0.5
    assert record["curves"]["step"] == [0, 30, 60]
    assert record["curves"]["loss"][-1] < 0.3 * record["curves"]["loss"][0]
    assert np.shape(record["curves"]["channels"]) == (3, 3)
    assert np.shape(record["weights"]["end"]) == (8, 3, 3, 3)
    assert record["curves"]["participation"][0] == 1  # the sum's gradient is the same for every channel


@pytest.mark.parametrize("arm, optimizer", [(a, o) for a in ("mean", "sum+17", "alternating") for o in ("sgd", "adam")])
def test_a_disguise_of_the_sum_follows_it(arm, optimizer):
    assert work(Job("equivalence", {"arm": arm, "optimizer": optimizer, "steps": 10}))["gap"] < 1e-12


def test_a_start_that_cancels_does_so_exactly():
    record = work(
        Job(
            "escape",
            {"task": "presence", "mode": "mirrored", "start": "cancelling", "lr": 0.1, "steps": 2, "seeds": [0, 1]},
        )
    )
    assert record["curves"]["cancellation"][0] == 1
    assert np.shape(record["film"]["path"]) == (3, 8, 2)
    path = np.array(record["film"]["path"])
    np.testing.assert_allclose(path[..., 0], path[..., 1], atol=1e-5)  # equal gradients keep equal slices equal


@pytest.mark.parametrize("arm, task", [("abs", "polarity"), ("product", "polarity-rb")])
def test_an_even_reduction_is_right_on_exactly_one_of_an_image_and_its_negative(arm, task):
    settings = {"arm": arm, "task": task, "F": 2, "lr": 0.01, "steps": 20, "seeds": [0, 1]}
    np.testing.assert_allclose(work(Job("negative", settings))["accuracy"], 0.5, atol=0.003)
    assert min(work(Job("negative", settings | {"arm": "sum", "task": "polarity", "steps": 60}))["accuracy"]) > 0.9


def test_a_job_is_the_same_twice():
    jobs = [Job("run", {**SETTINGS, "arm": "max", "lr": 0.01, "seeds": [0], "points": 2, "keep": False})] * 2
    first, second = (work(job) | {"seconds": 0} for job in jobs)
    assert first == second


# ------------------------------------------------------------------------------------------------- the plan


def test_the_plan_names_every_job_once_and_all_protocols_are_in_it():
    for profile in (QUICK, FULL):
        first = first_stage(profile, ())
        done = [{"kind": "tune", **job.settings, "best": 0.01} for job in first if job.kind == "tune"]
        jobs = first + second_stage(profile, (), done) + third_stage(profile)
        assert len({job.key for job in jobs}) == len(jobs)
        apart = {"split", "mirror", "longer"} if profile is QUICK else set()
        assert {job.kind for job in jobs} == set(plan.KINDS) - apart
    cells = {(j.settings["task"], j.settings["arm"], j.settings["init"]) for j in jobs if j.kind == "run"}
    assert cells >= {
        (task, arm, "he") for task in TASKS if task not in ("photographs", "polarity-rb") for arm in FULL.arms
    }
    searched = {(j.settings["task"], j.settings["arm"], j.settings["init"]) for j in jobs if j.kind == "tune"}
    open_tasks = [task for task in TASKS.values() if not task.saturated]
    own = [arm for arm in FULL.arms if not ARMS[arm].renames_sum]
    assert {t.name for t in open_tasks} == set(accuracy.OPEN) and len(own) == len(FULL.arms) - 3
    assert searched >= {(t.name, arm, "he") for t in open_tasks for arm in own}
    assert searched >= {(t.name, arm, "unit") for t in open_tasks for arm in plan.SCALED}
    assert not set(FULL.seeds) & set(FULL.tuning_seeds)
    rates = {j.settings["lr"] for j in jobs if j.kind == "run" and j.settings["arm"] in accuracy.RENAMED}
    assert rates == {0.01} and len(FULL.tuning_seeds) == 3 and len(FULL.lrs) == 5


def test_only_leaves_other_tasks_out():
    only = first_stage(FULL, ["polarity"])
    assert {job.settings["task"] for job in only if job.kind == "escape"} == {"polarity"}


# ------------------------------------------------------------------------------------------------- kills


def without_clock(path: Path) -> dict[str, dict]:
    return {r["key"]: {k: v for k, v in r.items() if k != "seconds"} for r in read(path)}


def test_a_study_killed_again_and_again_equals_an_undisturbed_one(tmp_path):
    killed, whole = tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    root = Path(__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    rng = random.Random(0)

    def begin_study(path: Path, executor: str) -> subprocess.Popen:
        command = [sys.executable, str(Path(__file__).parent / "study_tiny.py"), str(path), executor]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)

    kills = 0
    while kills < (10 if LONG else 2):
        process = begin_study(killed, "processes" if kills % 4 == 1 else "serial")
        assert process.stdout.readline() == b"started\n"
        time.sleep(rng.uniform(0, 0.8))
        kills += process.poll() is None
        process.kill()
        process.wait()
        process.stdout.close()
        if killed.exists() and rng.random() < 0.5:  # a kill in the middle of a write
            with open(killed, "ab") as file:
                file.write(b'{"kind":"run","key":"half a rec')
    for path, executor in ((killed, "serial"), (whole, "processes")):
        process = begin_study(path, executor)
        process.stdout.read()
        process.stdout.close()
        assert process.wait() == 0
    assert without_clock(killed) == without_clock(whole)
    assert sum(r["kind"] == "run" for r in read(whole)) == 9


def test_a_failing_job_is_reported_and_run_again_next_time(tmp_path, monkeypatch):
    def broken(**settings):
        raise ArithmeticError("not today")

    monkeypatch.setitem(plan.KINDS, "window", broken)
    monkeypatch.setattr(plan, "first_stage", lambda profile, only: [Job("window", {}), Job("maps", {"arm": "sum"})])
    with Store(tmp_path / "s.jsonl") as store:
        failed = study(TINY, store, serial)
        assert list(failed) == ["window"] and "maps/arm=sum" in store.done
    monkeypatch.undo()
    monkeypatch.setattr(plan, "first_stage", lambda profile, only: [Job("window", {}), Job("maps", {"arm": "sum"})])
    with Store(tmp_path / "s.jsonl") as store:
        assert study(TINY, store, serial) == {} and "window" in store.done


def test_progress_reaches_the_end_and_never_goes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "first_stage", lambda profile, only: [Job("maps", {"arm": a}) for a in ("sum", "max")])
    seen: list[float] = []
    with Store(tmp_path / "s.jsonl") as store:
        study(TINY, store, serial, progress=lambda done, total: seen.append(done / total if total else 1))
    assert seen[-1] == 1 and np.all(np.diff(seen) > -1e-9)


def test_decay_makes_weights_smaller_and_half_of_them_are_pruned():
    settings = {"task": "polarity", "lr": 0.01, "steps": 40, "seeds": [0, 1]}
    free, held = (work(Job("decay", settings | {"decay": decay})) for decay in (0.0, 3.0))
    assert max(held["norm"]) < min(free["norm"])
    for record in (free, held):
        shares = [record[name] for name in ("accuracy", "near_start", "near_own", "pruned", "pruned_filter")]
        assert np.shape(shares) == (5, 2) and np.min(shares) >= 0 and np.max(shares) <= 1
    assert min(held["near_start"]) > max(free["near_start"])  # by the start's width, which the weights have lost


def test_27_random_sums_tell_a_reader_everything_and_one_tells_little():
    record = work(Job("kept", {"task": "random", "F": 27, "lr": 0, "steps": 0, "seeds": [0, 1]}))
    few = work(Job("kept", {"task": "random", "F": 1, "lr": 0, "steps": 0, "seeds": [0, 1]}))
    assert min(record["difference"]) > 0.99 and max(few["difference"]) < 0.5


# ------------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    "line, named",
    [
        ("--only tulips", "tulips"),
        ("--seeds 0", "--seeds"),
        ("--jobs -1", "--jobs"),
        ("--executor gpu", "dask://HOST:PORT"),
        ("--fast", "--fast"),
    ],
)
def test_a_wrong_option_is_named(line, named, capsys):
    with pytest.raises(SystemExit) as stop:
        arguments(line.split())
    assert stop.value.code == 2 and named in capsys.readouterr().err


def test_options_shape_the_profile():
    options = arguments(["--full", "--seeds", "2", "--only", "which"])
    profile = with_options(FULL, options)
    assert profile.seeds == (0, 1) and profile.tasks == ("which",)
    assert records_of(options, profile).name == "full-2-seeds.jsonl"  # other seeds are another study
    assert records_of(options, FULL).name == "full.jsonl"


def test_no_run_overwrites_the_page_of_another(tmp_path):
    def name(line: str, **head) -> str:
        options = arguments([*line.split(), "--out", str(tmp_path)])
        profile = with_options(FULL if options.full else QUICK, options)
        record = plan.head_record(profile, options.only)
        return page_of(options, records_of(options, profile), Results([record])).name

    lines = ["--full", "", "--full --seeds 3", "--seeds 2", "--only polarity", "--full --only which"]
    names = [name(line) for line in lines]
    assert names[:3] == ["why_sum.html", "why_sum_quick.html", "why_sum_full-3-seeds.html"]
    assert len(set(names)) == len(lines)


MINE = (Path(__file__).parent.parent / "examples" / "new_reduction.py").read_text(encoding="utf-8")
BY = "(r.amax(dim) + r.amin(dim)) / 2"  # how it reduces


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    yield path
    ARMS.pop("midrange", None)
    TASKS.pop("green", None)
    additions.load.cache_clear()


def test_an_arm_and_a_task_in_a_file_of_their_own_are_trained_and_shown_and_change_no_verdict(mine, tmp_path):
    options = arguments(["--full", "--add", str(mine), "--out", str(tmp_path)])
    profile = with_options(FULL, options)
    first = first_stage(profile, ())
    done = [{"kind": "tune", **job.settings, "best": 0.01} for job in first if job.kind == "tune"]
    cells = [job for job in second_stage(profile, (), done) if job.kind == "run"]
    wanted = [
        *(job for job in cells if (job.settings["task"], job.settings["F"]) == ("green", 8)),
        *(job for job in cells if job.settings["arm"] == "midrange" and job.settings["F"] == 8),
    ]
    assert {(j.settings["task"], j.settings["arm"]) for j in wanted} >= {("green", "midrange"), ("green", "sum")}
    assert any(job.settings == {"arm": "midrange", "C": 64, "version": "plain"} for job in third_stage(profile))
    small = Job(
        "run", wanted[0].settings | {"seeds": [0], "steps": 2, "points": 2, "arm": "midrange"}, 1, profile.files
    )
    second = work(small)
    assert second["task"] == "green" and 0 <= second["accuracy"][0] <= 1
    published = Results.load(PUBLISHED)
    picture = work(Job("maps", {"arm": "midrange"}, files=profile.files))
    worse = [second | {"task": t, "arm": a, "key": f"{t}{a}", "accuracy": [0.0] * 10, "excess": [9.0] * 10,
                       "near_zero": [1.0] * 10, "pruned": [0.0] * 10, "seeds": list(range(10)), "init": "he"}
             for t, a in (("green", "sum"), ("green", "max"), ("common", "midrange"))]  # fmt: skip
    more = Results([*published.records, picture, *worse])
    assert [v[1:] for v in verdicts(more)] == [v[1:] for v in verdicts(published)]
    page = report.page(more)
    assert ">midrange</text>" in page and ">green</text>" in page
    first, own = (re.search(r'<div class="answer">.*?</div>', text, re.S)[0] for text in (page, report.page(published)))
    assert first == own


@pytest.mark.parametrize(
    "content, named",
    [
        ("x = 1", "neither an Arm nor a Task"),
        (MINE.replace('"midrange"', '"max"'), "'max' is no free name"),
        ("x = 1\ndef (", "mine.py, line 2: SyntaxError: invalid syntax"),
        ("import nowhere", "mine.py, line 1: ModuleNotFoundError: No module named 'nowhere'"),
        ("open('nothing.npy')", "mine.py, line 1: FileNotFoundError: "),
        (MINE.replace(BY, "r"), "'midrange': reduce(r, 2) of (2, 1, 3, 2, 2, 2) must leave out dimension 2"),
        (MINE.replace("r.amin(dim)", "r.amin(dimension)"), "'midrange': name 'dimension' is not defined"),
        (MINE.replace(f"    reduce=lambda r, dim: {BY},\n", ""), "'midrange': reduce must be a function"),
        (MINE.replace(BY, "r.shape[dim]"), "'midrange': reduce(r, dim) must return a Tensor, got int"),
        (MINE.replace("classes=2", "classes=1"), "make(rng, 8, 'train') must give 8 whole numbers from 0 to 0"),
        (MINE.replace("0), y", "0)[0], y"), "must give images as float32 (8, 3, H, W), got float32 (3, "),
        (MINE.replace("0), y", "0) * rng.random(1), y"), "must give images as float32 (8, 3, H, W), got float64 (8"),
    ],
)
def test_a_file_that_adds_nothing_or_what_cannot_be_trained_is_refused(tmp_path, content, named, capsys):
    (tmp_path / "mine.py").write_text(content)
    with pytest.raises(SystemExit):
        arguments(["--add", str(tmp_path / "mine.py")])
    assert named in capsys.readouterr().err
    with pytest.raises(SystemExit):
        arguments(["--add", str(tmp_path / "not-there.py")])
    assert "not-there.py" in capsys.readouterr().err


@pytest.mark.parametrize("module, kind", [(arms, "Arm"), (tasks, "Task")])
def test_the_docstrings_show_how_to_add_an_arm_and_a_task(module, kind):
    code = textwrap.dedent("\n".join(line for line in module.__doc__.splitlines() if line.startswith("    ")))
    assert any(type(value).__name__ == kind for value in exec_in({}, code).values())


def exec_in(names: dict, code: str) -> dict:
    exec(code, names)
    return names


def test_ctrl_c_leaves_what_was_done(tmp_path, monkeypatch, capsys):
    def interrupted(function, jobs):
        yield jobs[0], function(jobs[0])
        raise KeyboardInterrupt

    monkeypatch.setattr("minigrad.study.executors.launcher", lambda spec, workers: interrupted)
    pytest.importorskip("tqdm")
    assert main(["--out", str(tmp_path)]) == 130
    assert len(Results.load(tmp_path / "study-results" / "quick.jsonl")) == 2  # the study's head, and one job
    assert "why_sum_quick.html" in capsys.readouterr().out and (tmp_path / "why_sum_quick.html").exists()


def test_evaluation_counts_every_image_once():
    data, test = draw("polarity", (0,))
    network = Network(ARMS["sum"], 2, "polarity", 1)
    begin(network, ARMS["sum"], (0,), "he", data[:8][0])
    logits = network(test[:][0])
    accuracy, loss = evaluate(network, test)
    assert accuracy[0] == pytest.approx((logits.array.argmax(2)[:, 0] == test.y[0]).mean())
    assert loss[0] == pytest.approx(networks.losses(logits, test[:][1]).array[0], rel=1e-4)


def test_a_console_that_cannot_show_a_character_is_no_alarm(tmp_path):
    command = [sys.executable, "-m", "minigrad.study", "--report-only", "--out", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == 0 and b"cannot read" not in done.stderr, done.stderr
    assert b"random's" in done.stdout


def test_report_only_rebuilds_the_page_of_the_published_records(tmp_path, capsys):
    assert main(["--report-only", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "why_sum.html").stat().st_size <= 3_000_000
    assert "full.jsonl" in capsys.readouterr().out
