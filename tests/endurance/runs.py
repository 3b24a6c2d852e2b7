"""Long runs: each prints what it counted, and gives the number of faults."""

from __future__ import annotations

import asyncio
import gc
import linecache
import multiprocessing
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

N, T, D, M, K = 2, 4, 3, 5, 6


def network(T: int | None = T, units: int = M) -> Model:
    """A many-to-one network with weights that are the same every time."""
    entry = Input((T, D))
    model = Model(entry, Dense(K)(SimpleRNN(units)(entry)))
    rng = np.random.default_rng(0)
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def data(T: int = T, samples: int = N) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(samples, T, D)), rng.normal(size=(samples, K))


def peak() -> float:
    """MB that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now() -> float:
    """MB that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


# ----------------------------------------------------------------------------------------------- threads and processes


def scenarios() -> dict[str, Callable[[], object]]:
    """What is done at once, on models that the threads share; each gives the same every time."""
    model, (X, Y) = network(), data()
    long = network(None)
    trace = mr.trace(model, X, Y)

    def loop(X: np.ndarray, W: np.ndarray) -> np.ndarray:
        h = np.zeros(D)
        for x in X:
            h = np.tanh(x @ W + h)
        return np.sum(h * h)

    W = 0.1 * np.arange(9.0).reshape(3, 3)
    compiled = trace.compile()
    weights = {name: trace.value(name) for name in trace.parameters}
    return {
        "trace": lambda: mr.trace(model, X, Y).loss,
        "trace at new lengths": lambda: [mr.trace(long, *data(n)).loss for n in (3, 7, 5)],
        "gradients": lambda: mr.trace(model, X, Y).gradients["W_h"].tobytes(),
        "predict": lambda: model.predict(X).tobytes(),
        "evaluate": lambda: (model.compile("sgd", "mse"), model.evaluate(X, Y, verbose=0))[1],
        "loop": lambda: mr.trace(loop, X=X[0], W=W).gradients["W"].tobytes(),
        "compiled": lambda: compiled(weights, X, Y)[1]["W_h"].tobytes(),
        "equations": lambda: trace.equations().latex(),
        "picture": lambda: trace.picture(backward=True).svg,
        "source": trace.source,
        "walk": lambda: str(trace.walk()),
        "verify": lambda: trace.verify(with_keras=False).ok,
        "page": lambda: trace.page(with_keras=False).html,
    }


def threads(minutes: float) -> int:
    """Eight threads that each do any of the scenarios, again and again: all get what one alone gets."""
    does = scenarios()
    right = {name: act() for name, act in does.items()}
    faults: list[str] = []
    counts = [0] * 8
    stop = time.monotonic() + 60 * minutes

    def work(place: int) -> None:
        rng = np.random.default_rng(place)
        while time.monotonic() < stop:
            name = list(does)[rng.integers(len(does))]
            try:
                if does[name]() != right[name]:
                    faults.append(f"{name} is another")
            except Exception as error:
                faults.append(f"{name}: {type(error).__name__}: {error}")
            counts[place] += 1

    team = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for one in team:
        one.start()
    for one in team:
        one.join()
    print(f"threads: {sum(counts)} of {len(does)} scenarios in 8 threads, {len(faults)} faults {faults[:5]}")
    return len(faults)


def loss_of(T: int) -> float:
    """What a process computes."""
    return float(mr.trace(network(None), *data(T)).loss)


def processes(minutes: float) -> int:
    """Workers that are forked, spawned and served, and tasks of asyncio: all get what one alone gets."""
    lengths = [3, 5, 9, 4]
    right = [loss_of(n) for n in lengths]
    faults = count = 0
    stop = time.monotonic() + 60 * minutes
    while time.monotonic() < stop or not count:
        for method in ("fork", "spawn", "forkserver"):
            with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
                faults += list(pool.map(loss_of, lengths)) != right
                count += len(lengths)

        async def all_at_once() -> list[float]:
            return list(await asyncio.gather(*(asyncio.to_thread(loss_of, n) for n in lengths)))

        with ThreadPoolExecutor(1) as apart:  # a browser that is open in this thread has a loop of its own running
            faults += apart.submit(lambda: asyncio.run(all_at_once())).result() != right
        count += len(lengths)
    print(f"processes: {count} runs in workers and tasks, {faults} faults")
    return faults


