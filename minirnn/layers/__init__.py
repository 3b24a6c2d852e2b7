"""Layers with Keras' argument names, defaults, weight order and shapes."""

from .activation import Activation
from .cells import SimpleRNNCell, StackedRNNCells
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .flatten import Flatten
from .input import Input, InputLayer
from .layer import Layer
from .masking import Masking
from .rnn import RNN
from .simple_rnn import SimpleRNN
from .symbolic import Symbolic
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
