// The state of the page, and everything that changes it: keys, buttons, the slider, links, numbers that are changed.

const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const VIEWS = all("[role=tab]").map((tab) => tab.dataset.view);
const SPEEDS = { "0.5": 3000, 1: 1500, 2: 750, 4: 375 };

const unknown = DATA.graph.operations.filter((name) => name !== "leaf" && !(name in OPERATIONS) && !(name in DATA.graph.functions));

const state = {
  position: 0, operation: 0, view: "overview", selected: null, hovered: null, parameter: null,
  sample: DATA.samples > 1 ? 0 : null, language: "en", digits: false, bare: false, timer: null,
  changes: new Map(), original, run: original, replays: unknown.length === 0, boxes: [], edges: [],
};

// -------------------------------------------------------------------------------------------------------------- linking

function light() {
  const key = state.hovered ?? state.selected;
  for (const lit of all(".is-lit, .is-input, .is-consumer")) lit.classList.remove("is-lit", "is-input", "is-consumer");
  if (key === null) return;
  const mark = (one, name) => all(`[data-k="${CSS.escape(one)}"], [data-holds~="${CSS.escape(one)}"]`).forEach((found) => found.classList.add(name));
  mark(key, "is-lit");
  if (!nodeOf.has(key)) for (const step of steps.get(key) ?? []) mark(`${key}_${step}`, "is-lit");
  for (const input of around.inputs.get(key) ?? []) mark(input, "is-input");
  for (const consumer of around.consumers.get(key) ?? []) mark(consumer, "is-consumer");
}

const keyAt = (target) => target.closest?.("[data-k]")?.dataset.k ?? null;
function hover(key) {
  if (key === state.hovered) return;
  state.hovered = key;
  light();
}

function select(key) {
  state.selected = key === state.selected || !nodeOf.has(key) ? null : key;
  for (const one of all(".chip")) one.setAttribute("aria-pressed", String(one.dataset.k === state.selected));
  showSelected();
  light();
  writeLink();
}

// ------------------------------------------------------------------------------------------------------------- showing

function go(position, operation = 0) {
  const kept = Math.min(Math.max(position, 0), LAST);
  if (kept !== state.position) state.operation = operation;
  if (state.view === "overview" && kept > 0) state.view = "step";
  else if (state.view === "step" && kept === 0) state.view = "overview";
  state.position = kept;
  show();
}

function look(view) {
  state.view = view;
  if (view === "overview") state.position = 0;
  if (view === "step" && state.position === 0) state.position = 1;
  show();
}

const CONTENT = { step: stepView, flow: flowView, ledger: ledgerView };
const shownLast = { inspector: null, parameters: null };

function show() {
  const { kind } = placeOf(state.position);
  const title = titleOf(state.position);
  document.documentElement.dataset.pass = kind;
  find("#where").textContent = title;
  const slider = find("#slider");
  slider.value = String(state.position);
  slider.setAttribute("aria-valuetext", title);
  find("#said").textContent = state.timer === null ? title : "";
  find(".ticks .now")?.classList.remove("now");
  find(".ticks").children[state.position].classList.add("now");
  for (const tab of all("[role=tab]")) {
    const open = tab.dataset.view === state.view;
    tab.setAttribute("aria-selected", String(open));
    tab.tabIndex = open ? 0 : -1;
    find(`#view-${tab.dataset.view}`).hidden = !open;
  }
  if (state.view === "parameters") showParameters();
  if (state.view === "source") markSource();
  if (state.view === "verdict") find("#browser-check").textContent = state.replays ? say("browser_check", { difference: short(browserCheck()) }) : "";
  if (CONTENT[state.view]) find(`#view-${state.view}`).replaceChildren(...CONTENT[state.view]());
  for (const one of all("[data-move]")) one.disabled = one.dataset.move === "back" || one.dataset.move === "first" ? state.position === 0 : state.position === LAST;
  paintPicture();
  scrollPicture();
  showSelected();
  light();
  writeLink();
}

// What stands in the side panel: the pinned quantity, or that of the equation at hand.
function showSelected(again = false) {
  const found = linesAt(state.position);
  const at = DATA.lines[found[Math.min(state.operation, found.length - 1)]];
  const key = state.selected ?? (at && state.position ? leftKey(at, placeOf(state.position).t) : DATA.first);
  if (!key || !nodeOf.has(key)) return;
  const what = [key, state.run, state.selected, state.sample, state.digits, state.language];
  if (!again && what.every((part, i) => part === shownLast.inspector?.[i])) return;
  shownLast.inspector = what;
  find("#inspector").replaceChildren(...inspector(key));
}

