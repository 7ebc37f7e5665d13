"""Fetch a file of data, and keep it only if its checksum is right."""

from __future__ import annotations

from pathlib import Path


def download(name: str, url: str, path: Path, checksum: str) -> None:
    """Write what is at `url` to `path` if its SHA-256 or MD5, whichever `checksum` is long enough for, is that.

    A ValueError in the name of the data set `name` if it is not, and an OSError if nothing can be fetched; then, and if
    the connection breaks, nothing is kept.
    """
    import hashlib  # here, for they take longer to import than all of minigrad
    import urllib.error
    import urllib.request

    kind = "SHA-256" if len(checksum) == 64 else "MD5"
    digest = hashlib.sha256() if kind == "SHA-256" else hashlib.md5(usedforsecurity=False)
    part = path.with_name(path.name + ".part")
    try:
        with urllib.request.urlopen(url, timeout=60) as source, open(part, "wb") as file:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != checksum:
            raise ValueError(
                f"{name}: {url} has {part.stat().st_size} bytes of {kind} {digest.hexdigest()}, "
                f"expected {checksum}; nothing was kept"
            )
        part.replace(path)
    except urllib.error.URLError as error:
        raise OSError(f"{name}: {url} cannot be fetched: {error.reason}") from None
    finally:
        part.unlink(missing_ok=True)
