"""The part of torchvision: transforms of pictures, data sets from files, grids. Expected values are torchvision's."""

import gzip
import struct
import sys

import numpy as np
import pytest
from PIL import Image

import minigrad as mg
from minigrad.torch.vision import datasets, transforms, utils
from minigrad.utils.data import DataLoader

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
KINDS = {
    "picture": lambda pixels: Image.fromarray(pixels),
    "array": lambda pixels: pixels,
    "tensor": lambda pixels: mg.tensor(pixels.transpose(2, 0, 1)),
}


def as_array(image):
    """(H, W, C) bytes of what a transform gave."""
    return np.moveaxis(image.numpy(), 0, -1) if isinstance(image, mg.Tensor) else np.asarray(image)


# ------------------------------------------------------------------------------------------------ transforms


@pytest.mark.parametrize("kind", ["picture", "array"])
def test_to_tensor_puts_channels_first_and_bytes_between_0_and_1(kind):
    tensor = transforms.ToTensor()(KINDS[kind](PIXELS))
    assert tensor.shape == (3, 6, 8) and tensor.dtype == mg.float32
    np.testing.assert_array_equal(tensor.numpy(), PIXELS.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    grey = transforms.ToTensor()(KINDS[kind](PIXELS[:, :, 0]))
    assert grey.shape == (1, 6, 8)
    assert transforms.PILToTensor()(KINDS[kind](PIXELS)).dtype == mg.uint8


def test_to_tensor_keeps_numbers_that_are_no_bytes():
    tensor = transforms.ToTensor()(np.full((2, 2), 300.0))
    assert tensor.dtype == mg.float64 and tensor.max().item() == 300


def test_a_tensor_becomes_a_picture_and_comes_back():
    picture = transforms.ToPILImage()(transforms.ToTensor()(PIXELS))
    np.testing.assert_array_equal(np.asarray(picture), PIXELS)
    assert transforms.ToPILImage()(mg.ones(1, 2, 2)).mode == "L"


def test_normalize_subtracts_the_mean_and_divides_by_the_deviation_of_each_channel():
    tensor = transforms.ToTensor()(PIXELS)
    out = transforms.Normalize((0.5, 0.25, 0.0), (0.5, 2, 1))(tensor)
    expected = (tensor.numpy() - np.float32([0.5, 0.25, 0])[:, None, None]) / np.float32([0.5, 2, 1])[:, None, None]
    np.testing.assert_array_equal(out.numpy(), expected)
    assert transforms.Normalize(0.5, 0.5)(mg.ones(2, 1, 2, 2)).tolist() == mg.ones(2, 1, 2, 2).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_crops_flips_and_margins_are_the_same_for_pictures_arrays_and_tensors(kind):
    image = KINDS[kind](PIXELS)
    same = [
        (transforms.CenterCrop(4), PIXELS[1:5, 2:6]),
        (transforms.CenterCrop((2, 8)), PIXELS[2:4]),
        (transforms.RandomHorizontalFlip(1.0), PIXELS[:, ::-1]),
        (transforms.RandomVerticalFlip(1.0), PIXELS[::-1]),
        (transforms.RandomHorizontalFlip(0.0), PIXELS),
        (transforms.Pad(1), np.pad(PIXELS, ((1, 1), (1, 1), (0, 0)))),
        (transforms.Pad((1, 2, 3, 0), fill=7), np.pad(PIXELS, ((2, 0), (1, 3), (0, 0)), constant_values=7)),
        (transforms.Pad((2, 1), padding_mode="reflect"), np.pad(PIXELS, ((1, 1), (2, 2), (0, 0)), mode="reflect")),
        (transforms.RandomCrop((6, 8)), PIXELS),
    ]
    for transform, expected in same:
        out = transform(image)
        assert type(out).__module__.partition(".")[0] == type(image).__module__.partition(".")[0]
        np.testing.assert_array_equal(as_array(out), expected, err_msg=repr(transform))


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_crop_is_a_part_of_the_picture_and_comes_from_everywhere(kind):
    state = mg.get_rng_state()
    corners = set()
    for _ in range(200):
        out = as_array(transforms.RandomCrop(4, padding=1)(KINDS[kind](PIXELS)))
        padded = np.pad(PIXELS, ((1, 1), (1, 1), (0, 0)))
        found = [(y, x) for y in range(5) for x in range(7) if (padded[y : y + 4, x : x + 4] == out).all()]
        corners |= set(found)
        assert found
    mg.set_rng_state(state)
    assert corners == {(y, x) for y in range(5) for x in range(7)}


def test_resizing_is_pillows_and_a_number_is_the_shorter_edge():
    picture = Image.fromarray(PIXELS)
    resized = transforms.Resize((3, 5))(picture)
    np.testing.assert_array_equal(np.asarray(resized), np.asarray(picture.resize((5, 3), Image.Resampling.BILINEAR)))
    assert transforms.Resize(3)(picture).size == (4, 3) and transforms.Resize(3)(Image.new("L", (6, 9))).size == (3, 4)
    assert transforms.Resize(6)(picture) is picture
    nearest = transforms.Resize((3, 4), interpolation=transforms.InterpolationMode.NEAREST)(picture)
    np.testing.assert_array_equal(np.asarray(nearest), PIXELS[1::2, 1::2])
    values = transforms.Resize((3, 4))(transforms.ToTensor()(PIXELS))
    assert values.shape == (3, 3, 4) and values.dtype == mg.float32
    np.testing.assert_allclose(as_array(values) * 255, np.asarray(transforms.Resize((3, 4))(picture)), atol=1.01)


def test_other_random_transforms_give_pictures_of_the_size_asked_for():
    picture = Image.fromarray(PIXELS)
    assert transforms.RandomResizedCrop(5)(picture).size == (5, 5)
    assert transforms.RandomRotation(30)(picture).size == (8, 6)
    np.testing.assert_array_equal(np.asarray(transforms.RandomRotation((180, 180))(picture)), PIXELS[::-1, ::-1])
    assert transforms.RandomApply([transforms.CenterCrop(2)], p=1.0)(picture).size == (2, 2)
    assert transforms.RandomApply([transforms.CenterCrop(2)], p=0.0)(picture) is picture


def test_grey_is_a_weighted_sum_of_red_green_and_blue():
    grey = transforms.Grayscale()(Image.fromarray(PIXELS))
    np.testing.assert_allclose(np.asarray(grey), PIXELS @ [0.299, 0.587, 0.114], atol=0.51)
    assert transforms.Grayscale(3)(Image.fromarray(PIXELS)).mode == "RGB"
    assert transforms.Grayscale()(mg.rand(3, 2, 2)).shape == (1, 2, 2)
    assert transforms.Grayscale(3)(PIXELS).shape == (6, 8, 3)


def test_transforms_are_composed_and_shown():
    composed = transforms.Compose(
        [transforms.ToTensor(), transforms.Lambda(lambda x: x * 2), transforms.Normalize(0, 2)]
    )
    np.testing.assert_allclose(composed(PIXELS).numpy(), transforms.ToTensor()(PIXELS).numpy())
    assert "Compose(\n    ToTensor()\n" in repr(composed) and "Normalize(mean=0, std=2, inplace=False)" in repr(
        composed
    )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: transforms.ToTensor()("a"), TypeError, "ToTensor: expected a picture or an array .*, got str"),
        (lambda: transforms.ToTensor()(np.ones(3)), TypeError, r"got ndarray of shape \(3,\)"),
        (lambda: transforms.Normalize(0.5, 0.5)(PIXELS), TypeError, r"got ndarray; put ToTensor\(\) before it"),
        (lambda: transforms.Normalize(0.5, 0)(mg.ones(1, 2, 2)), ValueError, "deviations that are not 0"),
        (lambda: transforms.Normalize([0, 0], [1, 1])(mg.ones(3, 2, 2)), ValueError, r"channel of \(3, 2, 2\)"),
        (lambda: transforms.RandomCrop(9)(PIXELS), ValueError, r"\(9, 9\) does not fit in a picture of \(6, 8\)"),
        (lambda: transforms.CenterCrop(0), ValueError, "a size above 0"),
        (lambda: transforms.Pad((1, 2, 3))(PIXELS), ValueError, "1, 2 or 4 widths"),
        (lambda: transforms.Lambda(3), TypeError, "expected a function, got int"),
        (lambda: transforms.Grayscale(2), ValueError, "expected 1 or 3 channels, got 2"),
        (lambda: transforms.Nonsense, AttributeError, "has no attribute 'Nonsense'"),
    ],
)
def test_what_a_transform_cannot_take_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ------------------------------------------------------------------------------------------------ data sets


