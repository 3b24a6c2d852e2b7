"""The total derivative as a sum over paths: ∂L/∂h_k = Σ_t ∂⁺L/∂h_t ∂h_t/∂h_k, ∂h_t/∂h_k made of one-step Jacobians.

∂⁺ is the *immediate* derivative, the other states of the layer held fixed (Pascanu, Mikolov and Bengio, 2013); ∂ is the
*total* one. Of a layer with one state ∂h_t/∂h_k is a product of immediate Jacobians; of one with several, such as h and c,
it is a recursion through all of them. Everything is compared with the complex step.
Jacobians are of one sample n, rows for h_t, columns for h_{t-1}; diag_n puts row n of a matrix on a diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...engine.complex_numbers import BOUNDED, STEP
from ...engine.graph import Node
from ...engine.names import Name, Role
from ...engine.replay import replay
from . import matrix as S
from .build import Expressions, time_of
from .equation import Equation
from .evaluate import Values, evaluate, residual
from .row_maps import of_samples
from .state_jacobians import Adjoints, Layer, Link

if TYPE_CHECKING:
    from ...runs.run import Run

MAX_WORK = 1_000_000_000  # multiplications that the check of a sum over paths may take
K, BETWEEN = sp.Symbol("k", integer=True), sp.Symbol("s", integer=True)
Jacobians = dict[tuple[Name, int, Name, int], np.ndarray]  # (N, rows, columns) by of, t, by, k


def path_equations(trace: Run, expressions: Expressions, values: Values) -> Iterator[Equation]:
    """The equations of every recurrent layer, the last one first."""
    assert trace.loss_node is not None and trace.loss_node.name is not None
    if trace.truncate:
        raise NotImplementedError("paths: the gradient is cut, so no path goes all the way; trace without truncate")
    loss = trace.loss_node.name
    names = [name for name in trace.state_names if name != str(loss)]
    for name in names:
        steps = [t for (n, t), node in trace.variables.items() if n == name and t and node.role is Role.STATE]
        nodes = [trace.variables.get((name, t)) for t in range(1, max(steps, default=1) + 1)]
        if any(node is None for node in nodes):
            raise NotImplementedError(f"paths: {name} is not used at every step; trace.jacobian has the numbers")
        if any(node is not None and node.ndim != 2 for node in nodes):
            raise NotImplementedError(f"paths: {name} has no row for each sample; trace.jacobian has the numbers")
    states = [trace.names[name] for name in names]
    for layer in Adjoints(expressions, states, loss).layers():
        if layer.links:
            yield from _OfLayer(trace, expressions, values, layer, loss).equations()


class _OfLayer:
    """The equations of one recurrent layer."""

    def __init__(self, trace: Run, expressions: Expressions, values: Values, layer: Layer, loss: Name) -> None:
        self.trace, self.values, self.layer, self.loss = trace, values, layer, loss
        self.lengths = expressions.folded.T
        family = expressions.folded.family
        self.shape = {state: expressions.shapes[family(str(state)).index] for state in layer.states}
        self.domain = family(str(layer.states[0])).definitions[-1].domain
        assert self.domain is not None
        self.T, self.way, self.end = self.domain.hi.step(self.lengths), layer.way, time_of(self.domain.hi)
        shapes = [trace.variables[str(state), 1].shape for state in layer.states]
        samples, size = shapes[0][0], sum(shape[-1] for shape in shapes)
        if max(self.T**2 * samples * size**3, self.T * size * len(trace.forward) * 20) > MAX_WORK:
            raise ValueError(f"paths: {self.T} steps of {size} units are too many to follow every path; take fewer steps")
        self.numbers = {
            link: {t: of_samples(link.jacobian, values, t) for t in range(1, self.T + 1)} for link in layer.links
        }
        self.carried = self._carried()

    def equations(self) -> Iterator[Equation]:
        """Immediate Jacobians, what they make of total ones, and the sums over paths."""
        for of in self.layer.states:
            for link in self._into(of):
                name = str(link.by.derivative(of, immediate=True))
                yield Equation(self._jacobian(link), link.jacobian, self.domain, self._check_link(link), name)
        if len(self.layer.states) == 1:
            (link,) = self.layer.links
            yield self._product(link, "total", self._jacobian(link, BETWEEN), self._check_total(link.of, link.by))
        else:
            for link in self.layer.links:
                if link.of == link.by and link.is_diagonal:
                    yield self._product(link, "immediate", link.jacobian.xreplace({S.t: BETWEEN}), self._check_along(link))
            for of in self.layer.states:
                for by in self.layer.states:
                    yield self._recursion(of, by)
        yield from self._sums()

    def _into(self, of: Name) -> list[Link]:
        """The links into a state; its own first."""
        return sorted((x for x in self.layer.links if x.of == of), key=lambda x: (x.by != of, x.delay == 0))

    def _jacobian(self, link: Link, t: Any = S.t) -> Any:
        return self._state_jacobian(link.of, t, link.by, t - link.delay, "immediate")

    def _state_jacobian(self, of: Name, t: Any, by: Name, k: Any, kind: str) -> Any:
        return S.StateJacobian(of, t, by, k, self.shape[of][1], self.shape[by][1], kind)  # type: ignore[index]

    def _product(self, link: Link, kind: str, factor: Any, error: float) -> Equation:
        """∂h_t/∂h_k = Π ∂⁺h_s/∂h_{s-1}; immediate: the other states of the layer held fixed all the way."""
        name, whole = link.of, self._state_jacobian(link.of, S.t, link.by, K, kind)
        product = S.StateProduct(factor, BETWEEN, K + self.way, S.t)
        key = str(name.derivative(name, immediate=kind == "immediate"))
        return Equation(whole, product, None, error, key, other_index=("k", *self._order("0", "t")))

    def _recursion(self, of: Name, by: Name) -> Equation:
        """∂c_t/∂h_k = ∂⁺c_t/∂c_{t-1} ∂c_{t-1}/∂h_k + ∂⁺c_t/∂h_{t-1} ∂h_{t-1}/∂h_k."""
        terms = [
            S.matmul(self._jacobian(link), self._state_jacobian(link.by, S.t - link.delay, by, K, "total"))
            for link in self._into(of)
        ]
        lhs, over = self._state_jacobian(of, S.t, by, K, "total"), ("k", *self._order("0", "t-1"))
        return Equation(lhs, S.add(*terms), None, self._check_total(of, by), str(by.derivative(of)), other_index=over)

    def _order(self, first: str, last: str) -> tuple[str, str]:
        """The ends of a range of steps; of a layer that runs backwards those of its mirror image."""
        mirrored = {"0": f"{self.end}+1", "t": "t", "t-1": "t+1"}
        return (first, last) if self.way > 0 else (mirrored[last], mirrored[first])

    def _sums(self) -> Iterator[Equation]:
        """∂⁺L of every state where something reaches it from outside, and ∂L as the sum over all paths from there."""
        ends: list[tuple[Name, list[int]]] = []
        for state, arriving in self.layer.arriving.items():
            direct, shape = state.derivative(self.loss, immediate=True), self.shape[state]
            for domain, rhs in arriving.items():
                lhs = S.quantity(direct, shape, S.t)
                if domain.lo == domain.hi:
                    only = {S.t: time_of(domain.lo)}
                    lhs, rhs = lhs.xreplace(only), rhs.xreplace(only)
                yield Equation(lhs, rhs, domain, 0.0, str(direct))  # its name is given here
            ends.append((state, sorted({t for domain in arriving for t in domain.steps(self.lengths)})))
        for by in self.layer.states:
            terms = []
            for state, steps in ends:
                last = steps == [self.T if self.way > 0 else 1]
                at = (self.end if self.way > 0 else sp.S.One) if last else S.bound
                direct = S.quantity(state.derivative(self.loss, immediate=True), self.shape[state], at)
                term = S.joined(sp.S.One, [direct, self._state_jacobian(state, at, by, K, "total")])
                lo, hi = (K, self.end) if self.way > 0 else (sp.S.One, K)
                terms.append(term if last else S.TimeSum(term, lo, hi))
            lhs = S.quantity(by.derivative(self.loss), self.shape[by], K)
            over, name = ("k", "1", str(self.end)), str(lhs.name)
            yield Equation(lhs, S.add(*terms), None, self._check_sum(by), name, other_index=over)

    # ------------------------------------------------------------------------------------------------------- numbers

    @property
    def _steps(self) -> list[int]:
        """All steps in the order of computation, the one before the first included."""
        return list(range(self.T + 1)) if self.way > 0 else list(range(self.T + 1, 0, -1))

    def _carried(self) -> Jacobians:
        """d(of_t)/d(by_k) for all k up to t, as sums of products of the immediate ones."""
        found: Jacobians = {}
        samples = max(len(J) for each in self.numbers.values() for J in each.values())
        units = {state: self.trace.variables[str(state), 1].shape[1] for state in self.layer.states}
        for start, k in enumerate(self._steps):
            for t in self._steps[start:]:
                for of in self.layer.states:
                    for by in self.layer.states:
                        total = np.zeros((samples, units[of], units[by])) + (np.eye(units[of]) if (of, t) == (by, k) else 0)
                        for link in self._into(of) if (of, t) != (by, k) and 1 <= t <= self.T else ():
                            below = found.get((link.by, t - link.delay, by, k))
                            total = total if below is None else total + self.numbers[link][t] @ below
                        found[of, t, by, k] = total
        return found

    def _moved(self, by: Name, k: int, fixed: dict[Node, Any]) -> Iterator[dict[Node, Any]]:
        """The network run again, each unit of by_k in turn moved along the imaginary axis: an outside witness."""
        node = self.trace.variables[str(by), k]
        for unit in range(node.shape[-1]):
            move = np.zeros(node.shape)
            move[:, unit] = STEP
            yield replay(self.trace.forward, fixed | {node: node.value + 1j * move}, BOUNDED)

    def _difference(self, ours: np.ndarray, of: Name, t: int, by: Name, k: int, fixed: dict[Node, Any]) -> float:
        """How far a Jacobian is from the complex step."""
        end = self.trace.variables[str(of), t]
        truth = np.stack([np.imag(found[end]) / STEP for found in self._moved(by, k, fixed)], axis=2)
        return residual(np.broadcast_to(ours, truth.shape), truth)

    def _held(self, free: Name, steps: list[int]) -> dict[Node, Any]:
        """The other states of the layer at these steps, with their values."""
        others = [(str(s), t) for s in self.layer.states for t in steps if s != free]
        return {n: n.value for key in others if (n := self.trace.variables.get(key)) is not None}

    def _check_link(self, link: Link) -> float:
        errors = []
        for t, ours in self.numbers[link].items():
            fixed = self._held(link.of, [t, t - self.way])
            errors.append(self._difference(ours, link.of, t, link.by, t - link.delay, fixed))
        return max(errors)

    def _check_total(self, of: Name, by: Name) -> float:
        """From the first state to the last."""
        first, last = self._steps[0], self._steps[-1]
        return self._difference(self.carried[of, last, by, first], of, last, by, first, {})

    def _check_along(self, link: Link) -> float:
        """The same for a product along one state, the others held fixed."""
        first, *others = self._steps
        product = self.numbers[link][others[0]]
        for t in others[1:]:
            product = self.numbers[link][t] @ product
        return self._difference(product, link.of, others[-1], link.by, first, self._held(link.of, self._steps))

    def _check_sum(self, by: Name) -> float:
        """The sum over paths against the traced adjoints, at every step."""
        immediate = {}
        for state, arriving in self.layer.arriving.items():
            for domain, rhs in arriving.items():
                for t in domain.steps(self.lengths):
                    found = evaluate(rhs.xreplace({S.t: sp.Integer(t)}), self.values)
                    immediate[state, t] = np.broadcast_to(found, self.trace.variables[str(state), t].shape)
        errors = []
        for k in range(1, self.T + 1):
            target = self.trace.adjoint(str(by), k)
            parts = [
                (g[:, None] @ J)[:, 0]
                for (state, t), g in immediate.items()
                if (J := self.carried.get((state, t, by, k))) is not None
            ]
            errors.append(residual(sum(parts, np.zeros(target.shape)), target))
        return max(errors)
