"""The shapes of a recurrent network: which array has which sides, and why they fit.

N, T, D, M and K differ, so that a product in the wrong order cannot go unnoticed. Every gradient has the shape of its
parameter. A picture and a page are written to a temporary folder, which is removed at the end; name another to keep them.
"""

import tempfile
from pathlib import Path

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

N, T, D, M, K = 1, 10, 3, 5, 2  # samples, time steps, input features, hidden units, outputs
rng = np.random.default_rng(1)
X = rng.random((N, T, D))
Y = rng.random((N, K))

Wx = [[-0.7383409, -0.20092523, -0.7323593, 0.15078491, -0.84255356],
      [-0.2857594, 0.8501758, -0.6055523, 0.40790623, 0.02184069],
      [-0.6820763, 0.7016558, 0.37577516, 0.7172584, 0.08997691]]  # fmt: skip
Wh = [[-0.06931889, -0.6329891, -0.38850334, -0.1578282, -0.64705074],
      [-0.15029436, 0.1823746, -0.39380425, 0.8772207, -0.13983268],
      [-0.6611715, -0.49674866, 0.46054524, 0.23238471, 0.22358066],
      [-0.72952724, 0.44563296, -0.34634942, -0.3821478, -0.05662471],
      [-0.05699657, 0.3474422, 0.60160065, 0.07439511, -0.713146]]  # fmt: skip
Wo = rng.normal(size=(M, K))

i = Input(shape=(T, D))
x = SimpleRNN(M)(i)
x = Dense(K)(x)
model = Model(i, x)
model.set_weights([Wx, Wh, np.zeros(M), Wo, np.zeros(K)])

prediction = model.predict(X)[0]
h = np.zeros(M)
for x_t in X[0]:
    h = np.tanh(x_t @ Wx + h @ Wh)
assert np.abs(h @ Wo - prediction).max() <= 32 * np.finfo("float64").eps * np.abs(prediction).max()

trace = mr.trace(model, X, Y, loss="mse")
steps = {"x": (N, D), "z": (N, M), "h": (N, M)}
parameters = {"W_x": (D, M), "W_h": (M, M), "b_h": (M,), "W_o": (M, K), "b_o": (K,)}
for name, shape in steps.items():
    print(f"{name:4} {shape}, at each of the {trace.steps} steps")
    assert all(trace.value(name, t).shape == shape for t in range(1, T + 1))
for name, shape in parameters.items():
    print(f"{name:4} {shape}, and so is its gradient")
    assert trace.value(name).shape == trace.gradients[name].shape == shape
assert sum(w.size for w in model.get_weights()) == 57

with tempfile.TemporaryDirectory() as folder:
    picture = trace.picture().save(Path(folder, "network.svg"))
    page = trace.page(Path(folder, "network.html"), report=trace.verify(with_keras=False))
    print(f"{picture.name}, {picture.stat().st_size // 1000} kB; {page}")
