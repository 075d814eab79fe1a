"""Contexts refused in every way a driver can think of, and contexts made and freed on a real one."""

import ctypes
import gc
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from pipeline.adapters.opengl import contexts, egl, osmesa
from pipeline.adapters.opengl.context_reports import describe_contexts
from pipeline.adapters.opengl.contexts import ContextKind, open_context, wants_software
from pipeline.errors import RenderFailed, RenderUnavailable, TransientError

ROOT = Path(__file__).resolve().parents[4]
CLIENT = "EGL_EXT_platform_base EGL_EXT_platform_device EGL_MESA_platform_surfaceless"
DISPLAY = "EGL_KHR_surfaceless_context EGL_KHR_create_context"
BAD_ALLOC, BAD_MATCH = 0x3003, 0x3009


class StubFunction:
    """A function of the stub, with the attributes that ctypes functions have; it counts its calls."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = 0
        self.restype = self.argtypes = None

    def __call__(self, *arguments):
        self.calls += 1
        return self.answer(*arguments) if callable(self.answer) else self.answer


class StubEgl:
    """A libEGL.so.1 that works but for what a test changes. Its devices are the numbers 1, 2, ..., with their extensions."""

    def __init__(self, devices=(), error=BAD_ALLOC, driver=(b"Stub", b"4.6.0 Stub"), **changes):
        self.devices = devices
        strings = dict(zip((0x1F01, 0x1F02), driver, strict=True))
        functions = {
            "eglGetError": error,
            "eglQueryString": lambda display, _: CLIENT.encode() if display is None else DISPLAY.encode(),
            "eglInitialize": 1,
            "eglBindAPI": 1,
            "eglChooseConfig": self.choose_config,
            "eglCreateContext": 77,
            "eglMakeCurrent": 1,
            "eglDestroyContext": 1,
            "eglReleaseThread": 1,
            "eglGetProcAddress": self.address,
        }
        extensions = {
            "eglGetPlatformDisplayEXT": (ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p), lambda *_: 5),
            "eglQueryDevicesEXT": (ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p), self.query_devices),
            "eglQueryDeviceStringEXT": (
                ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int),
                lambda device, _: ctypes.cast(self.device_strings[device - 1], ctypes.c_void_p).value,
            ),
            "glGetString": (
                ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint),
                lambda name: ctypes.cast(ctypes.c_char_p(strings[name]), ctypes.c_void_p).value,
            ),
        }
        self.device_strings = [ctypes.c_char_p(text.encode()) for text in devices]
        for name, answer in changes.items():
            if name in functions:
                functions[name] = answer
            else:
                extensions[name] = (extensions[name][0], answer) if answer is not None else None
        self.callbacks = {name: made[0](made[1]) for name, made in extensions.items() if made is not None}
        for name, answer in functions.items():
            if answer is not None:
                setattr(self, name, StubFunction(answer))

    def address(self, name):
        callback = self.callbacks.get(name.decode())
        return ctypes.cast(callback, ctypes.c_void_p).value if callback is not None else None

    def choose_config(self, _display, _wanted, config, _size, count):
        config._obj.value, count._obj.value = 9, 1
        return 1

    def query_devices(self, _size, devices, count):
        for number in range(len(self.devices)):
            ctypes.cast(devices, ctypes.POINTER(ctypes.c_void_p))[number] = number + 1
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = len(self.devices)
        return 1


def missing(name):
    raise OSError(f"{name}: cannot open shared object file")


@pytest.fixture
def plug(monkeypatch):
    """Puts a stub in place of libEGL.so.1 (None: missing), takes libOSMesa.so.8 away, and gives a toy instead of PyOpenGL."""

    def place(stub):
        load = missing if stub is None else lambda _: stub
        monkeypatch.setattr(contexts, "Egl", partial(egl.Egl, load=load))
        monkeypatch.setattr(contexts, "OSMesaContext", partial(osmesa.OSMesaContext, load=missing))
        monkeypatch.setattr(contexts, "refuse_other_platform", lambda *_: None)
        monkeypatch.setattr(contexts, "opengl", lambda *_: "the functions")
        return stub

    thread_had = getattr(contexts._thread, "context", None)
    yield place
    contexts._thread.context = None
    if thread_had is not None:
        thread_had.make_current()


REFUSALS = {
    "symbol": ({"eglBindAPI": None}, "eglBindAPI"),
    "strings": ({"eglQueryString": None.__class__}, "eglQueryString failed with EGL_BAD_ALLOC"),
    "extensions": ({"eglQueryString": b"EGL_EXT_platform_base"}, "no EGL_MESA_platform_surfaceless"),
    "function": ({"eglGetPlatformDisplayEXT": None}, "eglGetPlatformDisplayEXT is missing"),
    "display": ({"eglGetPlatformDisplayEXT": lambda *_: 0}, "eglGetPlatformDisplayEXT failed with EGL_BAD_ALLOC"),
    "initialize": ({"eglInitialize": 0}, "eglInitialize failed with EGL_BAD_ALLOC"),
    "surfaceless": (
        {"eglQueryString": lambda display, _: (CLIENT if display is None else "EGL_KHR_create_context").encode()},
        "no EGL_KHR_surfaceless_context",
    ),
    "api": ({"eglBindAPI": 0}, "eglBindAPI failed with EGL_BAD_ALLOC"),
    "config": ({"eglChooseConfig": 0}, "eglChooseConfig failed with EGL_BAD_ALLOC"),
    "no config": ({"eglChooseConfig": 1}, "no configuration for desktop OpenGL"),
    "context": ({"eglCreateContext": None.__class__, "error": BAD_MATCH}, "eglCreateContext failed with EGL_BAD_MATCH"),
    "strange error": ({"eglCreateContext": 0, "error": 0x1234}, "eglCreateContext failed with 0x1234"),
    "current": ({"eglMakeCurrent": 0}, "eglMakeCurrent failed with EGL_BAD_ALLOC"),
    "version": ({"driver": (b"Old", b"3.2 Mesa")}, "OpenGL 3.3 is needed, 'Old' offers '3.2 Mesa'"),
    "no version": ({"driver": (b"", b"")}, "OpenGL 3.3 is needed"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_each_refusal_of_egl_is_named(plug, case):
    changes, reason = REFUSALS[case]
    changes = {name: (lambda *_: None) if answer is type(None) else answer for name, answer in changes.items()}
    stub = plug(StubEgl(**changes))
    with pytest.raises(RenderUnavailable) as caught, open_context():
        pass
    assert list(caught.value.tried) == ["egl-device", "egl-surfaceless", "osmesa"]
    assert reason in caught.value.tried["egl-surfaceless"]
    assert "libOSMesa.so.8: cannot open" in caught.value.tried["osmesa"]
    assert "apt-get install libegl1" in caught.value.hint
    assert isinstance(caught.value, TransientError)
    created = stub.eglCreateContext.calls if stub.eglCreateContext.answer == 77 else 0
    assert stub.eglDestroyContext.calls == created


def test_no_library_at_all(plug):
    plug(None)
    with pytest.raises(RenderUnavailable) as caught, open_context():
        pass
    assert set(caught.value.tried.values()) == {
        "libEGL.so.1: cannot open shared object file",
        "libOSMesa.so.8: cannot open shared object file",
    }


def test_osmesa_too_old_or_refusing():
    class Old:
        pass

    with pytest.raises(RenderUnavailable, match="OSMesaCreateContextAttribs"):
        osmesa.OSMesaContext("osmesa", load=lambda _: Old())
    refusing = Old()
    for name in ("OSMesaCreateContextAttribs", "OSMesaMakeCurrent", "OSMesaDestroyContext", "glGetString"):
        setattr(refusing, name, StubFunction(None))
    with pytest.raises(RenderUnavailable, match=r"no OpenGL 3\.3 core"):
        osmesa.OSMesaContext("osmesa", load=lambda _: refusing)
    refusing.OSMesaCreateContextAttribs.answer = 3
    context = osmesa.OSMesaContext("osmesa", load=lambda _: refusing)
    with pytest.raises(RenderFailed, match="OSMesaMakeCurrent"):
        context.make_current()
    context.destroy()
    context.destroy()
    assert refusing.OSMesaDestroyContext.calls == 1
    with pytest.raises(RenderFailed, match="destroyed"):
        context.make_current()


def test_first_card_that_works_is_taken_before_mesa(plug):
    cards = ("EGL_MESA_device_software", "EGL_EXT_device_drm EGL_MESA_device_software", "EGL_EXT_device_drm", "EGL_NV_device_cuda")
    displays = []

    def display(_platform, device, _attributes):
        displays.append(device)
        return device

    plug(StubEgl(cards, eglGetPlatformDisplayEXT=display, eglInitialize=lambda display, *_: int(display == 4)))
    with open_context() as context:
        assert context.kind is ContextKind.EGL_DEVICE
        assert (context.driver, context.version, context.gl) == ("Stub", "4.6.0 Stub", "the functions")
    assert displays == [3, 4]


def test_every_card_says_why_not(plug):
    plug(StubEgl(("EGL_EXT_device_drm", "EGL_NV_device_cuda"), eglInitialize=0))
    with pytest.raises(RenderUnavailable) as caught, open_context(ContextKind.EGL_DEVICE):
        pass
    assert caught.value.tried == {
        "egl-device": "device 0: eglInitialize failed with EGL_BAD_ALLOC, device 1: eglInitialize failed with EGL_BAD_ALLOC"
    }


def test_card_query_that_fails_is_named(plug):
    plug(StubEgl(eglQueryDevicesEXT=lambda *_: 0))
    with pytest.raises(RenderUnavailable, match="eglQueryDevicesEXT failed with EGL_BAD_ALLOC"), open_context(ContextKind.EGL_DEVICE):
        pass


@pytest.mark.parametrize("kind", [None, *ContextKind])
def test_mesa_is_software_or_nothing(plug, kind):
    """AD_USE_MESA never ends on a graphics card, not even on one that Mesa drives."""
    seen = []

    def initialize(*_):
        seen.append(os.environ.get("LIBGL_ALWAYS_SOFTWARE"))
        return 1

    plug(StubEgl(("EGL_EXT_device_drm",), eglInitialize=initialize))
    with pytest.raises(RenderUnavailable) as caught, open_context(kind, {"AD_USE_MESA": "1"}):
        pass
    reasons = caught.value.tried
    assert reasons.keys() == {each.value for each in ContextKind if kind in (None, each)}
    assert "software" in reasons.get("egl-device", "software")
    assert "'Stub' is no software renderer" in reasons.get("egl-surfaceless", "'Stub' is no software renderer")
    assert set(seen) <= {"1"}
    assert "LIBGL_ALWAYS_SOFTWARE" not in os.environ


def test_software_is_fine_when_mesa_is_asked_for(plug):
    plug(StubEgl(driver=(b"llvmpipe (LLVM 15.0.6, 256 bits)", b"4.5 (Core Profile) Mesa")))
    with open_context(environ={"AD_USE_MESA": "yes"}) as context:
        assert context.kind is ContextKind.EGL_SURFACELESS


@pytest.mark.parametrize(("value", "wanted"), [("", False), ("0", False), ("False", False), (" True ", True), ("1", True)])
def test_mesa_is_wanted_by_any_yes(value, wanted):
    assert wants_software({"AD_USE_MESA": value}) is wanted
    assert not wants_software({})


def test_context_is_freed_when_its_user_fails(plug):
    stub = plug(StubEgl())

    def fail():
        raise KeyError

    with pytest.raises(KeyError), open_context() as context:
        fail()
    assert stub.eglDestroyContext.calls == stub.eglCreateContext.calls == 1
    assert stub.eglReleaseThread.calls == 1
    with pytest.raises(RenderFailed, match="destroyed already"):
        context.make_current()
    context.destroy()
    assert stub.eglDestroyContext.calls == 1


def test_context_is_freed_when_pyopengl_is_missing(plug, monkeypatch):
    stub = plug(StubEgl())

    def absent(kind, _platform):
        raise RenderUnavailable({kind: "PyOpenGL can't be imported"})

    monkeypatch.setattr(contexts, "opengl", absent)
    with pytest.raises(RenderUnavailable, match="can't be imported"), open_context(ContextKind.EGL_SURFACELESS):
        pass
    assert stub.eglDestroyContext.calls == stub.eglCreateContext.calls == 1


# --- on this machine's drivers ---------------------------------------------------------------------------------------


def run(code, **environ):
    """The output of `code` in its own process; skips the test if the process reports that there is no OpenGL."""
    prelude = "from pipeline.adapters.opengl.contexts import *\nfrom pipeline.errors import RenderUnavailable\nimport os\n"
    command = [sys.executable, "-c", prelude + code]
    child = subprocess.run(command, cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


def require(kind):
    code = (
        f"try:\n  with open_context({kind.value!r} and ContextKind({kind.value!r})): print('ok')\n"
        "except RenderUnavailable as error: print(error)"
    )
    answer = run(code)
    if answer != "ok":
        pytest.skip(f"no {kind} here: {answer}")


@pytest.mark.gl
def test_contexts_are_made_and_freed_without_leaking(renderer):
    kind = renderer._context.kind

    def make(times):
        for _ in range(times):
            with open_context(kind) as context:
                assert context.gl.glGetError() == 0
        gc.collect()
        files, threads = (len(list(Path(f"/proc/self/{opened_things}").iterdir())) for opened_things in ("fd", "task"))
        return files, threads, resident_kib()

    make(5)
    files, threads, memory = make(5)
    files_after, threads_after, memory_after = make(50)
    assert (files_after, threads_after) == (files, threads)
    assert memory_after - memory < 50 * 1024


def resident_kib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


@pytest.mark.gl
def test_only_functions_that_wait_let_other_threads_go_on(renderer):
    gl = renderer._context.gl
    keeps_the_lock = ctypes.PYFUNCTYPE(None)._flags_
    assert [bool(f._flags_ == keeps_the_lock) for f in (gl.glClear, gl.glDrawElements, gl.glReadPixels, gl.glFinish)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.gl
def test_function_that_opengl_does_not_have_is_named(renderer):
    with pytest.raises(AttributeError, match=r"OpenGL 3\.3 has no glDrawSquare"):
        renderer._context.gl.glDrawSquare  # noqa: B018  the lookup is what fails


@pytest.mark.gl
def test_display_variables_are_ignored():
    require(ContextKind.EGL_SURFACELESS)
    code = "with open_context(environ=os.environ) as c: print(c.kind)"
    assert run(code, DISPLAY=":99", WAYLAND_DISPLAY="none", PYOPENGL_PLATFORM="glx", AD_HEADLESS="1", AD_USE_MESA="1") == "egl-surfaceless"


@pytest.mark.gl
def test_osmesa_takes_over_where_egl_has_no_driver():
    require(ContextKind.OSMESA)
    code = "with open_context(environ={'AD_USE_MESA': '1'}) as c: print(c.kind, c.gl.glGetError())"
    assert run(code, __EGL_VENDOR_LIBRARY_FILENAMES="/nonexistent.json") == "osmesa 0"


@pytest.mark.gl
def test_process_stays_with_its_first_library():
    require(ContextKind.OSMESA)
    require(ContextKind.EGL_SURFACELESS)
    code = (
        "with open_context(ContextKind.OSMESA): pass\n"
        "try:\n  with open_context(ContextKind.EGL_SURFACELESS): pass\n"
        "except RenderUnavailable as error: print(error.tried['egl-surfaceless'])"
    )
    assert "PyOpenGL calls osmesa in this process" in run(code)


@pytest.mark.gl
def test_forked_child_is_refused_instead_of_hanging():
    require(ContextKind.EGL_SURFACELESS)
    code = """
