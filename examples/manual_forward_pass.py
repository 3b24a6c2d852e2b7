"""The forward pass by hand, a prediction at every step, and a check of the way back.

The loop keeps the prediction of each step, of which the model gives the last. What the loop cannot show is whether the
gradients of the loss are right: `trace.verify` asks a witness that knows nothing of backpropagation, the complex step.
"""

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

N, T, D, M, K = 1, 10, 3, 5, 2  # samples, time steps, input features, hidden units, outputs
rng = np.random.default_rng(3)
X = rng.normal(size=(N, T, D))
Y = rng.normal(size=(N, K))

i = Input(shape=(T, D))
out = SimpleRNN(M, activation="tanh")(i)
out = Dense(K)(out)
model = Model(i, out)

model.layers[1].set_weights([
    np.array([[0.10157305, 0.16050869, 0.26464325, 0.5594422, -0.5945752],
              [-0.728014, -0.66226774, -0.41900924, -0.8197389, 0.6351823],
              [-0.01140183, 0.3979755, 0.07653278, 0.13516861, 0.29170412]]),
    np.array([[-0.75609493, -0.35442725, 0.06176499, 0.41873094, -0.35149843],
              [0.32582623, 0.18588556, -0.3941093, 0.8380332, 0.0407679],
              [0.4338794, -0.54839945, 0.66313744, 0.26243398, 0.04882418],
              [-0.07909212, 0.72839284, 0.60697275, 0.16720591, -0.25848514],
              [0.3572825, -0.09235749, -0.1808193, -0.15979749, -0.89754575]]),
    np.zeros(M),
])  # fmt: skip
model.layers[2].set_weights([rng.normal(size=(M, K)), np.zeros(K)])

Wx, Wh, bh = model.layers[1].get_weights()
Wo, bo = model.layers[2].get_weights()
assert (Wx.shape, Wh.shape, bh.shape) == ((D, M), (M, M), (M,))
assert (Wo.shape, bo.shape) == ((M, K), (K,))

h_last = np.zeros(M)
y_hats = []
for x_t in X[0]:
    h_last = np.tanh(x_t @ Wx + h_last @ Wh + bh)
    y_hats.append(h_last @ Wo + bo)

prediction = model.predict(X)
print("by hand: ", y_hats[-1])
print("by model:", prediction[0])
assert prediction.shape == (N, K)
assert np.abs(y_hats[-1] - prediction[0]).max() <= 32 * np.finfo("float64").eps * np.abs(prediction).max()

report = mr.trace(model, X, Y, loss="mse").verify(with_keras=False)
print(f"\n{report}")
assert report.ok
