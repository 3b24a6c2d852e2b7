"""Loops in the styles that people publish, none of them written for minirnn; the first five are those of the seeds."""

# ruff: noqa: E501, RUF059, SIM, E501, UP031, UP032, W291, W293, I001
# fmt: off
from __future__ import annotations

import numpy
import numpy as np
from numpy import exp, tanh

N, T, D, M, K = 3, 6, 4, 5, 2

# --------------------------------------------------------------------------------------- the loops of the seeds


def seed_000(X, Wx, Wh, bh, Wo, bo):
    h_last = np.zeros(M)
    x = X[0]
    Yhats = []

    for t in range(T):
      h = np.tanh(x[t].dot(Wx) + h_last.dot(Wh) + bh)
      y = h.dot(Wo) +bo
      Yhats.append(y)

      h_last = h

    print(Yhats[-1])
    return Yhats[-1]


def seed_001(X, Wx, Wh, bh, Wo, bo):
    h_last = np.zeros(M) # initial hidden state
    x = X[0] # the one and only sample
    Yhats = [] # where we store the outputs

    for t in range(T):
      h = np.tanh(x[t].dot(Wx) + h_last.dot(Wh) + bh)
      y = h.dot(Wo) + bo # we only care about this value on the last iteration
      Yhats.append(y)

      # important: assign h to h_last
      h_last = h

    # print the final output
    print(Yhats[-1])
    return Yhats[-1]


def seed_002(x_seq, w_xh, w_oo, b_h):
    import tensorflow as tf
    #intialize an empty list
    out_man = []
    for t in range(len(x_seq)):

        print('\n\n\ntimestep t=', t)
        xt = tf.reshape(x_seq[t], (1, 5))#input at time step t is being treated as a batch of size 1, with each element having 5 features.
        print(f'Time step {t}=>')
        print('Input xt= :', xt.numpy())
        print('\n w_xh :', w_xh.numpy())
        print('\nb_h :', b_h.numpy())

        ht = tf.matmul(xt, w_xh) + b_h
        print('\nht=xt*w_xh+b_h :', ht.numpy())

        if t > 0:
            prev_o = out_man[t-1]
            print('\nprev_o=', prev_o.numpy())
        else:
            prev_o = tf.zeros(shape=(ht.shape))

        print('\nht =', ht.numpy())
        ot = ht + tf.matmul(prev_o, w_oo)
        print('\not = ht+prev_o*w_oo before tanh =', ot.numpy())
        ot = tf.math.tanh(ot)
        out_man.append(ot)
        print(f'\noutput (manual)@ timestep {t} :', ot.numpy())
    return out_man


def seed_003(x, Wx, Wh, bh, Wo, bo):
    h_last = np.zeros(M)
    x = x[0]
    y_hats = []
    for t in range(T):
        h = np.tanh(x[t].dot(Wx) + h_last.dot(Wh) + bh)
        y = h.dot(Wo) + bo
        y_hats.append(y)

        h_last = h

    print(y_hats[-1])
    return y_hats[-1]


def seed_004(X, Wxh, Whh, Bh, Who, Bo):
    #Verify the operation that is being done by the RNN

    Y_pred_manual = np.empty((N,K))

    for i in range(N):
      x = X[i] #Compute each sample
      h_previous = np.zeros(M) #Initial h0 state is zeros
      y_pred = []  #keep track of each time sample output
      for t in range(T):
        h = np.tanh(x[t].dot(Wxh) + h_previous.dot(Whh) + Bh)
        y = h.dot(Who) + Bo
        h_previous = h
        y_pred.append(y)
      print(f"All Y predictions for each time instance in Sample{i+1}")
      print(y_pred)
      Y_pred_manual[i] = y_pred[-1] # we just need the last prediction

    return Y_pred_manual


# ------------------------------------------------------------------------------------------------- other styles


def batch_with_at(X, Wx, Wh, bh, Wo, bo):
    """A batch, @, the last state only."""
    h = np.zeros((X.shape[0], Wh.shape[0]))
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t, :] @ Wx + h @ Wh + bh)
    return h @ Wo + bo


