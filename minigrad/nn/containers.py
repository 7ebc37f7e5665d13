"""Modules that hold other modules: in a chain, a list or a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from minigrad.nn.module import Module


class _Numbered(Module):
    """Children in order, as attributes "0", "1", ..., which is what PyTorch's state_dict calls them."""

    def __len__(self) -> int:
        return sum(1 for _ in self._attributes(Module))

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._attributes(Module))

    def __contains__(self, module: object) -> bool:
        return any(module is child for child in self)

    def _name(self, index: int) -> str:
        names = [name for name, _ in self._attributes(Module)]
        if not -len(names) <= index < len(names):
            raise IndexError(f"{type(self).__name__}: index {index} is out of range for {len(names)} modules")
        return names[index]

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        if isinstance(index, slice):
            return self._like(list(self._attributes(Module))[index])
        child: Module = getattr(self, self._name(index))
        return child

    def _like(self, named: Iterable[tuple[str, Module]]) -> Self:
        return type(self)([module for _, module in named])  # type: ignore[call-arg]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        named = list(self._attributes(Module))
        gone = named[index] if isinstance(index, slice) else [(self._name(index), None)]
        names = {name for name, _ in gone}
        self._renumber([module for name, module in named if name not in names], [name for name, _ in named])

    def _renumber(self, modules: list[Module], names: Iterable[str]) -> None:
        for name in names:
            delattr(self, name)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def append(self, module: Module) -> Self:
        """Add `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add all of `modules` at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put `module` before the one at `index`; those that follow move up."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}.insert: expected a Module, got {type(module).__name__}")
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules, [name for name, _ in self._attributes(Module)])


class Sequential(_Numbered):
    """Modules applied one after the other; given as arguments, or as one dictionary that names them."""

    def __init__(self, *modules: Module | Mapping[str, Module]):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0].items()
        else:
            named = {str(i): module for i, module in enumerate(modules)}.items()  # type: ignore[assignment]
        for name, module in named:
            self.add_module(name, module)

    def _like(self, named: Iterable[tuple[str, Module]]) -> Self:
        return type(self)(dict(named))

    def forward(self, input: Any) -> Any:
        """The last module's result."""
        for module in self:
            input = module(input)
        return input


class ModuleList(_Numbered):
    """A list of modules whose parameters are registered, which those in a plain list are not."""

    def __init__(self, modules: Iterable[Module] = ()):
        super().__init__()
        self.extend(modules)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)


class ModuleDict(Module):
    """A dictionary of modules whose parameters are registered, which those in a plain dictionary are not."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()):
        super().__init__()
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add all of `modules`, or replace those that have the same key."""
        for key, module in dict(modules).items():
            self[key] = module

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __getitem__(self, key: str) -> Module:
        if key not in self:
            raise KeyError(f"ModuleDict: no module {key!r} among {list(self)}")
        module: Module = getattr(self, key)
        return module

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def pop(self, key: str) -> Module:
        """Take the module out and return it."""
        module = self[key]
        delattr(self, key)
        return module

    def __contains__(self, key: object) -> bool:
        return any(key == name for name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._attributes(Module))

    def keys(self) -> list[str]:
        """The names, in order."""
        return list(self)

    def values(self) -> list[Module]:
        """The modules, in order."""
        return [module for _, module in self._attributes(Module)]

    def items(self) -> list[tuple[str, Module]]:
        """Pairs of name and module, in order."""
        return list(self._attributes(Module))
