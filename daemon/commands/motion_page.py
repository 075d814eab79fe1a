"""`doodled motions --html FILE`: one page that shows every motion moving, with all images inside it."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from pathlib import Path

from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import motion_library
from pipeline.adapters.encoding.encoders import encoder_for
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.animate import animate, scene_clock
from pipeline.errors import OutputFailed
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.files.character_files import read_character
from pipeline.types import Actor, Format, Motion, Scene, View

SIDE_PX = 160
RATE = Fraction(15)
_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; list-style: none; padding: 0 }
li { border: 1px solid #8884; border-radius: .6rem; padding: .6rem; text-align: center; background: #fff; color: #222 }
img { width: 100%; aspect-ratio: 1 }
code { font-size: .9rem }
"""


@dataclass(frozen=True)
class _Shown:
    name: str
    title: str
    motion: Motion
    image: bytes


def write_motion_page(path: Path, environ: Mapping[str, str]) -> Path:
    """Render every motion that is known by name with the sample characters in turn, and write the page.

    Raises:
        RenderUnavailable: no OpenGL context can be had.
        OutputFailed: the page can't be written.
    """
    shown = list(_render_motions(environ))
    try:
        path.write_text(_page(shown), encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"the page can't be written: {error.strerror}", path=path) from error
    return path


def _render_motions(environ: Mapping[str, str]) -> Iterator[_Shown]:
    library = motion_library(environ)
    characters = [read_character(config.parent) for config in sorted(asset_folder(AssetKind.CHARACTERS).glob("*/char_cfg.yaml"))]
    encoder, stopwatch = encoder_for(Format.WEBP), WallStopwatch()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        renderer = stack.enter_context(GLRenderer.open(None, environ))
        for number, name in enumerate(library.names()):
            motion = library.motion(name)
            actor = Actor(characters[number % len(characters)], motion, library.matching_retarget(motion))
            scene = Scene((actor,), View(SIDE_PX, SIDE_PX))
            file = folder / f"{number}.webp"
            animate(scene, scene_clock(scene, rate=RATE), file, renderer=renderer, encoder=encoder, stopwatch=stopwatch)
            yield _Shown(name, library.title(name), motion, file.read_bytes())


def _page(shown: list[_Shown]) -> str:
    items = "\n".join(_item(one) for one in shown)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Motions</title><style>{_STYLE}</style></head>\n<body><h1>{len(shown)} motions</h1>\n"
        f"<p>Ask for one by its name: <code>doodled animate photo.jpg --motion NAME</code></p>\n<ul>\n{items}\n</ul></body></html>\n"
    )


def _item(one: _Shown) -> str:
    image = base64.b64encode(one.image).decode("ascii")
    length = f"{float(one.motion.duration):.1f} s{', loops' if one.motion.loops else ''}"
    return (
        f'<li><img src="data:image/webp;base64,{image}" alt="{escape(one.title)}" loading="lazy">'
        f"<br><b>{escape(one.title)}</b><br><code>{escape(one.name)}</code> {length}</li>"
    )
