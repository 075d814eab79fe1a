"""A browser for tests: headless Chromium, controlled through pipes (Chrome DevTools Protocol)."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from waiting import PATIENCE_S, until

COMMANDS_FD, ANSWERS_FD = 3, 4
"""The file descriptors from which Chromium reads commands and to which it writes answers."""
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "Escape": (27, "")}
"""Keys that do something by themselves: their codes and texts."""

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


class Browser:
    """One page.

    Attributes:
        complaints: what it wrote to its console, and what it could not do.
    """

    def __init__(self, to: IO[bytes], source: IO[bytes]) -> None:
        self._to, self._from = to, source
        self._rest, self._count, self._session = b"", 0, ""
        self.complaints: list[str] = []
        self._paused: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command of the protocol; returns its result."""
        answer = self._answer(method, params)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _answer(self, method: str, params: dict[str, object]) -> dict[str, Any]:
        self._count += 1
        command = {"id": self._count, "method": method, "params": params} | ({"sessionId": self._session} if self._session else {})
        self._to.write(json.dumps(command).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._count:
            self._note(answer)
        return answer

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._from], [], [], PATIENCE_S)[0], "the browser does not answer"
            more = os.read(self._from.fileno(), 1 << 16)
            assert more, "the browser has ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Fetch.requestPaused":
            self._paused.append(message["params"]["requestId"])
        if message.get("method") in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Network.loadingFailed"}:
            self.complaints.append(json.dumps(message["params"]))

    def go(self, url: str) -> None:
        """Open a page, and wait until it is there."""
        self.ask("Page.navigate", url=url)
        until(lambda: self.value("document.readyState") == "complete" and self.value("location.href") == url)

    def value(self, expression: str) -> Any:
        """The value of an expression on the page; on the next page if the page changes meanwhile."""
        asked: dict[str, object] = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        while "target navigated" in (answer := self._answer("Runtime.evaluate", asked)).get("error", {}).get("message", ""):
            pass
        assert "error" not in answer, answer
        evaluated = answer["result"]
        assert "exceptionDetails" not in evaluated, evaluated
        return evaluated["result"].get("value")

    def answer_paused(self, status: int) -> None:
        """Answer the next request that `Fetch.enable` stops, in place of the server."""
        until(lambda: self.value("1") and self._paused)
        self.ask("Fetch.fulfillRequest", requestId=self._paused.pop(0), responseCode=status)

    def middle(self, expression: str) -> tuple[float, float]:
        """Position of the middle of an element on the screen."""
        left, top, wide, tall = self.value(f"(({{x, y, width, height}}) => [x, y, width, height])({expression}.getBoundingClientRect())")
        return left + wide / 2, top + tall / 2

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse button at one place, move, and release it at another."""
        halfway = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        for kind, (x, y), pressed in (
            ("mouseMoved", start, 0),
            ("mousePressed", start, 1),
            ("mouseMoved", halfway, 1),
            ("mouseMoved", end, 1),
            ("mouseReleased", end, 0),
        ):
            button = "none" if kind == "mouseMoved" and not pressed else "left"
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=pressed, clickCount=1)

    def swipe(self, *ways: tuple[tuple[float, float], tuple[float, float]]) -> None:
        """Put fingers on the screen, one after the other, draw each from its start to its end, all at the same time, and lift them."""
        for down in range(1, len(ways) + 1):
            self._touch("touchStart", [start for start, _ in ways[:down]])
        for step in range(1, 9):
            self._touch("touchMove", [(x + (to_x - x) * step / 8, y + (to_y - y) * step / 8) for (x, y), (to_x, to_y) in ways])
        self._touch("touchEnd", [])

    def _touch(self, kind: str, places: list[tuple[float, float]]) -> None:
        self.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)])

    def click(self, expression: str) -> None:
        """Click on the middle of an element."""
        place = self.middle(expression)
        self.drag(place, place)

    def press(self, key: str, *, control: bool = False, shift: bool = False) -> None:
        """Press and release a key."""
        code, text = KEYS.get(key, (0, ""))
        for kind in ("keyDown", "keyUp"):
            more = {"windowsVirtualKeyCode": code} | ({"text": text} if text and kind == "keyDown" else {}) if code else {}
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, modifiers=2 * control + 8 * shift, **more)

    def choose_files(self, selector: str, *paths: Path) -> None:
        """Choose files as with the dialog of a file input."""
        document = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=node, files=list(map(str, paths)))

    def screen(self, width: int, height: int, *, is_phone: bool = False, **features: str) -> None:
        """Set the size of the screen and the user's preferences, such as prefers_color_scheme="dark"."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone)
        self.ask("Emulation.setTouchEmulationEnabled", enabled=is_phone)
        self.ask(
            "Emulation.setEmulatedMedia", features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        )

    def image(self, path: Path) -> None:
        """A screenshot as PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))


def chromium(profile: Path) -> list[str]:
    """The command that starts a headless browser, without its last arguments. Skips the test where there is no Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs a browser: apt-get install chromium")
    return [program, *QUIET, f"--user-data-dir={profile}"]


@contextmanager
def browser(profile: Path, *, size: str = "1280,900") -> Iterator[Browser]:
    """A browser, closed at the end. Skips the test where there is no Chromium."""
    command = [*chromium(profile), "--remote-debugging-pipe", f"--window-size={size}"]
    its_end, to = os.pipe()
    source, its_start = os.pipe()
    moved = ["bash", "-c", f'exec {COMMANDS_FD}<&{its_end} {ANSWERS_FD}>&{its_start}; exec "$@"', "bash", *command]
    with (
        os.fdopen(to, "wb", buffering=0) as commands,
        os.fdopen(source, "rb", buffering=0) as answers,
        subprocess.Popen(moved, pass_fds=(its_end, its_start), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        os.close(its_end)
        os.close(its_start)
        try:
            yield Browser(commands, answers)
        finally:
            process.kill()
