"""All predictions of a batch: ten drives of twenty steps, one prediction at every step of each.

Two models have the same weights: one gives its prediction after the last step, the other, with return_sequences=True, one
after every step. A loop over the samples and the steps gives the same numbers. A second loop runs back through time: what
the loss feels of the state at each step, and what all steps together add to the gradient of the recurrent weights.
"""

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

N, T, D, M, K = 10, 20, 4, 4, 3  # samples, time steps, input features, hidden units, outputs
rng = np.random.default_rng(4)
X = rng.normal(size=(N, T, D))  # latitude, longitude, elevation, speed
Y = rng.normal(size=(N, K))  # latitude, longitude, elevation


def build(return_sequences):
    i = Input(shape=(T, D))
    h = SimpleRNN(M, return_sequences=return_sequences)(i)
    return Model(i, Dense(K)(h))


last, every = build(return_sequences=False), build(return_sequences=True)
weights = [rng.normal(scale=0.5, size=w.shape) for w in last.get_weights()]
last.set_weights(weights)
every.set_weights(weights)

Wx, Wh, bh, Wo, bo = weights
by_hand = np.empty((N, T, K))
for n in range(N):
    h = np.zeros(M)
    for t in range(T):
        h = np.tanh(X[n, t] @ Wx + h @ Wh + bh)
        by_hand[n, t] = h @ Wo + bo


def agree(a, b):
    return a.shape == b.shape and np.abs(a - b).max() <= 32 * np.finfo("float64").eps * np.abs(b).max()


assert agree(by_hand, every.predict(X))
assert agree(by_hand[:, -1], last.predict(X))
print(f"All {N * T} predictions agree. Those of the first sample, at the first and at the last step:")
print(by_hand[0, [0, -1]])

trace = mr.trace(last, X, Y, loss="mse")
dh = 2 / (N * K) * (trace.output - Y) @ Wo.T
dWh = np.zeros((M, M))
print(f"\nThe loss is {trace.loss:.4f}. How strongly it feels the state of each step, from the last one back:")
for t in range(T, 0, -1):
    assert agree(dh, trace.adjoint("h", t))
    if t > T - 5:
        print(f"  |dL/dh_{t}| = {np.linalg.norm(dh):.4f}")
    dz = dh * (1 - trace.value("h", t) ** 2)
    dWh += trace.value("h", t - 1).T @ dz
    dh = dz @ Wh.T
assert agree(dWh, trace.gradients["W_h"])
