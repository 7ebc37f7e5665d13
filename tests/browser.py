"""A real browser for the tests of pages: headless chromium, driven over the W3C WebDriver protocol.

The protocol is JSON over HTTP, so the standard library is enough. Only the driving belongs here; what a page
has to show is tested in the file of the module that writes it. Where `chromium` or `chromedriver` is missing,
`available` is false and those tests are skipped.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
KEYS = {
    "Left": "\ue012",
    "Right": "\ue014",
    "Home": "\ue011",
    "End": "\ue010",
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Space": " ",
}

chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
chromedriver = shutil.which("chromedriver")
available = chromium is not None and chromedriver is not None


class Page:
    """One browser tab: open a file, run JavaScript in it, press keys, take its picture, read its console."""

    def __init__(self, session: str):
        self._session = session

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return _request(f"{self._session}/{path}", body)

    def open(self, path: Path | str) -> None:
        """Load a file from disk and wait until it is complete."""
        self._post("url", {"url": Path(path).resolve().as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that the body of a JavaScript function returns; `arguments[i]` in it are `arguments`."""
        return self._post("execute/sync", {"script": script, "args": list(arguments)})

    def count(self, selector: str) -> int:
        """How many elements match a CSS selector."""
        return int(self.run("return document.querySelectorAll(arguments[0]).length", selector))

    def text(self, selector: str) -> str:
        """The text of the first element that matches."""
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def click(self, selector: str) -> None:
        """A real mouse click in the middle of the first element that matches."""
        element = self._post("element", {"using": "css selector", "value": selector})
        (identifier,) = element.values()
        self._post(f"element/{identifier}/click", {})

    def focus(self, selector: str) -> None:
        """Give the keyboard to the first element that matches."""
        self.run("document.querySelector(arguments[0]).focus()", selector)

    def press(self, *names: str) -> None:
        """Press and release keys one after another: a character, or a name of `KEYS`."""
        keys = [KEYS.get(name, name) for name in names]
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def wait(self, script: str, seconds: float = 10.0) -> Any:
        """The first true value of `script`; fails if there is none in time."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(script)):
            if time.monotonic() > deadline:
                raise AssertionError(f"the page did not reach in {seconds} s: {script}")
            time.sleep(0.02)
        return value

    def screenshot(self, path: Path | str, full: bool = False) -> None:
        """Write a PNG of the window, or of the whole document."""
        if full:
            size = {"captureBeyondViewport": True, "format": "png"}
            box = self.run("const d = document.documentElement; return [d.scrollWidth, d.scrollHeight]")
            clip = {"x": 0, "y": 0, "width": box[0], "height": box[1], "scale": 1}
            data = self._devtools("Page.captureScreenshot", {**size, "clip": clip})["data"]
        else:
            data = _request(f"{self._session}/screenshot")
        Path(path).write_bytes(base64.b64decode(data))

    def media(self, **features: str) -> None:
        """Emulate a feature, `media(prefers_color_scheme="dark")`, or a medium, `media(type="print")`."""
        medium = features.pop("type", "")
        values = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self._devtools("Emulation.setEmulatedMedia", {"media": medium, "features": values})

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        """Set the size of the viewport in CSS pixels."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile},
        )

    def console(self) -> list[str]:
        """Warnings and errors that the page has put out since the last call."""
        entries = self._post("se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def _devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        return self._post("goog/cdp/execute", {"cmd": command, "params": parameters})


@contextlib.contextmanager
def browser(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """A page in a fresh profile; driver, browser and profile are gone afterwards."""
    assert chromium and chromedriver, "chromium and chromedriver are needed"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        environment = {**os.environ, "HOME": profile}
        driver = subprocess.Popen(
            [chromedriver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        assert driver.stdout
        try:
            started = next(line for line in driver.stdout if "started successfully on port" in line)
            url = f"http://127.0.0.1:{started.split()[-1].rstrip('.')}"
            options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={profile}/profile"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            session = _request(f"{url}/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            page = Page(f"{url}/session/{session}")
            page.resize(width, height)
            try:
                yield page
            finally:
                _request(f"{url}/session/{session}", method="DELETE")
        finally:
            driver.terminate()
            driver.wait()
            driver.stdout.close()


def _request(url: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy must not see localhost
    try:
        with opener.open(request, timeout=300) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        with error:
            reason = json.load(error)["value"]
        raise AssertionError(f"{reason['error']}: {reason['message']}") from None
