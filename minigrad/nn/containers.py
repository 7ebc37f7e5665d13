"""Modules that hold others, or parameters: in a chain, a list or a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from minigrad.instead import public
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor

_T = TypeVar("_T", Module, Parameter)


class _Held(Module, Generic[_T]):
    """What is held are attributes, of one kind."""

    _kind: type = Module

    def _named(self) -> list[tuple[str, _T]]:
        return list(self._attributes(self._kind))

    def _hold(self, name: str, value: Any) -> None:
        self.add_module(name, value)

    def __len__(self) -> int:
        return len(self._named())

    def _hint_of_forward(self) -> str:
        return "; it holds modules for yours: call them in your forward(), or use Sequential"


class _Numbered(_Held[_T]):
    """In order, as attributes "0", "1", ..., which is what PyTorch's state_dict calls them."""

    def __iter__(self) -> Iterator[_T]:
        return (value for _, value in self._named())

    def __contains__(self, value: object) -> bool:
        return any(value is held for held in self)

    def _name(self, index: int) -> str:
        names = [name for name, _ in self._named()]
        if not -len(names) <= index < len(names):
            held = f"{len(names)} {self._kind.__name__.lower()}s"
            raise IndexError(f"{type(self).__name__}: index {index} is out of range for {held}")
        return names[index]

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._like(self._named()[index]) if isinstance(index, slice) else getattr(self, self._name(index))

    def _like(self, named: Iterable[tuple[str, _T]]) -> Self:
        return type(self)([value for _, value in named])  # type: ignore[call-arg]

    def __setitem__(self, index: int, value: _T) -> None:
        self._hold(self._name(index), value)

    def __delitem__(self, index: int | slice) -> None:
        named = self._named()
        gone = named[index] if isinstance(index, slice) else [(self._name(index), None)]
        names = {name for name, _ in gone}
        self._renumber([value for name, value in named if name not in names])

    def _renumber(self, values: list[_T]) -> None:
        for name, _ in self._named():
            delattr(self, name)
        for i, value in enumerate(values):
            self._hold(str(i), value)

    def append(self, value: _T) -> Self:
        """Add `value` at the end."""
        self._hold(str(len(self)), value)
        return self

    def extend(self, values: Iterable[_T]) -> Self:
        """Add all of `values` at the end."""
        for value in list(values):
            self.append(value)
        return self

    def insert(self, index: int, value: _T) -> None:
        """Put `value` before the one at `index`; those that follow move up."""
        if not isinstance(value, self._kind):
            what = f"{type(self).__name__}.insert: expected a {self._kind.__name__}"
            raise TypeError(f"{what}, got {type(value).__name__}")
        values = list(self)
        values.insert(index, value)
        self._renumber(values)

    def __iadd__(self, values: Iterable[_T]) -> Self:
        return self.extend(values)


class Sequential(_Numbered[Module]):
    """Modules applied one after the other; given as arguments, or as one dictionary that names them.

    >>> import minigrad as mg
    >>> from minigrad import nn
    >>> model = Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> model(mg.ones(1, 4)).shape, model[1], len(model)
    ((1, 2), ReLU(), 3)
    """

    def __init__(self, *modules: Module | Mapping[str, Module]):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], list | tuple):
            raise TypeError("Sequential: expected modules, got a list of them; say Sequential(*modules)")
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0].items()
        else:
            named = {str(i): module for i, module in enumerate(modules)}.items()  # type: ignore[assignment]
        for name, module in named:
            self._hold(name, module)

    def _like(self, named: Iterable[tuple[str, Module]]) -> Self:
        return type(self)(dict(named))

    def forward(self, input: Any) -> Any:
        """The last module's result."""
        for module in self:
            input = module(input)
        return input


class ModuleList(_Numbered[Module]):
    """A list of modules whose parameters are registered, which those in a plain list are not.

    >>> from minigrad import nn
    >>> layers = ModuleList([nn.Linear(2, 2) for _ in range(3)])
    >>> len(list(layers.parameters()))
    6
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(() if modules is None else modules)


class _Named(_Held[_T]):
    """In order, as attributes of the names that they are given."""

    def __init__(self, values: Mapping[str, _T] | Iterable[tuple[str, _T]] | None = None):
        super().__init__()
        self.update(() if values is None else values)

    def update(self, values: Mapping[str, _T] | Iterable[tuple[str, _T]]) -> None:
        """Add all of `values`, or replace those that have the same key."""
        for key, value in dict(values).items():
            self[key] = value

    def __setitem__(self, key: str, value: _T) -> None:
        self._hold(key, value)

    def __getitem__(self, key: str) -> _T:
        if key not in self:
            raise KeyError(f"{type(self).__name__}: no {self._kind.__name__.lower()} {key!r} among {list(self)}")
        value: _T = getattr(self, key)
        return value

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def pop(self, key: str) -> _T:
        """Take the value of this key out and return it."""
        value = self[key]
        delattr(self, key)
        return value

    def __contains__(self, key: object) -> bool:
        return any(key == name for name in self)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._named())

    def keys(self) -> list[str]:
        """The names, in order."""
        return list(self)

    def values(self) -> list[_T]:
        """What is held, in order."""
        return [value for _, value in self._named()]

    def items(self) -> list[tuple[str, _T]]:
        """Pairs of name and value, in order."""
        return self._named()


class ModuleDict(_Named[Module]):
    """A dictionary of modules whose parameters are registered, which those in a plain dictionary are not."""


class _OfParameters(_Held[Parameter]):
    """Tensors become parameters; modules have no place here."""

    _kind = Parameter

    def _hold(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        self.register_parameter(name, value)

    def extra_repr(self) -> str:
        return "\n".join(f"({n}): Parameter {'×'.join(map(str, p.shape))}, {p.dtype}" for n, p in self._named())


class ParameterList(_OfParameters, _Numbered[Parameter]):
    """A list of parameters that are registered, which those in a plain list are not."""

    def __init__(self, values: Iterable[Tensor] | None = None):
        super().__init__()
        self.extend(() if values is None else values)  # type: ignore[arg-type]


class ParameterDict(_OfParameters, _Named[Parameter]):
    """A dictionary of parameters that are registered, which those in a plain dictionary are not."""


if not TYPE_CHECKING:
    __all__ = public(globals())
