"""From `results.json` the tables, the picture and the README's table: `python examples/benchmark/report.py`."""

import json
import statistics
from math import log
from pathlib import Path

import load
import nets
import work

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
START, END = "<!-- made by examples/benchmark/report.py -->", "<!-- end -->"
NAMES = {
    "minigrad": "minigrad",
    "torch": "PyTorch",
    "jax": "JAX (jit)",
    "mygrad": "MyGrad",
    "autograd": "HIPS autograd",
}
BOTH = ("minigrad", "torch")  # what only these two are asked for


class Results:
    """What the workers answered: (task, framework) -> an answer for each round, and what others did meanwhile."""

    def __init__(self, results):
        self.answers, self.others = results["answers"], results["others"]

    def quiet_rounds(self, task):
        """The rounds of a task in which the machine was quiet; all of them if none was."""
        others = self.others.get(task, [])
        quiet = [i for i, processors in enumerate(others) if processors <= load.QUIET]
        return quiet or list(range(len(self.answers[task]["minigrad"])))

    def is_quiet(self, task):
        others = self.others.get(task, [])
        return any(processors <= load.QUIET for processors in others)

    def values(self, task, framework, *keys):
        """One number a quiet round."""
        if framework not in self.answers.get(task, {}):
            return []
        numbers = []
        for i in self.quiet_rounds(task):
            answer = self.answers[task][framework][i]
            for key in keys:
                answer = answer[key]
            numbers.append(answer)
        return numbers

    def least(self, task, framework, *keys):
        return min(self.values(task, framework, *keys), default=None)

    def ratios(self, task, peer, *keys):
        """minigrad's time divided by the peer's, each with the times of one round."""
        ours, theirs = self.values(task, "minigrad", *keys), self.values(task, peer, *keys)
        return [a / b for a, b in zip(ours, theirs, strict=False)]

    def ratio(self, task, peer, *keys):
        """The median of the rounds' ratios."""
        ratios = self.ratios(task, peer, *keys)
        return statistics.median(ratios) if ratios else None


def slope(points):
    """Exponent of growth between the two largest sizes: log of the ratio of times over log of that of sizes."""
    (x0, y0), (x1, y1) = sorted((float(x), y) for x, y in points.items())[-2:]
    return log(y1 / y0) / log(x1 / x0)


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(x, digits=2):
    return "-" if x is None else f"{x:.{digits}f}"


def spread(values):
    return f"{min(values):.2f} – {max(values):.2f}" if values else "-"


# ------------------------------------------------------------------------------------------------------ the tables


def networks(results):
    """The table of all networks against PyTorch."""
    rows = []
    for name in nets.NETS:
        task = f"network:{name}"
        ours, theirs = (results.least(task, f, "min") for f in BOTH)
        size = results.answers[task]["minigrad"][0]["size"] / 1e6
        shown = f"**{name}**" if name in nets.NAMED else name
        state = f"{len(results.quiet_rounds(task))} quiet" if results.is_quiet(task) else "disturbed"
        ratios = [number(results.ratio(task, "torch", key)) for key in ("min", "median")]
        bounds = spread(results.ratios(task, "torch", "min"))
        rows.append([shown, f"{size:.3g}", number(ours), number(theirs), *ratios, bounds, state])
    header = ["training step", "million products forward", "minigrad, ms", "PyTorch, ms"]
    return table([*header, "ratio of minima", "of medians", "minima, by round", "rounds"], rows)


def peers(results, frameworks):
    """The two networks that the other peers are asked for."""
    rows = []
    for name in work.NETWORKS:
        task = f"network:{name}"
        for framework in frameworks:
            least = number(results.least(task, framework, "min"))
            ratios = [number(results.ratio(task, framework, key)) for key in ("min", "median")]
            rows.append([name, NAMES[framework], least, *ratios])
    return table(["training step", "framework", "min, ms", "minigrad's min ÷ its", "minigrad's median ÷ its"], rows)


