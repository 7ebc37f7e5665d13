"""torchvision's data sets of small images, from files under `root`, downloaded on request where there is a network.

Sample i is (picture, class): Pillow's picture, or a uint8 array (H, W) or (H, W, 3) if Pillow is not installed, each
passed through `transform` and `target_transform`.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from minigrad import data
from minigrad.data.cifar10 import CLASSES
from minigrad.data.download import download as fetch
from minigrad.instead import public
from minigrad.random import Generator
from minigrad.tensor import from_numpy
from minigrad.torch.vision.images import find_pillow, make_picture

Change = Callable[[Any], Any] | None


class VisionDataset(data.Dataset):
    """Samples with a transform for the picture and one for the class."""

    def __init__(
        self, root: Any = None, transforms: Any = None, transform: Change = None, target_transform: Change = None
    ):
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(f"{type(self).__name__}: expected either transforms or transform and target_transform")
        self.root = root
        self.transforms = transforms
        self.transform = transform
        self.target_transform = target_transform

    def change(self, picture: Any, target: Any) -> tuple[Any, Any]:
        """The sample after its transforms."""
        if self.transforms is not None:
            changed: tuple[Any, Any] = self.transforms(picture, target)
            return changed
        picture = picture if self.transform is None else self.transform(picture)
        return picture, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        return f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}\n    Root location: {self.root}"  # type: ignore[arg-type]


class MNIST(VisionDataset):
    """MNIST (LeCun, Cortes & Burges 1998): handwritten digits, 28×28 shades of grey, 60,000 to train, 10,000 to test.

    root: a folder with the four IDX files, as they are or packed by gzip, or with MNIST/raw that has them.
    download: fetch them to `root`/MNIST/raw first, where they are missing. data: bytes (N, 28, 28); targets: (N,).
    """

    url = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    checksums: ClassVar = {
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    classes: ClassVar = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Change = None,
        target_transform: Change = None,
        download: bool = False,
    ):
        super().__init__(root, None, transform, target_transform)
        self.train = train
        images, labels = list(self.checksums)[:2] if train else list(self.checksums)[2:]
        self.data = from_numpy(self._read(images, 3, download))
        self.targets = from_numpy(self._read(labels, 1, download)).long()
        if len(self.data) != len(self.targets):
            raise ValueError(f"{type(self).__name__}: {len(self.data)} images, but {len(self.targets)} labels")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class by its name."""
        return {name: i for i, name in enumerate(self.classes)}

    train_data = test_data = property(lambda self: self.data)  # the older names
    train_labels = test_labels = property(lambda self: self.targets)

    @property
    def raw_folder(self) -> str:
        """Where the files are downloaded to."""
        return os.path.join(self.root, type(self).__name__, "raw")

    def _read(self, name: str, dimensions: int, download: bool) -> np.ndarray:
        folders = [Path(self.raw_folder), Path(self.root)]
        found = [path for folder in folders for path in (folder / name, folder / f"{name}.gz") if path.exists()]
        if not found and download:
            folders[0].mkdir(parents=True, exist_ok=True)
            found = [folders[0] / f"{name}.gz"]
            fetch(type(self).__name__, f"{self.url}{name}.gz", found[0], self.checksums[name])
        if not found:
            raise RuntimeError(
                f"{type(self).__name__}: no {name} or {name}.gz in {str(folders[0])!r} or {str(folders[1])!r}; "
                "put it there, or say download=True"
            )
        return read_idx(found[0], dimensions)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.change(make_picture(self.data.array[index]), int(self.targets.array[index]))


