"""What all tests share: a known seed, one profile of Hypothesis, and modes of the engine left as they were found."""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import minigrad as mg

collect_ignore = ["reference/study.py"]  # a program of PyTorch's, without tests

settings.register_profile(
    "quick", max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("quick")


@pytest.fixture(autouse=True)
def seeded():
    """Every test begins with the same random numbers, in whatever order and process it runs."""
    mg.manual_seed(0)
    yield
    assert mg.is_grad_enabled(), "a test left recording switched off"
    assert not mg.autograd.state.observers, "a test left an observer behind"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def published():
    """The published records of the study."""
    from minigrad.study.__main__ import PUBLISHED
    from minigrad.study.records import Results

    return Results.load(PUBLISHED)