def write_idx(path, array, pack=False):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", length) for length in array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if pack else content)


@pytest.fixture
def digits(tmp_path):
    """Four IDX files below MNIST/raw, two of them packed; image i is i everywhere."""
    raw = tmp_path / "MNIST" / "raw"
    for part, n, pack in (("train", 5, False), ("t10k", 3, True)):
        suffix = ".gz" if pack else ""
        images = np.tile(np.arange(n)[:, None, None], (1, 28, 28))
        write_idx(raw / f"{part}-images-idx3-ubyte{suffix}", images, pack)
        write_idx(raw / f"{part}-labels-idx1-ubyte{suffix}", np.arange(n) + 1, pack)
    return tmp_path


def test_mnist_is_read_from_its_files(digits):
    train, test = datasets.MNIST(digits), datasets.MNIST(digits, train=False, transform=transforms.ToTensor())
    assert len(train) == 5 and len(test) == 3 and train.data.shape == (5, 28, 28) and train.data.dtype == mg.uint8
    assert train.targets.tolist() == [1, 2, 3, 4, 5] and train.targets.dtype == mg.int64
    picture, label = train[4]
    assert isinstance(picture, Image.Image) and picture.size == (28, 28) and np.asarray(picture).max() == label - 1 == 4
    ((images, labels),) = DataLoader(test, batch_size=3)
    assert images.shape == (3, 1, 28, 28) and labels.tolist() == [1, 2, 3]
    np.testing.assert_allclose(images[:, 0, 0, 0].numpy(), np.arange(3) / np.float32(255))
    assert train.train_data is train.data and test.test_labels is test.targets
    assert train.class_to_idx["3 - three"] == 3 and "Number of datapoints: 5" in repr(train)
    assert len(datasets.MNIST(digits / "MNIST" / "raw")) == 5  # the folder itself will do


