"""See the gradient vanish: how much of the loss each step feels, what each adds to dL/dW_h, and why.

The recurrent kernel of the network is orthogonal, so no product of kernels shrinks; it is the slopes 1 - h² that do. The
Jacobians between states say so, and truncated backpropagation shows what the steps it leaves out would have added.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import minirnn as mr
from minirnn import demo

X, Y = demo.X, np.zeros((1, 2))
trace = mr.trace(demo.model(), X, Y)

steps, paths = trace.ledger("W_h"), trace.ledger("W_h", by="path")
assert np.allclose(steps.sum(0), trace.gradients["W_h"], rtol=1e-13)
assert np.allclose(paths.sum(0), steps, rtol=1e-13)
norms, bound = trace.jacobian_norms()
assert (norms <= bound * (1 + 1e-12)).all()

print(" t  ‖dL/dh_t‖   added to dL/dW_h   ‖dh_10/dh_t‖   bound")
for t in range(1, 11):
    felt, added = np.linalg.norm(trace.adjoint("h", t)), np.linalg.norm(steps[t - 1])
    print(f"{t:2}  {felt:.2e}    {added:.2e}           {norms[10, t]:.2e}       {bound[10, t]:.2f}")

whole = np.linalg.norm(trace.gradients["W_h"])
print("\nWith the flow cut, dL/dW_h is off by")
for length in (1, 2, 3, 5):
    short = mr.trace(demo.model(), X, Y, truncate=length)
    lost = np.linalg.norm(short.gradients["W_h"] - trace.gradients["W_h"])
    print(f"  {100 * lost / whole:6.2f} %  after {length} step{'s' * (length > 1)}")

figure = Figure(figsize=(12, 3.2), layout="constrained")
for what, ax in zip(["flow", "ledger", "jacobians"], figure.subplots(1, 3)):
    trace.plot(what, ax=ax)
if __name__ == "__main__" and len(sys.argv) > 1:
    figure.savefig(sys.argv[1])
