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
  const place = placesAlong(x.shape, kept);
  for (let i = 0; i < x.data.length; i++) groups[place(i)].push(x.data[i]);
  return array(keepdims ? kept : x.shape.filter((_, a) => !gone.includes(a)), Float64Array.from(groups, f));
};

// For the i-th entry of an array of `shape` the entry of one of shape `kept`, whose axes are as long, or of length 1.
const placesAlong = (shape, kept) => {
  const strides = kept.map((n, a) => (n === 1 ? 0 : sizeOf(kept.slice(a + 1))));
  return (i) => {
    let [rest, found] = [i, 0];
    for (let a = shape.length - 1; a >= 0; a--) {
      found += (rest % shape[a]) * strides[a];
      rest = Math.floor(rest / shape[a]);
    }
    return found;
  };
};

const permuted = (x, axes) => {
  const shape = axes.map((a) => x.shape[a]);
  const strides = axes.map((a) => sizeOf(x.shape.slice(a + 1)));
  const out = array(shape);
  for (let i = 0; i < out.data.length; i++) {
    let [rest, from] = [i, 0];
    for (let a = shape.length - 1; a >= 0; a--) {
      from += (rest % shape[a]) * strides[a];
      rest = Math.floor(rest / shape[a]);
    }
    out.data[i] = x.data[from];
  }
  return out;
};

// Of two operands: sums of products over the letters that the result has not.
const einsum = ({ spec }, a, b) => {
  const [inputs, out] = spec.split("->");
  const [left, right] = inputs.split(",");
  const size = new Map([...[...left].map((k, i) => [k, a.shape[i]]), ...[...right].map((k, i) => [k, b.shape[i]])]);
  const letters = [...out, ...[...size.keys()].filter((k) => !out.includes(k))];
  const shape = letters.map((k) => size.get(k));
  const along = (own, x) => letters.map((k) => (own.includes(k) ? sizeOf(x.shape.slice(own.indexOf(k) + 1)) : 0));
  const [sa, sb] = [along(left, a), along(right, b)];
  const result = array([...out].map((k) => size.get(k)));
  const inner = sizeOf(shape) / (result.data.length || 1);
  for (let i = 0; i < sizeOf(shape); i++) {
    let [rest, p, q] = [i, 0, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const k = rest % shape[axis];
      rest = (rest - k) / shape[axis];
      p += k * sa[axis];
      q += k * sb[axis];
    }
    result.data[Math.floor(i / inner)] += a.data[p] * b.data[q];
  }
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
  reverse: (_, x) => OPERATIONS.part({ key: keyAlong(x.shape.length, 1, { start: null, stop: null, step: -1 }) }, x),
  permute: ({ axes }, x) => permuted(x, axes),
  part: (attributes, x) => {
    const { shape, at } = taken(x.shape, attributes);
    return array(shape, Float64Array.from(at, (place) => x.data[place]));
  },
  placed: (attributes, x) => written(full(attributes.dims, 0), taken(attributes.dims, attributes).at, (i) => x.data[i]),
  scattered: (attributes, x) => written(full(attributes.dims, 0), taken(attributes.dims, attributes).at, (i, was) => was + x.data[i]),
  cleared: (attributes, x) => written(x, taken(x.shape, attributes).at, () => 0),
  update: (attributes, x, v) => written(x, taken(x.shape, attributes).at, (i) => v.data[i]),
  take: ({ t, axis }, x) => OPERATIONS.part({ key: keyAlong(x.shape.length, axis, t - 1) }, x),
  put: ({ t, axis, dims }, x) => OPERATIONS.placed({ key: keyAlong(dims.length, axis, t - 1), dims }, x),
  stack: ({ axis }, ...xs) => {
    const rank = xs[0].shape.length;
    const wider = (x) => array([...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)], x.data);
    return joined({ axis: axis - rank - 1 }, ...xs.map(wider));
  },
  join: joined,
  piece: ({ t, width }, x) => between(x, (t - 1) * width, t * width),
  nth_row: ({ k }, x) => OPERATIONS.part({ key: [k, ...x.shape.slice(1).map(() => whole)] }, x),
});