// The matrices of the parameters: anew only where something about them has changed.
function showParameters() {
  const what = [state.run, state.digits];
  if (what.every((part, i) => part === shownLast.parameters?.[i])) return;
  shownLast.parameters = what;
  for (const cell of all("[data-value]")) {
    const key = cell.dataset.value;
    cell.replaceChildren(matrixTable(state.run.value(nodeOf.get(key)), { key, label: key }));
  }
}

function scrollPicture() {
  const now = state.boxes.find(({ group }) => group.classList.contains("now"));
  if (now && state.frame) state.frame.holder.scrollLeft = now.x * state.frame.scale - state.frame.width / 2;
}

// The picture at a size that leaves room for the rest; what is too wide for the page scrolls with the step.
function fitPicture() {
  const [holder, drawn] = [find(".picture"), find(".picture svg")];
  if (!drawn) return;
  const { width, height } = drawn.viewBox.baseVal;
  const scale = Math.max(0.5, Math.min(1.1, holder.clientWidth / width, (0.4 * innerHeight) / height));
  drawn.style.width = `${width * scale}px`;
  state.frame = { holder, scale, width: holder.clientWidth };
  scrollPicture();
}

// The lines of the program that compute the equations of this step.
function markSource() {
  const here = linesAt(state.position).map(String);
  const marked = all("#view-source .code[data-lines]").filter((line) => {
    const on = state.position > 0 && line.dataset.lines.split(" ").some((i) => here.includes(i));
    line.classList.toggle("marked", on);
    return on;
  });
  const holder = find("#view-source pre");
  if (marked.length) holder.scrollTop = marked[0].offsetTop - holder.clientHeight / 3;
}

// What depends on the language or on changed numbers, but not on the position.
function translate() {
  document.documentElement.lang = state.language;
  for (const one of all("[data-say]")) one.textContent = say(one.dataset.say, one.dataset);
  for (const one of all("[data-say-label]")) one.setAttribute("aria-label", say(one.dataset.sayLabel)), one.title = say(one.dataset.sayLabel);
  for (const one of all("[data-word]")) one.textContent = DATA.texts[state.language].word[one.dataset.word];
  for (const one of all("[data-meaning]")) one.textContent = meaning(one.dataset.meaning);
  if (!state.replays) find("#no-replay").textContent = say("no_replay", { operation: unknown.join(", ") });
  playLabel();
}

function recompute() {
  if (state.changes.size) {
    const known = new Map(leaves);
    for (const [leaf, entries] of state.changes) {
      const x = array(leaves.get(leaf).shape, Float64Array.from(leaves.get(leaf).data));
      for (const [i, value] of entries) x.data[i] = value;
      known.set(leaf, x);
    }
    state.run = new Run(DATA.graph, known);
  } else {
    state.run = original;
  }
  showNumbers();
  show();
}

function showNumbers() {
  const changed = [...state.changes.values()].reduce((n, entries) => n + entries.size, 0);
  find("#what-if").classList.toggle("on", changed > 0);
  find("#changed").textContent = say("changed", { n: changed });
  if (nodeOf.has("L")) {
    const [now, was] = [state.run, original].map((run) => run.value(nodeOf.get("L")).data[0]);
    find("#loss").textContent = state.digits ? signed(long(now)) : signed(trimmed(now.toPrecision(6)));
    find("#was").textContent = changed ? `${say("was")} ${signed(trimmed(was.toPrecision(6)))}` : "";
  }
}

// The largest relative difference between what the browser computes and what the trace holds.
function browserCheck() {
  const again = new Run(DATA.graph, leaves);
  let worst = 0;
  for (const [node, x] of stored) {
    const y = again.value(node);
    const top = largest(x.data) || 1;
    for (let i = 0; i < x.data.length; i++) worst = Math.max(worst, Math.abs(x.data[i] - y.data[i]) / top);
  }
  return worst;
}

// --------------------------------------------------------------------------------------------------------- changing one

function edit(cell) {
  const key = keyAt(cell);
  const { leaf, entry } = placeInLeaf(key);
  const i = entry(Number(cell.dataset.entry));
  const box = element("input", { type: "text", inputmode: "decimal", "aria-label": say("new_value"), value: cell.title });
  const done = (keep) => {
    if (!box.isConnected) return;
    const value = Number(box.value.trim().replace("−", "-").replace(",", "."));
    if (keep && (box.value.trim() === "" || !Number.isFinite(value))) {
      box.setAttribute("aria-invalid", "true");
      box.title = say("not_a_number");
      return;
    }
    if (keep) change(leaf, i, value);
    else showSelected(true);
    find(`#inspector [data-entry="${cell.dataset.entry}"]`)?.focus();
  };
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") done(true);
    if (event.key === "Escape") done(false);
  });
  box.addEventListener("blur", () => box.isConnected && done(Number.isFinite(Number(box.value)) && box.value.trim() !== ""));
  cell.replaceChildren(box);
  box.focus();
  box.select();
}

