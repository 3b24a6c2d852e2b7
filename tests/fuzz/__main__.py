"""Fuzzing, one command for each target or for all: ``python -m tests.fuzz files names loops verdicts --minutes 30``.

Every target is a module here with good inputs to start from (``SEEDS``), perhaps a way to change them (``mutated``), and
``one_input(data)``, which raises AssertionError at a fault. With atheris installed the search is guided by the code that an
input reaches; without it inputs are changed at random. What is found is kept in --found, and what led to new places in the
corpus of the target, which the suite replays.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import os
import resource
import subprocess
import sys
import tarfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
TARGETS = ("files", "onnx_files", "names", "api", "loops", "verdicts")
MOST_KEPT = 300_000  # bytes of a corpus, before they are packed


def corpus(target: str) -> dict[str, bytes]:
    """The inputs that are kept for a target, by name."""
    path = HERE / f"{target}.tar.xz"
    if not path.exists():
        return {}
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def keep(target: str, inputs: dict[str, bytes]) -> None:
    """Make the corpus of these, the smaller first."""
    room = MOST_KEPT
    with tarfile.open(HERE / f"{target}.tar.xz", "w:xz") as archive:
        for name, data in sorted(inputs.items(), key=lambda item: (len(item[1]), item[0])):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            room -= entry.size
            if room >= 0:
                archive.addfile(entry, io.BytesIO(data))


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes changed, cut out, put in or doubled; often to what length and address fields do not expect."""
    out = bytearray(data or b"\0")
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(out)))
        match int(rng.integers(5)):
            case 0:
                out[at] ^= 1 << int(rng.integers(8))
            case 1:
                out[at : at + 8] = int(rng.choice([0, 1, 255, 2**31 - 1, 2**40])).to_bytes(8, "little")
            case 2:
                del out[at : at + int(rng.integers(1, 40))]
                out = out or bytearray(1)
            case 3:
                out[at:at] = rng.bytes(int(rng.integers(1, 20)))
            case 4:
                out[at:at] = out[at : at + int(rng.integers(1, 200))]
    return bytes(out)


def at_random(target: str, seconds: float, seed: int = 0, most: int = 10**9) -> tuple[int, int]:
    """Run a target on inputs changed at random for so long; how many there were, and how many (of names: how many names)
    did what they were to do."""
    module = importlib.import_module(f"tests.fuzz.{target}")
    rng = np.random.default_rng(seed)
    start, pool = time.monotonic(), [*module.SEEDS.values(), *corpus(target).values()]
    count = done = 0
    while time.monotonic() - start < seconds and count < most:
        change = getattr(module, "mutated", mutated)  # a target may know better where its inputs are soft
        data = change(pool[rng.integers(len(pool))], rng) if pool else rng.bytes(int(rng.integers(8, 400)))
        try:
            done += module.one_input(data)
        except BaseException:
            (Path(os.environ.get("MINIRNN_FOUND", ".")) / f"found-{target}-{seed}-{count}").write_bytes(data)
            raise
        count += 1
    return count, done


def guided(target: str, seconds: float, found: Path) -> None:
    """Run a target under atheris; does not return."""
    import atheris

    with atheris.instrument_imports(include=["minirnn"]):
        module = importlib.import_module(f"tests.fuzz.{target}")
    folder = found / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (module.SEEDS | corpus(target)).items():
        (folder / name).write_bytes(data)
    tracemalloc.start()
    options = [f"-max_total_time={seconds:.0f}", "-rss_limit_mb=4096", f"-artifact_prefix={found}/", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(folder)], module.one_input)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz minirnn.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of what is changed at random")
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="where inputs are left")
    parser.add_argument("--keep", action="store_true", help="make the corpus of what is left there, instead")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for target in options.targets or TARGETS:
        if target not in TARGETS:
            parser.error(f"there is no target {target}; there are {', '.join(TARGETS)}")
    seconds = 60 * options.minutes
    if options.child:
        (target,) = options.targets
        if importlib.util.find_spec("atheris") and target in ("files", "onnx_files"):
            guided(target, seconds, options.found)
        tracemalloc.start()
        count, done = at_random(target, seconds, options.seed)
        print(f"{count} inputs, {done} of them accepted")
        return 0
    options.found.mkdir(exist_ok=True)
    failed = []
    for target in options.targets or TARGETS:
        if options.keep:
            keep(target, {path.name: path.read_bytes() for path in (options.found / target).iterdir()})
            continue
        words = [target, "--child", "--minutes", options.minutes, "--seed", options.seed, "--found", options.found.resolve()]
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", *map(str, words)], cwd=HERE.parent.parent, capture_output=True, text=True,
            check=False, env={**os.environ, "MINIRNN_FOUND": str(options.found.resolve())},
        )  # fmt: skip
        lines = (done.stdout + done.stderr).splitlines()
        said = [line for line in lines if "inputs," in line or "number_of_executed_units" in line] or lines[-1:]
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        verdict = "no fault" if done.returncode == 0 else "FAULT"
        print(
            f"{target}: {verdict}, {time.monotonic() - start:.0f} s, {memory:.0f} MB at most; {' '.join(said)}", flush=True
        )
        if done.returncode:
            failed.append(target)
            print("\n".join(lines[-25:]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
