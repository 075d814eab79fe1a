"""A TorchServe for tests: started by torchserve/start_torchserve.sh on free ports, with the tests' archives or with doodled's."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from pipeline.adapters.model_server.settings import ServerEndpoint
from pipeline.adapters.torchserve.predictor import TorchServePredictor
from pipeline.adapters.torchserve.settings import TorchServeSettings

ROOT = Path(__file__).parents[2]
HANDLERS = Path(__file__).parent / "torchserve_handlers"
MODELS = {"drawn_humanoid_detector": "detector.py", "drawn_humanoid_pose_estimator": "pose_estimator.py"}
START_S = 60.0
STOP_S = 20.0


class RealTorchServe:
    """A server in a folder of its own; may be started, stopped and started again."""

    def __init__(
        self, python: Path, folder: Path, *, profile: str = "config.local.properties", has_networks: bool = False, **changes: str
    ) -> None:
        """`changes` replace settings of the profile, which is otherwise used as it is shipped; `has_networks`: doodled's own archives."""
        self._venv = python.parent.parent
        self.folder = folder
        self.store = folder / "model-store"
        self.store.mkdir()
        self._log = folder / "torchserve.log"
        self._changes = changes
        ports = free_ports(5)
        self.endpoint = ServerEndpoint(f"http://127.0.0.1:{ports[0]}", folder / "key_file.json", f"http://127.0.0.1:{ports[1]}")
        self._config = folder / "config.properties"
        # Workers listen on /tmp/.ts.sock.<port>, counted from initial_worker_port: shared by all servers of a machine.
        self._changes |= {
            "inference_address": self.endpoint.url,
            "management_address": str(self.endpoint.management_url),
            "metrics_address": f"http://127.0.0.1:{ports[2]}",
            "grpc_inference_port": str(ports[3]),
            "grpc_management_port": str(ports[4]),
            "initial_worker_port": str(ports[0]),
        }
        self.use(profile)
        self._process: subprocess.Popen[bytes] | None = None
        if has_networks:
            subprocess.run([sys.executable, ROOT / "torchserve" / "build_archives", "--out", self.store], check=True, capture_output=True)
            return
        for model, handler in MODELS.items():
            arguments = ["--model-name", model, "--version", "1.0", "--handler", str(HANDLERS / handler), "--force"]
            arguments += ["--extra-files", str(HANDLERS / "drawn_figures.py"), "--export-path", str(self.store)]
            subprocess.run([self._venv / "bin" / "torch-model-archiver", *arguments], check=True, capture_output=True)

    def use(self, profile: str) -> None:
        """Use another settings file of torchserve/, from the next start on."""
        text = (ROOT / "torchserve" / profile).read_text()
        for name, value in self._changes.items():
            text, count = re.subn(rf"(?m)^{name}=(?:.*\\\n)*.*$", f"{name}={value}", text)
            text += "" if count else f"\n{name}={value}\n"
        self._config.write_text(text)

    @property
    def settings(self) -> TorchServeSettings:
        return TorchServeSettings((self.endpoint,), deadline_s=40.0, probe_timeout_s=20.0)

    @property
    def keys(self) -> dict[str, str]:
        content = json.loads((self.folder / "key_file.json").read_text())
        return {kind: entry["key"] for kind, entry in content.items()}

    def start(self) -> None:
        """Start it, if it is not running, and wait until both models answer."""
        if self._process is None or self._process.poll() is not None:
            script = ROOT / "torchserve" / "start_torchserve.sh"
            choices: list[str | Path] = [
                "--venv",
                self._venv,
                "--config",
                self._config,
                "--model-store",
                self.store,
                "--state",
                self.folder,
            ]
            with self._log.open("ab") as log:
                self._process = subprocess.Popen([script, *choices], stdout=log, stderr=log, start_new_session=True)
        end_s = time.monotonic() + START_S
        predictor = TorchServePredictor(self.settings)
        while not all(model.ready for model in predictor.health()):
            if time.monotonic() > end_s or self._process.poll() is not None:
                raise AssertionError(f"TorchServe did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.2)
        predictor.close()

    def stop(self) -> None:
        """Stop the server as systemd does, and check that its workers stop, too."""
        if self._process is None:
            return
        workers = self.workers()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_S)
        end_s = time.monotonic() + STOP_S
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            if time.monotonic() > end_s:
                self.kill()
                raise AssertionError("TorchServe's workers outlived it")
            time.sleep(0.05)
        self._process = None

    def kill(self) -> None:
        """Kill the server and all of its processes."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_S)
            self._process = None

    @property
    def pid(self) -> int:
        """Process id of Java."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    command = (entry / "cmdline").read_bytes()
                except (OSError, ValueError):
                    continue
                if parent == self.pid and b"model_service_worker" in command:
                    found.append(int(entry.name))
        return found


def free_ports(count: int) -> list[int]:
    """Free TCP ports of the loopback interface."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
