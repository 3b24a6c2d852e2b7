"""Layers with Keras' argument names, defaults, weight order and shapes."""

from .base import Layer, Symbolic
from .dense import Dense
from .flatten import Flatten
from .input import Input, InputLayer
from .simple_rnn import SimpleRNN

__all__ = ["Dense", "Flatten", "Input", "InputLayer", "Layer", "SimpleRNN", "Symbolic"]
