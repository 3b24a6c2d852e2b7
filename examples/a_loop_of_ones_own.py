"""The loop that notebooks write, as it stands: followed, differentiated, put into equations, and checked against a model.

Nothing in `predict` is written for minirnn. Its NumPy is replaced by one that records, for the call only.
"""

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

N, T, D, M, K = 1, 10, 3, 5, 2  # samples, time steps, input features, hidden units, outputs
rng = np.random.default_rng(5)
X, Y = rng.normal(size=(N, T, D)), rng.normal(size=K)

i = Input(shape=(T, D))
model = Model(i, Dense(K)(SimpleRNN(M)(i)))
Wx, Wh, bh, Wo, bo = model.get_weights()


def predict(X, Wx, Wh, bh, Wo, bo):
    h_last = np.zeros(M)
    x = X[0]
    Yhats = []

    for t in range(T):
        h = np.tanh(x[t].dot(Wx) + h_last.dot(Wh) + bh)
        y = h.dot(Wo) + bo
        Yhats.append(y)

        h_last = h

    return Yhats[-1]


weights = {"Wx": Wx, "Wh": Wh, "bh": bh, "Wo": Wo, "bo": bo}
verdict = mr.check(predict, model, X, **weights)  # a live Keras model would do as well
print(verdict.sentence)
assert verdict.ok

trace = mr.trace(predict, X=X, **weights, Y=Y)
print(f"\n{trace}\n\n{trace.equations()}")
assert np.array_equal(trace.output, predict(X, **weights))
assert trace.gradients["Wh"].shape == Wh.shape
assert trace.verify(with_keras=False).ok

source = trace.source()
print(f"\nthe way back, written out:\n{source[source.index('def loss_and_gradients') :]}")
assert np.allclose(trace.compile()(weights, X, Y)[1]["Wh"], trace.gradients["Wh"], rtol=1e-12)


def forgetful(X, Wx, Wh, bh, Wo, bo):
    h_last = np.zeros(M)
    for t in range(T):
        h = np.tanh(X[0, t] @ Wx + h_last @ Wh + bh)  # and h_last stays as it was
    return h @ Wo + bo


print(f"\n{mr.check(forgetful, model, X, **weights).sentence}")

try:
    mr.trace(lambda X, Wx: 1.0 if (X[0] @ Wx).sum() > 0 else X[0] @ Wx, X=X, Wx=Wx)
except mr.CannotFollow as error:
    print("\n" + str(error).partition(": ")[2])
