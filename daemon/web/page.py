"""The page on which joints are moved, as HTML. Pure: joints in, a text out.

Names in a character folder are strangers' words: they go through `escape`, or into the page as JSON that can't end its element.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import Final

from pipeline.files.character_configs import CharacterConfig

_HELP: Final = (
    "Drag joints to where they belong, or choose one with Tab and move it with the arrow keys (with Shift: ten pixels). "
    "The figure's right is on your left."
)


def page(name: str, config: CharacterConfig, motions: Sequence[str]) -> str:
    """The whole page.

    Args:
        name: of the character.
        motions: to choose from, the first one first.
    """
    joints = [
        {"name": joint, "parent": config.joint_names[parent] if parent >= 0 else None, "at": [int(x), int(y)]}
        for joint, parent, (x, y) in zip(config.joint_names, config.parents.tolist(), config.locations.tolist(), strict=True)
    ]
    data = json.dumps({"width": config.width, "height": config.height, "joints": joints}).replace("<", "\\u003c")
    options = "".join(f'<option value="{escape(motion)}">{escape(motion)}</option>' for motion in motions)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(name)} - joints</title>
<link rel="icon" href="data:,">
<style>
{_part("css")}</style>
</head>
<body>
<header><h1>{escape(name)}</h1><p id="help">{_HELP}</p></header>
<main>
<svg id="figure" viewBox="0 0 {config.width} {config.height}" role="application" aria-label="The joints" aria-describedby="help"></svg>
<section id="beside" aria-label="How it moves">
<div id="stage"><img id="shown" alt=""><canvas id="still" aria-hidden="true"></canvas><p id="wait" hidden>drawing ...</p></div>
<p id="choice"><label>Motion <select id="motion">{options}</select></label> <label><input id="plays" type="checkbox"> Play</label></p>
<p id="tools">
<button id="save" type="button">Save</button>
<button id="undo" type="button">Undo</button>
<button id="redo" type="button">Redo</button>
<button id="swap" type="button">Swap left and right</button>
</p>
<p id="told" role="status"></p>
<ul id="notes"></ul>
</section>
</main>
<script id="data" type="application/json">{data}</script>
<script>{_part("js")}</script>
</body>
</html>
"""


@cache
def policy() -> str:
    """What the browser may load and run on it: its own style, script and pictures."""
    script = base64.b64encode(hashlib.sha256(_part("js").encode()).digest()).decode("ascii")
    own = f"default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
    return f"{own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@cache
def _part(suffix: str) -> str:
    return resources.files("daemon.web").joinpath(f"joints.{suffix}").read_text(encoding="utf-8")
