"""An ONNX network whose convolutions can be measured: what each of them takes in becomes an output of the network."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minigrad.channels.layer_sums import DRAWS, Cut, Row, cut, join, measure
from minigrad.channels.survey import Survey

Array: TypeAlias = NDArray[Any]

CONVOLUTIONS = ("Conv", "ConvTranspose", "FusedConv")  # the last is onnxruntime's own: a Conv and what follows it
QUANTISED = "quantised: its responses are integers, which are not measured"


class NetworkError(ValueError):
    """What is wrong with a network or with what it was given, in a sentence for its owner."""


@dataclass(frozen=True)
class Layer:
    """One convolution node: where its weight and its input come from, or why it is not measured (`note`)."""

    name: str
    source: str = ""
    weight: str = ""
    transposed: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Input:
    """The network's input: its name, its shape (None where any length will do), and its NumPy type."""

    name: str
    shape: tuple[int | None, ...]
    dtype: Any


class Network:
    """A network that was read from an ONNX file and can be run.

    checksum: of its file. layers: every convolution, in the order of the file. parameters: numbers in its weights.
    Raises NetworkError for what is no ONNX network, has no convolution, or cannot be run.
    """

    def __init__(self, path: str | Path, content: bytes | None = None):
        import onnx
        from onnx import numpy_helper

        self.path = Path(path)
        model, self.checksum = _read(self.path, content)
        graph = model.graph
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.constants |= {
            node.output[0]: attribute.t
            for node in graph.node
            for attribute in node.attribute
            if node.op_type == "Constant" and attribute.name == "value"
        }
        self._array = numpy_helper.to_array
        self.parameters = sum(int(np.prod(tensor.dims)) for tensor in self.constants.values())
        self.input = _input(graph, self.constants, self.path)
        self.layers = list(_layers(graph))
        if not self.layers:
            found = ", ".join(sorted({node.op_type for node in graph.node})) or "none"
            raise NetworkError(f"{self.path}: this network has no convolution; its operators are {found}")
        if all(layer.note for layer in self.layers):
            why = "; ".join(dict.fromkeys(layer.note for layer in self.layers))
            raise NetworkError(f"{self.path}: none of its {len(self.layers)} convolutions can be measured ({why})")
        wanted = {name for layer in self.layers if not layer.note for name in (layer.source, layer.weight)}
        self.outputs = sorted(wanted - set(self.constants) - {self.input.name})
        there = {value.name for value in graph.output}
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.outputs if name not in there)
        self.session = _session(model, self.path)

    def run(self, x: Array, what: str = "") -> dict[str, Array]:
        """What every convolution takes in when the network is given x; `what` names x in an error."""
        given = x.astype(self.input.dtype, copy=False)
        try:
            found = self.session.run(self.outputs, {self.input.name: given}) if self.outputs else []
        except Exception as error:  # onnxruntime's errors share no class
            raise NetworkError(
                f"{self.path}: onnxruntime cannot run it on {what or x.shape}: {_first(error)}"
            ) from None
        return {self.input.name: given, **dict(zip(self.outputs, found, strict=True))}

    def value(self, name: str, values: dict[str, Array]) -> Array:
        """A constant, or what the run gave."""
        return np.asarray(self._array(self.constants[name])) if name in self.constants else values[name]

    def survey(
        self,
        inputs: Sequence[tuple[str, Array]],
        draws: int = DRAWS,
        seed: int = 0,
        progress: Callable[[float, float], None] = lambda done, total: None,
    ) -> Survey:
        """Measure every convolution on (name, x) inputs, one run each; `progress(done, total)` hears how far it is."""
        measured = [layer for layer in self.layers if not layer.note]
        total = len(inputs) + len(measured)
        taken: dict[str, list[Cut]] = {layer.name: [] for layer in measured}
        dead: dict[str, str] = {}
        for place, (what, x) in enumerate(inputs):
            values = self.run(x, what)
            for number, layer in enumerate(measured):
                rng = np.random.default_rng([seed, number, place])
                try:
                    taken[layer.name].append(self._cut(layer, values, len(inputs), rng))
                except ValueError as error:
                    dead[layer.name] = str(error).removeprefix(f"survey: {layer.name}: ")
            progress(place + 1, total)
        rows, done = [], len(inputs)
        for number, layer in enumerate(self.layers):
            if note := layer.note or dead.get(layer.name):
                rows.append(Row(layer.name, "", 0, note=note))
            else:
                rows.append(measure(join(taken.pop(layer.name)), draws, np.random.default_rng([seed, number])))
            done += not layer.note
            progress(done, total)
        return Survey(tuple(rows))

    def _cut(self, layer: Layer, values: dict[str, Array], inputs: int, rng: np.random.Generator) -> Cut:
        w, x = self.value(layer.weight, values), self.value(layer.source, values)
        if w.ndim > 4:
            raise ValueError("a convolution over three dimensions is not measured")
        x, options = _transposed(w, x, layer) if layer.transposed else _padded(w, x, layer)
        return cut(layer.name, w, x, options, rng, inputs)


# ---------------------------------------------------------------------------------------------------- from the file


def _read(path: Path, content: bytes | None) -> tuple[Any, str]:
    import onnx

    try:
        content = path.read_bytes() if content is None else content
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        model = onnx.load_model_from_string(content)
    except Exception:  # protobuf's errors share no class with onnx's
        model = None
    if model is None or not model.graph.node:
        raise NetworkError(f"{path}: this is no ONNX network")
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
        if model.functions:
            from onnx.inliner import inline_local_functions

            model = inline_local_functions(model)
    except Exception as error:
        raise NetworkError(f"{path}: cannot be read as a whole: {_first(error)}") from None
    return model, f"{zlib.crc32(content):08x}"


