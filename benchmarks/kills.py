"""Kill a sweep again and again: does every member end with the bytes of one that never stopped?

    python benchmarks/kills.py [--members 2000] [--kills 200] [--stops 20] [--terms 20]

Trains a sweep undisturbed; then the same one, whose process is killed (SIGKILL) at random moments
while all its workers are busy, stopped and continued (SIGSTOP, SIGCONT) at others, and started
again after each kill; then, by plain calls, whose workers are processes, one that has single
workers told to end (SIGTERM). Compares each member's metrics (their time aside), weights and
predictions with the undisturbed ones. A member that had its result before a kill must not be
written again.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar

import typer

CONFIG = """\
name: swept
data: {{type: moons, train: 40, test: 24}}
model: {{type: mlp, hidden: [8], dropout: 0.1}}
optimizer: {{type: sgd, lr: 0.1, momentum: 0.9}}
training: {{epochs: {epochs}, batch_size: 16, checkpoint_every: {every}}}
sweep: {{grid: {{optimizer.lr: [0.01, 0.02, 0.05, 0.1]}}, repeats: {repeats}}}
"""


def main(
    members: Annotated[int, typer.Option(min=4, help="Runs of the sweep.")] = 2000,
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs of the whole sweep.")] = 200,
    stops: Annotated[int, typer.Option(min=0, help="SIGSTOPs, each followed by SIGCONT.")] = 20,
    terms: Annotated[int, typer.Option(min=0, help="SIGTERMs of single workers.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
) -> None:
    """Disturb sweeps, and count what is lost or other than undisturbed."""
    random.seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        wrong = Compiled(Path(folder), members, 60).tried(kills, stops)
        wrong += Plain(Path(folder), max(8, members // 10), 60).tried(terms)
    raise typer.Exit(1 if wrong else 0)


class Sweep:
    """One sweep, undisturbed and disturbed."""

    environment: ClassVar[dict[str, str]] = {}
    name = ""

    def __init__(self, folder: Path, members: int, epochs: int, every: int = 7) -> None:
        self.folder = folder / self.name
        self.folder.mkdir()
        self.config = self.folder / "swept.yaml"
        self.members = members // 4 * 4
        text = CONFIG.format(epochs=epochs, every=every, repeats=self.members // 4)
        self.config.write_text(text, encoding="utf-8")

    def begin(self, runs: str, *options: str) -> subprocess.Popen[bytes]:
        """The command; the same one goes on with what there is."""
        command = [str(Path(sys.executable).parent / "minidl"), "sweep", str(self.config)]
        command += ["--quiet", "--runs-dir", str(self.folder / runs), *options]
        with (self.folder / "messages").open("ab") as messages:
            return subprocess.Popen(
                command,
                stdout=messages,
                stderr=messages,
                env={**os.environ, **self.environment},
            )

    def wait_until_busy(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until it writes, and a random while longer; False if it has ended before."""
        place = self.folder / "hurt" / "swept"
        begun = newest(place)
        while process.poll() is None and newest(place) == begun:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 1.5))
        return process.poll() is None

    def written_again(self, ended_before: dict[str, int]) -> int:
        """How many members that had ended were written since; prints them."""
        ended = ends(self.folder / "hurt" / "swept")
        again = [name for name, when in ended_before.items() if ended.get(name) != when]
        if again:
            print(f"{self.name}: written after their end: {', '.join(again)}")
        return len(again)

    def differences(self) -> int:
        """How many members are lost or came to other bytes; prints it."""
        calm, hurt = (dict(results(self.folder / runs / "swept")) for runs in ("calm", "hurt"))
        lost = [name for name in calm if name not in hurt]
        other = [name for name, digest in calm.items() if hurt.get(name, digest) != digest]
        print(
            f"{self.name}: {len(calm)} members undisturbed, {len(hurt)} disturbed; "
            f"lost {len(lost)}, other bytes {len(other)}"
        )
        return len(lost) + len(other) + (len(calm) != self.members)


class Compiled(Sweep):
    """Workers are threads: the whole sweep is killed, or stopped."""

    name = "compiled"

    def tried(self, kills: int, stops: int) -> int:
        if self.begin("calm").wait() != 0:
            raise SystemExit((self.folder / "messages").read_text())
        killed = stopped = wrong = 0
        hurt, ended = self.folder / "hurt", dict[str, int]()
        while killed < kills or stopped < stops:
            if len(ended) == self.members:  # once more from the beginning
                wrong += self.differences()
                shutil.rmtree(hurt)
                ended = {}
            process = self.begin("hurt")
            while self.wait_until_busy(process):
                if stopped < stops and stopped * kills <= killed * stops:
                    process.send_signal(signal.SIGSTOP)
                    time.sleep(random.uniform(0, 1))
                    process.send_signal(signal.SIGCONT)
                    stopped += 1
                else:
                    process.kill()
                    killed += 1
                    break
            process.wait()
            wrong += self.written_again(ended)
            ended = ends(hurt / "swept")
        code = self.begin("hurt").wait()
        print(f"{killed} kills, {stopped} stops; the last command ended with {code}")
        return wrong + self.written_again(ended) + self.differences() + (code != 0)


class Plain(Sweep):
    """Workers are processes: single ones are told to end."""

    name = "plain"
    environment: ClassVar[dict[str, str]] = {"CC": "no-such-compiler"}

    def tried(self, terms: int) -> int:
        if self.begin("calm").wait() != 0:
            raise SystemExit((self.folder / "messages").read_text())
        told = 0
        process = self.begin("hurt")
        while told < terms and self.wait_until_busy(process):
            if workers := workers_of(process.pid):
                os.kill(random.choice(workers), signal.SIGTERM)
                told += 1
        code = process.wait()
        print(f"{told} SIGTERMs of single workers; the sweep ended with {code}")
        return self.differences() + (code != 0)


def workers_of(pid: int) -> list[int]:
    """A sweep's worker processes: its children but for the first, which tracks resources."""
    words = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [int(word) for word in words[1:]]


def newest(sweep: Path) -> int:
    """When the last member of a sweep's folder was begun or changed, in ns."""
    try:
        return max((entry.stat().st_mtime_ns for entry in os.scandir(sweep)), default=0)
    except FileNotFoundError:
        return 0


def ends(sweep: Path) -> dict[str, int]:
    """The members that have their result, and when the file that says so was written, in ns."""
    return {
        path.parent.name: path.stat().st_mtime_ns
        for path in sweep.glob("*/run.json")
        if '"status": "done"' in path.read_text(encoding="utf-8")
    }


def results(sweep: Path) -> Iterator[tuple[str, str]]:
    """A digest of what each member that is done came to, without times."""
    for name in ends(sweep):
        digest = hashlib.sha256()
        rows = (sweep / name / "metrics.csv").read_text(encoding="utf-8").splitlines()
        timed = [at for at, key in enumerate(rows[0].split(",")) if "seconds" in key]
        for row in rows:
            cells = [cell for at, cell in enumerate(row.split(",")) if at not in timed]
            digest.update(",".join(cells).encode())
        digest.update((sweep / name / "predictions.npz").read_bytes())
        for checkpoint in ("best", "last"):
            digest.update(tensors(sweep / name / "checkpoints" / f"{checkpoint}.safetensors"))
        yield name, digest.hexdigest()


def tensors(file: Path) -> bytes:
    """What follows the header of a safetensors file, in which times stand too."""
    content = file.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


if __name__ == "__main__":
    typer.run(main)
