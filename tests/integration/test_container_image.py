"""The image of the Dockerfile: its content, and containers of it that may write to nothing but their volume.

Built and run by buildah and podman; `containers` says where that differs from Docker on a server.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image

from daemon.settings import Settings
from tests.integration.containers import HARDENED, Container, Containers, own_containers
from tests.locked import LIST_VERSIONS, installed_versions, pins

CHECKOUT = Path(__file__).resolve().parents[2]
DRAWINGS = sorted((CHECKOUT / "etc/drawings").glob("*.jpg"))
IMAGE = "localhost/doodled-test"
OTHER_USER = 4321
MAX_BYTES = 850e6
NOT_INSIDE = re.compile(r"/(gcc|cc|c\+\+|g\+\+|cpp|ld|as|make|pip3?|git|strip)(-[\d.]+)?$")


@pytest.fixture(scope="module")
def containers() -> Iterator[Containers]:
    with own_containers() as containers:
        containers.build(CHECKOUT, CHECKOUT / "Dockerfile", IMAGE)
        yield containers


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """A folder of another user, as `docker run -v $PWD/drop:/var/lib/doodled` finds it."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # pytest's are private to root
    folder = tmp_path / "drop"
    folder.mkdir()
    os.chown(folder, OTHER_USER, OTHER_USER)
    return folder


def options(drop: Path, *more: str) -> tuple[str, ...]:
    return (*HARDENED, f"--volume={drop}:/var/lib/doodled", f"--user={OTHER_USER}:{OTHER_USER}", *more)


def drop_in(drop: Path, drawing: Path, name: str) -> None:
    """Drop a file as its owner would, by a rename."""
    draft = drop / f".{name}.part"
    shutil.copy(drawing, draft)
    os.chown(draft, OTHER_USER, OTHER_USER)
    draft.rename(drop / "inbox" / name)


def records(container: Container) -> list[dict[str, object]]:
    """The records in its log; every line must be one."""
    return [json.loads(line) for line in container.log_lines()]


def has_logged(container: Container, event: str) -> bool:
    return any(record["event"] == event for record in records(container))


def test_the_image_is_small_holds_no_compiler_and_runs_as_an_unprivileged_user(containers, record_property):
    image = json.loads(containers.run("podman", "inspect", IMAGE).stdout)[0]
    record_property("image_bytes", image["Size"])
    print(f"image: {image['Size'] / 1e6:.0f} MB")
    assert image["Size"] < MAX_BYTES
    config = image["Config"]
    assert config["User"] == "1000:1000"
    assert set(config["Volumes"]) == {"/var/lib/doodled"}
    assert "graphics" in " ".join(config["Env"])
    with containers.mounted(IMAGE) as files:
        tools = [str(path) for path in files if path.parts[-2:-1] == ("bin",) and NOT_INSIDE.search(str(path))]
        vendors = [path.name for path in files if path.parent.name == "egl_vendor.d"]
    assert tools == []
    assert sorted(vendors) == ["10_nvidia.json", "50_mesa.json"]


def test_the_locked_versions_are_inside(containers):
    container = containers.start(IMAGE, "-c", LIST_VERSIONS, options=(*HARDENED, "--entrypoint=python3"))
    assert container.wait() == 0
    installed = installed_versions("\n".join(container.log_lines()))
    assert installed.pop("doodled")
    assert len(installed) > 20
    assert installed.items() <= pins(CHECKOUT / "requirements.lock", "3.11").items()


def test_the_compose_file_hardens_both_and_gives_the_daemon_the_time_to_stop_that_it_takes():
    services = yaml.safe_load((CHECKOUT / "etc/compose.yaml").read_text())["services"]
    for service in services.values():
        assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    built = [service["build"]["dockerfile"] for service in services.values() if "build" in service]
    assert built
    assert all((CHECKOUT / dockerfile).is_file() for dockerfile in built)
    assert int(services["doodled"]["stop_grace_period"].removesuffix("s")) >= Settings().jobs.stop_timeout_s + 10


