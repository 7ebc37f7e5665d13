"""`graph`: the graph of a tensor, or of a module or function with a sample input, as a picture for everywhere."""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
import webbrowser
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Value
from minigrad.instead import hide
from minigrad.nn import Module
from minigrad.tensor import Tensor
from minigrad.viz import dot, html, layout, render, svg
from minigrad.viz.flows import FlowPainter
from minigrad.viz.inputs import Run, make_input, name_outputs
from minigrad.viz.instead import refuse_keywords
from minigrad.viz.interior import Insides, collect
from minigrad.viz.painter import Painter
from minigrad.viz.picture import Layout, Picture, clean
from minigrad.viz.record import Record
from minigrad.viz.tape import Tape
from minigrad.viz.view import Options, View

if TYPE_CHECKING:
    import graphviz


@hide("engine hung painter picture")
class Graph:
    """A picture of a graph, laid out when it is first drawn: by "builtin", the same on every machine, or by "dot"."""

    hung = False  # whether `dot` did not answer once in this process: it is not asked again

    def __init__(
        self, picture: Picture, engine: str = "builtin", replay: list[html.Step] | None = None,
        painter: Painter | None = None,
    ):  # fmt: skip
        if engine not in ("dot", "builtin"):
            raise ValueError(f"graph: layout must be 'builtin' or 'dot', got {engine!r}")
        self.picture = picture
        self.engine = engine
        self.replay = replay or []
        self.painter = painter  # of the picture; it knows what is inside of closed boxes
        self._layout: Layout | None = None

    @property
    def layout(self) -> Layout:
        """The coordinates. Raises DotError where `dot` is asked for and missing; one that hangs is given up."""
        if self._layout is None:
            if self.engine == "dot" and not Graph.hung:
                try:
                    self._layout = dot.layout(self.picture)
                except dot.DotTimeout as error:
                    Graph.hung = True
                    self.picture.notes.append(f"{error}; the built-in layout is drawn.")
            self._layout = self._layout or layout.layout(self.picture)
        return self._layout

    @property
    def dot(self) -> graphviz.Digraph:
        """The graph as a `graphviz.Digraph`, to be styled or rendered by Graphviz itself."""
        return dot.digraph(self.picture)

    def svg(self) -> str:
        """One SVG document: scales, has light and dark colours, and loads nothing."""
        return svg.draw(self.picture, self.layout)

    def html(self, replay: bool | None = None) -> str:
        """One self-contained page to zoom, pan, search and click; it replays backward if gradients were asked for.

        replay: forward, too, step by step, and then backward if there are gradients; False for no replay.
        """
        backward = [] if replay is False else self.replay
        forward = html.forward_steps(self.picture) if replay else []
        insides = collect(self.painter) if self.painter else Insides()
        return html.page(self.picture, self.svg(), [*forward, *backward], insides)

    def render(
        self, filename: str = "graph", directory: str | None = None, view: bool = False, cleanup: bool = False,
        format: str = "pdf", **others: Any,
    ) -> str:  # fmt: skip
        """Graphviz's words for `save`: write `filename.format`, open it if `view`; returns the path."""
        path = self.save(Path(directory or ".") / f"{filename}.{format}")
        if view:
            webbrowser.open(path.resolve().as_uri())
        return str(path)

    def view(self, filename: str | None = None) -> str:
        """Write the page to explore, to a temporary file unless there is a name, and open it in the browser."""
        path = Path(filename) if filename else Path(tempfile.mkdtemp(prefix="minigrad-")) / "graph.html"
        self.save(path)
        webbrowser.open(path.resolve().as_uri())
        return str(path)

    def png(self, dpi: float = 96.0) -> bytes:
        """The SVG as PNG. Raises RenderError, which says what to install, without the extra [pictures]."""
        return render.png(self.svg(), dpi)

    def pdf(self) -> bytes:
        """The SVG as PDF. Raises RenderError, which says what to install, without the extra [pictures]."""
        return render.pdf(self.svg())

    def save(self, path: str | os.PathLike[str], dpi: float = 192.0) -> Path:
        """Write the graph as .svg, .html, .dot, .png (of `dpi` dots to 96 px) or .pdf; returns the path.

        Raises ValueError for another suffix, OSError, with no half-written file, where it cannot write, and RenderError
        for a .png or .pdf without the extra [pictures]: an .svg is then written beside it.
        """
        path = Path(path)
        makers: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: self.svg().encode(),
            ".html": lambda: self.html().encode(),
            ".dot": lambda: self.dot.source.encode(),
            ".png": lambda: self.png(dpi),
            ".pdf": self.pdf,
        }
        kind = path.suffix.lower()
        if kind not in makers:
            raise ValueError(f"graph: cannot save as {path.name!r}; the suffix must be .svg, .html, .dot, .png or .pdf")
        try:
            content = makers[kind]()
        except render.RenderError as error:
            beside = write(path.with_suffix(".svg"), self.svg().encode())
            raise render.RenderError(f"graph: {error}. Wrote {beside}") from None
        return write(path, content)

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        with contextlib.suppress(render.RenderError):  # a notebook that nobody trusts shows PNG only
            bundle["image/png"] = base64.b64encode(self.png()).decode()
        return bundle

    def __repr__(self) -> str:
        p = self.picture
        size = f"{len(p.vertices)} vertices, {len(p.edges)} edges"
        return f"<Graph {p.title!r}: {size}; print it, .view() it, or .save('graph.svg')>"

    def __str__(self) -> str:
        """The graph as indented text: what each vertex is, and after ← where its input comes from."""
        names = {v.key: v.lines[0] for v in self.picture.vertices}
        sources: dict[str, list[str]] = {}
        for edge in self.picture.edges:
            if not edge.back:
                role = f" ({edge.label})" if edge.label else ""
                sources.setdefault(edge.head, []).append(names[edge.tail] + role)
        parents = {c.key: c.parent for c in self.picture.clusters}
        labels = {c.key: c.label for c in self.picture.clusters}

        def lineage(key: str) -> list[str]:
            return [*lineage(parents[key]), key] if key else []

        lines, current = [self.picture.title], list[str]()
        for vertex in self.picture.vertices:
            path = lineage(vertex.cluster)
            same = sum(a == b for a, b in zip(path, current, strict=False))
            lines += ["  " * (i + 1) + labels[path[i]] for i in range(same, len(path))]
            current = path
            origin = f"  ← {', '.join(sources[vertex.key])}" if vertex.key in sources else ""
            lines.append("  " * (len(path) + 1) + "  ".join(vertex.lines) + origin)
        return "\n".join([*lines, *self.picture.notes])


