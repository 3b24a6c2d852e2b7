"""Where SimpleRNN forgets and LSTM does not: how much of the loss at step 40 is felt at the steps before, in one task."""

import numpy as np

import minirnn as mr
from minirnn.layers import LSTM, Dense, Input, SimpleRNN
from minirnn.models import Model

T, M = 40, 8
X, Y = np.random.default_rng(0).normal(size=(4, T, 3)), np.ones((4, 1))


def traced(layer):
    mr.set_random_seed(1)
    i = Input((T, 3))
    model = Model(i, Dense(1)(layer(i)))
    if isinstance(layer, LSTM):  # a forget gate that is open at the start: f = σ(4) = 0.98
        W_x, W_h, b = layer.get_weights()
        b[M : 2 * M] = 4
        layer.set_weights([W_x, W_h, b])
    return mr.trace(model, X, Y, dtype="float64")


simple, lstm = traced(SimpleRNN(M)), traced(LSTM(M))
kept = [np.mean(np.prod([lstm.value("f", s) for s in range(t + 1, T + 1)], axis=0)) for t in range(1, T + 1)]
print("step   SimpleRNN ‖dL/dh_t‖   LSTM ‖dL/dh_t‖   LSTM ‖dL/dc_t‖   mean of f_{t+1} ⊙ … ⊙ f_T")
for t in (40, 30, 20, 10, 1):
    h, g, c = (np.linalg.norm(trace.adjoint(n, t)) for trace, n in ((simple, "h"), (lstm, "h"), (lstm, "c")))
    print(f"{t:4}   {h:19.1e}   {g:14.1e}   {c:14.1e}   {kept[t - 1]:26.3f}")
