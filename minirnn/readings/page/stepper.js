// The state of the page, and everything that changes it: keys, buttons, the slider, links.

const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const VIEWS = all("[role=tab]").map((tab) => tab.dataset.view);
const SPEEDS = { "0.5": 3000, 1: 1500, 2: 750, 4: 375 };

const unknown = DATA.graph.operations.filter((name) => name !== "leaf" && !(name in OPERATIONS) && !(name in DATA.graph.functions));

const state = {
  position: 0, operation: 0, view: "overview", selected: null, pointed: null, parameter: null, entry: null, dragging: false,
  sample: DATA.samples > 1 ? 0 : null, language: "en", digits: false, bare: false, timer: null, zoom: 1, dragged: false,
  changes: new Map(), run: original, boxes: [], parts: [],
};

// -------------------------------------------------------------------------------------------------------------- linking

function light() {
  const key = (state.pointed?.isConnected ? keyAt(state.pointed) : null) ?? state.selected;
  for (const lit of all(".is-lit, .is-input, .is-consumer")) lit.classList.remove("is-lit", "is-input", "is-consumer");
  if (key === null) return;
  const marks = new Map();
  const mark = (one, name) => marks.set(one, [...(marks.get(one) ?? []), name]);
  for (const one of [key, ...(nodeOf.has(key) ? [] : (steps.get(key) ?? []).map((step) => `${key}_${step}`))]) mark(one, "is-lit");
  for (const input of around.inputs.get(key) ?? []) mark(input, "is-input");
  for (const consumer of around.consumers.get(key) ?? []) mark(consumer, "is-consumer");
  for (const found of all("[data-k], [data-holds]")) {
    for (const one of [found.dataset.k, ...(found.dataset.holds?.split(" ") ?? [])]) if (marks.has(one)) found.classList.add(...marks.get(one));
  }
}

const keyAt = (target) => target.closest?.("[data-k]")?.dataset.k ?? null;
function point(target) {
  const found = target?.closest?.("[data-k]") ?? null;
  if (found === state.pointed) return;
  state.pointed = found;
  light();
}

// The equation of this position that says most of a quantity: its own; going back that of its derivative; one that uses it.
function equationOf(key) {
  const { t, kind } = placeOf(state.position);
  const found = linesAt(state.position).map((i) => DATA.lines[i]);
  const wanted = kind === "backward" ? [adjointOf(key), key] : [key, adjointOf(key)];
  for (const one of wanted) {
    const place = found.findIndex((line) => leftKey(line, t) === one);
    if (place >= 0) return place;
  }
  return found.findIndex((line) => line.right.some((slot) => keyOf(slot, t ?? T) === key));
}

