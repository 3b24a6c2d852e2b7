"""Training: the gradients of `fit` are those of the source that the network writes of itself.

Ten sequences of twenty steps, as in a notebook that learns three outputs with Adam. The same training is written out
once more around the source: a plain NumPy module, read off the network.
"""

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.optimizers import Adam

# N samples, T time steps, D input features, M hidden units, K outputs
N, T, D, M, K = 10, 20, 4, 4, 3
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, K))

mr.set_random_seed(2)
i = Input(shape=(T, D))
model = Model(i, Dense(K)(SimpleRNN(M)(i)))
model.set_weights([w.astype("float64") for w in model.get_weights()])
begin = dict(zip(("W_x", "W_h", "b_h", "W_o", "b_o"), model.get_weights()))

# The network as source: it needs NumPy alone. Any number of samples and steps will do.
source = mr.trace(model, X, Y).source()
print(source)
module = {}
exec(source, module)

model.compile(optimizer=Adam(0.1), loss="mse")
history = model.fit(X, Y, epochs=60, verbose=0)
print("loss, first and last epoch:", history.history["loss"][0], history.history["loss"][-1])

# The same by hand
mean = {name: np.zeros_like(w) for name, w in begin.items()}
square = {name: np.zeros_like(w) for name, w in begin.items()}
params = begin
losses = []
for step in range(1, 61):
    loss, gradients = module["loss_and_gradients"](params, X, Y)
    losses.append(float(loss))
    rate = 0.1 * np.sqrt(1 - float(np.float32(0.999)) ** step) / (1 - float(np.float32(0.9)) ** step)
    for name, g in gradients.items():
        mean[name] += 0.1 * (g - mean[name])
        square[name] += 0.001 * (g**2 - square[name])
    params = {name: w - rate * mean[name] / (np.sqrt(square[name]) + 1e-7) for name, w in params.items()}

difference = np.abs(np.array(losses) / history.history["loss"] - 1).max()
print("largest relative difference of the two loss curves:", difference)
assert difference < 1e-6
assert losses[-1] < losses[0] / 2