def _session(model: Any, path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads would burn a core
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class
        raise NetworkError(f"{path}: onnxruntime cannot run this network: {_first(error)}") from None


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("[ONNXRuntimeError] : ")


def _input(graph: Any, constants: dict[str, Any], path: Path) -> Input:
    """The only input; NetworkError names them where there are several."""
    import onnx

    found = [value for value in graph.input if value.name not in constants]
    if len(found) != 1:
        names = ", ".join(value.name for value in found) or "none"
        raise NetworkError(f"{path}: expected a network with one input, this has {len(found)}: {names}")
    kind = found[0].type.tensor_type
    if not kind.HasField("shape"):
        raise NetworkError(f"{path}: its input {found[0].name!r} has no shape")
    shape = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in kind.shape.dim)
    return Input(found[0].name, shape, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))


def _layers(graph: Any, within: str = "") -> Iterator[Layer]:
    """The convolutions of a graph and of the graphs inside it; names that occur twice are numbered."""
    import onnx

    seen: dict[str, int] = {}
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inner = [value for value in attributes.values() if isinstance(value, onnx.GraphProto)]
        yield from itertools.chain.from_iterable(_layers(g, node.op_type) for g in inner)
        if "Conv" not in node.op_type:
            continue
        name = _shorten(node.name or (node.output[0] if node.output else node.op_type))
        seen[name] = seen.get(name, 0) + 1
        name = f"{name} ({seen[name]})" if seen[name] > 1 else name
        if within:
            yield Layer(name, note=f"inside an operator {within}, where it may not run: not measured")
        elif node.op_type not in CONVOLUTIONS:
            quantised = node.op_type in ("ConvInteger", "QLinearConv")
            yield Layer(name, note=f"{node.op_type}, {QUANTISED if quantised else 'which is not measured'}")
        else:
            yield Layer(name, node.input[0], node.input[1], node.op_type == "ConvTranspose", attributes)


def _shorten(name: str) -> str:
    """Exporters join many names with semicolons: the first, and of a long one the end."""
    name = name.split(";")[0]
    return name if len(name) <= 32 else "…" + name[-31:]


# ------------------------------------------------------------------------------------- a node's options as PyTorch's


def _common(w: Array, layer: Layer) -> tuple[list[int], list[int], list[int], dict[str, Any]]:
    """Strides, dilations, how far the kernel reaches beyond its first cell, and what both kinds share."""
    spatial = w.ndim - 2
    strides, dilations = (list(layer.attributes.get(key, [1] * spatial)) for key in ("strides", "dilations"))
    reach = [d * (k - 1) for d, k in zip(dilations, w.shape[2:], strict=True)]
    options = {"stride": tuple(strides), "dilation": tuple(dilations), "groups": layer.attributes.get("group", 1)}
    return strides, dilations, reach, options


def _pads(layer: Layer, spatial: int, totals: Sequence[int]) -> list[tuple[int, int]]:
    """What a node pads before and after each dimension; `totals` are those that auto_pad asks for."""
    automatic = layer.attributes.get("auto_pad", b"NOTSET").decode()
    if automatic.startswith("SAME"):
        small = [(max(total, 0) // 2, max(total, 0) - max(total, 0) // 2) for total in totals]
        return [(b, a) for a, b in small] if automatic == "SAME_LOWER" else small
    pads = [0] * 2 * spatial if automatic == "VALID" else list(layer.attributes.get("pads", [0] * 2 * spatial))
    return list(zip(pads[:spatial], pads[spatial:], strict=True))


def _padded(w: Array, x: Array, layer: Layer) -> tuple[Array, dict[str, Any]]:
    """A convolution's input with its margins, and its options."""
    strides, _, reach, options = _common(w, layer)
    sizes = x.shape[2:]
    totals = [(-(-n // s) - 1) * s + r + 1 - n for n, s, r in zip(sizes, strides, reach, strict=True)]
    return np.pad(x, [(0, 0), (0, 0), *_pads(layer, len(sizes), totals)]), options


def _transposed(w: Array, x: Array, layer: Layer) -> tuple[Array, dict[str, Any]]:
    """A transposed convolution's input, and its options; more cut off before than after is less output padding."""
    strides, _, reach, options = _common(w, layer)
    sizes = x.shape[2:]
    extra = list(layer.attributes.get("output_padding", [0] * len(sizes)))
    full = [s * (n - 1) + r + 1 + e for s, n, r, e in zip(strides, sizes, reach, extra, strict=True)]
    wanted = layer.attributes.get("output_shape")
    if wanted:
        totals = [n - m for n, m in zip(full, list(wanted)[-len(sizes) :], strict=True)]
        halves = [(total // 2, total - total // 2) for total in totals]
        upper = layer.attributes.get("auto_pad", b"NOTSET") == b"SAME_UPPER"
        pads = halves if upper else [(b, a) for a, b in halves]
    else:
        pads = _pads(layer, len(sizes), [n - m * s for n, m, s in zip(full, sizes, strides, strict=True)])
    options |= {"transposed": True, "padding": tuple(a for a, _ in pads)}
    return x, options | {"output_padding": tuple(e + a - b for e, (a, b) in zip(extra, pads, strict=True))}
