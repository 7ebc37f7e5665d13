"""Grad modes in all of PyTorch's forms: blocks, decorators, generators, coroutines, threads."""

import asyncio
import threading

import pytest

import minigrad as mg

OFF = {
    "no_grad()": lambda f: mg.no_grad()(f),
    "no_grad": lambda f: mg.no_grad(f),
    "inference_mode()": lambda f: mg.inference_mode()(f),
    "inference_mode": lambda f: mg.inference_mode(f),
    "set_grad_enabled(False)": lambda f: mg.set_grad_enabled(False)(f),
}
ON = {
    "enable_grad()": lambda f: mg.enable_grad()(f),
    "enable_grad": lambda f: mg.enable_grad(f),
    "inference_mode(False)": lambda f: mg.inference_mode(False)(f),
    "set_grad_enabled(True)": lambda f: mg.set_grad_enabled(True)(f),
}
CASES = [(name, OFF[name], False) for name in OFF] + [(name, ON[name], True) for name in ON]


@pytest.mark.parametrize(("name", "decorate", "mode"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("outside", [True, False])
def test_a_decorated_function_runs_in_its_mode_and_leaves_the_other(name, decorate, mode, outside):
    def look(x, *, y=0):
        """What the function says."""
        return mg.is_grad_enabled(), x, y

    with mg.set_grad_enabled(outside):
        decorated = decorate(look)
        assert mg.is_grad_enabled() == outside
        assert decorated(1, y=2) == decorated(1, y=2) == (mode, 1, 2)
        assert mg.is_grad_enabled() == outside
        assert decorated.__name__ == "look" and decorated.__doc__ == "What the function says."

        def fail():
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            decorate(fail)()
        assert mg.is_grad_enabled() == outside


@pytest.mark.parametrize(("name", "decorate", "mode"), CASES, ids=[case[0] for case in CASES])
def test_a_generator_is_in_its_mode_while_it_runs_and_only_then(name, decorate, mode):
    closed = []

    def steps(count):
        try:
            for i in range(count):
                try:
                    assert mg.is_grad_enabled() == mode
                    sent = yield i
                    assert mg.is_grad_enabled() == mode
                    if sent:
                        yield sent
                except KeyError:
                    assert mg.is_grad_enabled() == mode
                    yield "caught"
        finally:
            closed.append(mg.is_grad_enabled())
        return "end"

    for outside in (True, False):
        with mg.set_grad_enabled(outside):
            generator = decorate(steps)(3)
            seen = [next(generator)]
            assert mg.is_grad_enabled() == outside
            seen.append(generator.send("hello"))
            seen.append(generator.throw(KeyError("x")))
            with mg.set_grad_enabled(not outside):
                seen.append(next(generator))
                assert mg.is_grad_enabled() != outside
            assert seen == [0, "hello", "caught", 1]
            generator.close()
            assert mg.is_grad_enabled() == outside
            with pytest.raises(StopIteration) as stopped:
                generator = decorate(steps)(0)
                next(generator)
            assert stopped.value.value == "end" and mg.is_grad_enabled() == outside
    assert closed == [mode] * 4


def test_a_coroutine_is_in_its_mode_while_it_runs_and_only_then():
    seen = []

    @mg.no_grad()
    async def quiet():
        for _ in range(3):
            seen.append(("quiet", mg.is_grad_enabled()))
            await asyncio.sleep(0)
        return "done"

    async def loud():
        for _ in range(3):
            seen.append(("loud", mg.is_grad_enabled()))
            await asyncio.sleep(0)

    async def both():
        return await asyncio.gather(quiet(), loud())

    assert asyncio.run(both()) == ["done", None]
    assert sorted(set(seen)) == [("loud", True), ("quiet", False)] and len(seen) == 6


def test_one_object_serves_again_within_itself_and_in_several_threads():
    mode = mg.no_grad()
    with mode:
        with mode:
            assert not mg.is_grad_enabled()
        assert not mg.is_grad_enabled()
    assert mg.is_grad_enabled()
    with mode:
        assert not mg.is_grad_enabled()
    assert mg.is_grad_enabled()

    start, found = threading.Barrier(4), []

    @mode
    def work():
        start.wait(10)
        found.append(mg.is_grad_enabled())
        start.wait(10)

    def run():
        work()
        found.append(mg.is_grad_enabled())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 4 + [True] * 4


def test_set_grad_enabled_as_a_block_again_and_as_a_call_that_stays():
    off = mg.set_grad_enabled(False)
    assert not mg.is_grad_enabled()
    mg.set_grad_enabled(True)
    for _ in range(2):
        with off:
            assert not mg.is_grad_enabled()
        assert mg.is_grad_enabled()


def test_what_is_computed_in_a_mode_is_recorded_or_not():
    x = mg.ones(2, requires_grad=True)

    @mg.no_grad
    def pairs():
        for _ in range(2):
            yield x * 2

    assert [y.requires_grad for y in pairs()] == [False, False]
    assert mg.enable_grad(lambda: x * 2)().requires_grad
