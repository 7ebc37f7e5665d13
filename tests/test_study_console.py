"""The study's console: lines that fit, characters that can be shown, and what is wrong in a sentence."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from study_sample import sample

from minigrad.study import __main__ as command
from minigrad.study import console
from minigrad.study.claims import CLAIMS
from minigrad.study.records import Results, line


def test_progress_in_a_log_is_lines_with_the_time_left():
    now, log = [0.0], io.StringIO()
    tell = console.lines("study", 30, log, lambda: now[0])
    for now[0], done in ((1, 10), (20, 20), (31, 30), (40, 45), (70, 60), (100, 100), (101, 100)):
        tell(done, 100)
    assert log.getvalue().splitlines() == [
        "study: 30 %, 0:31 so far, about 1:48 left",  # what was done before the first word does not count as fast
        "study: 60 %, 1:10 so far, about 0:56 left",
        "study: 100 %, 1:40 so far",
    ]


def test_a_study_that_has_nothing_left_to_do_says_so_once():
    log = io.StringIO()
    tell = console.lines("study", 30, log, lambda: 0.0)
    tell(5, 5), tell(5, 5)
    assert log.getvalue() == "study: 100 %, 0:00 so far\n"


@pytest.mark.parametrize("columns", [40, 80])
def test_the_table_fits_the_console_and_has_every_accuracy(columns):
    results = Results(sample())
    text = console.table(results, columns)
    wide = [line for line in text.splitlines() if len(line) > columns]
    assert not [line for line in wide if " " in line.strip()]  # a word may be longer than a line
    for task in results.values("run", "task"):
        assert task[: console.CELL - 2] in text
    for run in results.where("run", F=8, init="he"):
        assert f"{sum(run['accuracy']) / len(run['accuracy']):.3f}" in text


def test_claims_that_cannot_be_judged_are_counted_and_not_listed():
    results = Results([record for record in sample() if record["kind"] in ("run", "study")])
    names = {claim.claim for claim in CLAIMS}
    text = console.table(results, 400)
    listed = [line for line in text.splitlines() if line.split(":")[0] in names]
    assert not any("not judged" in line for line in listed)
    assert f"{len(names) - len(listed)} other claims: not judged, for too little was run" in text


def test_a_part_of_the_study_ends_with_what_gives_the_answer(published, tmp_path, capsys):
    assert command.main(["--report-only", "--out", str(tmp_path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "4 seeds: enough to see what is measured and how, too few to judge." in said
    assert "`python -m minigrad.study --report-only --out published` gives the answer" in said


def test_the_published_records_end_with_the_answer_of_their_page(tmp_path, capsys):
    assert command.main(["--report-only", "--out", str(tmp_path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    page = " ".join((tmp_path / "why_sum.html").read_text(encoding="utf-8").split())
    answers = re.findall("<p>(.*?)</p>", page[page.index('<div class="answer">') :])[:3]
    assert len(answers) == 3 and all(paragraph in said for paragraph in answers)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_character_that_cannot_be_shown_becomes_a_question_mark(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    console.say("Σ|r| ≥ 0", stream)
    stream.flush()
    assert raw.getvalue().decode(encoding).strip() == "?|r| ? 0"


def test_a_long_line_is_folded_and_a_short_one_left_as_it_is(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    console.say("a  b\n" + "word " * 20)
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "a  b" and len(rest) == 3 and all(len(line) <= 40 for line in rest)


@pytest.fixture
def published(tmp_path_factory, monkeypatch) -> None:
    """Records that every version can read in the place of those that come with minigrad."""
    path = tmp_path_factory.mktemp("records") / "full.jsonl"
    path.write_text("".join(map(line, sample())), encoding="utf-8")
    monkeypatch.setattr(command, "PUBLISHED", path)


@pytest.mark.parametrize("options", ["", "--report-only", "--network nothing.onnx"])
def test_a_folder_that_cannot_be_written_is_named(options, published, tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    assert command.main([*options.split(), "--out", str(taken)]) == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert f"--out {taken} cannot be written: " in said and "records that" not in said


@pytest.mark.parametrize("package", command.NEEDED)
def test_a_package_that_is_missing_comes_with_the_command_that_installs_it(package, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    assert command.main(["--out", str(tmp_path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{package} is not installed" in said and "pip install 'minigrad-whysum[study]'" in said
    assert not list(tmp_path.iterdir())


def run_command(tmp_path, *before):
    """`python -m minigrad.study` after these lines, in a process of its own."""
    start = "import runpy, sys; sys.argv = ['study']; runpy.run_module('minigrad.study', run_name='__main__')"
    code = "\n".join([*before, start])
    return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)


def test_without_any_of_its_packages_the_command_says_what_installs_them(tmp_path):
    absent = ["matplotlib", "onnx", "onnxruntime", "PIL", "scipy", "sklearn", "tqdm"]
    told = run_command(tmp_path, f"import sys; sys.modules.update(dict.fromkeys({absent}))")
    assert told.returncode == 2 and "Traceback" not in told.stderr
    assert "is not installed; this does it: pip install 'minigrad-whysum[study]'" in " ".join(told.stderr.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("moment", ["plan", "tasks", "console"])
def test_ctrl_c_while_modules_load_is_a_sentence(moment, tmp_path):
    lines = [
        "import sys",
        "class Stop:",
        "    def find_spec(self, name, path=None, target=None):",
        f"        if name == 'minigrad.study.{moment}': raise KeyboardInterrupt",
        "sys.meta_path.insert(0, Stop())",
    ]
    told = run_command(tmp_path, *lines)
    assert (told.returncode, told.stderr.strip()) == (130, "minigrad.study: interrupted before it began")


def test_ctrl_c_while_the_options_are_read_is_a_sentence(tmp_path, capsys, monkeypatch):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "arguments", interrupt)
    assert command.main(["--out", str(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "where", "said"),
    [
        ("--report-only", "page", "the same command goes on from here"),
        ("--network nothing.onnx", "network", "no page was written"),
    ],
)
def test_ctrl_c_says_how_to_go_on_wherever_it_comes(options, where, said, published, tmp_path, capsys, monkeypatch):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    if where == "page":
        monkeypatch.setattr(command.report, "page", interrupt)
    else:
        monkeypatch.setattr("minigrad.study.foreign.command.run", interrupt)
    assert command.main([*options.split(), "--out", str(tmp_path)]) == 130
    assert said in capsys.readouterr().err


def test_a_record_that_cannot_be_read_is_an_alarm_and_a_character_is_none(published, tmp_path, capsys, monkeypatch):
    def broken(results: Results) -> str:
        raise KeyError("accuracy")

    with monkeypatch.context() as patch:
        patch.setattr(command.report, "page", broken)
        assert command.main(["--report-only", "--out", str(tmp_path)]) == 2
    assert "holds records that this version cannot read" in " ".join(capsys.readouterr().err.split())
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    assert command.main(["--report-only", "--out", str(tmp_path)]) == 0
    sys.stdout.flush()
    assert b"?" in raw.getvalue() and b"records of" in raw.getvalue() and list(tmp_path.glob("why_sum*.html"))
