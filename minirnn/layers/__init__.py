"""Layers with Keras' argument names, defaults, weight order and shapes."""

from ..system import suggest_names
from .dense import Dense
from .dropout import Dropout, SpatialDropout1D
from .embedding import Embedding
from .input import Input, InputLayer
from .layer import Layer
from .masking import Masking
from .merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)
from .normalization import BatchNormalization, LayerNormalization
from .operations import operators as operators
from .operations.dot import Dot, dot
from .operations.functions import ELU, Activation, LeakyReLU, ReLU, Rescaling, Softmax
from .operations.indexing import GetItem
from .operations.lambda_layer import Lambda
from .recurrent.cell import Gate
from .recurrent.cells import StackedRNNCells
from .recurrent.gru import GRU, GRUCell
from .recurrent.lstm import LSTM, LSTMCell
from .recurrent.rnn import RNN
from .recurrent.simple_rnn import SimpleRNN, SimpleRNNCell
from .reshaping import Flatten, Permute, RepeatVector, Reshape
from .symbolic import Symbolic
from .windows.convolution import Conv1D
from .windows.pooling import GlobalAveragePooling1D, GlobalMaxPooling1D, MaxPooling1D
from .wrappers import Bidirectional, TimeDistributed
from .written import WrittenLayer as WrittenLayer

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Average",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Dense",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "Gate",
    "GetItem",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "Input",
    "InputLayer",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "StackedRNNCells",
    "Subtract",
    "Symbolic",
    "TimeDistributed",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]

_CALLED = {
    "MaxPool1D": MaxPooling1D, "GlobalMaxPool1D": GlobalMaxPooling1D, "GlobalAvgPool1D": GlobalAveragePooling1D,
    "Convolution1D": Conv1D,
}  # fmt: skip
suggest_names(
    globals(),
    called=_CALLED.get,
    otherwise="write it as a class of your own, a Layer with a call, or in a loop in NumPy: both are followed",
)
