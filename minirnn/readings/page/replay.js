// Arrays, the operations of minirnn.ops in JavaScript, and a run of the graph: the numbers of the page.
// An array is {shape, data}, row by row. An operation is a function of its attributes and its operands.

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
const array = (shape, data) => ({ shape, data: data ?? new Float64Array(sizeOf(shape)) });
const full = (shape, value) => array(shape, new Float64Array(sizeOf(shape)).fill(value));
const columnsOf = (x) => x.shape[x.shape.length - 1] ?? 1;

const map = (x, f) => {
  const out = array(x.shape);
  for (let i = 0; i < out.data.length; i++) out.data[i] = f(x.data[i]);
  return out;
};

// How far apart the entries of an array stand along its axes; along one of length 1 there is but one.
const strides = (shape) => shape.map((n, axis) => (n === 1 ? 0 : sizeOf(shape.slice(axis + 1))));

// For the i-th entry of an array of `shape` the place in another, whose entries are so far apart along these axes.
const placeIn = (shape, apart) => (i) => {
  let [rest, place] = [i, 0];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place += (rest % shape[axis]) * apart[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return place;
};

// Entry by entry, with NumPy's broadcasting.
const zip = (f) => (_, a, b) => {
  if (a.shape.join() === b.shape.join()) {
    const out = array(a.shape);
    for (let i = 0; i < out.data.length; i++) out.data[i] = f(a.data[i], b.data[i]);
    return out;
  }
  const rank = Math.max(a.shape.length, b.shape.length);
  const padded = (x) => [...Array(rank - x.shape.length).fill(1), ...x.shape];
  const shape = padded(a).map((n, axis) => (n === 1 ? padded(b)[axis] : n));
  const [p, q, out] = [placeIn(shape, strides(padded(a))), placeIn(shape, strides(padded(b))), array(shape)];
  for (let i = 0; i < out.data.length; i++) out.data[i] = f(a.data[p(i)], b.data[q(i)]);
  return out;
};

// f of every row (of the last axis), given as a Float64Array; it returns a row.
const byRow = (x, width, f) => {
  const [n, rows] = [columnsOf(x), x.data.length / columnsOf(x)];
  const out = array([...x.shape.slice(0, -1), width]);
  for (let r = 0; r < rows; r++) out.data.set(f(x.data.subarray(r * n, (r + 1) * n)), r * width);
  return out;
};

const matmul = (_, a, b) => {
  const [n, m] = [b.shape[0], b.shape[1] ?? 1];
  const rows = a.data.length / n;
  const out = array([...a.shape.slice(0, -1), ...b.shape.slice(1)]);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < n; k++) {
      const x = a.data[i * n + k];
      for (let j = 0; j < m; j++) out.data[i * m + j] += x * b.data[k * m + j];
    }
  }
  return out;
};

const transpose = (_, x) => {
  if (x.shape.length < 2) return x;
  const [rows, cols] = x.shape;
  const out = array([cols, rows]);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out.data[j * rows + i] = x.data[i * cols + j];
  return out;
};

// By its sine series, exact to rounding (Strecok, 1968); from 6 on it is 1 to rounding.
function erf(x) {
  if (Math.abs(x) >= 6) return Math.sign(x);
  let series = x / 5;
  for (let n = 1; n < 38; n++) series += (Math.sin((x * n) / 2.5) * Math.exp((-n * n) / 25)) / n;
  return (2 / Math.PI) * series;
}

const sum = (data) => data.reduce((a, b) => a + b, 0);
const softmaxRow = (row) => {
  const top = Math.max(...row);
  const e = row.map((v) => Math.exp(v - top));
  const all = sum(e);
  return e.map((v) => v / all);
};
const logSoftmaxRow = (row) => {
  const top = Math.max(...row);
  const rest = Math.log(sum(row.map((v) => Math.exp(v - top))));
  return row.map((v) => v - top - rest);
};
const sharesRow = (row) => {
  const order = [...row.keys()].sort((a, b) => row[b] - row[a] || a - b);
  let all = 0;
  const inside = order.filter((i, rank) => row[i] - ((all += row[i]) - 1) / (rank + 1) > 0);
  const found = new Float64Array(row.length);
  inside.forEach((i, rank) => (found[i] = (inside.length - rank) / inside.length));
  return found;
};
const added = (xs) => xs.slice(1).reduce((a, b) => OPERATIONS.add(null, a, b), xs[0]);

const between = (x, start, stop) => byRow(x, stop - start, (row) => row.subarray(start, stop));

