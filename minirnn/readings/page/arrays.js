// The operations of minirnn.engine.ops.arrays: arrays of any rank, as loops written by hand use them.

// What a key of numbers and slices takes out of an array: the shape of it, and where its entries are. A key with index
// arrays comes as these places already.
function taken(shape, { key, places, of }) {
  if (places) return { shape: of, at: places };
  const axes = key.map((k, axis) => {
    const n = shape[axis];
    if (typeof k === "number") return [k < 0 ? k + n : k];
    const step = k.step ?? 1;
    const end = (at, low, high) => Math.min(Math.max(at < 0 ? at + n : at, low), high);
    const start = k.start === null ? (step > 0 ? 0 : n - 1) : end(k.start, step > 0 ? 0 : -1, step > 0 ? n : n - 1);
    const stop = k.stop === null ? (step > 0 ? n : -1) : end(k.stop, step > 0 ? 0 : -1, step > 0 ? n : n - 1);
    const found = [];
    for (let at = start; step > 0 ? at < stop : at > stop; at += step) found.push(at);
    return found;
  });
  const at = axes.reduce((before, places_, axis) => before.flatMap((i) => places_.map((k) => i * shape[axis] + k)), [0]);
  return { shape: axes.map((found) => found.length).filter((_, axis) => typeof key[axis] !== "number"), at };
}

// NumPy's indexing by arrays: the places that a key takes out, its nulls standing for the operands after the array. What
// is indexed by arrays beside each other stays where it was; else it comes first. `tests`: which of them are true or false.
function takenAt(shape, { key, tests = [] }, indices) {
  const waiting = [...indices];
  const parts = (Array.isArray(key) ? key : [key]).flatMap((k) => {
    if (k !== null) return [k];
    const x = waiting.shift();
    return tests[indices.length - waiting.length - 1] ? trueAt(x) : [x];
  });
  while (parts.length < shape.length) parts.push(whole);
  const arrays = parts.map((k) => (typeof k === "number" ? array([], Float64Array.of(k)) : k.data ? k : null));
  const advanced = arrays.flatMap((x, axis) => (x ? [axis] : []));
  const common = advanced.reduce((all, axis) => OPERATIONS.add(null, all, map(arrays[axis], () => 0)), array([]));
  const spread = arrays.map((x) => x && OPERATIONS.add(null, x, common));
  const together = advanced.every((axis, i) => i === 0 || axis === advanced[i - 1] + 1);
  const sliced = parts.map((k, axis) => (arrays[axis] ? null : taken([shape[axis]], { key: [k] }).at));
  const before = together ? sliced.slice(0, advanced[0]).filter(Boolean).length : 0;
  const rest = sliced.flatMap((at, axis) => (at ? [{ at, axis }] : []));
  const axes = [...rest.slice(0, before), null, ...rest.slice(before)]; // null: the axes of the arrays
  const apart = strides(shape);
  let at = [0];
  for (const one of axes) {
    const steps = one ? one.at.map((k) => k * apart[one.axis])
      : Array.from({ length: common.data.length }, (_none, i) => advanced.reduce((found, axis) => {
        const k = spread[axis].data[i];
        return found + (k < 0 ? k + shape[axis] : k) * apart[axis];
      }, 0));
    at = at.flatMap((start) => steps.map((step) => start + step));
  }
  return { shape: axes.flatMap((one) => (one ? [one.at.length] : common.shape)), at };
}

// Where an array is true: the places along each of its axes.
function trueAt(x) {
  const found = [...x.data.keys()].filter((i) => x.data[i]);
  return x.shape.map((n, axis) => {
    const stride = sizeOf(x.shape.slice(axis + 1));
    return array([found.length], Float64Array.from(found, (i) => Math.floor(i / stride) % n));
  });
}

const written = (whole, at, put) => {
  const out = array(whole.shape, Float64Array.from(whole.data));
  at.forEach((place, i) => (out.data[place] = put(i, out.data[place])));
  return out;
};

// Axes, counted from the last, reduced one after the other by f of a list of numbers.
const reduced = (x, axis, keepdims, f) => {
  const gone = axis.map((a) => a + x.shape.length);
  const kept = x.shape.map((n, a) => (gone.includes(a) ? 1 : n));
  const groups = Array.from({ length: sizeOf(kept) }, () => []);
  const place = placeIn(x.shape, strides(kept));
  for (let i = 0; i < x.data.length; i++) groups[place(i)].push(x.data[i]);
  return array(keepdims ? kept : x.shape.filter((_, a) => !gone.includes(a)), Float64Array.from(groups, f));
};

// The entries of an array at these places, as an array of this shape.
const gathered = (x, { shape, at }) => array(shape, Float64Array.from(at, (place) => x.data[place]));

const permuted = (x, axes) => {
  const shape = axes.map((a) => x.shape[a]);
  const place = placeIn(shape, axes.map((a) => strides(x.shape)[a]));
  return gathered(x, { shape, at: Array.from(x.data, (_, i) => place(i)) });
};

// Of two operands: sums of products over the letters that the result has not.
const einsum = ({ spec }, a, b) => {
  const [inputs, out] = spec.split("->");
  const [left, right] = inputs.split(",");
  const size = new Map([...[...left].map((k, i) => [k, a.shape[i]]), ...[...right].map((k, i) => [k, b.shape[i]])]);
  const letters = [...out, ...[...size.keys()].filter((k) => !out.includes(k))];
  const shape = letters.map((k) => size.get(k));
  const along = (own, x) => placeIn(shape, letters.map((k) => (own.includes(k) ? strides(x.shape)[own.indexOf(k)] : 0)));
  const [p, q] = [along(left, a), along(right, b)];
  const result = array([...out].map((k) => size.get(k)));
  const inner = sizeOf(shape) / (result.data.length || 1);
  for (let i = 0; i < sizeOf(shape); i++) result.data[Math.floor(i / inner)] += a.data[p(i)] * b.data[q(i)];
  return result;
};

