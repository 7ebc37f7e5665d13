"""What is repeated is drawn once: a loop's steps, or equal blocks one after another. This is the only place for it.

A repetition may have any period. Where the lines of the source are known, the drawn step begins with the first line of
the loop. What one step hands to the next is a State; it is drawn at the head of the step, and an arrow leads back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.viz.record import Call, Operation, Source
from minigrad.viz.tape import Scope, Tape
from minigrad.viz.words import operation_name

CANDIDATES = 48  # periods that are tried at one place
REPEATS = 3  # steps that are folded unasked; two where folding is asked for
OPERATIONS = 24  # operations that a repetition without modules has at least

Item = Scope | Operation
Part = Operation | Source


@dataclass(eq=False)
class State:
    """What each step of a loop hands to the next: `producers` step by step, and what the first step begins with."""

    scope: Scope
    producers: list[Operation]
    initial: Part
    users: dict[tuple[Operation, int], None] = field(default_factory=dict)  # in the first step, by position


class Folds:
    """The repetitions that were found: what is drawn in place of each copy, and the states of the loops."""

    def __init__(self, tape: Tape):
        self.tape = tape
        self.first: dict[Part, Part] = {}  # a copy -> what the step before it has in its place
        self.steps: dict[Part, dict[int, int]] = {}  # number of the fold -> of the step
        self.states: list[State] = []
        self.state: dict[tuple[Operation, int], State] = {}  # by an operand of a drawn operation
        self.count = 0

    def fold_all(self, least: int) -> None:
        """Fold what is repeated at least so many times in a row, in all scopes, the outermost first."""
        todo = [self.tape.root]
        while todo:
            scope = todo.pop()
            self.fold_items(scope, least)
            todo.extend(item for item in scope.items if isinstance(item, Scope))
        if self.count:
            self.tape.place_sources([o for o in self.tape.operations if o not in self.first], self.steps)

    def fold_items(self, scope: Scope, least: int) -> None:
        """Fold the repetitions among the direct contents of one scope."""
        items = scope.items
        if len(items) < 2 or scope.folded > 1:
            return
        numbers: dict[Any, int] = {}
        kinds = np.array([numbers.setdefault(self.mark(item), len(numbers)) for item in items])
        places: dict[int, list[int]] = {}
        for place, kind in enumerate(kinds.tolist()):
            places.setdefault(kind, []).append(place)
        kept: list[Item] = []
        place = 0
        while place < len(items):
            start, period, times = self.find_repetition(items, kinds, places, place, least)
            if times < least:
                kept.append(items[place])
                place += 1
                continue
            kept += items[place:start]
            blocks = [items[start + k * period : start + (k + 1) * period] for k in range(times)]
            kept.append(self.fold_blocks(scope, blocks))
            place = start + period * times
        scope.items = kept

    def find_repetition(
        self, items: list[Item], kinds: np.ndarray, places: dict[int, list[int]], place: int, least: int
    ) -> tuple[int, int, int]:
        """Start, period and number of steps of the repetition that covers most from `place` on, else (place, 1, 1)."""
        best = (place, 1, 1)
        later = places[int(kinds[place])]
        begin = int(np.searchsorted(later, place)) + 1
        for other in later[begin : begin + CANDIDATES]:
            period = other - place
            if place + least * period > len(items):
                break
            differing = np.flatnonzero(kinds[place : len(items) - period] != kinds[place + period :])
            length = period + (int(differing[0]) if differing.size else len(items) - period - place)
            if length < least * period or length - length % period <= best[1] * best[2]:
                continue
            start = place + self.phase(items, place, period, length)
            times = self.count_equal(items, start, period, (place + length - start) // period)
            bare = not any(isinstance(item, Scope) for item in items[start : start + period])
            if times < least or (bare and period * times < OPERATIONS and least > 2):
                continue
            if period * times > best[1] * best[2] or best[2] < least:
                best = (start, period, times)
        return best

    def phase(self, items: list[Item], place: int, period: int, length: int) -> int:
        """How many items stand before the loop's first line: they are no whole step."""
        lines = [line_of(item) for item in items[place : place + 2 * period]]
        for shift in range(min(period, length - 2 * period + 1)):
            step = [line for line in lines[shift : shift + period] if line is not None]
            if len(step) == period and step[0] == min(step) and step[0] != step[-1]:
                return shift
        return 0

    def count_equal(self, items: list[Item], start: int, period: int, times: int) -> int:
        """How many steps are wired as the first one is, and from the second on take the same from the step before."""
        before = contents(items[start : start + period])
        pattern, carried = wiring(before), None
        for number in range(1, times):
            block = contents(items[start + number * period : start + (number + 1) * period])
            if len(block) != len(before) or wiring(block) != pattern:
                return number
            taken = taken_from(before, block)
            if carried is not None and taken != carried:
                return number
            before, carried = block, taken
        return times

    def mark(self, item: Item) -> Any:
        """What two items must have in common to be repetitions of each other."""
        if isinstance(item, Operation):
            return (item.name, item.shape, item.dtype.str, item.line, len(item.operands))
        return (item.call.kind, item.folded, wiring(contents([item])))

    def fold_blocks(self, parent: Scope, blocks: list[list[Item]]) -> Scope:
        """A scope with the first block in it, to which the others' parts are assigned."""
        first, last = blocks[0], blocks[-1]
        self.count += 1
        steps = [contents(block) for block in blocks]
        for number, operations in enumerate(steps):
            for operation, original in zip(operations, steps[0], strict=True):
                self.pair(operation, original, number)
                for mine, first_one in zip(operation.operands, original.operands, strict=True):
                    if self.is_own(mine.source, operations) and self.is_own(first_one.source, steps[0]):
                        self.pair(mine.source, first_one.source, number)
        names = [operation_name(i.call.path if isinstance(i, Scope) else i.name) for i in (first[0], last[0])]
        span = f"{names[0]} … {names[1]}" if names[0] != names[1] else names[0]
        if (isinstance(first[0], Operation) or not first[0].call.kind) and (line := line_of(first[0])):
            span = f"the loop at line {line[1]}"
        scope = Scope(Call(f"{names[0]} ×{len(blocks)}", ""), parent, first, len(blocks))
        scope.label = f"{len(blocks)} × repeated ({span}); the first is drawn"
        for item in first:
            if isinstance(item, Scope):
                item.parent = scope
            else:
                self.tape.scope[item] = scope
        self.find_states(scope, steps)
        return scope

    def pair(self, part: Part, original: Part, number: int) -> None:
        """Let a part of a step be drawn by the one in its place in the first step."""
        self.steps.setdefault(part, {})[self.count] = number
        if part is not original:
            self.first[part] = original

    def is_own(self, source: Part, step: list[Operation]) -> bool:
        """Whether a source is used in one step only: its weights, its numbers."""
        if not isinstance(source, Source) or source not in self.tape.owned:
            return False
        serials = {id(operation) for operation in step} if len(self.tape.users[source]) > 1 else set()
        return not serials or all(id(user) in serials for user in self.tape.users[source])

    def find_states(self, scope: Scope, steps: list[list[Operation]]) -> None:
        """What the second step takes from the first is a state; the first step has something else in its place."""
        place = {operation: i for i, operation in enumerate(steps[0])}
        states: dict[tuple[int, Part], State] = {}
        for original, copy in zip(steps[0], steps[1], strict=True):
            for before, after in zip(original.operands, copy.operands, strict=True):
                index = place.get(after.source)
                if index is None:
                    continue
                key = (index, before.source)
                if key not in states:
                    states[key] = State(scope, [step[index] for step in steps], before.source)
                    self.states.append(states[key])
                    self.tape.owned.discard(before.source)
                states[key].users[original, before.position] = None
                self.state[original, before.position] = states[key]

    def original(self, part: Part) -> Part:
        """The operation or source that is drawn for this one."""
        while part in self.first:
            part = self.first[part]
        return part

    def is_handed_on(self, source: Part, user: Part) -> bool:
        """Whether an operand comes from another step of the same loop."""
        there = self.steps.get(user, {})
        return any(there.get(fold, step) != step for fold, step in self.steps.get(source, {}).items())


def line_of(item: Item) -> tuple[str, int] | None:
    """The user's line that asked for an item."""
    return item.line if isinstance(item, Operation) else item.call.line


def contents(block: list[Item]) -> list[Operation]:
    """The operations of a block, in order."""
    return [o for item in block for o in (item.operations() if isinstance(item, Scope) else [item])]


def wiring(block: list[Operation]) -> tuple[Any, ...]:
    """The operations of a block and how they are connected among themselves, comparable between blocks."""
    numbers = {operation: i for i, operation in enumerate(block)}
    return tuple(
        (part.name, part.shape, part.dtype.str, tuple(numbers.get(o.source, -1) for o in part.operands))
        for part in block
    )


def taken_from(before: list[Operation], block: list[Operation]) -> tuple[Any, ...]:
    """For each operand in a block, which operation of the block before it is, if any."""
    places = {operation: i for i, operation in enumerate(before)}
    return tuple(tuple(places.get(o.source, -1) for o in part.operands) for part in block)
