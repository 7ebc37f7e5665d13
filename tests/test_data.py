"""The three sources of images: digits, edges and CIFAR-10."""

import hashlib
import io
import math
import sys
import tarfile

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import CIFAR10, DataLoader, cifar10, digits, edges

# ------------------------------------------------------------------------------------------------ digits and edges


def test_digits_are_the_1797_real_ones():
    images, labels = digits()[:]
    assert images.shape == (1797, 1, 8, 8) and images.dtype == mg.float32
    assert (images.min().item(), images.max().item()) == (0, 1)
    assert np.bincount(labels.array).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (images[0, 0, 0] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]  # the first row of the first, a zero


def test_digits_without_scikit_learn_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="come with scikit-learn, which is not installed"):
        digits()


def test_an_edge_rises_to_the_right_or_falls_or_is_absent_by_channel():
    images = edges([[1, 0, -2]] * 200, generator=mg.Generator(0))
    assert images.shape == (200, 3, 12, 12) and images.dtype == np.float32
    red, green, blue = images.transpose(1, 0, 2, 3)
    assert not green.any()
    np.testing.assert_allclose(blue, -2 * red)
    assert (red[:, :, 1:] >= red[:, :, :-1]).all()  # never falls from left to right
    assert (red.min((1, 2)) == -0.5).all() and (red.max((1, 2)) == 0.5).all()  # both sides in the picture
    assert abs(red.mean()) < 0.03


def test_edges_lie_differently_and_the_same_by_seed():
    first, second, other = (edges([[1]] * 9, generator=mg.Generator(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert len({image.tobytes() for image in [*first, *other]}) == 18


def test_noise_has_its_standard_deviation():
    images = edges(np.zeros((50, 3)), noise=0.1, generator=mg.Generator(0))
    assert images.std() == pytest.approx(0.1, rel=0.02) and images.dtype == np.float32


@pytest.mark.parametrize(
    ("signs", "options", "words"),
    [
        ([1, -1], {}, r"signs \(N, C\), got shape \(2,\)"),
        ([[1]], {"tilt": math.pi / 2}, "tilt < π/2"),
        ([[1]], {"noise": -1}, "noise ≥ 0"),
        ([[1]], {"size": 1}, "size > 1"),
    ],
)
def test_edges_that_make_no_sense_are_refused(signs, options, words):
    with pytest.raises(ValueError, match=words):
        edges(signs, **options)


# ------------------------------------------------------------------------------------------------ CIFAR-10


def records(n, seed=0):
    """n records of the binary version: classes 0, 1, ... and random pixels."""
    data = np.random.default_rng(seed).integers(0, 256, (n, cifar10.RECORD), np.uint8)
    data[:, 0] = np.arange(n) % 10
    return data


@pytest.fixture
def folder(tmp_path):
    """A folder with the six files, of 4 records each."""
    (tmp_path / cifar10.FOLDER).mkdir()
    for i, name in enumerate((*cifar10.TRAIN, *cifar10.TEST)):
        records(4, i).tofile(tmp_path / cifar10.FOLDER / name)
    return tmp_path


def test_cifar10_reads_its_files(folder):
    train, test = CIFAR10(folder), CIFAR10(folder, train=False)
    assert (len(train), len(test)) == (20, 4)
    images, labels = train.collate_rows([5, 0])
    assert images.shape == (2, 3, 32, 32) and images.dtype == mg.float32 and labels.tolist() == [1, 0]
    pixels = records(4, 1)[1, 1:].reshape(3, 32, 32)  # the second record of the second file: red, green, blue
    np.testing.assert_allclose(images[0].array, pixels / 255, rtol=1e-6)
    image, label = train[5]
    np.testing.assert_array_equal(image.array, images[0].array)
    assert label == 1 and CIFAR10.classes[label] == "automobile"
    assert train.images.dtype == np.uint8


def test_cifar10_is_batched_and_takes_the_inner_folder_too(folder):
    sizes = [len(y) for _, y in DataLoader(CIFAR10(folder / cifar10.FOLDER), 8)]
    assert sizes == [8, 8, 4]


def test_cifar10_names_all_files_that_are_missing(folder):
    (folder / cifar10.FOLDER / "data_batch_3.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"no data_batch_3\.bin in .*or say download=True"):
        CIFAR10(folder)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has 0 bytes, which is no multiple of 3073"),
        (records(2).tobytes()[:-1], "has 6145 bytes, .* truncated"),
        (b"\x0a" + records(1).tobytes()[1:], "a record of class 10, expected 0 to 9"),
    ],
)
def test_cifar10_refuses_broken_files(data, words, folder):
    (folder / cifar10.FOLDER / "test_batch.bin").write_bytes(data)
    with pytest.raises(ValueError, match=words):
        CIFAR10(folder, train=False)


def packed(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path.as_uri(), hashlib.sha256(path.read_bytes()).hexdigest()


FILES = {f"{cifar10.FOLDER}/{name}": records(3).tobytes() for name in (*cifar10.TRAIN, *cifar10.TEST)}


def test_cifar10_is_downloaded_once_and_only_its_own_files_are_kept(tmp_path, monkeypatch):
    url, sha256 = packed(tmp_path / "a.tar.gz", {**FILES, "../escaped": b"x", f"{cifar10.FOLDER}/readme.html": b"y"})
    monkeypatch.setattr(cifar10, "fetch", lambda root, fetch=cifar10.fetch: fetch(root, url, sha256))
    root = tmp_path / "data"
    assert len(CIFAR10(root, download=True)) == 15
    assert sorted(path.name for path in root.rglob("*.*")) == sorted((*cifar10.TRAIN, *cifar10.TEST))
    assert not (tmp_path / "escaped").exists()
    monkeypatch.setattr(cifar10, "fetch", None)  # not needed again
    assert len(CIFAR10(root, train=False, download=True)) == 3


def test_a_download_with_another_checksum_is_not_kept(tmp_path):
    url, _ = packed(tmp_path / "a.tar.gz", FILES)
    with pytest.raises(ValueError, match=f"expected {cifar10.SHA256}; nothing was kept"):
        cifar10.fetch(tmp_path / "data", url)
    assert not list((tmp_path / "data").rglob("*.*"))


def test_a_download_that_cannot_be_fetched_says_from_where(tmp_path):
    address = (tmp_path / "nothing").as_uri()
    with pytest.raises(OSError, match=rf"CIFAR10: {address} cannot be fetched: .*No such file") as raised:
        cifar10.fetch(tmp_path / "data", address)
    assert raised.value.__suppress_context__ and not list((tmp_path / "data").rglob("*.*"))


def test_a_download_without_all_files_leaves_nothing(tmp_path):
    url, sha256 = packed(tmp_path / "a.tar.gz", dict(list(FILES.items())[:3]))
    with pytest.raises(KeyError, match="data_batch_4"):
        cifar10.fetch(tmp_path / "data", url, sha256)
    assert not list((tmp_path / "data").rglob("*.*"))