const OPERATIONS = {
  same: (_, x) => x,
  repeated: (_, x) => x,
  add: zip((a, b) => a + b),
  subtract: zip((a, b) => a - b),
  multiply: zip((a, b) => a * b),
  divide: zip((a, b) => a / b),
  divided: ({ p }, x) => map(x, (v) => v / p),
  inverse: ({ q }, x) => map(x, (v) => q / v),
  maximum: zip((a, b) => Math.max(a, b)),
  minimum: zip((a, b) => Math.min(a, b)),
  logistic_loss: (_, z, t) => zip((a, b) => Math.max(a, 0) - a * b + Math.log1p(Math.exp(-Math.abs(a))))(_, z, t),
  not: (_, x) => map(x, (v) => (v ? 0 : 1)),
  and: zip((a, b) => (a && b ? 1 : 0)),
  floor: (_, x) => map(x, Math.floor),
  ceil: (_, x) => map(x, Math.ceil),
  trunc: (_, x) => map(x, Math.trunc),
  decided: (_, x) => x,
  numbers: (_, x) => x,
  greater: zip((a, b) => Number(a > b)),
  less: zip((a, b) => Number(a < b)),
  at_least: zip((a, b) => Number(a >= b)),
  at_most: zip((a, b) => Number(a <= b)),
  equal: zip((a, b) => Number(a === b)),
  negative: (_, x) => map(x, (v) => -v),
  scale: ({ p }, x) => map(x, (v) => p * v),
  shift: ({ q }, x) => map(x, (v) => v + q),
  complement: ({ q }, x) => map(x, (v) => q - v),
  square: (_, x) => map(x, (v) => v * v),
  softplus: (_, x) => map(x, (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))),
  erf: (_, x) => map(x, erf),
  sigmoid: (_, x) => map(x, (v) => 1 / (1 + Math.exp(-v))),
  positive: (_, x) => map(x, (v) => (v > 0 ? 1 : 0)),
  relu: (_, x) => map(x, (v) => Math.max(v, 0)),
  inside: ({ low, high }, x) => map(x, (v) => (v >= low && v <= high ? 1 : 0)),
  clip: ({ low, high }, x) => map(x, (v) => Math.min(Math.max(v, low), high)),
  where: (_, c, a, b) => {
    const [kept, other] = [zip((v, chosen) => (chosen ? v : 0))(null, a, c), zip((v, chosen) => (chosen ? 0 : v))(null, b, c)];
    return OPERATIONS.add(null, kept, other);
  },
  shares: (_, x) => byRow(x, columnsOf(x), sharesRow),
  block: ({ k, parts }, x) => between(x, (k * columnsOf(x)) / parts, ((k + 1) * columnsOf(x)) / parts),
  softmax: (_, x) => byRow(x, columnsOf(x), softmaxRow),
  log_softmax: (_, x) => byRow(x, columnsOf(x), logSoftmaxRow),
  matmul,
  transpose,
  total: (_, ...xs) => added(xs),
  average: (_, ...xs) => map(added(xs), (v) => v / xs.length),
  onehot: ({ size }, x) => byRow(x, size, ([k]) => Float64Array.from({ length: size }, (_none, i) => (i === k ? 1 : 0))),
  present: ({ v }, x) => byRow(x, 1, (row) => [row.some((entry) => entry !== v) ? 1 : 0]),
  cut: (_, x) => x,
  full: ({ dims, value }) => full(dims, value),
};

// The stored values: node -> array.
function decode({ nodes, shapes, bytes, data }) {
  const raw = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const numbers = bytes === 4 ? new Float32Array(raw.buffer) : new Float64Array(raw.buffer);
  const found = new Map();
  let offset = 0;
  nodes.forEach((node, k) => {
    const size = sizeOf(shapes[k]);
    found.set(node, array(shapes[k], Float64Array.from(numbers.subarray(offset, offset + size))));
    offset += size;
  });
  return found;
}

// The values of a graph where `known` are given (the leaves at least): computed when asked for, and kept. `settings` are
// entries of computed nodes that are set to other values: node -> (entry -> value). What a set entry was computed from no
// longer matters, so no derivative passes it: `cotangents` says which node holds that of a node.
class Run {
  constructor(graph, known, settings = new Map(), cotangents = new Map()) {
    this.graph = graph;
    this.known = new Map(known);
    this.settings = settings;
    this.stopped = new Map([...settings].map(([node, entries]) => [cotangents.get(node), entries]));
  }

  // What must be computed before the value of `node` is known, it included, in order.
  missing(node) {
    const found = new Set();
    const waiting = [node];
    while (waiting.length) {
      const i = waiting.pop();
      if (this.known.has(i) || found.has(i)) continue;
      found.add(i);
      waiting.push(...this.graph.nodes[i].slice(1));
    }
    return [...found].sort((a, b) => a - b);
  }

  // An operation of its own here, or a function of Math.
  operation(node) {
    const { nodes, operations, functions } = this.graph;
    const name = operations[nodes[node][0]];
    return OPERATIONS[name] ?? (functions[name] && ((_, x) => map(x, Math[functions[name]])));
  }

  // Whether it can be known: one pass finds all that cannot, for operands come before what is computed from them.
  canCompute(node) {
    this.lost ??= this.graph.nodes.reduce((lost, [, ...operands], i) => {
      const found = this.known.has(i) || (this.operation(i) && !operands.some((a) => lost.has(a)));
      return found ? lost : lost.add(i);
    }, new Set());
    return !this.lost.has(node);
  }

  value(node) {
    const { nodes, attributes } = this.graph;
    for (const i of this.known.has(node) ? [] : this.missing(node)) {
      const operands = nodes[i].slice(1).map((a) => changed(this.known.get(a), this.stopped.get(a), () => 0));
      const found = this.operation(i)(attributes[i] ?? {}, ...operands);
      this.known.set(i, changed(found, this.settings.get(i), (value) => value));
    }
    return this.known.get(node);
  }
}

// An array with other numbers at some of its entries.
function changed(x, entries, value) {
  if (!entries) return x;
  const out = array(x.shape, Float64Array.from(x.data));
  for (const [i, given] of entries) out.data[i] = value(given);
  return out;
}

// What depends on these nodes, they included.
function dependents(graph, nodes) {
  const found = new Set(nodes);
  graph.nodes.forEach(([, ...operands], i) => {
    if (!found.has(i) && operands.some((a) => found.has(a))) found.add(i);
  });
  return found;
}