def contractions(results, rate):
    rows = []
    for shape in work.CONTRACTIONS:
        for direction in work.DIRECTIONS:
            key = str((*shape, direction))
            least = {f: results.least("contractions", f, key, "min") for f in BOTH}
            ratios = [number(results.ratio("contractions", "torch", key, which)) for which in ("min", "median")]
            speed = [f"{100 * work.operations(shape) / least[f] * 1e3 / rate:.0f} %" if least[f] else "-" for f in BOTH]
            rows.append([str(shape), direction, *(number(least[f]) for f in BOTH), *ratios, *speed])
    header = ["(N, C, side, O), 3x3", "contraction", "minigrad, ms", "PyTorch, ms", "ratio of minima", "of medians"]
    return table([*header, "minigrad, of sgemm", "PyTorch, of sgemm"], rows)


def steps(results):
    rows = []
    for name in results.answers["steps"]["minigrad"][0]:
        least = [number(results.least("steps", f, name, "min"), 3) for f in BOTH]
        rows.append([name, *least, *(number(results.ratio("steps", "torch", name, key)) for key in ("min", "median"))])
    header = ["forward and backward, or update", "minigrad, ms", "PyTorch, ms", "ratio of minima", "of medians"]
    return table(header, rows)


def others(results, times):
    """Import, one operation, memory, growth."""
    cells = [number(times["minigrad"], 0), number(times["numpy"], 0), number(times["minigrad"] / times["numpy"])]
    rows = [["import, ms (minigrad's with NumPy, and NumPy's)", *cells]]
    if "torch" in results.answers["tiny"]:
        ours, theirs = (results.least("tiny", f, "min") for f in BOTH)
        row = ["one-element operation, there and back, µs", number(ours), number(theirs)]
        rows.append([*row, number(results.ratio("tiny", "torch", "min"))])
        for name in work.NETWORKS:
            ours, theirs = (results.answers[f"memory:{name}"][f][0] for f in BOTH)
            cells = [number(ours, 1), number(theirs, 1), number(ours / theirs)]
            rows.append([f"memory of {name}, MB above the import", *cells])
        ours, theirs = (results.answers["chains"][f][0] for f in BOTH)
        cells = [number(times_["100000"] / times_["10000"], 1) for times_ in (ours, theirs)]
        rows.append(["backward of a chain, 100,000 ÷ 10,000 operations", *cells, ""])
        for axis in results.answers["growth"]["minigrad"][0]:
            cells = [number(slope(results.answers["growth"][f][0][axis])) for f in BOTH]
            rows.append([f"growth with {axis}, exponent", *cells, ""])
    return table(["", "minigrad", "NumPy or PyTorch", "ratio"], rows)


def say_quiet(results):
    """A sentence on how quiet the machine was."""
    rounds = [processors for found in results.others.values() for processors in found]
    quiet = sum(processors <= load.QUIET for processors in rounds)
    text = (
        f"A round is quiet if others used no more than {load.QUIET} of a processor before and during it: "
        f"{quiet} of {len(rounds)} were, and the tables are of these."
    )
    disturbed = [task.partition(":")[2] or task for task in results.others if not results.is_quiet(task)]
    if disturbed:
        text += f" **No quiet round**: {', '.join(disturbed)}; of these all rounds are shown, and none says much."
    return text


def tables(record):
    """All tables as Markdown."""
    results, machine = Results(record), record["machine"]
    frameworks = [f for f in NAMES if f in results.answers["network:mnist-toy"]]
    parts = [
        f"{machine['date']}, {machine['processor']}, {record['threads']} threads; {', '.join(machine['versions'])}",
        say_quiet(results),
    ]
    if machine["missing"]:
        parts.append(f"Not installed, so not timed: {', '.join(machine['missing'])}.")
    if "torch" in frameworks:
        parts += [
            "Each ratio is the median over the rounds of minigrad's time divided by PyTorch's in the same round, of "
            "the fastest and of the middle step. Networks in bold have goals; the others were chosen before any was "
            "timed.",
            networks(results),
            "![ratio against size](results.png)",
        ]
    if len(frameworks) > 2:
        parts.append(peers(results, frameworks))
    parts.append(contractions(results, record["sgemm"]))
    parts.append(f"sgemm: {record['sgemm'] / 1e9:.0f} GFLOP/s at 2048 x 2048 x 2048.")
    parts += [steps(results), others(results, record["imports"])]
    return "\n\n".join(parts) + "\n"


