"""`graph`: the tape of a tensor, or of a module with a sample input, as a picture that draws everywhere."""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import autograd
from minigrad.autograd import Value
from minigrad.nn import Module
from minigrad.nn.summary import preserved
from minigrad.tensor import Tensor, as_tensor
from minigrad.viz import dot, html, layout, render, svg
from minigrad.viz.painter import Painter
from minigrad.viz.picture import Layout, Picture, clean
from minigrad.viz.tape import Record, Tape, record
from minigrad.viz.view import View

if TYPE_CHECKING:
    import graphviz


class Graph:
    """A picture of a graph, laid out when it is first drawn: by "builtin", the same on every machine, or by "dot"."""

    hung = False  # whether `dot` did not answer once in this process: it is not asked again

    def __init__(self, picture: Picture, engine: str = "builtin", replay: list[html.Step] | None = None):
        if engine not in ("dot", "builtin"):
            raise ValueError(f"graph: layout must be 'builtin' or 'dot', got {engine!r}")
        self.picture = picture
        self.engine = engine
        self.replay = replay or []
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

    def html(self) -> str:
        """One self-contained page. If gradients were asked for, it replays backward step by step."""
        return html.page(self.picture.title, self.svg(), self.replay)

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
        return f"<Graph {p.title!r}: {len(p.vertices)} vertices, {len(p.edges)} edges; print it, or .save('graph.svg')>"

    def __str__(self) -> str:
        """The graph as indented text: what each vertex is, and after ← where its input comes from."""
        names = {v.key: v.lines[0] for v in self.picture.vertices}
        sources: dict[str, list[str]] = {}
        for edge in self.picture.edges:
            sources.setdefault(edge.head, []).append(names[edge.tail])
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
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise type(error)(error.errno, f"graph: cannot write to {path.parent}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    return path


def graph(
    root: Tensor | Module,
    input: Any = None,
    *,
    loss: Callable[[Any], Tensor] | None = None,
    gradients: bool = False,
    names: Mapping[str, Tensor] | Module | None = None,
    record: Record | None = None,
    budget: int = 150,
    depth: int | None = None,
    expand: Iterable[str] = (),
    fold: bool | None = None,
    layout: str = "builtin",
    title: str | None = None,
) -> Graph:
    """The computation graph of a tensor, or of a module with a sample `input` (a tensor, or a tuple of arguments).

    loss: what to make of the module's output, if that is to be drawn, too. gradients: run backward (on no `.grad`)
    and draw what flows along each edge; it needs a scalar, and an output without `loss` is summed. names: of tensors,
    or the module whose parameters they are. record: what `viz.record` saw, for the modules' frames. budget: vertices to
    draw at most; beyond it modules collapse, to `depth` levels and except those in `expand`, and repeated blocks fold.
    A module runs as it is called, and its buffers and the random state are put back.

    Raises TypeError or ValueError for what has no graph, RuntimeError for gradients of a graph that was freed.

    >>> import minigrad as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> print(mg.graph(x * x + x, names={"x": x}))
    computation graph
      x  = 3
      mul  → scalar  ← x, x
      add  = 12  ← mul, x
      result  = 12  ← add
    """
    notes: list[str] = []
    seen = record or Record()
    if isinstance(root, Module):
        seen, inputs, output = run(root, input, loss)
        title = title or type(root).__name__
        tensors = outputs(output)
    else:
        if input is not None or loss is not None:
            raise TypeError("graph: input and loss are for a module; a tensor already has its graph")
        inputs = []
        tensors = outputs(root)
    label = "loss" if loss else "output" if isinstance(root, Module) else "result"
    if isinstance(names, Module):
        names = dict(names.named_parameters())
    for name, tensor in (names or {}).items():
        if not isinstance(tensor, Value):
            raise TypeError(f"graph: names must map to Tensors, got {type(tensor).__name__} for {name!r}")
        seen.name(name, tensor)
    result = tensors[0]
    if gradients:
        if len(tensors) > 1:
            raise ValueError(f"graph: gradients of {len(tensors)} outputs; give a loss that makes one number of them")
        if isinstance(root, Module) and result.array.size != 1:
            result = result.sum()
            tensors, label = [result], "sum of output"
            notes.append("The gradients are those of the sum of the output; give loss= for those of a loss.")
    tape = Tape(tensors, seen)
    view = View(tape, budget, depth, expand, fold)
    painter = Painter(tape, view, {t.node: t for t in tensors if t.node}, inputs, label)
    painter.picture.title = clean(title or "computation graph", 80)
    painter.picture.shown_title = title is not None
    painter.picture.notes += notes
    if gradients:
        painter.show_gradients(result)
    painter.finish()
    return Graph(painter.picture, layout, painter.replay())


def outputs(value: Any) -> list[Tensor]:
    """The tensors in what a module returned that have a graph. Raises if there is none."""
    found: list[Tensor] = []
    todo = [value]
    while todo:
        item = todo.pop(0)
        if isinstance(item, Mapping):
            todo += item.values()
        elif isinstance(item, list | tuple):
            todo += item
        elif isinstance(item, Tensor) and item.node is not None:
            found.append(item)
    if not found:
        what = f"a tensor of shape {value.array.shape}" if isinstance(value, Value) else type(value).__name__
        if not isinstance(value, Value | list | tuple | Mapping):
            raise TypeError(f"graph: expected a Tensor or a Module, got {what}")
        raise ValueError(
            f"graph: expected a tensor with a graph, got {what}; nothing in it asks for a gradient, "
            "or it was made under no_grad"
        )
    return found


def run(module: Module, input: Any, loss: Callable[[Any], Tensor] | None) -> tuple[Record, list[Tensor], Any]:
    """Call a module for its tape and put back what calling it changes. Floating inputs ask for a gradient."""
    if input is None:
        raise TypeError(f"graph: {type(module).__name__} needs a sample input: mg.graph(module, input)")
    arguments: list[Any] = []
    inputs: list[Tensor] = []
    for argument in input if isinstance(input, tuple) else (input,):
        if isinstance(argument, np.ndarray):
            argument = as_tensor(argument)
        if isinstance(argument, Tensor) and argument.node is None and argument.array.dtype.kind == "f":
            argument = argument.clone().requires_grad_()
        if isinstance(argument, Tensor):
            inputs.append(argument)
        arguments.append(argument)
    with preserved(module), autograd.enable_grad(), record(module) as seen:
        output = module(*arguments)
        if loss is not None:
            output = loss(output)
    return seen, inputs, output
