"""The one table of what to use instead of a name that is not here, and the lists of names that are."""

from importlib import import_module

import pytest

import minigrad as mg
from minigrad import nn
from minigrad.instead import INSTEAD, PLACES, public

OWNERS = {
    "minigrad": mg,
    "Tensor": mg.Tensor,
    "Module": nn.Module,
    **{
        place.rpartition(".")[2]: import_module(f"minigrad.{place}")
        for place in (*PLACES, "torch.vision", "utils", "distributions")
    },
}


@pytest.mark.parametrize("key", [key for key in INSTEAD if "." in key])
def test_a_hint_is_for_a_name_that_is_not_there_and_is_part_of_the_error(key):
    kind, name = key.split(".")
    owner = nn.Identity() if kind == "Module" else mg.ones(1) if kind == "Tensor" else OWNERS[kind]
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert str(caught.value).endswith(f" has no attribute {name!r}; {INSTEAD[key]}")


def test_a_name_at_the_wrong_place_is_found_at_the_right_one():
    with pytest.raises(AttributeError, match=r"has no attribute 'relu'; it is in nn.functional$"):
        _ = nn.relu
    with pytest.raises(AttributeError, match=r"has no attribute 'Linear'; it is in nn$"):
        _ = nn.functional.Linear
    with pytest.raises(AttributeError, match=r"'Identity' object has no attribute 'relu'$"):  # a user's names are free
        _ = nn.Identity().relu


def test_a_name_with_other_capitals_is_suggested():
    with pytest.raises(AttributeError, match=r"has no attribute 'Conv2D'; did you mean 'Conv2d'\?$") as caught:
        _ = nn.Conv2D
    assert caught.value.obj is nn  # so that Python can suggest what is spelled nearly the same


def test_public_names_are_those_that_a_module_or_its_package_defines():
    space = {"__name__": "minigrad.nn", "Linear": nn.Linear, "_hidden": nn.Linear, "Tensor": mg.Tensor, "init": nn.init}
    assert public(space) == ["Linear"]
