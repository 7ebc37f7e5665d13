"""Pictures of computation graphs: what to draw, where to put it, how to write it down. The public names only."""

from minigrad.viz.convolution import open_convolution
from minigrad.viz.dot import DotError
from minigrad.viz.graph import Graph, graph
from minigrad.viz.render import RenderError
from minigrad.viz.tape import Record, record

__all__ = ["DotError", "Graph", "Record", "RenderError", "graph", "open_convolution", "record"]
