"""A headless Chromium, driven through its DevTools pipe: what a page does, and whether it requests anything."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next((found for name in NAMES if (found := shutil.which(name))), None)
OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # which root may not have
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-extensions",
    "--disable-background-networking",
]
SECONDS = 60  # to wait for an answer
VIRTUAL_CODES = {"ArrowDown": 40, "ArrowUp": 38, "Home": 36, "End": 35, "Tab": 9, "Escape": 27}


class Browser:
    """One page of a browser; messages are JSON, each ended by a zero byte."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self.out, self.into = to_browser, from_browser
        self.rest, self.count = b"", 0
        self.session: str | None = None
        self.requests: list[str] = []
        self.problems: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict:
        """The result of a command of the DevTools protocol."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.count:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict:
        while b"\0" not in self.rest:
            if not select.select([self.into], [], [], SECONDS)[0]:
                raise TimeoutError(f"the browser said nothing for {SECONDS} s")
            if not (read := os.read(self.into, 1 << 20)):
                raise ConnectionError("the browser ended")
            self.rest += read
        text, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, params: dict) -> None:
        if event == "Network.requestWillBeSent" and not params["request"]["url"].startswith("data:"):
            self.requests.append(params["request"]["url"])
        if event == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        if event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file, and wait until its script has run and a frame was drawn."""
        self.ask("Page.navigate", url="about:blank")
        self.requests.clear()
        self.ask("Page.navigate", url=path.as_uri() + fragment)
        self.see(
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )
        self.drawn()

    def drawn(self) -> None:
        """Wait until what was changed is on the screen."""
        self.see("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def see(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Until a JavaScript expression is true, also across the loading of another page."""
        end = time.monotonic() + SECONDS
        while not self.see(condition):
            if time.monotonic() > end:
                raise TimeoutError(condition)
            time.sleep(0.02)
        self.drawn()

    def press(self, key: str) -> None:
        """A key, as a person presses it."""
        facts = {"key": key, "windowsVirtualKeyCode": VIRTUAL_CODES.get(key, ord(key[0].upper()))}
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **facts, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **facts)
        self.drawn()

    def choose(self, field: str, value: str) -> None:
        """Give a field (by id) a value, as if it was typed or chosen."""
        self.see(
            f"(() => {{ const field = document.getElementById({json.dumps(field)}); field.value = {json.dumps(value)};"
            "field.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )
        self.drawn()

    def picture(self, path: Path, width: int, height: int, dark: bool = False) -> None:
        """Save what is seen in a window of this size."""
        self.size(width, height, dark)
        shot = self.ask("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def size(self, width: int, height: int, dark: bool = False) -> None:
        """Give the window a size and a colour scheme."""
        window = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **window)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.drawn()


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in a folder; it ends with the block."""
    if PROGRAM is None:
        raise FileNotFoundError(f"no Chromium: none of {', '.join(NAMES)} is installed")
    to_us, from_us = os.pipe(), os.pipe()  # Chromium reads from file 3 and writes to file 4

    def connect() -> None:
        """In the new process: the pipes get the numbers that it expects."""
        reading, writing = os.dup(from_us[0]), os.dup(to_us[1])
        os.dup2(reading, 3)
        os.dup2(writing, 4)

    process = subprocess.Popen(
        [PROGRAM, *OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=connect,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(from_us[0])
    os.close(to_us[1])
    try:
        yield Browser(from_us[1], to_us[0])
    finally:
        os.close(from_us[1])
        os.close(to_us[0])
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
