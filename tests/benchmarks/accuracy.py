"""Errors of the functions of kernels.h, in units of the last place: all float32 values, and 10^8 of float64.

    python tests/benchmarks/accuracy.py [every]

Prints a table, and writes it to accuracy.md beside this file. The witness is the libm of the system: in float64 for
float32, in long double for float64. With `every` only each so many-th value is taken. All builds that this processor
runs are measured; the wider ones fuse products and sums, so that their errors differ.
"""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from minirnn.readings.source.c.compiler import FLAGS, compiler
from minirnn.readings.source.c.native import kernels

BUILDS = {"AVX-512": "-march=x86-64-v4", "AVX2": "-march=x86-64-v3", "plain": "-march=x86-64"}
FUNCTIONS = ("tanh", "exp", "sigmoid")
SWEEP = """
#include <stdio.h>
#ifdef DOUBLE
typedef long double wide;
#define WIDE(name) name##l
enum { DIGITS = 53, LEAST = -1074 };
#else
typedef double wide;
#define WIDE(name) name
enum { DIGITS = 24, LEAST = -149 };
#endif
INLINE real sigmoid_(real x) { return 1 / (1 + exp_(-x)); }
static wide exact(int f, wide x) { return f == 0 ? WIDE(tanh)(x) : f == 1 ? WIDE(exp)(x) : 1 / (1 + WIDE(exp)(-x)); }
#define MANY 4096
/* the largest error of function f over `count` values from `start` on, `step` apart, and where it is */
void sweep(int f, unsigned long start, unsigned long step, unsigned long count, double *most, double *where)
{
    real x[MANY], y[MANY];
    unsigned long state = 88172645463325252UL + start;
    for (unsigned long done = 0; done < count; done += MANY) {
        for (int i = 0; i < MANY; i++) {
#ifdef DOUBLE
            state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* Marsaglia (2003) */
            double part = (state >> 11) * 0x1p-53 * 2 - 1;
            int kind = state & 3; /* large, of middle size, small, of any exponent */
            x[i] = kind == 0 ? 750 * part : kind == 1 ? 25 * part : part;
            if (kind == 3) x[i] = ldexp(part, -(int)(state >> 2 & 1023));
#else
            union { unsigned bits; float number; } u = {(unsigned)(start + (done + i) * step)};
            x[i] = u.number;
#endif
        }
        if (f == 0) for (int i = 0; i < MANY; i++) y[i] = tanh_(x[i]);
        if (f == 1) for (int i = 0; i < MANY; i++) y[i] = exp_(x[i]);
        if (f == 2) for (int i = 0; i < MANY; i++) y[i] = sigmoid_(x[i]);
        for (int i = 0; i < MANY; i++) {
            if (x[i] != x[i]) { if (y[i] == y[i]) *most = INFINITY, *where = x[i]; continue; }
            if (f == 2 && x[i] < -HIGHEST + 1) continue; /* below which exp overflows, and it is 0 as NumPy's is */
            wide right = exact(f, x[i]);
            if ((real)right == y[i]) right = right == right ? right : 0;
            int exponent = right == 0 ? LEAST : WIDE(ilogb)(right) + 1 - DIGITS;
            wide error = (real)right == y[i] && isinf(y[i]) ? 0 : WIDE(fabs)((wide)y[i] - right);
            error = WIDE(ldexp)(error, -(exponent < LEAST ? LEAST : exponent));
            if (!(error <= *most)) *most = (double)error, *where = x[i];
        }
    }
}
"""


def built(dtype: str, march: str, folder: Path) -> ctypes.CDLL | None:
    """The sweep of a build; None where the compiler or the processor does not have it."""
    text, made = folder / f"{dtype}{march}.c", folder / f"{dtype}{march}.so"
    text.write_text(kernels(dtype) + SWEEP)
    flags = [flag for flag in FLAGS if not flag.startswith("-march")]
    if subprocess.run([*compiler(), *flags, march, str(text), "-o", str(made), "-lm"], capture_output=True).returncode:
        return None
    return ctypes.CDLL(str(made))


def runs(march: str) -> bool:
    """Whether this processor runs what is built so."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    needs = {"-march=x86-64-v4": "avx512vl", "-march=x86-64-v3": "avx2"}.get(march, "")
    return needs in flags if needs else platform.machine() in ("x86_64", "AMD64")


def worst(library: ctypes.CDLL, dtype: str, function: int, every: int) -> tuple[float, float]:
    """The largest error of a function, in units of the last place, and at which value."""
    count = (2**32 if dtype == "float32" else 10**8) // every
    most, where = ctypes.c_double(0), ctypes.c_double(0)
    numbers = [ctypes.c_ulong(n) for n in (0, every if dtype == "float32" else 1, count)]
    library.sweep(function, *numbers, ctypes.byref(most), ctypes.byref(where))
    return most.value, where.value


def main(every: int = 1) -> None:
    share = f"each {every}-th of " if every > 1 else ""
    lines = ["| build | precision | " + " | ".join(FUNCTIONS) + " |", "|---" * 5 + "|"]
    with tempfile.TemporaryDirectory() as folder:
        builds = {build: march for build, march in BUILDS.items() if runs(march)} or {"native": "-march=native"}
        for build, march in builds.items():
            for dtype in ("float32", "float64"):
                library = built(dtype, march, Path(folder))
                if library is None:
                    continue
                found = [worst(library, dtype, k, every) for k, _ in enumerate(FUNCTIONS)]
                errors = " | ".join(f"{error:.2f} (at {x:.6g})" for error, x in found)
                lines.append(f"| {build} | {dtype} | {errors} |")
                print(lines[-1], flush=True)
    lines += [
        "",
        f"The largest errors in units of the last place over {share}all 2^32 values of float32 and 10^8 of float64;",
    ]
    lines += ["the sigmoid where exp(-x) is finite.", ""]
    Path(__file__).with_name("accuracy.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