// Arrays one after the other along an axis counted from the last.
const joined = ({ axis }, ...xs) => {
  const at = xs[0].shape.length + axis;
  const shape = xs[0].shape.map((n, a) => (a === at ? xs.reduce((sum_, x) => sum_ + x.shape[at], 0) : n));
  const out = array(shape);
  let offset = 0;
  for (let r = 0; r < sizeOf(shape.slice(0, at)); r++) {
    for (const x of xs) {
      const chunk = sizeOf(x.shape.slice(at));
      out.data.set(x.data.subarray(r * chunk, (r + 1) * chunk), offset);
      offset += chunk;
    }
  }
  return out;
};

const whole = { start: null, stop: null, step: null };
const keyAlong = (rank, axis, place) => Array.from({ length: rank }, (_none, a) => (a === axis ? place : whole));
const axesOf = (x, axis) => {
  const axes = axis === null ? x.shape.map((_, a) => a) : Array.isArray(axis) ? axis : [axis];
  return axes.map((a) => (a < 0 ? a : a - x.shape.length));
};
const over = (f) => ({ axis, keepdims }, x) => reduced(x, axesOf(x, axis), keepdims, f);

const PRODUCTS = {
  "inner": "i,i->", "row {} matrix": "i,ij->j", "matrix {} row": "ij,j->i", "matrix {} matrix": "ij,jk->ik",
  "3 {} matrix": "aij,jk->aik", "4 {} matrix": "abij,jk->abik", "matrices {} matrices": "aij,ajk->aik",
};
for (const sign of ["@", "."]) {
  for (const [name, spec] of Object.entries(PRODUCTS)) {
    const called = name.includes("{}") ? name.replace("{}", sign) : `${name} ${sign}`;
    OPERATIONS[called] = (_, a, b) => einsum({ spec }, a, b);
  }
}

Object.assign(OPERATIONS, {
  power: ({ p }, x) => map(x, (v) => v ** p),
  cast: ({ dtype }, x) => (dtype === "float32" ? map(x, Math.fround) : x),
  expand: ({ dims }, x) => OPERATIONS.add(null, x, full(dims, 0)),
  sum: over(sum),
  mean: over((values) => sum(values) / values.length),
  max: over((values) => Math.max(...values)),
  largest_at: ({ axis }, x) => {
    const most = OPERATIONS.max({ axis, keepdims: true }, x);
    const at = OPERATIONS.equal(null, x, most);
    return OPERATIONS.divide(null, at, OPERATIONS.sum({ axis, keepdims: true }, at));
  },
  "number . array": OPERATIONS.multiply,
  outer: (_, a, b) => einsum({ spec: "i,j->ij" }, a, b),
  einsum,
  reshape: ({ dims }, x) => array(dims, x.data),
  reverse: ({ axis }, x) => OPERATIONS.part({ key: keyAlong(x.shape.length, axis, { start: null, stop: null, step: -1 }) }, x),
  permute: ({ axes }, x) => permuted(x, axes),
  part: (attributes, x) => gathered(x, taken(x.shape, attributes)),
  placed: (attributes, x) => written(full(attributes.dims, 0), taken(attributes.dims, attributes).at, (i) => x.data[i]),
  scattered: (attributes, x) => written(full(attributes.dims, 0), taken(attributes.dims, attributes).at, (i, was) => was + x.data[i]),
  cleared: (attributes, x) => written(x, taken(x.shape, attributes).at, () => 0),
  update: (attributes, x, v) => written(x, taken(x.shape, attributes).at, (i) => v.data[i]),
  entry_at: (attributes, x, ...indices) => gathered(x, takenAt(x.shape, attributes, indices)),
  put_at: (attributes, x, ...indices) => written(full(attributes.dims, 0), takenAt(attributes.dims, attributes, indices).at, (i, was) => was + x.data[i]),
  update_at: (attributes, x, v, ...indices) => {
    const { shape, at } = takenAt(x.shape, attributes, indices);
    const part = OPERATIONS.expand({ dims: shape }, v);
    return written(x, at, (i) => part.data[i]);
  },
  cleared_at: (attributes, x, ...indices) => written(x, takenAt(x.shape, attributes, indices).at, () => 0),
  argmax: ({ axis }, x) => {
    const flat = axis === null ? array([x.data.length], x.data) : x;
    const best = (values) => values.reduce((top, v, i) => (v > values[top] ? i : top), 0);
    return reduced(flat, [axis === null || axis < 0 ? axis ?? -1 : axis - flat.shape.length], false, best);
  },
  round: (_, x) => map(x, (v) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v))),
  take: ({ t, axis }, x) => OPERATIONS.part({ key: keyAlong(x.shape.length, axis, t - 1) }, x),
  put: ({ t, axis, dims }, x) => OPERATIONS.placed({ key: keyAlong(dims.length, axis, t - 1), dims }, x),
  stack: ({ axis }, ...xs) => {
    const rank = xs[0].shape.length;
    const wider = (x) => array([...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)], x.data);
    return joined({ axis: axis - rank - 1 }, ...xs.map(wider));
  },
  join: joined,
  piece: ({ t, width }, x) => between(x, (t - 1) * width, t * width),
  nth: ({ k }, x) => OPERATIONS.part({ key: [k, ...x.shape.slice(1).map(() => whole)] }, x),
});
