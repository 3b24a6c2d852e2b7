"""Layers with Keras' argument names, defaults, weight order and shapes."""

from .activation import Activation
from .base import Layer, Symbolic
from .cells import SimpleRNNCell, StackedRNNCells
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .flatten import Flatten
from .input import Input, InputLayer
from .masking import Masking
from .rnn import RNN
from .simple_rnn import SimpleRNN
from .wrappers import Bidirectional, TimeDistributed

__all__ = [
    "RNN",
    "Activation",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "Masking",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
    "Symbolic",
    "TimeDistributed",
]