def every_step_into_an_array(X, Wx, Wh, bh, Wo, bo):
    """A batch, preallocated history, an output at every step."""
    n, steps, _ = X.shape
    hs = np.zeros((n, steps + 1, Wh.shape[0]))
    ys = np.zeros((n, steps, Wo.shape[1]))
    for t in range(steps):
        hs[:, t + 1] = np.tanh(X[:, t].dot(Wx) + hs[:, t].dot(Wh) + bh)
        ys[:, t] = hs[:, t + 1].dot(Wo) + bo
    return ys


def columns(inputs, U, W, V, b, c):
    """One sample in columns, dictionaries for the history, as character models do."""
    xs, hs, ys = {}, {}, {}
    hs[-1] = np.zeros((W.shape[0], 1))
    for t in range(len(inputs)):
        xs[t] = inputs[t].reshape(-1, 1)
        hs[t] = np.tanh(np.dot(U, xs[t]) + np.dot(W, hs[t - 1]) + b)
        ys[t] = np.dot(V, hs[t]) + c
    return ys[len(inputs) - 1]


def negative_index_history(x, U, V, W):
    """Vectors in the column convention, the history one longer, its last entry the state before the first step."""
    steps = len(x)
    s = np.zeros((steps + 1, W.shape[0]))
    s[-1] = np.zeros(W.shape[0])
    o = np.zeros((steps, V.shape[0]))
    for t in np.arange(steps):
        s[t] = np.tanh(U.dot(x[t]) + W.dot(s[t - 1]))
        o[t] = V.dot(s[t])
    return o


def iterating(X, Wx, Wh, bh):
    """No index at all."""
    h = 0 * bh
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh + bh)
    return h


def growing_list(X, h0, Wx, Wh, bh):
    """The last of a list is the state."""
    hs = [h0]
    for x_t in X:
        hs.append(np.tanh(np.dot(x_t, Wx) + np.dot(hs[-1], Wh) + bh))
    return np.stack(hs[1:])


def while_loop(X, Wx, Wh, bh):
    t = 0
    h = np.zeros(Wh.shape[0])
    while t < X.shape[0]:
        z = X[t] @ Wx + h @ Wh + bh
        h = 1.0 / (1.0 + np.exp(-z))
        t += 1
    return h


def softmax(x):
    e_x = np.exp(x - np.max(x))
    return e_x / e_x.sum(axis=0)


def rnn_cell_forward(xt, a_prev, parameters):
    Wax = parameters["Wax"]
    Waa = parameters["Waa"]
    Wya = parameters["Wya"]
    ba = parameters["ba"]
    by = parameters["by"]
    a_next = np.tanh(np.dot(Waa, a_prev) + np.dot(Wax, xt) + ba)
    yt_pred = softmax(np.dot(Wya, a_next) + by)
    cache = (a_next, a_prev, xt, parameters)
    return a_next, yt_pred, cache


def rnn_forward(x, a0, parameters):
    """Cells as functions, parameters in a dictionary, samples in columns, time last."""
    caches = []
    n_x, m, T_x = x.shape
    n_y, n_a = parameters["Wya"].shape
    a = np.zeros((n_a, m, T_x))
    y_pred = np.zeros((n_y, m, T_x))
    a_next = a0
    for t in range(T_x):
        a_next, yt_pred, cache = rnn_cell_forward(x[:, :, t], a_next, parameters)
        a[:, :, t] = a_next
        y_pred[:, :, t] = yt_pred
        caches.append(cache)
    return y_pred


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(X, Wf, bf, Wi, bi, Wc, bc, Wo, bo, Wy, by):
    """Four gates on the state and the input beside each other."""
    h_prev = np.zeros(bf.shape)
    c_prev = np.zeros(bf.shape)
    for t in range(len(X)):
        concat = np.concatenate((h_prev, X[t]))
        f = sigmoid(concat @ Wf + bf)
        i = sigmoid(concat @ Wi + bi)
        c_tilde = np.tanh(concat @ Wc + bc)
        c = f * c_prev + i * c_tilde
        o = sigmoid(concat @ Wo + bo)
        h = o * np.tanh(c)
        h_prev, c_prev = h, c
    return h @ Wy + by


def lstm_sliced(X, W, U, b):
    """One product for all gates, cut in four, as Keras has it."""
    units = U.shape[0]
    h = np.zeros((len(X), units))
    c = np.zeros((len(X), units))
    for t in range(X.shape[1]):
        z = X[:, t] @ W + h @ U + b
        i = sigmoid(z[:, :units])
        f = sigmoid(z[:, units:2 * units])
        g = np.tanh(z[:, 2 * units:3 * units])
        o = sigmoid(z[:, 3 * units:])
        c = f * c + i * g
        h = o * np.tanh(c)
    return h


