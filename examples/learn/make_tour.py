"""Make tour.html: the six steps and the core of the library, prose beside code, with what the code prints and draws.

    python examples/learn/make_tour.py            writes tour.html
    python examples/learn/make_tour.py --check    fails if tour.html is not what the sources give today
    python examples/learn/make_tour.py --measure  runs step 6 and keeps its times, with the date, in measured.txt

The prose is the comments of the steps: one that follows an empty line opens a new part. The core's code is found by
name wherever it stands. Needs pygments to colour the code.
"""

import argparse
import ast
import datetime
import html
import importlib.util
import inspect
import io
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

try:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer
except ModuleNotFoundError:
    raise SystemExit('pygments is not installed: python -m pip install -e ".[test]" in the checkout') from None

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "minigrad"
sys.path[:0] = [str(HERE), str(PACKAGE.parent)]  # the steps, and the library of this checkout

from tour_core import CORE, HEAD  # noqa: E402
from tour_pictures import PICTURES  # noqa: E402

PAGE = HERE / "tour.html"
STEPS = ["step1_scalar", "step2_arrays", "step3_convolution", "step4_train", "step5_why_sum", "step6_fast"]
TIMED = "step6_fast"  # prints times, which are read from measured.txt
MEASURED = HERE / "measured.txt"


@dataclass
class Part:
    """Prose and the code that it is about; `first` and `last` are the code's lines in its file."""

    prose: str
    code: str
    first: int
    last: int


def read_parts(text):
    """Cut a program into its docstring and its parts."""
    tree = ast.parse(text)
    lines = text.splitlines()
    start = tree.body[0].end_lineno
    parts, prose, code, first = [], [], [], start + 1

    def close(last):
        if "".join(code).strip():
            parts.append(Part("\n".join(prose), "\n".join(code).strip("\n"), first, last))

    for number, line in enumerate(lines[start:], start + 1):
        comment = re.match(r" *#( |$)", line)
        if comment and not lines[number - 2].strip():
            close(number - 1)
            prose, code, first = [], [], number
        if comment and not code:
            prose.append(line.strip()[2:])
        else:
            code.append(line)
    close(len(lines))
    return ast.get_docstring(tree), parts


def run(path):
    """Run a program; a list of what it printed, each with the line of its own that was running."""
    printed = []

    def note(*values, **options):
        frame = sys._getframe(1)
        while frame.f_code.co_name != "<module>":
            frame = frame.f_back
        text = io.StringIO()
        print(*values, **options, file=text)
        printed.append((frame.f_lineno, text.getvalue()))

    spec = importlib.util.spec_from_file_location("__main__", path)
    program = importlib.util.module_from_spec(spec)
    program.print = note
    spec.loader.exec_module(program)
    return printed


def find_definition(name, under):
    """The source of a function or class of the core, where its path contains `under`; the path, and the file's head."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE.parent).as_posix()
        if under in place:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                    source = "\n".join(text.splitlines()[first - 1 : node.end_lineno])
                    found.append((place, source, f'"""{ast.get_docstring(tree)}\n"""'))
    if len(found) != 1:
        raise LookupError(
            f"tour: expected one definition of {name!r} in minigrad/…{under}…, found {[place for place, *_ in found]}; "
            "mend the list in examples/learn/tour_core.py"
        )
    return found[0]


# ---------------------------------------------------------------------------------------------------- markup


def mark_up(text):
    """Paragraphs of plain text as HTML: `code`, *emphasis*, lines indented by four as a formula, lists with dashes."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        escaped = html.escape(textwrap.dedent(block), quote=False)
        if block.startswith("    "):
            blocks.append(f'<pre class="formula">{escaped}</pre>')
            continue
        escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
        escaped = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"<em>\1</em>", escaped)
        if block.startswith("- "):
            items = re.split(r"\n?^- ", escaped, flags=re.M)[1:]
            blocks.append("<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>")
        else:
            blocks.append(f"<p>{escaped}</p>")
    return "\n".join(blocks)


def colour(code):
    return highlight(code, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).rstrip("\n")


def row(prose, *right):
    return f'<div class="row"><div class="prose">{prose}</div><div class="code">{"".join(right)}</div></div>'


def label(text):
    return f'<div class="label">{html.escape(text)}</div>' if text else ""


def code_block(place, code):
    return f"{label(place)}<pre><code>{colour(code)}</code></pre>"


def output_block(text, heading="prints"):
    return f'{label(heading)}<pre class="printed">{html.escape(text)}</pre>' if text else ""


def picture_rows(key):
    return [
        row(mark_up(inspect.cleandoc(caption)), f"<figure>{draw()}</figure>") for caption, draw in PICTURES.get(key, [])
    ]


# ---------------------------------------------------------------------------------------------------- the page


def step_section(name):
    """A step: its docstring, then its parts, each with what its lines printed, then its picture."""
    path = HERE / f"{name}.py"
    text = path.read_text(encoding="utf-8")
    docstring, parts = read_parts(text)
    title, _, intro = docstring.partition("\n")
    printed = [] if name == TIMED else run(path)
    rows = []
    for i, part in enumerate(parts):
        block = output_block("".join(text for line, text in printed if part.first <= line <= part.last).rstrip())
        if name == TIMED and i == len(parts) - 1:
            date, _, times = MEASURED.read_text(encoding="utf-8").partition("\n")
            block = output_block(times.rstrip(), f"printed on {date}")
        rows.append(row(mark_up(part.prose), code_block("" if i else path.name, part.code), block))
    return section(name, title.rstrip("."), mark_up(intro), rows + picture_rows(name))


def core_section(chapter):
    """A chapter on the core: its prose, and definitions that are looked up by name."""
    rows = []
    for entry in chapter.entries:
        place, source, head = find_definition(entry.name, entry.under)
        rows.append(row(mark_up(entry.prose), code_block(place, head if entry.head else source)))
    return section(chapter.key, chapter.title, mark_up(chapter.intro), rows)


def section(key, title, intro, rows):
    """The link to a section, and the section."""
    heading = html.escape(title)
    body = "\n".join([f"<h2>{heading}</h2>", f'<div class="intro">{intro}</div>', *rows])
    return f'<li><a href="#{key}">{heading}</a></li>', f'<section id="{key}">\n{body}\n</section>'


def make_page():
    """The whole page. The same sources give the same bytes."""
    sections = [step_section(name) for name in STEPS] + [core_section(chapter) for chapter in CORE]
    links, bodies = zip(*sections, strict=True)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>minigrad, from one number up</title>
<style>
{(HERE / "tour.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<h1>minigrad, from one number up</h1>
{mark_up(HEAD)}
<nav><ol>{"".join(links)}</ol></nav>
</header>
<main>
{"".join(bodies)}
</main>
</body>
</html>
"""


def measure():
    """Run the step that prints times five times; keep what the least disturbed run printed, with the date."""
    command = [sys.executable, str(HERE / f"{TIMED}.py")]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    printed = [subprocess.check_output(command, env=environment, encoding="utf-8") for _ in range(5)]
    quickest = min(printed, key=lambda text: sum(map(int, re.findall(r"(\d+) ms", text))))
    MEASURED.write_text(f"{datetime.date.today()}, with one thread, the quickest of five runs\n{quickest}", "utf-8")


def main(arguments):
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args(arguments)
    if options.measure:
        measure()
    page = make_page()
    if not options.check:
        PAGE.write_text(page, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page:
        sys.exit("examples/learn/tour.html is stale: run python examples/learn/make_tour.py and look at it")


if __name__ == "__main__":
    main(sys.argv[1:])
