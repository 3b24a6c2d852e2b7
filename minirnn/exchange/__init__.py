"""Recurrent networks of other systems: PyTorch's weights in and out, ONNX nodes in."""

from .onnx import from_onnx
from .torch import from_torch, to_torch

__all__ = ["from_onnx", "from_torch", "to_torch"]