def gru_by_hand(X, Wz, Uz, bz, Wr, Ur, br, Wn, Un, bn):
    h = np.zeros((X.shape[0], Uz.shape[0]))
    for t in range(X.shape[1]):
        x = X[:, t]
        z = sigmoid(np.matmul(x, Wz) + np.matmul(h, Uz) + bz)
        r = sigmoid(np.matmul(x, Wr) + np.matmul(h, Ur) + br)
        n = np.tanh(np.matmul(x, Wn) + np.matmul(r * h, Un) + bn)
        h = (1 - z) * n + z * h
    return h


class RNN:
    """A class with a step, its state an attribute."""

    def __init__(self, Wx, Wh, Why):
        self.Wx, self.Wh = Wx, Wh
        self.Why = Why
        self.h = np.zeros(Wh.shape[0])

    def step(self, x):
        self.h = np.tanh(np.dot(self.Wh, self.h) + np.dot(self.Wx, x))
        y = np.dot(self.Why, self.h)
        return y

    def forward(self, X):
        for x in X:
            y = self.step(x)
        return y


class Estimator:
    """As in scikit-learn: weights with underscores, predict."""

    def __init__(self, units=5, activation="tanh"):
        self.units = units
        self.activation = activation

    def set_weights(self, kernel, recurrent, bias):
        self.coef_, self.recurrent_, self.intercept_ = kernel, recurrent, bias
        return self

    def _activate(self, z):
        if self.activation == "tanh":
            return np.tanh(z)
        return np.maximum(z, 0)

    def predict(self, X):
        X = np.asarray(X)
        state = np.zeros((X.shape[0], self.units))
        for t in range(X.shape[1]):
            state = self._activate(X[:, t] @ self.coef_ + state @ self.recurrent_ + self.intercept_)
        return state


def make_network(Wx, Wh, b):
    """A closure over the weights."""
    def cell(x, h):
        return np.tanh(x @ Wx + h @ Wh + b)

    def network(X):
        h = np.zeros(len(b))
        for x in X:
            h = cell(x, h)
        return h

    return network


def cross_entropy_at_every_step(X, targets, Wx, Wh, bh, Wo, bo):
    """Many to many, softmax, a loss that is added up."""
    h = np.zeros((X.shape[0], Wh.shape[0]))
    loss = 0
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ Wx + h @ Wh + bh)
        scores = h @ Wo + bo
        scores -= scores.max(axis=1, keepdims=True)
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        loss += -np.sum(targets[:, t] * np.log(p)) / len(X)
    return loss / X.shape[1]


def loss_called_as_ours(X, Y, Wx, Wh, bh):
    """The mean of the losses of the steps, in a variable L."""
    h, L = np.zeros((len(X), len(Wh))), 0.0
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ Wx + h @ Wh + bh)
        L += np.mean((h - Y) ** 2)
    return L / X.shape[1]


