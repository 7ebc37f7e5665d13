"""Layers that are a function and its options. A class declares the options once, as annotated attributes.

    @options
    class LeakyReLU(Elementwise):
        function = F.leaky_relu
        negative_slope: float = 0.01
        inplace: bool = False

The decorator makes the constructor, its signature and the repr of them. It is for the classes of this package; a
subclass of one that is not decorated, such as a user's, is a class like any other, whatever it annotates.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NamedTuple, TypeVar, dataclass_transform

from minigrad import functional
from minigrad.instead import hide
from minigrad.nn.module import Module
from minigrad.tensor import Tensor

TENSORS = ("weight", "pos_weight", "size_average", "reduce")  # options that are one, or are refused later


class Option(NamedTuple):
    """An option that is not simply shown: its default, and how it is given and shown."""

    default: Any
    shown: bool
    kw_only: bool


def option(*, default: Any = inspect.Parameter.empty, shown: bool = True, kw_only: bool = False) -> Any:
    """The default of an option that the repr does not show, or that is given by its name only."""
    return Option(default, shown, kw_only)


@hide("function")
class WithOptions(Module):
    """A module whose class declares options. It has them as attributes, and shows them."""

    function: ClassVar[Callable[..., Any]]
    _options: ClassVar[dict[str, Option]] = {}

    def _prepare(self) -> None:
        """Check the options and make of them what the module has besides; called at the end of the constructor."""

    def _given(self) -> dict[str, Any]:
        """The options by name, as they are now."""
        own = self.__dict__
        return {name: own[name] for name in self._options if name in own}

    def extra_repr(self) -> str:
        shown = {name: value for name, value in self._given().items() if self._options[name].shown}
        if not shown.get("inplace", True):
            del shown["inplace"]
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


class Elementwise(WithOptions):
    """A layer of one input: `function(input, **options)`."""

    def forward(self, input: Tensor) -> Tensor:
        """What the layer's function makes of the input."""
        out: Tensor = type(self).function(input, **self._given())
        return out


def add_words_of_functions(layers: Iterable[Any]) -> None:
    """Let the words of a layer that begin with the name of a function of `functional` go on with that function's."""
    for layer in layers:
        named = re.match(r"`functional\.(\w+)`", getattr(layer, "__doc__", None) or "")
        words = named and getattr(functional, named[1]).__doc__
        if words:
            layer.__doc__ = f"{layer.__doc__.rstrip()}\n\n    {words.partition('>>>')[0].strip()}\n    "


M = TypeVar("M", bound=WithOptions)


@dataclass_transform(eq_default=False, field_specifiers=(option,))
def options(cls: type[M]) -> type[M]:
    """Make the annotated attributes of the class, after those of its bases, the options of its constructor."""
    found = dict(cls._options)
    for name in cls.__annotations__:
        default = cls.__dict__.get(name, inspect.Parameter.empty)
        found[name] = default if isinstance(default, Option) else Option(default, True, False)
        if name in cls.__dict__:
            delattr(cls, name)
    cls._options = found
    cls.__init__ = make_constructor(found)  # type: ignore[method-assign]
    return cls


def make_constructor(found: dict[str, Option]) -> Any:
    """An `__init__` that takes these options, and names what does not fit."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = [inspect.Parameter(n, kinds[o.kw_only], default=o.default) for n, o in found.items()]
    signature = inspect.Signature(parameters)

    def __init__(self: WithOptions, *args: Any, **kwargs: Any) -> None:
        Module.__init__(self)
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}{signature}: {error}") from None
        if any(isinstance(value, Tensor) for name, value in given.arguments.items() if name not in TENSORS):
            name = type(self).__name__
            raise TypeError(f"{name}{signature}: got a Tensor as an option; make the layer first, then call it")
        given.apply_defaults()
        for name, value in given.arguments.items():
            setattr(self, name, value)
        self._prepare()

    own = inspect.Parameter("self", kinds[0])
    __init__.__signature__ = signature.replace(parameters=[own, *parameters])  # type: ignore[attr-defined]
    return __init__