def write(path: Path, content: bytes) -> Path:
    """Write a whole file or none: first beside it, then moved to its name."""
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.strerror:
            raise OSError(error.errno, f"graph: cannot write {path}: {error.strerror}") from None
        raise
    return path


def graph(
    root: Any,
    input: Any = None,
    *,
    input_size: Sequence[Any] | None = None,
    dtype: Any = np.float32,
    loss: Callable[[Any], Tensor] | None = None,
    gradients: bool = False,
    names: Mapping[str, Tensor | Module] | Module | None = None,
    record: Record | None = None,
    budget: int | None = None,
    depth: int | None = None,
    expand: Iterable[str] = (),
    fold: bool | None = None,
    parameters: bool | None = None,
    constants: bool | None = None,
    operations: bool | None = None,
    direction: str = "TB",
    layout: str = "builtin",
    title: str | None = None,
    **others: Any,
) -> Graph:
    """The computation graph of a tensor (or several), or of a module or a function with a sample input.

    input: a tensor or a number, a tuple of arguments or a dict of them; or input_size: a shape of zeros of `dtype`, or
    several. loss: what to make of the output, if that is to be drawn, too. gradients: run backward (on no `.grad`) and
    draw what flows along each edge; it needs a scalar, and an output without `loss` is summed. names: of tensors and
    modules, or the module whose parameters they are. record: what `viz.record` saw: modules, and operands without a
    gradient.

    A module is drawn as its architecture: a box for each layer. operations, parameters, constants: draw these, too; of
    a tensor and of a function they are drawn unless False. depth: levels of modules that are open, the model's children
    being level 1. budget: vertices to draw at most, 30 for a module and 150 else; beyond it repeated blocks fold and
    modules close, except those in `expand`. direction: "TB" or "LR". layout: "builtin" or "dot".

    A module runs as it is called, and its buffers and the random state are put back. Raises TypeError or ValueError for
    what has no graph, RuntimeError for gradients of a graph that was freed.

    >>> import minigrad as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> print(mg.graph(lambda x: x * x - 1, x))
    computation graph
      x  = 3
      mul  = 9  ← x, x
      1
      sub  = 8  ← mul (left), 1 (right)
      result  = 8  ← sub
    """
    refuse_keywords(others)
    if direction not in ("TB", "LR"):
        raise ValueError(f"graph: direction must be 'TB' or 'LR', got {direction!r}")
    is_module = isinstance(root, Module)
    run = run_once(root, input, input_size, dtype, loss)
    seen, output = (run.seen, run.output) if run else (record or Record(), root)
    results = name_outputs(output, "loss" if loss else "output" if is_module else "result")
    add_names(seen, names)
    if summed := gradients and needs_sum(results, run is not None):
        results = {"sum of output": next(iter(results.values())).sum()}
    inputs = {id(tensor): name for name, tensor in (run.inputs if run else {}).items()}
    seen.given |= set(inputs)
    tape = Tape(list(results.values()), seen)
    shown = [not is_module if option is None else option for option in (parameters, constants, operations)]
    options = make_options(is_module, budget, depth, expand, fold, shown, inputs)
    painter = Painter(tape, View(tape, options), inputs, results)
    painter.picture.shown_title, painter.picture.direction = title is not None, direction
    title = title or (type(root).__name__ if is_module else "computation graph")
    return finish(painter, results, title, layout, gradients, summed)


