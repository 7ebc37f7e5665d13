"""What users of torchviz and torchview type first, with the call here that does it."""

from __future__ import annotations

from typing import Any, NoReturn

KEYWORDS = {  # of make_dot and draw_graph
    "params": "names=dict(model.named_parameters()), or names=model",
    "show_attrs": "nothing: settings and values are shown",
    "show_saved": "constants=True",
    "max_attr_chars": "nothing: settings are shortened",
    "input_data": "input, the second argument: mg.graph(model, data); a dict gives arguments by name",
    "expand_nested": "depth=, which opens modules; frames are always drawn",
    "graph_name": "title=",
    "graph_dir": 'direction="LR"',
    "hide_module_functions": "operations=False, which is the default for a module",
    "hide_inner_tensors": "nothing: inner tensors are edges; shapes stand in the boxes",
    "roll": "fold=True",
    "show_shapes": "nothing: shapes are always shown",
    "save_graph": '.save("graph.svg") on what is returned',
    "filename": '.save("graph.svg") on what is returned',
    "directory": '.save("folder/graph.svg") on what is returned',
    "device": "nothing: there is one device, the CPU",
    "mode": "model.train() or model.eval() before",
    "strict": "nothing: edges that mean two operands stay two",
    "dtypes": "input, as tensors of these dtypes",
    "engine": 'layout="builtin" or layout="dot"',
}


def refuse_keywords(names: dict[str, Any]) -> None:
    """Raise a TypeError that says what is given here in place of another library's keyword, if any."""
    for name in names:
        if name in KEYWORDS:
            raise TypeError(f"graph: {name}= is not of this library; say {KEYWORDS[name]}")
        raise TypeError(f"graph() got an unexpected keyword argument {name!r}")


def make_dot(*args: Any, **kwargs: Any) -> NoReturn:
    """torchviz's name: an error that says the call here."""
    raise TypeError(
        "make_dot(y, params=dict(model.named_parameters())) is torchviz's; here it is "
        "mg.graph(y, names=dict(model.named_parameters())), or with modules as frames mg.graph(model, x)"
    )


def draw_graph(*args: Any, **kwargs: Any) -> NoReturn:
    """torchview's name: an error that says the call here."""
    known = {name: value for name, value in kwargs.items() if name in ("input_size", "depth")}
    said = "".join(f", {name}={value!r}" for name, value in known.items()) or ", input_size=(1, 3, 224, 224), depth=3"
    raise TypeError(
        f"draw_graph(model, …) is torchview's; here it is mg.graph(model{said}), or mg.graph(model, data); "
        'then .save("graph.svg"), .view() or .html()'
    )