class FashionMNIST(MNIST):
    """Fashion-MNIST (Xiao, Rasul & Vollgraf 2017): 28×28 shades of grey of ten kinds of clothes, laid out as MNIST."""

    url = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    checksums: ClassVar = {
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    }
    classes: ClassVar = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The bytes of an IDX file, in its shape; a ValueError that names the file if it is none.

    The file: two zeros, 8 for bytes, the number of dimensions, each length as four bytes (big-endian), the elements.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{os.fspath(path)!r} is no file that gzip packed, or not all of it: {error}") from None
    start = 4 + 4 * dimensions
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4")) if len(content) >= start else ()
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) - start != np.prod(shape, dtype=object):
        raise ValueError(
            f"{os.fspath(path)!r} is no IDX file of bytes in {dimensions} dimensions, or not all of it: "
            f"{len(content)} bytes that begin with {content[:4].hex(' ')}, for a shape of {shape}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


class CIFAR10(VisionDataset):
    """CIFAR-10 (Krizhevsky 2009), read by `minigrad.data.CIFAR10`: photographs of 32×32 pixels in 10 classes.

    root: a folder with cifar-10-batches-bin, the binary version. data: a uint8 array (N, 32, 32, 3); targets: a list.
    """

    classes: ClassVar = list(CLASSES)

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Change = None,
        target_transform: Change = None,
        download: bool = False,
    ):
        super().__init__(root, None, transform, target_transform)
        self.train = train
        source = data.CIFAR10(root, train, download=download)
        self.data = np.ascontiguousarray(source.images.transpose(0, 2, 3, 1))  # (N, C, H, W) -> (N, H, W, C)
        self.targets: list[int] = source.labels.tolist()

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class by its name."""
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.change(make_picture(self.data[index]), self.targets[index])


class FakeData(VisionDataset):
    """Pictures of noise with random classes, the same for the same number and `random_offset`."""

    def __init__(
        self,
        size: int = 1000,
        image_size: Sequence[int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Change = None,
        target_transform: Change = None,
        random_offset: int = 0,
    ):
        super().__init__(None, None, transform, target_transform)
        self.size = size
        self.image_size = tuple(image_size)
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"FakeData: there are {self.size} samples, got index {index}")
        source = Generator(index + self.random_offset)
        noise = source.standard_normal(self.image_size).transpose(1, 2, 0) * 255  # (C, H, W) -> (H, W, C)
        pixels = noise.astype(np.int64).astype(np.uint8)
        picture = make_picture(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        return self.change(picture, int(source.integers(0, self.num_classes)))


IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def load_picture(path: Any) -> Any:
    """The picture in a file, in red, green and blue, by Pillow."""
    with open(path, "rb") as file:
        return find_pillow("ImageFolder").open(file).convert("RGB")


class ImageFolder(VisionDataset):
    """Pictures in files, in a folder for each class: root/dog/anything.png, root/cat/deeper/anything.jpg.

    The classes are numbered in the order of their names. samples: (path, class) of each file in the order of the names.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Change = None,
        target_transform: Change = None,
        loader: Callable[[Any], Any] = load_picture,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(root, None, transform, target_transform)
        self.loader = loader
        self.classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(f"ImageFolder: no folder for a class in {os.fspath(root)!r}")
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples: list[tuple[str, int]] = []
        for name, number in self.class_to_idx.items():
            paths = [
                os.path.join(folder, file)
                for folder, _, files in sorted(os.walk(os.path.join(root, name), followlinks=True))
                for file in sorted(files)
            ]
            chosen = [p for p in paths if (is_valid_file or (lambda p: p.lower().endswith(IMG_EXTENSIONS)))(p)]
            if not chosen and not allow_empty:
                raise FileNotFoundError(f"ImageFolder: no picture for the class {name!r}; endings are {IMG_EXTENSIONS}")
            self.samples += [(path, number) for path in chosen]
        self.imgs = self.samples
        self.targets = [number for _, number in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, number = self.samples[index]
        return self.change(self.loader(path), number)


DatasetFolder = ImageFolder


if not TYPE_CHECKING:
    __all__ = [name for name in public(globals()) if name[0].isupper()]  # functions are for in here
    __dir__ = __all__.copy  # what completion offers
