"""Where the time goes: one character, one motion, one file, stage by stage, cold and warm, with peak memory.

Usage: python tests/benchmarks/animation.py [--repeat 5] [--frames]

Every case runs in a process of its own: its first run is "cold" (imports, context, parsing), the median of the others "warm". Times are
milliseconds. With ANIMATED_DRAWINGS_ROOT set to AnimatedDrawings' examples, its char1 + dab is measured as well; if that is a whole
checkout with its environment (`original.py`), AnimatedDrawings itself runs as well; otherwise the table has an earlier time, marked.
`--frames` repeats one clip to 300 and 3,000 frames and shows that memory does not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))
import daemon  # noqa: E402, F401 - first of all: it sets what numpy reads when it loads
from tests.benchmarks import original  # noqa: E402

STAGES = ("read", "scene", "retarget", "deform", "render", "encode", "write")
OWN = [
    ("crayon_girl", "dance", "500x500", "25"),
    ("marker_monster", "jumping_jacks", "500x500", "25"),
    ("stick_king", "walk", "1000x1000", "25"),
    ("pencil_robot", "zombie", "250x250", "50"),
]


def measured(case: dict[str, str], repeat: int) -> dict[str, float]:
    """Run one case in this process; returns the numbers of the first run and of the others."""
    started = time.perf_counter()
    from daemon.log.stopwatch import WallStopwatch
    from daemon.options.motions import motion_library
    from daemon.options.scene_builder import RenderRequest, build_plan
    from daemon.options.values import CameraChoice, FrameRate, Size
    from pipeline.adapters.encoding.encoders import encoder_for
    from pipeline.adapters.opengl.renderer import GLRenderer
    from pipeline.animate import animate, scene_clock
    from pipeline.types import Format

    imports = time.perf_counter() - started
    request = RenderRequest(
        target=Path(case["character"]),
        output=Path(case["output"]),
        motion=case["motion"],
        retarget=case.get("retarget"),
        size=Size.parse(case["size"]),
        rate=FrameRate.parse(case["rate"]),
        camera=CameraChoice(case["camera"]),
    )
    runs = []
    with GLRenderer.open(environ=os.environ) as renderer:
        context = time.perf_counter() - started - imports
        library = motion_library(os.environ)
        for _ in range(repeat + 1):
            stopwatch = WallStopwatch()
            with stopwatch.lap("read"):
                plan = build_plan(request, os.environ, library)
            clock = scene_clock(plan.scene, rate=plan.rate)
            animation = animate(
                plan.scene, clock, plan.output, renderer=renderer, encoder=encoder_for(Format(case["format"])), stopwatch=stopwatch
            )
            runs.append({**stopwatch.spent_s, "total": stopwatch.total_s})
    middle = {stage: statistics.median(run.get(stage, 0.0) for run in runs[1:]) for stage in (*STAGES, "total")}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cold = runs[0]["total"] + imports + context
    return {**middle, "cold": cold, "frames": animation.frame_count, "megabytes": animation.byte_count / 1e6, "peak": peak}


def in_child(case: dict[str, str], repeat: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--case", json.dumps(case), "--repeat", str(repeat)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(cases: list[tuple[str, dict[str, str]]], repeat: int) -> None:
    columns = [*STAGES, "warm", "cold", "frames", "MB", "peak MB"]
    print(f"{'':44}" + "".join(f"{name:>9}" for name in columns))
    for title, case in cases:
        seen = in_child(case, repeat)
        times = [seen[stage] * 1000 for stage in (*STAGES, "total", "cold")]
        print(f"{title:44}" + "".join(f"{t:9.0f}" for t in times) + f"{seen['frames']:9.0f}{seen['megabytes']:9.2f}{seen['peak']:9.0f}")
        sys.stdout.flush()


def cases_in(folder: str) -> list[tuple[str, dict[str, str]]]:
    found = []
    root = os.environ.get("ANIMATED_DRAWINGS_ROOT")
    if root:
        for kind, camera in (("gif", "original"), ("mp4", "original"), ("gif", "auto"), ("mp4", "auto"), ("webm", "auto")):
            found.append(
                (
                    f"char1 dab 500x500 native {kind} {camera}",
                    {
                        "character": f"{root}/examples/characters/char1",
                        "motion": f"{root}/examples/config/motion/dab.yaml",
                        "retarget": f"{root}/examples/config/retarget/fair1_ppf.yaml",
                        "size": "500x500",
                        "rate": "native",
                        "format": kind,
                        "camera": camera,
                        "output": f"{folder}/char1-{camera}.{kind}",
                    },
                )
            )
    for character, motion, size, rate in OWN:
        found += [
            (f"{character} {motion} {size} {rate} fps {kind}", own_case(folder, (character, motion, size, rate), kind))
            for kind in ("gif", "mp4")
        ]
    return found


def beside_the_original(folder: str, repeat: int) -> None:
    """Run char1 + dab with both programs; nothing where AnimatedDrawings' examples are missing."""
    cases = {case["format"]: case for _, case in cases_in(folder) if case["camera"] == "original"}
    if not cases:
        return
    rival = original.found(os.environ)
    columns = ("AnimatedDrawings", "doodled, cold", "doodled, warm", "times faster")
    print(f"{'char1 + dab, 500 x 500, 339 frames':40}" + "".join(f"{column:>18}" for column in columns))
    for kind, case in cases.items():
        mine = in_child(case, repeat)
        character, motion, retarget = (Path(case[name]) for name in ("character", "motion", "retarget"))
        theirs_s = rival.seconds(character, motion, retarget, kind) if rival else original.MEASURED_ELSEWHERE_S[kind]
        sign = "" if rival else "*"
        cold_s, warm_s = mine["cold"], mine["total"]
        print(f"{kind:40}{theirs_s:15.1f} s{sign or ' '}{cold_s:16.2f} s{warm_s:16.2f} s{theirs_s / warm_s:18.0f}", flush=True)
    print("" if rival else "* measured elsewhere: ANIMATED_DRAWINGS_ROOT is no checkout of AnimatedDrawings with its environment\n")


def own_case(folder: str, what: tuple[str, str, str, str], kind: str) -> dict[str, str]:
    character, motion, size, rate = what
    return {
        "character": str(REPOSITORY / "etc/characters" / character),
        "motion": motion,
        "size": size,
        "rate": rate,
        "format": kind,
        "camera": "auto",
        "output": f"{folder}/{character}.{kind}",
    }


def long_cases(folder: str) -> list[tuple[str, dict[str, str]]]:
    """One clip, played at 30 frames a second and repeated to 300 and 3,000 frames."""
    head, _, rest = (REPOSITORY / "etc/motions/dance.bvh").read_text().partition("Frames:")
    rows = rest.splitlines()[2:]
    found = []
    for count in (300, 3000):
        clip = Path(folder) / f"dance{count}.bvh"
        clip.write_text(f"{head}Frames: {count}\nFrame Time: 0.0333333\n" + "\n".join(rows[k % len(rows)] for k in range(count)) + "\n")
        found += [
            (f"{count} frames {kind} 300x300", own_case(folder, ("crayon_girl", str(clip), "300x300", "native"), kind))
            for kind in ("gif", "mp4", "webm", "webp", "apng")
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--frames", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measured(json.loads(options.case), options.repeat)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.frames:
            table(long_cases(folder), 1)
        else:
            beside_the_original(folder, options.repeat)
            table(cases_in(folder), options.repeat)


if __name__ == "__main__":
    main()