from pipeline.errors import RenderFailed
with open_context(ContextKind.EGL_SURFACELESS) as context:
    child = os.fork()
    if child == 0:
        try:
            context.make_current()
        except RenderFailed as error:
            print(error)
        context.destroy()
        try:
            with open_context(ContextKind.EGL_SURFACELESS): pass
        except RenderUnavailable as error:
            print(error.tried["egl-surfaceless"], flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print(context.gl.glGetError())
"""
    words = run(code)
    assert "belongs to the parent process" in words
    assert "this process was forked" in words
    assert words.endswith("\n0")


@pytest.mark.gl
def test_egl_and_osmesa_draw_the_same_pixels():
    require(ContextKind.OSMESA)
    require(ContextKind.EGL_SURFACELESS)
    code = """
import hashlib, json
from fractions import Fraction
import numpy as np
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.types import *
rng = np.random.default_rng(1)
rgba = rng.integers(0, 256, (16, 16, 4)).astype(np.uint8)
sprite = Sprite(rgba, rng.random((90, 2)).astype(np.float32))
canvas = Canvas(32, 32, (1.0, 1.0, 1.0, 0.0), None, np.eye(4, dtype=np.float32))
layer = Layer((rng.random((90, 2)) * 2 - 1).astype(np.float32), 0.0, np.arange(90, dtype=np.int32).reshape(30, 3))
digests = []
with GLRenderer.open(ContextKind(os.environ["KIND"]), {"AD_USE_MESA": "1"}) as renderer:
    for layout in PixelLayout:
        with renderer.open_scene(canvas, [sprite], layout=layout) as stage:
            digests.append(hashlib.sha256(stage.draw([layer], [], Fraction(0)).pixels.tobytes()).hexdigest())
print(json.dumps(digests))
"""
    images = [json.loads(run(code, KIND=kind)) for kind in (ContextKind.EGL_SURFACELESS, ContextKind.OSMESA)]
    assert images[0] == images[1]
    assert len(set(images[0])) == 3


@pytest.mark.gl
def test_contexts_are_described():
    reports = describe_contexts()
    assert [report.kind for report in reports] == list(ContextKind)
    for report in reports:
        assert bool(report.driver and report.version) is report.available
        assert bool(report.reason) is not report.available


def test_driver_that_crashes_or_hangs_is_described(monkeypatch, tmp_path):
    crash = tmp_path / "crash"
    crash.write_text("#!/bin/sh\necho 'libGL: oh no' >&2\nkill -SEGV $$\n")
    crash.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(crash))
    assert {report.reason for report in describe_contexts()} == {"the driver ended the process: signal 11 libGL: oh no"}
    hang = tmp_path / "hang"
    hang.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    hang.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(hang))
    assert {report.reason for report in describe_contexts(timeout_s=0.05)} == {"the driver did not answer within 0.05 s"}
