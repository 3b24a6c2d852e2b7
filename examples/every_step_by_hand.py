"""Every step of a SimpleRNN by hand, and a puzzle that the replay solves.

A notebook printed a layer's weights and output, then replayed them in a loop, and the two did not match: some cells had been
run again, and the loop used the weights of a newer layer. With its own weights each half is right. The recurrent matrix of
the newer layer was never printed, but Keras draws an orthogonal one: taken as a rotation, two printed steps give it away.
"""

import numpy as np

import minirnn as mr
from minirnn.layers import SimpleRNN

X = np.array([[[1] * 5, [2] * 5, [3] * 5]])  # one sample, three steps, five features

old_Wx = [[-0.8766506, 0.9172727], [-0.37667286, 0.6936799], [-0.44308627, -0.71843755],
          [-0.627252, 0.8343315], [-0.00902045, 0.08299422]]  # fmt: skip
old_Wh = [[0.57300806, -0.8195498], [0.8195498, 0.573008]]
old_h = [[-0.98134404, 0.94781566], [-0.9997276, 0.999903], [-0.99999744, 0.9999977]]  # the layer's output, h_1 to h_3

new_Wx = [[0.9245993, 0.33459878], [-0.26637006, -0.61695325], [0.43761563, -0.33505726],
          [0.03919727, -0.5819472], [-0.904947, -0.5740896]]  # fmt: skip
new_z = [[0.23009521, -1.7734485], [0.9734181, -2.7229815]]  # the loop's first two steps, before tanh
new_h = [[0.22611868, -0.9439862], [0.75020254, -0.9914097]]  # and after it


def replay(x, Wx, Wh):
    states, h = [], np.zeros(2)
    for x_t in x:
        h = np.tanh(x_t @ Wx + h @ Wh)
        states.append(h)
    return np.array(states)


def agree(a, b):
    return np.abs(np.subtract(a, b)).max() < 1e-6


rnn = SimpleRNN(2, return_sequences=True)
rnn.build((None, None, 5))
rnn.set_weights([old_Wx, old_Wh, np.zeros(2)])
assert agree(np.asarray(rnn(X))[0], old_h)
assert agree(replay(X[0], old_Wx, old_Wh), old_h)
print("The layer, the loop and the printed output agree. Step 2 in numbers:\n")
print(mr.trace(rnn, X).walk()[2])

# h_1 @ Wh is h_1, turned by some angle: seen as complex numbers, their quotient has modulus 1.
turn = complex(*(new_z[1] - X[0, 1] @ new_Wx)) / complex(*new_h[0])
assert agree(abs(turn), 1)
new_Wh = [[turn.real, turn.imag], [-turn.imag, turn.real]]

rnn.set_weights([new_Wx, new_Wh, np.zeros(2)])
trace = mr.trace(rnn, X)
for t in (1, 2):
    assert agree(trace.value("z", t)[0], new_z[t - 1])
    assert agree(trace.value("h", t)[0], new_h[t - 1])
print(f"\nThe newer layer and its loop agree too: its recurrent matrix turns by {np.degrees(np.angle(turn)):.1f} degrees.")
