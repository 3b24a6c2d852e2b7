"""Layers with Keras' argument names, defaults, weight order and shapes."""

from .activation import Activation
from .cell import Gate
from .cells import StackedRNNCells
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .flatten import Flatten
from .gru import GRU, GRUCell
from .input import Input, InputLayer
from .layer import Layer
from .lstm import LSTM, LSTMCell
from .masking import Masking
from .rnn import RNN
from .simple_rnn import SimpleRNN, SimpleRNNCell
from .symbolic import Symbolic
from .wrappers import Bidirectional, TimeDistributed

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "Gate",
    "Input",
    "InputLayer",
    "LSTMCell",
    "Layer",
    "Masking",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
    "Symbolic",
    "TimeDistributed",
]
