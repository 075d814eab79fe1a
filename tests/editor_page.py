"""The editor's page in a browser, for tests: positions on the drawing, tools, and waiting until requests are answered."""

from __future__ import annotations

from typing import Any

from tests.browser import Browser
from tests.waiting import until

PATIENCE_S = 60.0
PAGE = "document.documentElement.editor"
Place = tuple[float, float]


class EditorPage:
    """A page that is open in a browser."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.rest()

    def value(self, expression: str) -> Any:
        """The value of an expression of the page's object."""
        return self.browser.value(f"{PAGE}.{expression}")

    def rest(self) -> None:
        """Wait until the page has no open request."""
        busy = f"{PAGE}.preview.isRendering || {PAGE}.stage.isBusy || {PAGE}.isSaving"
        until(lambda: self.browser.value(f"Boolean({PAGE}?.figure?.history) && !({busy})"), PATIENCE_S)

    def click(self, expression: str) -> None:
        """Scroll to an element and click on it."""
        self.browser.value(f"{expression}.scrollIntoViewIfNeeded()")
        self.browser.click(expression)

    def choose(self, tool: str) -> None:
        self.click(f"document.querySelector('#tools input[value={tool}]')")
        self.browser.value("document.getElementById('stage').scrollIntoViewIfNeeded()")
        self.rest()

    def on_screen(self, place: Place) -> Place:
        """Position on the screen of a place of the crop, in the middle of its pixel."""
        x, y = self.browser.value(
            f"(() => {{ const {{ root }} = {PAGE}.stage, box = root.getBoundingClientRect();"
            f" const [x, y] = {PAGE}.stage.toScreen([{place[0]} + .5, {place[1]} + .5]);"
            " return [x + box.left + root.clientLeft, y + box.top + root.clientTop]; })()"
        )
        return x, y

    def drag(self, start: Place, end: Place) -> None:
        """Drag from one place of the crop to another with the mouse."""
        self.browser.drag(self.on_screen(start), self.on_screen(end))
        self.rest()

    def draw_box(self, left: float, top: float, right: float, bottom: float) -> None:
        """Drag a box, px of the drawing."""
        corners = [tuple(self.value(f"stage.fromDrawing([{x}, {y}])")) for x, y in ((left, top), (right, bottom))]
        before = self.value("figure.history.undoStack.length")
        self.browser.drag(*(self.on_screen((x - 0.5, y - 0.5)) for x, y in corners))
        until(lambda: self.value("figure.history.undoStack.length") > before or self.message(), PATIENCE_S)
        self.rest()

    def joint(self, name: str) -> Place:
        x, y = self.value(f"state.joints.{name}")
        return x, y

    def mask_size(self) -> int:
        """Number of the figure's pixels."""
        return int(self.value("state.mask.reduce((sum, inside) => sum + inside, 0)"))

    def message(self) -> str:
        return str(self.browser.value("document.getElementById('message').textContent"))

    def press(self, *keys: str, **modifiers: bool) -> None:
        for key in keys:
            self.browser.press(key, **modifiers)
        self.rest()

    def accept(self) -> str:
        """Save, or animate again; returns the page's message."""
        self.click("document.getElementById('accept')")
        until(lambda: not self.value("isSaving") and self.message() != "", PATIENCE_S)
        self.rest()
        return self.message()
