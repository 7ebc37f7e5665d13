"""From samples to batches: datasets, samplers, collation and the loader."""

import collections

import numpy as np
import pytest

import minigrad as mg
from minigrad.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)


def numbered(n):
    """Sample i is (i, 10 i)."""
    return TensorDataset(mg.arange(n), 10 * np.arange(n))


class Squares(Dataset):
    """What a user writes: a length and an item."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return {"x": index, "square": np.float32(index**2)}


# ------------------------------------------------------------------------------------------------ datasets


def test_a_tensor_dataset_has_rows():
    data = numbered(4)
    assert len(data) == 4 and [value.item() for value in data[2]] == [2, 20]
    assert [value.tolist() for value in data[1:3]] == [[1, 2], [10, 20]]


def test_a_subset_has_the_samples_at_its_indices():
    subset = Subset(Subset(numbered(10), [3, 5, 7]), [2, 0])
    assert len(subset) == 2 and subset[0][1].item() == 70
    assert [value.tolist() for value in subset[:]] == [[7, 3], [70, 30]]
    assert [value.tolist() for value in subset[[1]]] == [[3], [30]]


@pytest.mark.parametrize(
    ("lengths", "counts"), [([7, 3], [7, 3]), ([0.5, 0.5], [5, 5]), ([0.25, 0.25, 0.5], [3, 2, 5])]
)
def test_a_split_divides_the_samples(lengths, counts):
    parts = random_split(numbered(10), lengths, mg.Generator(0))
    assert [len(part) for part in parts] == counts
    assert sorted(part[i][0].item() for part in parts for i in range(len(part))) == list(range(10))


def test_a_split_is_random_and_reproducible():
    first, second, other = (random_split(numbered(50), [25, 25], mg.Generator(seed))[0].indices for seed in (0, 0, 1))
    assert first == second != other and first != list(range(25))


def test_a_share_that_comes_to_no_sample_is_told():
    with pytest.warns(UserWarning, match="the length of part 2 is 0"):
        assert [len(part) for part in random_split(numbered(10), [0.5, 0.5, 0.0])] == [5, 5, 0]


class Counted(IterableDataset):
    """Samples that come one after the other: (0, 0.0), (1, 1.0), …"""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter([(i, float(i)) for i in range(self.n)])

    def __len__(self):
        return self.n


def test_datasets_are_joined_one_behind_the_other():
    joined = numbered(3) + Subset(numbered(9), [7, 8])
    assert isinstance(joined, ConcatDataset) and len(joined) == 5 and joined.cumulative_sizes == [3, 5]
    assert [joined[i][0].item() for i in (0, 2, 3, 4, -1, -5)] == [0, 2, 7, 8, 8, 0]
    assert [x.tolist() for x, _ in DataLoader(joined, 4)] == [[0, 1, 2, 7], [8]]
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"there are 5 samples, got index {index}"):
            joined[index]
    chained = Counted(2) + Counted(3)
    assert isinstance(chained, ChainDataset) and len(chained) == 5
    assert [x.tolist() for x, _ in DataLoader(chained, 3)] == [[0, 1, 0], [1, 2]]


def test_datasets_are_joined_side_by_side():
    pair, named = StackDataset([5, 6], "ab"), StackDataset(number=[5, 6], letter="ab")
    assert (pair[1], named[1], len(pair), len(named)) == ((6, "b"), {"number": 6, "letter": "b"}, 2, 2)
    (batch,) = DataLoader(named, 2)
    assert batch["number"].tolist() == [5, 6] and batch["letter"] == ["a", "b"]


def test_datasets_loaders_and_samplers_can_be_annotated_with_what_they_give():
    class Fives(Dataset[int]):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return 5

    assert DataLoader[int](Fives()).dataset[0] == 5 and issubclass(RandomSampler, Sampler[int])


# ------------------------------------------------------------------------------------------------ batches


def test_a_loader_goes_through_the_data_in_order():
    batches = list(DataLoader(numbered(5), 2))
    assert [x.tolist() for x, _ in batches] == [[0, 1], [2, 3], [4]]
    assert [y.tolist() for _, y in batches] == [[0, 10], [20, 30], [40]]
    assert isinstance(batches[0][0], mg.Tensor)


@pytest.mark.parametrize(
    ("n", "drop", "length"), [(5, False, 3), (5, True, 2), (4, True, 2), (1, True, 0), (0, False, 0)]
)
def test_a_last_batch_that_is_not_full_may_be_dropped(n, drop, length):
    loader = DataLoader(numbered(n), 2, drop_last=drop)
    assert len(loader) == length == len(list(loader))


def test_shuffling_visits_every_sample_once_and_differently_each_time():
    loader = DataLoader(numbered(50), 8, shuffle=True, generator=mg.Generator(0))
    first, second = (np.concatenate([x.array for x, _ in loader]) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(50))
    assert (first != second).any()
    np.testing.assert_array_equal(
        first, np.concatenate([x.array for x, _ in DataLoader(numbered(50), 8, True, generator=mg.Generator(0))])
    )


def test_shuffling_goes_on_from_the_default_generators_state():
    loader = DataLoader(numbered(50), 50, shuffle=True)
    state = mg.get_rng_state()
    first = next(iter(loader))[0].tolist()
    mg.set_rng_state(state)
    assert next(iter(loader))[0].tolist() == first
    mg.set_rng_state(state)


def test_samples_are_collated_by_their_parts():
    (batch,) = DataLoader(Squares(), 5)
    assert batch["x"].tolist() == [0, 1, 2, 3, 4] and batch["square"].dtype == mg.float32
    pairs = default_collate([(mg.ones(2), "a", 0.5), (mg.zeros(2), "b", 1.5)])
    assert pairs[0].tolist() == [[1, 1], [0, 0]] and pairs[1] == ("a", "b") and pairs[2].tolist() == [0.5, 1.5]


def test_any_sequence_is_a_dataset_and_any_function_may_collate():
    assert [batch.tolist() for batch in DataLoader([1, 2, 3], 2)] == [[1, 2], [3]]
    assert list(DataLoader(["a", "b", "c"], 2, collate_fn="".join)) == ["ab", "c"]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: TensorDataset(), ValueError, "one tensor or more"),
        (lambda: TensorDataset(mg.ones(2), mg.ones(3)), ValueError, r"equal length expected, got shapes \[\(2,\), \(3"),
        (lambda: TensorDataset(mg.tensor(1.0)), ValueError, "equal length"),
        (lambda: DataLoader(numbered(3), 0), ValueError, "batch_size must be a positive integer, got 0"),
        (lambda: DataLoader(numbered(3), 2.0), ValueError, "batch_size must be a positive integer, got 2.0"),
        (lambda: random_split(numbered(3), [1, 1]), ValueError, r"lengths \[1, 1\] do not divide 3 samples"),
        (lambda: random_split(numbered(3), [4, -1]), ValueError, "do not divide"),
        (lambda: random_split(numbered(3), [0.5, 0.4]), ValueError, "do not divide"),
        (lambda: default_collate([object()]), TypeError, "found object; .* pass a collate_fn"),
        (lambda: Dataset()[0], NotImplementedError, "does not define __getitem__"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sampler": [1], "shuffle": True}, "sampler and shuffle exclude each other"),
        (
            {"batch_sampler": [[1]], "batch_size": 2},
            "batch_sampler excludes batch_size, shuffle, sampler and drop_last",
        ),
        ({"batch_sampler": [[1]], "drop_last": True}, "batch_sampler excludes"),
        ({"batch_size": None, "drop_last": True}, "gives samples, not batches"),
        ({"num_workers": -1}, "num_workers, timeout and prefetch_factor must not be negative, got -1, 0 and None"),
        ({"timeout": -1}, "must not be negative"),
        ({"prefetch_factor": 2}, "prefetch_factor and persistent_workers need num_workers > 0"),
        ({"persistent_workers": True}, "need num_workers > 0"),
        ({"batch_size": True}, "batch_size must be a positive integer, got True"),
        ({"drop_last": 1}, "drop_last must be True or False, got 1"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        DataLoader(numbered(3), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}])
def test_an_iterable_dataset_refuses_another_order(options):
    with pytest.raises(ValueError, match="an IterableDataset has its own order; leave out"):
        DataLoader(Counted(3), **options)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DataLoader([], shuffle=True), "RandomSampler: num_samples must be a positive integer, got 0"),
        (lambda: RandomSampler("ab", num_samples=2.0), "num_samples must be a positive integer, got 2.0"),
        (lambda: RandomSampler("ab", replacement=1), "replacement must be True or False, got 1"),
        (lambda: WeightedRandomSampler([1.0, -1.0], 1), "weights that are finite and not negative"),
        (lambda: WeightedRandomSampler([0.0], 1), "not all 0"),
        (lambda: WeightedRandomSampler([[1.0]], 1), r"a row of weights .* got shape \(1, 1\)"),
        (lambda: WeightedRandomSampler([1, 0], 2, False), "2 samples need as many weights above 0, got 1"),
        (lambda: StackDataset([1], [1, 2]), r"datasets of equal length expected, got lengths \[1, 2\]"),
        (lambda: StackDataset([1], a=[1]), "either in a row or by name"),
        (lambda: ConcatDataset([]), "expected one dataset or more"),
        (lambda: random_split([1, 2], [1.5, -0.5]), r"expected shares from 0 to 1, got \[1.5, -0.5\]"),
    ],
)
def test_samplers_and_datasets_refuse_what_makes_no_sense(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_samples_of_unequal_parts_are_refused():
    with pytest.raises(RuntimeError, match=r"as many parts, got \[2, 1\]"):
        default_collate([[1, 2], [3]])
    with pytest.raises(TypeError, match="found NoneType; convert the samples"):
        default_collate([None])
    with pytest.raises(TypeError, match="found <U1"):
        default_collate([np.array("a")])


Point = collections.namedtuple("Point", "x y")

COLLATED = {  # samples, and PyTorch's batch of them: kind of container, or dtype, and values
    "whole numbers": ([1, 2], ("int64", [1, 2])),
    "floats": ([1.0, 2], ("float64", [1, 2])),
    "truths": ([True, False], ("bool", [True, False])),
    "numbers of NumPy": ([np.float32(1), np.float32(2)], ("float32", [1, 2])),
    "arrays": ([np.ones((1, 2)), np.zeros((1, 2))], ("float64", [[[1, 1]], [[0, 0]]])),
    "arrays without dimensions": ([np.array(1), np.array(2)], ("int64", [1, 2])),
    "tensors": ([mg.ones(2), mg.zeros(2)], ("float32", [[1, 1], [0, 0]])),
    "strings": (["a", "b"], ("list", ["a", "b"])),
    "strings of NumPy": ([np.str_("a"), np.str_("b")], ("list", ["a", "b"])),
    "bytes": ([b"a"], ("list", [b"a"])),
    "tuples": ([(1, 2.0), (3, 4.0)], ("list", [("int64", [1, 3]), ("float64", [2, 4])])),
    "lists": ([[1, 2.0], [3, 4.0]], ("list", [("int64", [1, 3]), ("float64", [2, 4])])),
    "ranges": ([range(2), range(2)], ("list", [("int64", [0, 0]), ("int64", [1, 1])])),
    "named tuples": ([Point(1, (2, "a")), Point(3, (4, "b"))],
                     ("Point", [("int64", [1, 3]), ("list", [("int64", [2, 4]), ("tuple", ["a", "b"])])])),
    "dictionaries": ([{"a": 1}, {"a": 2}], ("dict", {"a": ("int64", [1, 2])})),
    "dictionaries of a kind": ([collections.defaultdict(int, a=1)] * 2, ("defaultdict", {"a": ("int64", [1, 1])})),
    "nothing in each": ([(), ()], ("list", [])),
}  # fmt: skip


def described(batch):
    if isinstance(batch, mg.Tensor):
        return str(batch.dtype), batch.tolist()
    if isinstance(batch, dict):
        return type(batch).__name__, {key: described(value) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch).__name__, [described(part) for part in batch]
    return batch


@pytest.mark.parametrize("name", COLLATED)
def test_samples_are_collated_as_in_pytorch(name):
    samples, expected = COLLATED[name]
    assert described(default_collate(samples)) == expected


def test_a_sample_without_a_batch_is_converted_as_in_pytorch():
    samples = [np.ones(2), {"a": np.zeros(1)}, (1, np.float32(2)), "s", Point(np.ones(1), b"b")]
    converted = [described(sample) for sample in DataLoader(samples, batch_size=None)]
    assert converted == [
        ("float64", [1, 1]), ("dict", {"a": ("float64", [0])}), ("list", [1, ("float32", 2)]), "s",
        ("Point", [("float64", [1]), b"b"]),
    ]  # fmt: skip
    assert default_convert(np.str_("text")) == "text"


def test_a_redefined_sample_is_what_comes_in_batches():
    class Negative(TensorDataset):
        def __getitem__(self, index):
            return tuple(-tensor for tensor in super().__getitem__(index))

    negative = Negative(*numbered(3).tensors)
    assert [x.tolist() for x, _ in DataLoader(negative, 2)] == [[0, -1], [-2]]
    assert [x.tolist() for x, _ in DataLoader(Subset(negative, [2, 1]), 2)] == [[-2, -1]]


def test_a_dataset_may_give_many_samples_at_once_as_in_pytorch():
    class Hundreds:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return index

        def __getitems__(self, indices):
            return [100 * index for index in indices]

    assert [batch.tolist() for batch in DataLoader(Hundreds(), 2)] == [[0, 100], [200]]
    assert list(DataLoader(Hundreds(), 2, collate_fn=sum)) == [100, 200]
    assert list(DataLoader(Hundreds(), None)) == [0, 1, 2]


def test_samples_of_an_iterable_dataset_come_in_batches():
    assert [numbers.tolist() for numbers, _ in DataLoader(Counted(5), 2)] == [[0, 1], [2, 3], [4]]
    assert [numbers.tolist() for numbers, _ in DataLoader(Counted(5), 2, drop_last=True)] == [[0, 1], [2, 3]]
    lengths = [len(DataLoader(Counted(5), 2)), len(DataLoader(Counted(5), 2, drop_last=True))]
    assert [*lengths, len(DataLoader(Counted(5), None))] == [3, 2, 5]
    assert list(DataLoader(Counted(2), None)) == [[0, 0.0], [1, 1.0]]


def test_options_that_change_nothing_here_are_accepted():
    called = []
    loader = DataLoader(
        numbered(4), 2, num_workers=2, pin_memory=True, timeout=5, worker_init_fn=called.append, prefetch_factor=3,
        persistent_workers=True, multiprocessing_context="fork", pin_memory_device="", in_order=True,
    )  # fmt: skip
    assert [x.tolist() for x, _ in loader] == [[0, 1], [2, 3]] and called == []
    assert (loader.num_workers, loader.pin_memory, loader.prefetch_factor) == (2, True, 3)
    assert get_worker_info() is None


def test_what_determines_the_batches_cannot_be_set_later():
    loader = DataLoader(numbered(3), 2)
    for name in ("batch_size", "sampler", "batch_sampler", "drop_last", "dataset"):
        with pytest.raises(ValueError, match=f"{name} cannot be set after the loader was made"):
            setattr(loader, name, None)
    loader.collate_fn = len
    assert list(loader) == [2, 1]


# ------------------------------------------------------------------------------------------------ samplers


def test_a_sampler_gives_the_order_and_a_batch_sampler_the_batches():
    assert [x.tolist() for x, _ in DataLoader(numbered(5), 2, sampler=[4, 1, 0])] == [[4, 1], [0]]
    loader = DataLoader(numbered(5), batch_sampler=[[4], [1, 0]])
    assert [x.tolist() for x, _ in loader] == [[4], [1, 0]] and len(loader) == 2
    assert loader.batch_size is None and loader.drop_last is False
    assert list(DataLoader({"a": 1, "b": 2}, sampler=["b", "a"], batch_size=None)) == [2, 1]
    assert list(SequentialSampler("abc")) == [0, 1, 2]


@pytest.mark.parametrize(
    ("size", "drop", "batches"),
    [(2, False, [[0, 1], [2, 3], [4]]), (2, True, [[0, 1], [2, 3]]), (5, True, [[0, 1, 2, 3, 4]]), (9, True, [])],
)
def test_a_batch_sampler_gathers_numbers(size, drop, batches):
    sampler = BatchSampler(range(5), size, drop)
    assert list(sampler) == batches and len(sampler) == len(batches)


def test_random_samplers_draw_with_and_without_replacement():
    source = mg.Generator(0)
    order = list(RandomSampler(range(20), generator=source))
    assert sorted(order) == list(range(20)) != order
    assert order != list(RandomSampler(range(20), generator=source))
    repeated = list(RandomSampler(range(4), num_samples=10, generator=source))
    assert sorted(repeated[:4]) == sorted(repeated[4:8]) == [0, 1, 2, 3] and len(repeated) == 10
    drawn = RandomSampler(range(4), replacement=True, num_samples=400, generator=source)
    assert len(drawn) == 400 and np.bincount(list(drawn)).min() > 60  # 100 of each are expected
    assert sorted(SubsetRandomSampler([7, 3, 5], source)) == [3, 5, 7]


def test_weighted_samples_come_in_proportion_to_their_weights():
    source = mg.Generator(0)
    sampler = WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=source)
    counts = np.bincount(list(sampler), minlength=3)
    assert counts[0] == 0 and abs(counts[2] - 3000) < 150 and len(sampler) == 4000  # a standard deviation is 27
    assert sorted(WeightedRandomSampler(mg.tensor([1, 0, 5]), 2, replacement=False, generator=source)) == [0, 2]


def test_a_loader_with_a_seed_repeats_its_order():
    orders = [[x.item() for x, _ in DataLoader(numbered(20), shuffle=True, generator=mg.Generator(3))] for _ in "ab"]
    assert orders[0] == orders[1] != sorted(orders[0])
