"""The README: what it tells people to paste works, prints what stands below it, and names only what is there."""

import code
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"<!-- (\w+) -->\n```python\n(.*?)```\n```\n(.*?)```\n<!-- /\1 -->", README, re.S)


@pytest.mark.parametrize("name, lines, printed", SNIPPETS, ids=[name for name, *_ in SNIPPETS])
def test_a_snippet_pasted_line_by_line_prints_what_stands_below_it(
    name, lines, printed, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    console = code.InteractiveConsole({})
    monkeypatch.setattr("sys.displayhook", lambda value: None)
    for line in lines.splitlines():
        console.push(line)
    told = capsys.readouterr()
    assert (told.out.strip(), told.err) == (printed.strip(), "")


def test_the_first_lesson_the_training_and_the_six_lines_are_among_the_snippets():
    assert {"lesson", "train", "explain"} <= {name for name, *_ in SNIPPETS}


def test_every_link_into_the_repository_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    places = ROOT, Path(minigrad.__file__).parents[1]  # the package may be installed elsewhere
    assert [link for link in links if not any((place / link).exists() for place in places)] == []


def test_every_command_names_what_is_there():
    modules = set(re.findall(r"python -m (minigrad[.\w]*)", README))
    scripts = set(re.findall(r"python ([\w/]+\.py)", README))
    assert {"minigrad.study", "minigrad.torch"} <= modules
    assert [m for m in modules if importlib.util.find_spec(m) is None] == []
    assert scripts and [s for s in scripts if not (ROOT / s).exists()] == []
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {extra for found in re.findall(r"'?(?:-e )?'?\.\[([\w,]+)\]", README) for extra in found.split(",")}
    assert named and named <= set(extras)


def test_the_python_that_it_asks_for_is_the_one_that_the_package_asks_for():
    required = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert {f">={version}" for version in re.findall(r"Python (?:≥ )?(3\.\d+)", README)} == {required}
