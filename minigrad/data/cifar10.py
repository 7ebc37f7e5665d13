"""CIFAR-10 (Krizhevsky 2009): 60,000 photographs of 32×32 pixels in 10 classes, from its binary files.

A file is a row of records: a byte for the class, then 1,024 bytes each of red, green and blue, row by row.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minigrad.data.datasets import Dataset
from minigrad.data.download import download
from minigrad.tensor import Tensor, from_numpy

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
FOLDER = "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = ("test_batch.bin",)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32


class CIFAR10(Dataset):
    """Sample i is (image, class): float32 (3, 32, 32) in [0, 1] and a whole number from 0 to 9.

    root: the folder that the archive was unpacked in, or `cifar-10-batches-bin` itself. train: the 50,000 images to
    learn from, else the 10,000 to test with. download: fetch the archive (162 MB) first, if its files are not there.
    Files of fewer records are read, too. In memory the images stay bytes.
    """

    classes = CLASSES

    def __init__(self, root: str | os.PathLike[str], train: bool = True, *, download: bool = False):
        names = TRAIN if train else TEST
        folder = Path(root) if (Path(root) / names[0]).exists() else Path(root) / FOLDER
        if missing := [name for name in names if not (folder / name).exists()]:
            if not download:
                raise FileNotFoundError(
                    f"CIFAR10: no {', '.join(missing)} in {os.fspath(folder)!r}; unpack {URL} there, "
                    "or say download=True"
                )
            fetch(root)
            folder = Path(root) / FOLDER
        records = np.concatenate([_records(folder / name) for name in names])
        self.labels = records[:, 0].astype(np.int64)
        self.images = records[:, 1:].reshape(-1, 3, 32, 32)  # uint8, red green blue

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return from_numpy(self.images[index].astype(np.float32) / 255), int(self.labels[index])

    def collate_rows(self, indices: Sequence[int]) -> list[Tensor]:
        """Images (N, 3, 32, 32) and classes (N,) at `indices`."""
        rows = np.asarray(indices, np.int64)
        return [from_numpy(self.images[rows].astype(np.float32) / 255), from_numpy(self.labels[rows])]


def _records(path: Path) -> np.ndarray:
    """The file's records, (N, 3073) bytes, if that is what it has."""
    data = np.fromfile(path, np.uint8)
    if not data.size or data.size % RECORD:
        raise ValueError(
            f"CIFAR10: {os.fspath(path)!r} has {data.size} bytes, which is no multiple of {RECORD}; it is truncated, "
            "or no file of the binary version"
        )
    records = data.reshape(-1, RECORD)
    if (largest := int(records[:, 0].max())) > 9:
        raise ValueError(f"CIFAR10: {os.fspath(path)!r} has a record of class {largest}, expected 0 to 9")
    return records


def fetch(root: str | os.PathLike[str], url: str = URL, sha256: str = SHA256) -> None:
    """Download the archive, compare its checksum, and only then put its six files into `root`/cifar-10-batches-bin.

    An interrupted download leaves nothing behind. Members are read by name: no path in the archive is followed.
    """
    import tarfile  # here, for they take longer to import than all of minigrad
    import tempfile

    folder = Path(root) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = Path(scratch) / "archive"
        download("CIFAR10", url, archive, sha256)
        with tarfile.open(archive) as tar:
            for name in (*TRAIN, *TEST):
                member = tar.extractfile(f"{FOLDER}/{name}")
                if member is None:
                    raise ValueError(f"CIFAR10: {name} in {url} is no file")
                (Path(scratch) / name).write_bytes(member.read())
        for name in (*TRAIN, *TEST):
            (Path(scratch) / name).replace(folder / name)
