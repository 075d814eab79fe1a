"""Training of one network on the CPU: `python train.py pose --shards FOLDER --out FOLDER --pictures 400000 --minutes 90`.

The learning rate follows half a cosine, over the number of images or over the minutes, whichever ends first. So a run on a quiet machine
can be repeated exactly, and one on a slow machine still anneals to the end. An interrupted run goes on from its checkpoint. New shards are
used as they appear. Each checkpoint adds a line of measurements to `runs.jsonl` in the output folder.

Two threads work through half of a batch each, on one core each, and synchronize once a step. On a busy machine this is several times faster
than two threads inside every convolution, which wait for each other a hundred times a step.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
import numpy as np
import torch
from batches import Batch, Place, ahead, crops_of, detector_batch, images_of, pose_batch
from inherited import inherit
from losses import detector_loss, pose_loss
from network import IS_BFLOAT16_FAST, PoseNetwork, new_network
from settings import CONFIG, configuration
from torch import Tensor, nn
from validation import detector_metrics, pose_metrics

RESCAN_STEPS = 150
LAST_RATE_SHARE = 0.01


@dataclass(frozen=True)
class Task:
    """What differs between the two networks."""

    places: Callable[[list[Path]], list[Place]]
    batch: Callable[[list[Place], np.random.Generator, dict[str, Any]], Batch]
    loss: Callable[..., tuple[Tensor, dict[str, float]]]
    metrics: Callable[[nn.Module, list[Place], dict[str, Any]], dict[str, float]]


TASKS = {
    "pose": Task(crops_of, pose_batch, pose_loss, pose_metrics),
    "detector": Task(images_of, detector_batch, detector_loss, detector_metrics),
}


class Twins:
    """A network and copies of it that share its weights, each on a thread of its own, each with gradients of its own."""

    def __init__(self, network: nn.Module, threads: int) -> None:
        self.networks = [network, *(copy.deepcopy(network) for _ in range(threads - 1))]
        for twin in self.networks[1:]:
            for mine, theirs in zip(twin.parameters(), network.parameters(), strict=True):
                mine.data = theirs.data
            for mine, theirs in zip(twin.buffers(), network.buffers(), strict=True):
                mine.data = theirs.data
        self.pool = ThreadPoolExecutor(threads)

    def gradients(self, batch: Batch, loss_of: Callable[..., tuple[Tensor, dict[str, float]]]) -> dict[str, float]:
        """Leave the batch's mean gradients in the first network; the losses' means."""
        rgb, target = batch
        parts = torch.arange(len(rgb)).chunk(len(self.networks))

        def one(network: nn.Module, rows: Tensor) -> dict[str, float]:
            pixels = rgb[rows].to(torch.float32).div_(255.0).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=IS_BFLOAT16_FAST):
                answer = network(pixels)
            loss, terms = loss_of(answer, {name: value[rows] for name, value in target.items()})
            (loss * (len(rows) / len(rgb))).backward()
            return terms

        terms = list(self.pool.map(one, self.networks, parts))
        for twin in self.networks[1:]:
            for mine, theirs in zip(self.networks[0].parameters(), twin.parameters(), strict=True):
                if mine.grad is not None and theirs.grad is not None:
                    mine.grad += theirs.grad
                    theirs.grad = None
        return {name: float(np.mean([term[name] for term in terms])) for name in terms[0]}


def rate_share(progress: float, step: int, warm_up_steps: int) -> float:
    """Of the top learning rate, at so great a share of the time and after so many steps."""
    cosine = 0.5 + 0.5 * np.cos(np.pi * min(progress, 1.0))
    return float(min(1.0, (step + 1) / warm_up_steps) * (LAST_RATE_SHARE + (1.0 - LAST_RATE_SHARE) * cosine))


def shard_folders(root: Path, prefix: str) -> list[Path]:
    """The shards of one split, in order."""
    return sorted(folder for folder in root.glob(f"{prefix}-*") if folder.is_dir())


class Run:
    """A training from its start, or from where it was cut off, to its end."""

    def __init__(
        self,
        task_name: str,
        shards: Path,
        out: Path,
        config: dict[str, Any],
        *,
        pictures: float,
        minutes: float,
        threads: int,
        relative: Path | None = None,
    ) -> None:
        self.task, self.config = TASKS[task_name], config[task_name]
        self.seed, self.pictures, self.minutes, self.shards = config["seed"], pictures, minutes, shards
        torch.manual_seed(self.seed)
        self.network = new_network(task_name, self.config).to(memory_format=torch.channels_last)
        if isinstance(self.network, PoseNetwork):
            self.network.encoder.load_pretrained()
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(self._groups(), lr=self.config["rate"], betas=(0.9, 0.98))
        self.step, self.spent_s = 0, 0.0
        self.checkpoint, self.log = out / f"{task_name}.pt", out / "runs.jsonl"
        out.mkdir(parents=True, exist_ok=True)
        self.name = task_name
        self.places: list[Place] = []
        self.held_out = {split: self.task.places(shard_folders(shards, split)[:2])[:500] for split in ("heldout", "train")}
        self._rescan()
        if self.checkpoint.exists():
            self._resume()
        elif relative is not None:
            self._inherit(relative)
        self.twins = Twins(self.network, threads)

    def train(self, *, validate_minutes: float) -> None:
        """Train until the images are seen or the minutes are over."""
        began, last_validation = monotonic() - self.spent_s, monotonic()
        batches = ahead(self._batch, self.step)
        sums: dict[str, float] = {}
        first_step, first_s = self.step, self.spent_s
        while self.progress < 1.0:
            for group in self.optimizer.param_groups:
                group["lr"] = group["share"] * self.config["rate"] * rate_share(self.progress, self.step, self.config["warm_up_steps"])
            terms = self.twins.gradients(next(batches), partial(self.task.loss, config=self.config))
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self._average()
            self.step += 1
            self.spent_s = monotonic() - began
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value
            if self.step % RESCAN_STEPS == 0:
                self._rescan()
            if monotonic() - last_validation > validate_minutes * 60.0:
                speed = (self.step - first_step) * self.config["batch"] / (self.spent_s - first_s)
                means = {name: value / (self.step - first_step) for name, value in sums.items()}
                self._write(means, speed)
                sums, first_step, first_s, last_validation = {}, self.step, self.spent_s, monotonic()
                began = monotonic() - self.spent_s  # validation is not training time
        self._write({}, 0.0)

    @property
    def progress(self) -> float:
        """How much of the run is over, 0..1."""
        return max(self.step * self.config["batch"] / self.pictures, self.spent_s / (self.minutes * 60.0))

    def _groups(self) -> list[dict[str, Any]]:
        """The weights, by their weight decay and by their share of the learning rate: what was learned before is to change more slowly."""
        groups = []
        for is_encoder in (False, True):
            mine = [value for name, value in self.network.named_parameters() if name.startswith("encoder.") == is_encoder]
            share = self.config["encoder_rate"] if is_encoder and mine else 1.0
            groups.append({"params": [p for p in mine if p.ndim > 1], "weight_decay": self.config["weight_decay"], "share": share})
            groups.append({"params": [p for p in mine if p.ndim <= 1], "weight_decay": 0.0, "share": share})
        return [group for group in groups if group["params"]]

    def _batch(self, step: int) -> Batch:
        return self.task.batch(self.places, np.random.default_rng([self.seed, abs(step), int(step < 0)]), self._grown())

    def _grown(self) -> dict[str, Any]:
        """The configuration with the current side of the network's square."""
        return self.config | {"side": [side for share, side in self.config["growth"] if share <= self.progress][-1]}

    def _average(self) -> None:
        decay = min(self.config["average_decay"], (self.step + 1) / (self.step + 20))
        with torch.no_grad():
            for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(now, 1.0 - decay)
                else:
                    mean.copy_(now)

    def _rescan(self) -> None:
        folders = shard_folders(self.shards, "train")
        self.places = self.task.places(folders[1:] or folders)  # the first one validates

    def _write(self, means: dict[str, float], speed: float) -> None:
        metrics = {split: self.task.metrics(self.average, places, self._grown()) for split, places in self.held_out.items() if places}
        line = {
            "network": self.name,
            "step": self.step,
            "minutes": round(self.spent_s / 60.0, 2),
            "pictures_seen": self.step * self.config["batch"],
            "pictures_known": len(self.places),
            "pictures_a_second": round(speed, 1),
            "losses": {name: round(value, 4) for name, value in means.items()},
            "validation": {split: {name: round(value, 4) for name, value in found.items()} for split, found in metrics.items()},
        }
        with self.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimizer.state_dict(),
            "step": self.step,
            "spent_s": self.spent_s,
            "config": self.config,
        }
        draft = self.checkpoint.with_suffix(".draft")
        torch.save(state, draft)
        draft.replace(self.checkpoint)

    def _inherit(self, relative: Path) -> None:
        """Begin with the weights of another run or of an exported network wherever they fit."""
        rgb = torch.cat([self._batch(-1 - number)[0] for number in range(4)]).to(torch.float32).div_(255.0)
        print(json.dumps({"begin_anew": inherit(self.network, relative, rgb)}), flush=True)
        self.average.load_state_dict(self.network.state_dict())

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimiser"])
        self.step, self.spent_s = state["step"], state["spent_s"]


def main() -> None:
    """Train one of the two networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--pictures", type=float, default=1e12, help="to be seen in all, over which the learning rate falls")
    parser.add_argument("--minutes", type=float, default=35.0, help="in all, however few images were seen by then")
    parser.add_argument("--validate-minutes", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--relative", type=Path, help="checkpoint or ONNX file, of this network or the other, to begin with what fits")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    run = Run(
        arguments.task,
        arguments.shards,
        arguments.out,
        configuration(arguments.config),
        pictures=arguments.pictures,
        minutes=arguments.minutes,
        threads=arguments.threads,
        relative=arguments.relative,
    )
    run.train(validate_minutes=arguments.validate_minutes)


if __name__ == "__main__":
    main()
