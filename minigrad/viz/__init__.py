"""Pictures of computation graphs: what to draw, where to put it, how to write it down. The public names only."""

from minigrad.viz.convolution import open_convolution
from minigrad.viz.dot import DotError
from minigrad.viz.graph import Graph, graph
from minigrad.viz.instead import draw_graph, make_dot
from minigrad.viz.record import Record, record
from minigrad.viz.render import RenderError

__all__ = [
    "DotError", "Graph", "Record", "RenderError", "draw_graph", "graph", "make_dot", "open_convolution", "record",
]  # fmt: skip

__dir__ = __all__.copy  # what completion offers: what stands beside these is of use inside only