def characters(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    """Letters as numbers, one-hot columns, the loss of the right letter."""
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    return loss


def characters_with_backward(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    """The same with its own backward pass."""
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    for dparam in [dWxh, dWhh, dWhy, dbh, dby]:
        np.clip(dparam, -5, 5, out=dparam)
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]


def embedded(tokens, E, Wx, Wh, bh, Wo):
    """Numbers of words look up rows."""
    h = np.zeros(Wh.shape[0])
    for token in tokens:
        h = np.tanh(E[token] @ Wx + h @ Wh + bh)
    return h @ Wo


def two_layers(X, Wx1, Wh1, b1, Wx2, Wh2, b2):
    """Two layers, step by step."""
    h1 = np.zeros((X.shape[0], Wh1.shape[0]))
    h2 = np.zeros((X.shape[0], Wh2.shape[0]))
    for t in range(X.shape[1]):
        h1 = np.tanh(X[:, t] @ Wx1 + h1 @ Wh1 + b1)
        h2 = np.tanh(h1 @ Wx2 + h2 @ Wh2 + b2)
    return h2


def layers_in_a_list(X, layers):
    """A loop over layers inside the loop over time."""
    state = [np.zeros(layer["Wh"].shape[0]) for layer in layers]
    for t in range(len(X)):
        signal = X[t]
        for k, layer in enumerate(layers):
            state[k] = np.tanh(signal @ layer["Wx"] + state[k] @ layer["Wh"] + layer["b"])
            signal = state[k]
    return state[-1]


def layer_after_layer(X, Wx1, Wh1, b1, Wx2, Wh2, b2):
    """The first layer runs through, then the second."""
    def run(sequence, Wx, Wh, b):
        h = np.zeros(Wh.shape[0])
        out = []
        for x in sequence:
            h = np.tanh(x @ Wx + h @ Wh + b)
            out.append(h)
        return out

    return run(run(X, Wx1, Wh1, b1), Wx2, Wh2, b2)[-1]


def truncated(X, Wx, Wh, bh):
    """Chunk by chunk."""
    h = np.zeros(Wh.shape[0])
    outputs = []
    for start in range(0, len(X), 2):
        for t in range(start, start + 2):
            h = np.tanh(X[t] @ Wx + h @ Wh + bh)
        outputs.append(h)
    return outputs[-1]


def bidirectional(X, Wf, Uf, Wb, Ub, V):
    """Both ways, put beside each other."""
    forward, backward = [], []
    h = np.zeros(Uf.shape[0])
    for t in range(len(X)):
        h = np.tanh(X[t] @ Wf + h @ Uf)
        forward.append(h)
    g = np.zeros(Ub.shape[0])
    for t in reversed(range(len(X))):
        g = np.tanh(X[t] @ Wb + g @ Ub)
        backward.insert(0, g)
    return np.array([np.concatenate([a, b]) @ V for a, b in zip(forward, backward)])


def masked(X, mask, Wx, Wh, bh):
    """Steps that do not count keep the state."""
    h = np.zeros((X.shape[0], Wh.shape[0]))
    for t in range(X.shape[1]):
        new = np.tanh(X[:, t] @ Wx + h @ Wh + bh)
        h = np.where(mask[:, t][:, None], new, h)
    return h


def relu_by_condition(X, Wx, Wh, b):
    h = np.zeros(Wh.shape[0])
    for t in range(X.shape[0]):
        a = np.dot(Wx, X[t]) + np.dot(Wh, h) + b
        h = a * (a > 0)
    return h


def bare_names(X, Wx, Wh, b):
    """tanh and exp by themselves."""
    h = numpy.zeros(Wh.shape[0])
    for x in X:
        h = tanh(x @ Wx + h @ Wh + b)
    return exp(h) / exp(h).sum()


def projected_before(X, Wx, Wh, b):
    """All inputs multiplied at once, before the loop."""
    P = X @ Wx + b
    h = np.zeros((X.shape[0], Wh.shape[0]))
    for t in range(X.shape[1]):
        h = np.tanh(P[:, t] + np.einsum("nm,mk->nk", h, Wh))
    return h


def one_number_at_a_time(series, wx, wh, b, wo):
    """A series of numbers, a state of numbers."""
    h = 0.0
    predictions = []
    for value in series:
        h = np.tanh(wx * value + wh * h + b)
        predictions.append(wo * h)
    return np.array(predictions)


def unit_by_unit(X, Wx, Wh):
    """Loops over units, sums by hand."""
    units = Wh.shape[0]
    h = np.zeros(units)
    for t in range(len(X)):
        new = np.zeros(units)
        for j in range(units):
            total = 0.0
            for d in range(X.shape[1]):
                total = total + X[t, d] * Wx[d, j]
            for k in range(units):
                total = total + h[k] * Wh[k, j]
            new[j] = np.tanh(total)
        h = new
    return h


WEIGHTS = {}


def from_globals(X):
    """Weights that stand outside of the function."""
    h = np.zeros(WEIGHTS["Wh"].shape[0])
    for x in X:
        h = np.tanh(x.dot(WEIGHTS["Wx"]) + h.dot(WEIGHTS["Wh"]))
    return h


def squared_error_inside(X, Y, Wx, Wh, Wo):
    """The loss is part of the function, a mean over samples that are taken one by one."""
    loss = 0.0
    for i in range(len(X)):
        h = np.zeros(Wh.shape[0])
        for t in range(X.shape[1]):
            h = np.tanh(X[i, t] @ Wx + h @ Wh)
        loss += np.mean((h @ Wo - Y[i]) ** 2)
    return loss / len(X)