function change(leaf, i, value) {
  const entries = state.changes.get(leaf) ?? new Map();
  if (value === leaves.get(leaf).data[i]) entries.delete(i);
  else entries.set(i, value);
  if (entries.size) state.changes.set(leaf, entries);
  else state.changes.delete(leaf);
  recompute();
}

function reset() {
  state.changes.clear();
  recompute();
}

async function copy(key, button) {
  const text = `${key.replace(/[^\w]/g, "_")} = ${literal(state.run.value(nodeOf.get(key)))}`;
  const box = element("textarea", {}, text); // works in a file and in a frame, where the clipboard is out of reach
  button.after(box);
  box.select();
  if (!document.execCommand("copy")) await navigator.clipboard?.writeText(text);
  box.remove();
  button.focus();
  button.textContent = say("copied");
  setTimeout(() => (button.textContent = say("copy")), 1200);
}

// --------------------------------------------------------------------------------------------------------- links, playing

function writeLink() {
  const parts = { step: state.position, sel: state.selected, view: state.view === "step" || state.view === "overview" ? null : state.view,
    sample: DATA.samples > 1 ? state.sample ?? "all" : null, lang: state.language === DATA.language ? null : state.language, bare: state.bare ? 1 : null };
  const text = Object.entries(parts).filter(([, value]) => value !== null).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
  try {
    history.replaceState(null, "", `#${text}`);
  } catch { /* a frame without an address of its own */ }
}

function readLink() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const position = Number(asked.get("step") ?? state.position);
  state.position = Number.isInteger(position) ? Math.min(Math.max(position, 0), LAST) : 0;
  state.selected = nodeOf.has(asked.get("sel")) ? asked.get("sel") : null;
  state.view = VIEWS.includes(asked.get("view")) ? asked.get("view") : state.position ? "step" : "overview";
  if (state.view === "overview") state.position = 0;
  if (state.view === "step" && state.position === 0) state.position = Math.min(1, LAST);
  if (asked.get("lang") in DATA.texts) state.language = asked.get("lang");
  if (asked.get("sample") === "all") state.sample = null;
  else if (DATA.samples > 1 && Number(asked.get("sample")) < DATA.samples && asked.get("sample")) state.sample = Math.max(0, Math.floor(Number(asked.get("sample"))));
  state.bare = asked.get("bare") === "1";
  document.documentElement.classList.toggle("bare", state.bare);
  find("#language").value = state.language;
  if (find("#sample")) find("#sample").value = state.sample === null ? "all" : String(state.sample);
}

function play(on = state.timer === null) {
  clearInterval(state.timer);
  if (on && state.position === LAST) go(0);
  state.timer = on ? setInterval(() => (state.position < LAST ? go(state.position + 1) : play(false)), SPEEDS[find("#speed").value]) : null;
  playLabel();
}
function playLabel() {
  const word = say(state.timer === null ? "play" : "pause");
  const button = find("#play");
  button.setAttribute("aria-label", word);
  button.title = word;
  button.classList.toggle("playing", state.timer !== null);
}

function nextOperation(by) {
  const place = state.operation + by;
  if (state.position > 0 && place >= 0 && place < linesAt(state.position).length) {
    state.operation = place;
    show();
  } else {
    const position = state.position + by;
    if (position < 0 || position > LAST) return;
    go(position, by > 0 ? 0 : Math.max(0, linesAt(position).length - 1));
  }
  find(".card.active")?.scrollIntoView({ block: "nearest" });
}

const MOVES = { first: () => go(0), back: () => go(state.position - 1), next: () => go(state.position + 1), last: () => go(LAST) };
const other = (kind) => {
  const { t } = placeOf(state.position);
  if (t) go(positionOf(kind, t));
};
const KEYS = {
  ArrowLeft: MOVES.back, ArrowRight: MOVES.next, Home: MOVES.first, End: MOVES.last, " ": () => play(),
  f: () => other("forward"), b: () => DATA.backward && other("backward"), l: () => go(positionOf("loss")),
  d: () => toggleDigits(), Escape: () => (find("#help").open ? find("#help").close() : select(null)), "?": () => find("#help").showModal(),
};

function toggleDigits() {
  state.digits = !state.digits;
  find("#digits").setAttribute("aria-pressed", String(state.digits));
  showNumbers();
  show();
}

// ------------------------------------------------------------------------------------------------------------- listening