def make_options(
    is_module: bool, budget: int | None, depth: int | None, expand: Iterable[str], fold: bool | None,
    shown: Sequence[bool], inputs: Iterable[int],
) -> Options:  # fmt: skip
    """What is drawn of a module or of a tensor, with the usual budgets; `shown`: parameters, constants, operations."""
    most = (30 if is_module else 150) if budget is None else budget
    opened = (expand,) if isinstance(expand, str) else tuple(expand)
    parameters, constants, operations = shown
    return Options(most, depth, opened, fold, parameters, constants, operations, frozenset(inputs))


def finish(
    painter: Painter, results: Mapping[str, Tensor], title: str, layout: str, gradients: bool, summed: bool
) -> Graph:
    """The graph of what is painted: its title, and what flows back if gradients are wanted."""
    picture = painter.picture
    picture.title = clean(title, 80)
    if summed:
        picture.notes.append("The gradients are those of the sum of the output; give loss= for those of a loss.")
    replay = FlowPainter(painter, next(iter(results.values()))).replay() if gradients else []
    picture.edges = list(painter.edges.values())
    return Graph(picture, layout, replay, painter)


def run_once(root: Any, input: Any, input_size: Any, dtype: Any, loss: Callable[[Any], Tensor] | None) -> Run | None:
    """Run a module or a function on its sample input; None for a tensor, which has its graph already."""
    if isinstance(root, Module) or (callable(root) and not isinstance(root, Value)):
        return Run(root, sample(root, input, input_size, dtype), loss)
    if input is not None or input_size is not None or loss is not None:
        raise TypeError("graph: input, input_size and loss are for a module or a function; a tensor has its graph")
    return None


def needs_sum(results: Mapping[str, Tensor], ran: bool) -> bool:
    """Whether gradients need the output summed. Raises ValueError if there are several."""
    if len(results) > 1:
        raise ValueError(f"graph: gradients of {len(results)} outputs; give a loss that makes one number of them")
    return ran and next(iter(results.values())).array.size != 1


def sample(root: Any, input: Any, input_size: Sequence[Any] | None, dtype: Any) -> Any:
    """The sample input, given or made. Raises a TypeError if there is none, or both."""
    if (input is None) == (input_size is None):
        name = type(root).__name__ if isinstance(root, Module) else getattr(root, "__name__", "the function")
        kind, more = ("module", "") if isinstance(root, Module) else ("function", ", mg.graph(function, (x, y))")
        raise TypeError(
            f"graph: {name} needs a sample input, and only one: mg.graph({kind}, x){more}, or input_size=(1, 3, 32, 32)"
        )
    return make_input(input_size, dtype) if input_size is not None else input


def add_names(seen: Record, names: Mapping[str, Tensor | Module] | Module | None) -> None:
    """Names of tensors, and of modules for the parameters and buffers in them, into what was recorded."""
    for name, value in ({"": names} if isinstance(names, Module) else names or {}).items():
        if isinstance(value, Module):
            for path, tensor in (*value.named_parameters(name), *value.named_buffers(name)):
                seen.name(path, tensor)
        elif isinstance(value, Value):
            seen.name(name, value, given=True)
        else:
            raise TypeError(f"graph: names must map to Tensors or Modules, got {type(value).__name__} for {name!r}")
