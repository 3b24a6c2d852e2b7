"""My loop does not match Keras: where it first differs, and why.

Two loops as people write them. The first forgets the recurrent product, the second, going back, the slope of tanh. `compare`
says where their numbers part from the network's, and finds the slip by computing the network with each known one.
"""

import sys

import numpy as np

import minirnn as mr
from minirnn import demo

model, X, Y = demo.model(), demo.X, np.zeros((1, 2))
trace = mr.trace(model, X, Y)  # of a Keras model: mr.from_keras(model), or mr.load("model.keras")
Wx, Wh, bh = model.layers[1].get_weights()
Wo, bo = model.layers[2].get_weights()

x, states = X[0], []
for t in range(10):
    h = np.tanh(x[t].dot(Wx) + bh)
    states.append(h)
forward = trace.compare(h=states)
print("The first loop\n", forward, sep="\n")
assert forward.slips[0].name == "no recurrent product"

h, states = np.zeros(5), [np.zeros(5)]
for t in range(10):
    h = np.tanh(x[t].dot(Wx) + h.dot(Wh) + bh)
    states.append(h)
dh = 2 * (h.dot(Wo) + bo) / 2 @ Wo.T  # of the mean of y², y having two entries
dWh = np.zeros_like(Wh, float)
for t in reversed(range(10)):
    dz = dh  # should be dh * (1 - states[t + 1] ** 2)
    dWh += np.outer(states[t], dz)
    dh = dz @ Wh.T
backward = trace.compare(h=states, W_h=dWh)
print("\nThe second loop\n", backward, sep="\n")
assert backward.first.quantity == "dL/dW_h" and backward.slips[0].name == "slope left out"

figure = forward.plot()
if __name__ == "__main__" and len(sys.argv) > 1:
    figure.savefig(sys.argv[1])