def test_a_container_that_may_write_nowhere_else_animates_what_is_dropped_and_reports_when_it_hangs(containers, drop):
    container = containers.start(IMAGE, options=options(drop))
    container.until(lambda: has_logged(container, "daemon.ready"), "it is ready")
    assert container.exec("touch", "/somewhere", check=False).returncode != 0
    assert container.exec("id", "-u").stdout.strip() == str(OTHER_USER)
    assert "llvmpipe" in container.exec("doodled", "check").stdout

    for drawing in DRAWINGS:
        drop_in(drop, drawing, drawing.name)
    manifests = [drop / "outbox" / f"{drawing.stem}.json" for drawing in DRAWINGS]
    container.until(lambda: all(manifest.exists() for manifest in manifests), "every drawing is animated")
    for manifest in manifests:
        with Image.open(manifest.with_suffix(".gif")) as animation:
            assert (animation.size, animation.n_frames > 20) == ((500, 500), True)
        assert manifest.stat().st_uid == OTHER_USER

    status, text = container.health()
    assert (status, text.startswith("healthy")) == (0, True), text
    main = int(container.state()["Pid"])
    os.kill(main, signal.SIGSTOP)
    try:
        container.until(lambda: container.health()[0] != 0, "a hang is noticed")
        assert re.search(r"unhealthy: .* has had no heartbeat for \d+ s", container.health()[1])
    finally:
        os.kill(main, signal.SIGCONT)
    container.until(lambda: container.health()[0] == 0, "it has recovered")

    assert container.stop() == 0
    logged = records(container)
    assert (logged[-1]["event"], logged[-1]["done"], logged[-1]["failed"]) == ("daemon.stop", len(DRAWINGS), 0)


@pytest.mark.parametrize("init", [False, True], ids=["as process 1", "below --init"])
def test_what_it_works_on_when_it_is_stopped_is_not_lost(containers, drop, init):
    if init and shutil.which("catatonit") is None:
        pytest.skip("catatonit is not installed")
    more = ("--init",) if init else ()
    container = containers.start(IMAGE, options=options(drop, *more, "--env=DOODLED_JOBS_WORKERS=1"))
    container.until((drop / "inbox").is_dir, "its folders are there")
    for drawing in DRAWINGS:
        drop_in(drop, drawing, drawing.name)
    container.until(lambda: has_logged(container, "job.claimed"), "it works")
    assert container.stop() == 0
    assert has_logged(container, "daemon.stop")

    second = containers.start(IMAGE, "run", "--drain", options=options(drop, *more))
    assert second.wait() == 0
    results = sorted(path.name for path in (drop / "outbox").glob("*.json"))
    assert results == sorted(f"{drawing.stem}.json" for drawing in DRAWINGS)


def test_the_web_application_serves_the_folder_of_another_container(containers, drop):
    daemon = containers.start(IMAGE, options=options(drop))
    daemon.until(lambda: has_logged(daemon, "daemon.ready"), "it is ready")
    token = daemon.exec("doodled", "web", "token", "me").stdout.strip()
    settings = ("--env=DOODLED_WEB_HOST=0.0.0.0", "--env=DOODLED_WEB_NAMES=localhost")
    web = containers.start(IMAGE, "web", options=options(drop, "--tmpfs=/tmp", *settings))
    web.until(lambda: any(line.startswith("serving http") for line in web.log_lines()), "it serves")

    def ask(path, *sent):
        """The answer to a request in the container's own network, which no other container shares; `sent` is a file of the folder."""
        answered = web.exec("python3", "-c", REQUEST, token, path, *sent, check=False)
        assert answered.returncode == 0, answered.stderr
        return json.loads(answered.stdout)

    drop_in(drop, DRAWINGS[0], DRAWINGS[0].name)
    web.until(lambda: ask("v1/jobs?state=done")["jobs"], "what was dropped is listed")
    (done,) = ask("v1/jobs?state=done")["jobs"]
    upload = ask("v1/drawings", f"/var/lib/doodled/outbox/{done['outputs'][0]['name']}")
    web.until(lambda: ask(f"v1/jobs/{upload['id']}")["state"] in {"done", "failed"}, "what was uploaded is finished")
    assert ask(f"edit/done-{done['id']}/0")["figure"]["joints"]
    assert web.stop() == daemon.stop() == 0


REQUEST = """
import sys, urllib.request
token, path, *sent = sys.argv[1:]
body = open(sent[0], "rb").read() if sent else None
headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/gif", "Accept": "application/json"}
sys.stdout.write(urllib.request.urlopen(urllib.request.Request(f"http://localhost:8321/{path}", body, headers)).read().decode())
"""


def test_folder_of_another_user_is_refused_with_what_to_do(containers, drop):
    container = containers.start(IMAGE, options=(*HARDENED, f"--volume={drop}:/var/lib/doodled"))
    assert container.wait() == 78
    assert f"--user {OTHER_USER}:{OTHER_USER}" in "".join(container.log_lines())


def test_without_a_folder_it_has_a_volume_of_its_own(containers):
    container = containers.start(IMAGE, options=HARDENED)
    container.until(lambda: has_logged(container, "daemon.ready"), "it is ready")
    assert container.stop() == 0
