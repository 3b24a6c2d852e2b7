"""A many-to-one network: ten steps go in, one prediction comes out.

The network and its numbers are those of `minirnn.demo`: a SimpleRNN and a Dense whose weights and prediction Keras once
printed. minirnn predicts the same; a loop in plain NumPy meets it at every step; the equations of both are printed.
"""

import numpy as np

import minirnn as mr
from minirnn import demo
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

# N samples, T time steps, D input features, M hidden units, K outputs
X = demo.X
N, T, D = X.shape
M, K = 5, 2

i = Input(shape=(T, D))
x = SimpleRNN(M)(i)
x = Dense(K)(x)
model = Model(i, x)
model.set_weights(demo.WEIGHTS)
model.summary()

Yhat = model.predict(X)
print("\nthe model predicts", Yhat[0])
assert Yhat.shape == (N, K)
assert np.abs(Yhat - demo.PREDICTION).max() < 1e-6

# The same by hand, for the only sample. Steps count from 1; h_0 is the initial state.
Wx, Wh, bh = model.layers[1].get_weights()
Wo, bo = model.layers[2].get_weights()
trace = mr.trace(model, X)

rounding = 32 * np.finfo("float64").eps
h = np.zeros(M)
for t, x_t in enumerate(X[0], start=1):
    h = np.tanh(x_t @ Wx + h @ Wh + bh)
    assert np.abs(h - trace.value("h", t)[0]).max() <= rounding
y = h @ Wo + bo

print("the loop predicts ", y)
assert np.abs(y - Yhat[0]).max() <= rounding * np.abs(y).max()

print("\nBoth compute")
equations = trace.equations()
print(equations)
assert equations.residual <= rounding