def test_without_pillow_a_sample_is_an_array(digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    image, _ = datasets.MNIST(digits, target_transform=str)[2]
    assert isinstance(image, np.ndarray) and image.shape == (28, 28)
    assert transforms.Compose([transforms.RandomCrop(20), transforms.ToTensor()])(image).shape == (1, 20, 20)
    with pytest.raises(ImportError, match=r"Resize needs Pillow: install minigrad-whysum\[images\]"):
        transforms.Resize(14)(image)


def test_missing_files_are_named_and_downloaded_on_request(tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match=r"MNIST: no train-images-idx3-ubyte or .* in .*; put it there, or say down"):
        datasets.MNIST(tmp_path)
    import hashlib

    sums = {}
    for name, array in (("train-images-idx3-ubyte", np.zeros((2, 28, 28))), ("train-labels-idx1-ubyte", np.ones(2))):
        write_idx(tmp_path / "server" / f"{name}.gz", array, pack=True)
        sums[name] = hashlib.md5((tmp_path / "server" / f"{name}.gz").read_bytes()).hexdigest()
    monkeypatch.setattr(datasets.FashionMNIST, "url", f"{(tmp_path / 'server').as_uri()}/")
    with pytest.raises(ValueError, match=r"FashionMNIST: .* of MD5 .*, expected 8d4fb7e6.*; nothing was kept"):
        datasets.FashionMNIST(tmp_path / "here", download=True)
    assert not [path for path in (tmp_path / "here").rglob("*") if path.is_file()]
    monkeypatch.setattr(datasets.FashionMNIST, "checksums", sums)
    assert datasets.FashionMNIST(tmp_path / "here", download=True).targets.tolist() == [1, 1]
    assert (tmp_path / "here" / "FashionMNIST" / "raw" / "train-images-idx3-ubyte.gz").exists()
    assert len(datasets.FashionMNIST(tmp_path / "here")) == 2  # no download now


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08\x03\0\0\0\x01", b"\0\0\x09\x01\0\0\0\x01a", b"\0\0\x08\x01\0\0\0\x05abc", b"\xff" * 40]
)
def test_a_file_that_is_no_idx_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="labels' is no IDX file of bytes in 1 dimensions, or not all of it"):
        datasets.read_idx(path, 1)
    packed = tmp_path / "labels.gz"
    packed.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x05abcde")[:-9])
    with pytest.raises(ValueError, match="no file that gzip packed, or not all of it"):
        datasets.read_idx(packed, 1)