function select(key, from = null) {
  state.selected = key === state.selected || !nodeOf.has(key) ? null : key;
  state.entry = state.selected !== null && placeInGraph(key) ? { key, i: firstEntry(key) } : null;
  for (const one of all(".chip")) one.setAttribute("aria-pressed", String(one.dataset.k === state.selected));
  const place = state.selected === null || state.position === 0 ? -1 : equationOf(key);
  if (place >= 0) {
    state.operation = place;
    if (from?.closest(".picture") && state.view !== "source") state.view = "step";
    const card = from?.closest(".card");
    if (!card || Number(card.dataset.op) !== place) {
      show();
      find(".card.active")?.scrollIntoView({ block: "start" });
      return;
    }
    for (const one of all("#view-step .card")) one.classList.toggle("active", Number(one.dataset.op) === place);
  }
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

const CONTENT = { step: () => [...stepView(), chipsHere()], flow: flowView, ledger: ledgerView, practice: practiceView };

// The quantities of a step as buttons, in the order of time.
function chipsHere() {
  const { t } = placeOf(state.position);
  const lines = linesAt(state.position).map((i) => DATA.lines[i]);
  const keys = lines.flatMap((line) => [...line.right.map((slot) => keyOf(slot, t ?? T)), leftKey(line, t)]);
  const known = [...new Set(keys)].filter((key) => nodeOf.has(key)).sort((a, b) => nodeOf.get(a) - nodeOf.get(b));
  return element("div", { class: "chips", role: "group", "aria-label": say("quantities") }, ...known.map(chip));
}

function show() {
  const { kind, t } = placeOf(state.position);
  const title = titleOf(state.position);
  document.documentElement.dataset.pass = kind;
  find("#where").textContent = title;
  const slider = find("#slider");
  slider.value = String(state.position);
  slider.setAttribute("aria-valuetext", title);
  find("#said").textContent = state.timer === null ? title : "";
  find(".ticks .now")?.classList.remove("now");
  find(`.ticks [data-go="${state.position}"]`)?.classList.add("now");
  for (const tab of all("[role=tab]")) {
    const open = tab.dataset.view === state.view;
    tab.setAttribute("aria-selected", String(open));
    tab.tabIndex = open ? 0 : -1;
    find(`#view-${tab.dataset.view}`).hidden = !open;
  }
  if (state.view === "parameters") showParameters();
  if (state.view === "source") markSource();
  if (state.view === "verdict") find("#browser-check").textContent = unknown.length ? "" : say("browser_check", { difference: short(browserCheck()) });
  if (CONTENT[state.view]) patch(find(`#view-${state.view}`), CONTENT[state.view]());
  for (const one of all("[data-move]")) one.disabled = one.dataset.move === "back" || one.dataset.move === "first" ? state.position === 0 : state.position === LAST;
  patch(find("#what-if"), state.changes.size ? whatIf() : []);
  usedNow = new Set(linesAt(state.position).flatMap((i) => DATA.lines[i].right.map((slot) => keyOf(slot, t ?? T))));
  showSelected();
  light();
  showPicture();
  writeLink();
}

// The lines of the program that compute the equations of this step.
function markSource() {
  const here = linesAt(state.position).map(String);
  const marked = all("#view-source .code[data-lines]").filter((line) => {
    const now = !line.dataset.when || (line.dataset.when === "first") === placeOf(state.position).begins;
    const on = state.position > 0 && now && line.dataset.lines.split(" ").some((i) => here.includes(i));
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
  for (const one of all("[data-meaning]")) one.replaceChildren(...meaning(one.dataset.meaning));
  for (const one of all("[data-reason]")) one.replaceChildren(...reason(DATA.lines[one.dataset.reason], null));
  if (unknown.length) find("#no-replay").textContent = say("no_replay", { operation: unknown.join(", ") });
  playLabel();
}

function showNumbers() {
  document.documentElement.classList.toggle("changed", state.changes.size > 0);
  if (nodeOf.has(DATA.loss)) {
    const [value] = state.run.value(nodeOf.get(DATA.loss)).data;
    find("#loss").textContent = state.digits ? signed(long(value)) : signed(trimmed(value.toPrecision(6)));
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

// --------------------------------------------------------------------------------------------------------- links, playing

function writeLink() {
  const set = [...state.changes.values()].map(({ key, i, value }) => `${key}~${i}~${value}`).join(",");
  const parts = { step: state.position, sel: state.selected, view: state.view === "step" || state.view === "overview" ? null : state.view,
    sample: DATA.samples > 1 ? state.sample ?? "all" : null, lang: state.language === DATA.language ? null : state.language, bare: state.bare ? 1 : null, set: set || null };
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
  if (state.selected !== null && state.position > 0) state.operation = Math.max(0, equationOf(state.selected));
  if (asked.has("set")) readChanges(asked.get("set"));
}

function openLink() {
  readLink();
  translate();
  show();
  if (state.operation > 0) find(".card.active")?.scrollIntoView({ block: "start" });
}

// The changed numbers of a link; what names no number here is left out.
function readChanges(text) {
  state.changes.clear();
  for (const [, key, i, value] of text.matchAll(/([^~,]+)~(\d+)~([^~,]+)/g)) {
    const place = nodeOf.has(key) ? placeInGraph(key) : null;
    const [index, number_] = [Number(i), Number(value)];
    if (!place || index >= original.value(nodeOf.get(key)).data.length || !Number.isFinite(number_)) continue;
    const at = place.entry(index);
    state.changes.set(`${place.node}:${at}`, { key, i: index, node: place.node, at, value: number_ });
  }
  if (state.changes.size) recompute();
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

// For a lecture: the picture and one equation, large, over the whole screen.
function lecture(on = !document.documentElement.classList.contains("lecture")) {
  document.documentElement.classList.toggle("lecture", on);
  find("#lecture").setAttribute("aria-pressed", String(on));
  if (on && state.view !== "flow") look("step");
  if (on) document.documentElement.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
  fitPicture();
}
