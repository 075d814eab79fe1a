"""HTML page of the joint editor. Pure: joints in, text out.

Names in a character folder are untrusted: `escape` handles them, or they are in JSON that can't end its script element.
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
    "Drag joints to their correct places, or select one with Tab and move it with the arrow keys (with Shift: ten pixels). "
    "The figure's right side is on your left."
)


def page(name: str, config: CharacterConfig, motions: Sequence[str]) -> str:
    """The page for one character.

    Args:
        name: name of the character, for the heading.
        motions: names of the motions to choose from; the first is selected.
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
<svg id="figure" viewBox="0 0 {config.width} {config.height}" role="application" aria-label="Joints" aria-describedby="help"></svg>
<section id="beside" aria-label="Preview">
<div id="stage"><img id="shown" alt=""><canvas id="still" aria-hidden="true"></canvas><p id="wait" hidden>rendering ...</p></div>
<p id="choice"><label>Motion <select id="motion">{options}</select></label> <label><input id="plays" type="checkbox"> Play</label></p>
<p id="tools">
<button id="save" type="button">Save</button>
<button id="undo" type="button">Undo</button>
<button id="redo" type="button">Redo</button>
<button id="swap" type="button">Swap left and right</button>
</p>
<p id="message" role="status"></p>
<ul id="notes"></ul>
</section>
</main>
<script id="data" type="application/json">{data}</script>
<script>{_part("js")}</script>
</body>
</html>
"""


@cache
def content_security_policy() -> str:
    """Value of the header Content-Security-Policy: the page may use only its own style, script and images."""
    script = base64.b64encode(hashlib.sha256(_part("js").encode()).digest()).decode("ascii")
    own = f"default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
    return f"{own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@cache
def _part(suffix: str) -> str:
    return resources.files("daemon.web").joinpath(f"joints.{suffix}").read_text(encoding="utf-8")