# ----------------------------------------------------------------------------------------------------- time and memory


def steps(_: float) -> int:
    """Ten and a hundred thousand steps: time and memory grow as the steps do."""
    faults = 0
    model = network(None)
    readings: dict[str, Callable[[mr.Trace], object]] = {
        "gradients": lambda trace: trace.gradients,
        "equations": lambda trace: str(trace.equations()),
        "picture": lambda trace: trace.picture().svg,
        "predict": lambda trace: model.predict(trace.inputs),
        "walk": lambda trace: trace.walk()[len(trace.walk()) // 2],
        "verify": lambda trace: trace.verify(with_keras=False),
    }
    took: dict[str, list[float]] = {}
    for length in (10_000, 100_000):
        start = time.process_time()
        trace = mr.trace(model, *data(length))
        took.setdefault("trace", []).append(time.process_time() - start)
        for name, read in readings.items():
            start = time.process_time()
            read(trace)
            took.setdefault(name, []).append(time.process_time() - start)
        print(
            f"steps: T = {length}: "
            + ", ".join(f"{name} {each[-1]:.1f} s" for name, each in took.items())
            + f", {peak():.0f} MB"
        )
    for name, (short, long) in took.items():
        faults += long > 15 * short + 1
        if long > 15 * short + 1:
            print(f"steps: {name} is not linear: {short:.2f} s, {long:.2f} s")
    trace = mr.trace(model, *data(10_000, 1))
    start = time.process_time()
    page = trace.page(with_keras=False)
    seconds, size = time.process_time() - start, len(page.html.encode()) / 1e6
    print(f"steps: the page of 10,000 steps: {seconds:.1f} s, {size:.1f} MB")
    return faults + (seconds > 10) + (size > 20)


def function(n: int) -> Callable[..., np.ndarray]:
    """A function whose text is another for every n."""
    body = f"h = np.zeros(3)\n    for x in X:\n        h = np.tanh(x @ W * {n}.5 + h)\n    return np.sum(h * h)"
    text = f"def f(X, W):\n    {body}\n"
    linecache.cache[f"<cell {n}>"] = (len(text), None, text.splitlines(True), f"<cell {n}>")
    space = {"np": np}
    exec(compile(text, f"<cell {n}>", "exec"), space)
    linecache.cache.pop(f"<cell {n - 1}>", None)  # that of the one before
    return space["f"]


def memory(minutes: float) -> int:
    """10,000 traces, 10,000 functions, 1,000 pages and 10,000 epochs: no more memory at the end than after a tenth."""
    model, (X, Y) = network(), data()
    free = network(None)
    model.compile("adam", "mse")
    W = 0.1 * np.arange(9.0).reshape(3, 3)
    acts: dict[str, tuple[int, Callable[[int], object]]] = {
        "traces": (10_000, lambda n: mr.trace(model, X, Y).gradients),
        "traces of other lengths": (1_000, lambda n: mr.trace(free, *data(3 + n % 50)).gradients),
        "functions": (10_000, lambda n: mr.trace(function(n), X=X[0], W=W).gradients),
        "epochs": (10_000, lambda n: model.fit(X, Y, epochs=1, verbose=0)),
        "pages": (1_000, lambda n: mr.trace(model, X, Y).page(with_keras=False)),
    }
    faults = 0
    for name, (most, act) in acts.items():
        count, stop = 0, time.monotonic() + 60 * minutes
        early = 0.0
        while count < most and (time.monotonic() < stop or count < most // 5):
            act(count)
            count += 1
            if count == most // 10:
                gc.collect()
                early = now()
        gc.collect()
        grown = now() - early
        faults += grown > 5 + 0.05 * early
        print(f"memory: {count} {name}: {early:.0f} MB after a tenth of {most}, {grown:+.1f} MB since", flush=True)
    return faults
