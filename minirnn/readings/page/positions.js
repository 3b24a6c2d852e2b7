// Where the run is: the overview, then every step of every sweep in the order in which they are computed.

const T = DATA.T;
// The terms of the gradient of a parameter: node and step of each.
function termsOf(name) {
  const { nodes, operations, steps: stepOf } = DATA.graph;
  let node = nodeOf.get(`${ADJOINT}${name}`);
  while (operations[nodes[node][0]] === "same" && !stepOf[nodes[node][1]]) node = nodes[node][1];
  const terms = operations[nodes[node][0]] === "total" ? nodes[node].slice(1) : [node];
  return terms.map((term) => ({ node: term, step: stepOf[term] }));
}
const GRADIENTS = new Map([...DATA.parameters.map(({ name }) => name), ...DATA.lines.filter((line) => line.adds).map((line) => line.of)]
  .filter((name) => nodeOf.has(`${ADJOINT}${name}`)).map((name) => [name, termsOf(name)])
  .filter(([, terms]) => terms.every(({ node }) => original.canCompute(node))));
const oneTerm = (name) => GRADIENTS.get(name).every(({ step }) => step === null);
const parameterOf = (line) => (GRADIENTS.has(line.of) ? line.of : null);
const termAt = (parameter, t) => GRADIENTS.get(parameter).find(({ step }) => step === t);

const POSITIONS = [{ kind: "overview", t: 0, lines: [], layer: "" }];
for (const { kind, first, last, lines, layer } of DATA.sweeps) {
  const way = last < first ? -1 : 1;
  const known = lines.filter((i) => !DATA.lines[i].adds || parameterOf(DATA.lines[i]));
  for (let t = first; ; t += way) {
    const here = known.filter((i) => (DATA.lines[i].steps ? t !== null && t >= DATA.lines[i].steps[0] && t <= DATA.lines[i].steps[1] : t === last));
    POSITIONS.push({ kind, t, lines: here, layer, begins: t === first });
    if (t === last) break;
  }
}
const LAST = POSITIONS.length - 1;
const placeOf = (position) => POSITIONS[position];
const linesAt = (position) => POSITIONS[position].lines;
const positionOf = (kind, t = null) => POSITIONS.findIndex((place) => place.kind === kind && (t === null || place.t === t));

// The step of an equation without a step of its own is the last.
const leftKey = (line, t) => keyOf(line.left, t ?? T);

// The named quantities that nodes are computed from, through whatever has no name; of one with a name itself.
function reach(...nodes) {
  const found = new Set();
  const seen = new Set(nodes);
  while (nodes.length) {
    const i = nodes.pop();
    if (named.has(i)) found.add(named.get(i).key);
    else for (const a of DATA.graph.nodes[i].slice(1)) if (!seen.has(a)) seen.add(a) && nodes.push(a);
  }
  return [...found];
}

// Named operands of a node, and the named nodes that use it.
const around = (() => {
  const inputs = new Map();
  const consumers = new Map();
  for (const [node, { key }] of named) {
    const found = reach(...DATA.graph.nodes[node].slice(1));
    inputs.set(key, found);
    for (const input of found) consumers.set(input, [...(consumers.get(input) ?? []), key]);
  }
  return { inputs, consumers };
})();
const inOrder = (keys) => [...(keys ?? [])].sort((a, b) => nodeOf.get(a) - nodeOf.get(b));

// The position at which a quantity is computed; of what is given, that at which it is first used.
const computedAt = (() => {
  const found = new Map();
  POSITIONS.forEach(({ t, lines }, position) => lines.forEach((i) => {
    const key = leftKey(DATA.lines[i], t);
    if (!found.has(key) || DATA.lines[i].adds) found.set(key, position); // of a sum the last of its terms
  }));
  for (const key of nodeOf.keys()) {
    if (found.has(key) || key.startsWith(ADJOINT)) continue;
    const uses = (around.consumers.get(key) ?? []).filter((user) => found.has(user)).map((user) => found.get(user));
    const { step } = named.get(nodeOf.get(key));
    const here = step === null ? -1 : positionOf("forward", step);
    if (uses.length) found.set(key, Math.min(...uses));
    else if (here > 0) found.set(key, here);
  }
  return found;
})();

// What an array holds where the loss is derived by it, if it is.
const adjointOf = (key) => (nodeOf.has(`${ADJOINT}${key}`) ? `${ADJOINT}${key}` : null);

function titleOf(position) {
  const { kind, t, layer } = placeOf(position);
  const key = kind === "loss" && !DATA.backward ? "at_output" : t === null && kind !== "loss" ? "at_once" : `at_${kind}`;
  const title = say(key, { t, T });
  return layer ? `${title} · ${say("in_layer", { layer })}` : title;
}