def readme_table(record):
    """What the README says of speed: the named networks, and how the others lie."""
    results, machine = Results(record), record["machine"]
    rows = []
    for name in nets.NAMED:
        task = f"network:{name}"
        rows.append([name, *(number(results.ratio(task, "torch", key)) for key in ("min", "median"))])
    found = [results.ratio(f"network:{name}", "torch", "min") for name in nets.OTHERS]
    middle = f"{statistics.median(found):.2f} in the middle, from {min(found):.2f} to {max(found):.2f}"
    text = (
        f"A training step's time divided by PyTorch's, in {len(results.values(task, 'torch', 'min'))} rounds "
        f"({machine['date']}, {machine['processor'].split(', Linux')[0]}, {machine['versions'][1]}):"
    )
    header = ["training step", "fastest steps", "middle steps"]
    rest = f"{len(found)} other networks, by their fastest steps: {middle}."
    return f"{text}\n\n{table(header, rows)}\n\n{rest}"


def write_readme(record):
    """Put the table between its marks in the README."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(START)
    README.write_text(f"{before}{START}\n{readme_table(record)}\n{END}{rest.split(END)[1]}", encoding="utf-8")


# ------------------------------------------------------------------------------------------------------ the picture


def picture(record, path):
    """The ratio to PyTorch against the network's size, and growth on logarithmic axes."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        print("matplotlib is not installed: no picture")
        return
    results = Results(record)
    figure = plt.figure(figsize=(13, 10), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.7, 1))
    draw_ratios(results, top.subplots())
    answers = results.answers
    for axis, what in zip(bottom.subplots(1, 4), ("chain", "batch", "channels", "side"), strict=True):
        curves = {f: answers["chains"][f][0] if what == "chain" else answers["growth"][f][0][what] for f in BOTH}
        draw_growth(axis, what, curves)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_ratios(results, axis):
    """A numbered point a network, and a line from it to the ratio of medians; the names stand beside the picture."""
    sizes = {name: results.answers[f"network:{name}"]["minigrad"][0]["size"] / 1e6 for name in nets.NETS}
    names = []
    for i, (name, size) in enumerate(sorted(sizes.items(), key=lambda item: item[1]), 1):
        least, middle = (results.ratio(f"network:{name}", "torch", key) for key in ("min", "median"))
        colour = "#d55e00" if name in nets.NAMED else "#0072b2"
        axis.plot([size, size], [least, middle], color=colour, alpha=0.5, linewidth=1)
        axis.plot(size, least, "o", color=colour)
        offset = (-6 if i % 2 else 6, -3)
        options = {"textcoords": "offset points", "ha": "right" if i % 2 else "left", "color": colour, "fontsize": 9}
        axis.annotate(str(i), (size, least), xytext=offset, **options)
        names.append((f"{i}  {name}", colour))
    axis.axhline(1, color="#7f7f7f", linewidth=1)
    axis.set(xscale="log", yscale="log", xlabel="million multiplications of a forward pass")
    axis.set(ylabel="minigrad's time ÷ PyTorch's", title="Training steps: the fastest (points) and the middle (lines)")
    low, high = axis.get_ylim()
    axis.set_yticks([t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7) if low <= t <= high])
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
    axis.xaxis.set_major_formatter("{x:g}")
    for i, (text, colour) in enumerate(names):
        axis.annotate(text, (1.01, 1 - (i + 0.7) / len(names)), xycoords="axes fraction", color=colour, fontsize=9)


def draw_growth(axis, what, curves):
    colours = {"minigrad": "#d55e00", "torch": "#0072b2"}
    for framework, points in curves.items():
        xs = [float(x) for x in points]
        label = f"{NAMES[framework]}, exponent {slope(points):.2f}"
        axis.loglog(xs, list(points.values()), "o-", color=colours[framework], label=label)
    title = "backward of a chain" if what == "chain" else f"convolution and ReLU by {what}"
    axis.set(title=title, xlabel="operations" if what == "chain" else what, ylabel="ms")
    axis.set_xticks(xs, [f"{x:,.0f}" for x in xs], minor=False)
    axis.set_xticks([], minor=True)
    axis.tick_params(axis="x", labelsize=8, rotation=30 if what == "chain" else 0)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("")
    axis.legend(fontsize=8)


def write(record, folder):
    """`results.md` and `results.png` in a folder."""
    text = tables(record)
    print(text)
    (folder / "results.md").write_text(text, encoding="utf-8")
    if "torch" in record["answers"]["network:mnist-toy"]:
        picture(record, folder / "results.png")


if __name__ == "__main__":
    found = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    write(found, HERE)
    write_readme(found)