def test_cifar10_is_read_from_its_binary_files(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    record = np.concatenate([[3], np.repeat([10, 20, 30], 1024)]).astype(np.uint8)
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        record.tofile(folder / name)
    data = datasets.CIFAR10(tmp_path, transform=transforms.ToTensor())
    assert len(data) == 5 and data.targets == [3] * 5 and data.data.shape == (5, 32, 32, 3)
    assert data.data[0, 0, 0].tolist() == [10, 20, 30] and data.classes[3] == "cat" and data[0][1] == 3
    np.testing.assert_allclose(data[0][0][:, 5, 5].numpy(), np.float32([10, 20, 30]) / np.float32(255))


def test_fake_data_is_the_same_for_the_same_number():
    data = datasets.FakeData(4, (3, 5, 6), 7, transforms.ToTensor())
    ((images, labels),) = DataLoader(data, 4)
    assert images.shape == (4, 3, 5, 6) and set(labels.tolist()) <= set(range(7))
    assert (data[2][0] == images[2]).all() and (data[1][0] != images[2]).any()
    with pytest.raises(IndexError, match="there are 4 samples, got index 4"):
        data[4]


def test_an_image_folder_has_a_class_for_each_folder(tmp_path):
    for name, value in (("dog/b.png", 2), ("dog/deep/c.png", 3), ("cat/a.png", 1), ("cat/notes.txt", 0)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x") if value == 0 else Image.new("RGB", (4, 3), (value, 0, 0)).save(path)
    data = datasets.ImageFolder(tmp_path, transforms.ToTensor(), target_transform=lambda number: -number)
    assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1} and data.targets == [0, 1, 1]
    assert [round(data[i][0][0].max().item() * 255) for i in range(3)] == [1, 2, 3] and data[2][1] == -1
    assert data.imgs == data.samples and data.samples[0][0].endswith("a.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no picture for the class 'empty'"):
        datasets.ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder for a class"):
        datasets.ImageFolder(tmp_path / "empty")


# ------------------------------------------------------------------------------------------------ grids


def test_a_grid_puts_pictures_side_by_side_with_lines_between():
    grid = utils.make_grid(mg.tensor(np.arange(1, 4, dtype=np.float32).reshape(3, 1, 1, 1)), nrow=2, padding=1)
    assert grid.shape == (3, 5, 5)
    assert grid[0].tolist() == [[0] * 5, [0, 1, 0, 2, 0], [0] * 5, [0, 3, 0, 0, 0], [0] * 5]
    assert utils.make_grid(mg.ones(1, 4, 5)).shape == (3, 4, 5)  # one picture needs no grid
    assert utils.make_grid([mg.ones(3, 2, 2)] * 2, pad_value=0.5)[0, 0, 0].item() == 0.5


def test_a_grid_stretches_values_to_0_and_1():
    pictures = mg.tensor(np.array([-1.0, 3.0, 0.0, 1.0], np.float32).reshape(2, 1, 1, 2))
    values = lambda **options: utils.make_grid(pictures, padding=0, normalize=True, **options)[0, 0].tolist()
    assert values() == [0, 1, 0.25, 0.5] and values(scale_each=True) == [0, 1, 0, 1]
    assert values(value_range=(0, 2)) == [0, 1, 0, 0.5]


def test_a_grid_is_saved_as_a_picture(tmp_path):
    utils.save_image(mg.tensor([[[[0.0, 0.5, 1.0, 2.0]]]]), tmp_path / "grid.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "grid.png"))[0, :, 0], [0, 128, 255, 255])
    with pytest.raises(TypeError, match="make_grid: expected a tensor"):
        utils.make_grid(mg.ones(2))
