"""Who is right in the last digit: Keras, the loop, or neither?

Keras printed -1.3271614, the loop beside it -1.32716133. The network is run in float32 with its sums in two orders, and in
50 digits, which is the truth for the numbers that went in. Every result is off by a fraction of an eps to a few: who comes
closer changes from one number to the next, so agreement within a few eps says that both are right, and no more.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import minirnn as mr
from minirnn import demo

model = demo.model()
X = demo.X.astype(np.float32)
Wx, Wh, bh = model.layers[1].get_weights()
Wo, bo = model.layers[2].get_weights()


def two_products(x, h):
    return np.tanh(x @ Wx + h @ Wh + bh)


def one_product(x, h):
    return np.tanh(np.concatenate([x, h]) @ np.concatenate([Wx, Wh]) + bh)


def states(step):
    h, found = np.zeros(5, np.float32), []
    for x in X[0]:
        h = step(x, h)
        found.append(h)
    return found


trace = mr.trace(model, X)
exact = trace.exact()
errors = {}
for name, step in [("x W_x + h W_h", two_products), ("[x h] [W_x; W_h]", one_product)]:
    mine = states(step)
    print(f"{name:<18}", trace.compare(h=mine).sentence)
    errors[name] = [exact.errors(h[None], "h", t).max() for t, h in enumerate(mine, start=1)]
first, second = errors.values()
print(f"closer to the truth: the first at {sum(a < b for a, b in zip(first, second))} steps of 10")

truth = exact.value("y")[0, 0]
print("\ny to 20 digits     ", str(truth)[:22])
for who, y in [("Keras, as printed", -1.3271614), ("float32", trace.output[0, 0])]:
    print(f"{who:<19} {y:.9f}  {exact.errors(np.full((1, 2), y, np.float32), 'y')[0, 0]:.2f} eps off")

figure = Figure(figsize=(7.2, 3.2), layout="constrained")
ax = figure.subplots()
for name, found in errors.items():
    ax.plot(range(1, 11), found, "o-", markersize=4, label=name)
ax.set(xlabel="time step $t$", ylabel="eps of float32", title="The largest error of a state, against 50 digits")
ax.set_ylim(0)
ax.legend(frameon=False)
if __name__ == "__main__" and len(sys.argv) > 1:
    figure.savefig(sys.argv[1])
