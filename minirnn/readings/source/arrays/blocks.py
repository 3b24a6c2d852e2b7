"""Equal operations on all blocks of an array, as one operation on the whole: one product for all gates of a cell.

``x [W]₁, x [W]₂, ..`` are the blocks of ``x W``; ``g₁ [W]₁ᵀ + g₂ [W]₂ᵀ + ..`` is ``[g₁ g₂ ..] Wᵀ``, and
``[xᵀ g₁, xᵀ g₂, ..]`` is ``xᵀ [g₁ g₂ ..]``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from ....engine.fold import Definition, Domain, Family, Folded, Ref, Signature, Span
from ....engine.graph import at
from ....engine.ops import add, block, expand, join, matmul, sums, total, transpose
from ....engine.sizes import Size


class Blocks:
    """The families of a fold, and further ones for what is computed of all blocks at once."""

    def __init__(self, folded: Folded) -> None:
        self.families, self.T = [*folded.families], folded.T
        self.beside: dict[tuple[int, ...], int] = {}  # the families that hold these side by side

    def fused(self) -> None:
        """Put together what can be."""
        while self._forward():
            pass
        for family in [*self.families]:
            for place, definition in enumerate(family.definitions):
                made = self._backward(definition) if definition.op is total else None
                made = self._gradient(family, definition) if definition.op is join else made
                if made is not None:
                    self._replace(family.index, place, made)

    def _replace(self, index: int, place: int, signature: Signature) -> None:
        definitions = [*self.families[index].definitions]
        definitions[place] = dataclasses.replace(definitions[place], signature=signature)
        self.families[index] = dataclasses.replace(self.families[index], definitions=definitions)

    def _only(self, index: int) -> Definition | None:
        """The definition of a family that has one."""
        definitions = self.families[index].definitions
        return definitions[0] if len(definitions) == 1 else None

    def _new(self, op: Any, attrs: dict[str, Any], refs: Iterable[Ref], domain: Domain | None, serial: int) -> int:
        """A further family."""
        refs = tuple(refs)
        with at(None):
            first = op(*[self.families[ref.family].first for ref in refs], **attrs)
        definition = Definition(Signature(op, tuple(attrs.items()), refs), domain, serial)
        self.families.append(Family(len(self.families), None, first, [definition]))
        return len(self.families) - 1

    # ----------------------------------------------------------------------------------------- blocks of what is split

    def _block(self, ref: Ref) -> tuple[Ref, int, int] | None:
        """Of a block the whole, seen from the same place, which block it is, and of how many."""
        definition = self._only(ref.family)
        if definition is None or definition.op is not block:
            return None
        (inner,) = definition.refs
        where = ref.where if inner.where == 0 else inner.where
        return Ref(inner.family, where), definition.attrs["k"], definition.attrs["parts"]

    def _forward(self) -> bool:
        """Put one group of equal operations on blocks together, if there is one."""
        groups: dict[Any, dict[int, int]] = {}
        for family in self.families:
            definition = self._only(family.index)
            if definition is None or definition.op not in (matmul, add, expand):
                continue
            blocks = [self._block(ref) for ref in definition.refs]
            split = [found for found in blocks if found is not None]
            rows = definition.op is matmul and len(blocks) == 2 and blocks[0] is None
            if not split or not (rows or len(split) == len(blocks)) or len({found[1:] for found in split}) > 1:
                continue
            wholes = tuple(ref if found is None else found[0] for ref, found in zip(definition.refs, blocks))
            attrs = definition.attrs
            if definition.op is expand:
                attrs["dims"] = (*attrs["dims"][:-1], self.families[wholes[0].family].first.dims[-1])
            key = definition.op, tuple(attrs.items()), wholes, definition.domain, split[0][2]
            groups.setdefault(key, {}).setdefault(split[0][1], family.index)
        for (op, attributes, wholes, domain, parts), members in groups.items():
            if len(members) == parts:
                serial = min(self.families[i].definitions[0].serial for i in members.values())
                whole = self._new(op, dict(attributes), wholes, domain, serial)
                for k, index in members.items():
                    seen = Ref(whole, None if domain is None else 0)
                    self._replace(index, 0, Signature(block, (("k", k), ("parts", parts)), (seen,)))
                return True
        return False

    # --------------------------------------------------------------------------------------------- blocks put together

    def _joined(self, parts: list[int], domain: Domain | None, serial: int) -> int:
        """The family that holds these side by side."""
        key = tuple(parts)
        if key not in self.beside:
            refs = [Ref(index, None if domain is None else 0) for index in parts]
            attrs = {"axis": -1, "size": Size.of(len(parts))}
            self.beside[key] = self._new(join, attrs, refs, domain, serial)
        index = self.beside[key]
        (definition,) = self.families[index].definitions
        if domain is not None and definition.domain is not None:
            ends = definition.domain, domain
            lo, hi = min((d.lo for d in ends), key=self._step), max((d.hi for d in ends), key=self._step)
            self.families[index] = dataclasses.replace(
                self.families[index], definitions=[dataclasses.replace(definition, domain=Domain(lo, hi))]
            )
        return index

    def _step(self, where: Any) -> int:
        return int(where.step(self.T))

    def _backward(self, definition: Definition) -> Signature | None:
        """A sum in which products with the transposes of all blocks of a matrix are one product."""
        groups: dict[Any, dict[int, Ref]] = {}
        for ref in definition.refs:
            product = self._only(ref.family)
            if product is None or product.op is not matmul or isinstance(ref.where, Span):
                continue
            flipped = self._only(product.refs[1].family)
            found = self._block(flipped.refs[0]) if flipped is not None and flipped.op is transpose else None
            if found is not None and product.refs[0].where in (0, None):
                groups.setdefault((found[0], found[2], ref.where, product.domain), {}).setdefault(found[1], ref)
        refs = [*definition.refs]
        for (whole, parts, where, domain), members in groups.items():
            if len(members) == parts:
                products = [self._only(members[k].family) for k in range(parts)]
                left = [product.refs[0].family for product in products if product is not None]
                beside = self._joined(left, domain, definition.serial)
                flipped_whole = self._new(transpose, {}, [whole], None, definition.serial)
                seen = Ref(beside, None if domain is None else 0)
                product_of_all = self._new(matmul, {}, [seen, Ref(flipped_whole, None)], domain, definition.serial)
                refs = [ref for ref in refs if ref not in members.values()] + [Ref(product_of_all, where)]
        return definition.signature._replace(refs=tuple(refs)) if len(refs) < len(definition.refs) else None

    def _gradient(self, family: Family, definition: Definition) -> Signature | None:
        """Gradients of the blocks of a weight side by side, as one product, or sum, with the cotangents side by side."""
        outer = [d for ref in definition.refs if (d := self._only(ref.family)) is not None]
        if definition.attrs["axis"] != -1 or len(outer) < len(definition.refs) or len({_shape(d) for d in outer}) > 1:
            return None
        if any(ref.where is not None for ref in definition.refs):  # steps side by side, no blocks
            return None
        over_time = outer[0].op is total and len(outer[0].refs) == 1
        terms = [d for o in outer if (d := self._only(o.refs[0].family)) is not None] if over_time else outer
        if len(terms) < len(outer) or len({(_shape(d), d.refs[:-1]) for d in terms}) > 1:
            return None
        one = terms[0]
        rows = one.op is matmul or (one.op is sums and one.attrs["axis"] == 0)
        if not rows or one.refs[-1].where not in (0, None):
            return None
        beside = self._joined([d.refs[-1].family for d in terms], one.domain, definition.serial)
        refs = (*one.refs[:-1], Ref(beside, one.refs[-1].where))
        if not over_time:
            return Signature(one.op, one.signature.attrs, refs)
        term = self._new(one.op, one.attrs, refs, one.domain, definition.serial)
        return Signature(total, outer[0].signature.attrs, (Ref(term, outer[0].refs[0].where),))


def _shape(definition: Definition) -> Any:
    """What equal operations have in common."""
    refs = definition.refs
    return definition.op, definition.signature.attrs, definition.domain, len(refs), refs[-1].where if refs else None


def fused(folded: Folded) -> Folded:
    """The fold with one operation in place of equal ones on all blocks."""
    if all(d.op is not block for family in folded.families for d in family.definitions):
        return folded
    blocks = Blocks(folded)
    blocks.fused()
    return dataclasses.replace(folded, families=blocks.families)
