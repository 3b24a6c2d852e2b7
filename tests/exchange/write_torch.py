"""PyTorch's own numbers: ``python tests/exchange/write_torch.py`` writes torch_rnn.npz, of outputs and gradients of nn.RNN.

The tests read them where PyTorch is not installed, and run it again where it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "torch_rnn.npz"
N, T, D, M = 2, 4, 3, 5
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": {"bias": False},
    "relu": {"nonlinearity": "relu", "num_layers": 2},
    "both ways": {"bidirectional": True},
    "both ways, relu, no bias": {"bidirectional": True, "nonlinearity": "relu", "bias": False, "num_layers": 2},
    "three layers, both ways": {"num_layers": 3, "bidirectional": True},
}


def run(name: str) -> dict[str, np.ndarray]:
    """One nn.RNN in float64: its weights, an input, a target, its output, and the gradients of the mean squared error."""
    import torch

    torch.manual_seed(list(CASES).index(name))
    rnn = torch.nn.RNN(D, M, batch_first=True, dtype=torch.float64, **CASES[name])
    X = torch.randn(N, T, D, dtype=torch.float64, requires_grad=True)
    output, _ = rnn(X)
    Y = torch.randn_like(output)
    torch.nn.functional.mse_loss(output, Y).backward()
    found = {"X": X, "Y": Y, "output": output, "d X": X.grad}
    for key, weight in rnn.named_parameters():
        found |= {f"w {key}": weight, f"d {key}": weight.grad}
    return {key: tensor.detach().numpy() for key, tensor in found.items()}


if __name__ == "__main__":
    np.savez_compressed(FILE, **{f"{name}/{key}": array for name in CASES for key, array in run(name).items()})