document.addEventListener("keydown", (event) => {
  const on = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || on.closest("input[type=text], select, textarea")) return;
  if (find("#help").open) return;
  if ((event.key === " " || event.key === "Enter") && on.closest("button, summary, a")) return;
  if (event.key === "Enter" && on.dataset?.entry) return edit(on);
  const arrow = event.key.startsWith("Arrow");
  if (arrow && on.closest("[role=tab]")) return arrowIn(event, all("[role=tab]"), (tab) => look(tab.dataset.view));
  if (arrow && on.closest(".chart")) return arrowIn(event, [...on.closest(".chart").children], () => {});
  if (arrow && on.closest(".scroll, .picture") && on.closest(".scroll, .picture").scrollWidth > on.closest(".scroll, .picture").clientWidth) return;
  if (event.shiftKey && arrow) nextOperation(event.key === "ArrowRight" ? 1 : -1);
  else if (event.key in KEYS && (on.id !== "slider" || !arrow)) KEYS[event.key]();
  else return;
  event.preventDefault();
});

function arrowIn(event, items, then) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  const next = items[(items.indexOf(document.activeElement) + by + items.length) % items.length];
  next.focus();
  then(next);
  event.preventDefault();
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on("[data-move]")) MOVES[on("[data-move]").dataset.move]();
  else if (on("[role=tab]")) look(on("[role=tab]").dataset.view);
  else if (on("[data-ledger]")) (state.parameter = on("[data-ledger]").dataset.ledger), show();
  else if (on("[data-go]")) go(Number(on("[data-go]").dataset.go));
  else if (on("[data-copy]")) copy(on("[data-copy]").dataset.copy, on("[data-copy]"));
  else if (on("[data-unpin]")) select(null);
  else if (on("[data-entry]")) on("[data-entry] input") || edit(on("[data-entry]"));
  else if (on("#play")) play();
  else if (on("#digits")) toggleDigits();
  else if (on("#reset")) reset();
  else if (on("#keys")) find("#help").showModal();
  else if (on("#close")) find("#help").close();
  else if (on("#inspector .matrix")) return;
  else if (on("[data-k]")) select(keyAt(event.target));
});
for (const [type, key] of [["pointerover", keyAt], ["focusin", keyAt], ["pointerleave", () => null]]) {
  document.addEventListener(type, (event) => hover(key(event.target)));
}
document.addEventListener("focusout", () => hover(null));
find("#slider").addEventListener("input", (event) => go(Number(event.target.value)));
find("#speed").addEventListener("change", () => state.timer !== null && (clearInterval(state.timer), (state.timer = null), play(true)));
find("#language").addEventListener("change", (event) => {
  state.language = event.target.value;
  translate();
  showNumbers();
  show();
});
find("#sample")?.addEventListener("change", (event) => {
  state.sample = event.target.value === "all" ? null : Number(event.target.value);
  show();
});
addEventListener("resize", fitPicture);
addEventListener("hashchange", () => {
  readLink();
  translate();
  show();
});

// On paper every step is spelled out.
function spellOut() {
  find("#print").replaceChildren(...Array.from({ length: LAST }, (_, i) =>
    element("section", {}, element("h2", {}, titleOf(i + 1)), ...stepView(i + 1))));
}
addEventListener("beforeprint", spellOut);
addEventListener("afterprint", () => find("#print").replaceChildren());

// --------------------------------------------------------------------------------------------------------------- starting

for (const group of all(".picture g.node")) {
  const key = group.dataset.k;
  if (!nodeOf.has(key) || DATA.parameters.some(({ name }) => name === key)) continue;
  const { x, width } = group.getBBox();
  const { step } = named.get(nodeOf.get(key));
  const held = [`${ADJOINT}${key}`, ...(group.dataset.holds ?? "").split(" ").filter((other) => other.startsWith(ADJOINT))];
  const derived = held.some((other) => named.get(nodeOf.get(other))?.step === step);
  state.boxes.push({ group, key, step, derived, x: x + width / 2 });
}
for (const group of all(".picture g.edge")) { // its id is drawn-h_2--h_3
  const [source, target] = group.id.replace("drawn-", "").split("--")
    .map((key) => state.boxes.find((box) => box.key === key.split("_from_")[0]));
  if (source && target) state.edges.push({ group, source, target });
}
state.language = navigator.languages?.map((tag) => tag.slice(0, 2)).find((tag) => tag in DATA.texts) ?? DATA.language;
document.documentElement.classList.add("live");
readLink();
translate();
showNumbers();
fitPicture();
show();
setTimeout(() => [...GRADIENTS.keys()].forEach(ledgerOf)); // so that the first step back is as quick as the others
