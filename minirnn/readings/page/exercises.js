// Questions about the reader's own network; what a wrong answer comes from is known beforehand.

const answers = new Map(); // question -> {given, ok}: kept in the page only

function practiceView() {
  const done = DATA.exercises.filter((_, i) => answers.get(i)?.ok).length;
  return [element("p", { class: "note" }, say("practice_note")),
    element("p", { class: "progress" }, say("progress", { n: done, total: DATA.exercises.length }), " ",
      element("progress", { value: String(done), max: String(DATA.exercises.length), "aria-label": say("practice") })),
    ...DATA.exercises.map(question)];
}

function question(one, i) {
  const given = answers.get(i);
  const entry = one.key ? [nameOf(one.key), ...(one.choices.length ? [] : [indexOf(one.key, one.entry)])] : [];
  const from = one.term === null ? around.inputs.get(one.key) : reach(termAt(one.key.slice(ADJOINT.length), one.term).node);
  const inputs = one.choices.length ? [] : listOf(inOrder(from));
  const body = element("article", { class: "card question" }, element("h2", {}, element("span", { class: "which" }, `${i + 1}`),
    element("span", {}, ...sentence(`ask_${one.kind}`, { entry, inputs, t: [String(one.term)] }))));
  const hidden = given?.ok || given?.shown;
  if (one.choices.length) {
    body.append(element("div", { class: "choices-of", role: "group", "aria-label": say("answers") }, ...one.choices.map((choice, k) =>
      element("button", { type: "button", class: `choice${hidden && k === one.answer ? " good" : ""}`, "data-answer": String(i), "data-choice": String(k), "aria-pressed": String(given?.given === k) }, element("code", {}, choice)))));
  } else {
    body.append(...asked(one));
    const box = element("input", { type: "text", inputmode: "decimal", "aria-label": say("answer"), value: given?.text ?? "", "data-box": String(i) });
    body.append(element("p", { class: "answering" }, box, element("button", { type: "button", class: "tool", "data-answer": String(i) }, say("check"))));
  }
  const at = placeOfQuestion(one);
  body.append(element("p", { class: given ? (given.ok ? "told good" : "told bad") : "told", role: "status" }, given?.says ?? ""),
    element("p", { class: "answering" }, ...(hidden ? [element("b", {}, one.choices[one.answer] ?? short(one.answer))] : [element("button", { type: "button", class: "tool", "data-solve": String(i) }, say("answer"))]),
      ...(at && hidden ? [element("button", { type: "button", class: "tool", "data-go": String(at), "data-then": "step" }, say("show_it"))] : [])));
  return body;
}

const placeOfQuestion = ({ key, term }) => (term === null ? computedAt.get(key)
  : POSITIONS.findIndex(({ t, lines }) => t === term && lines.some((i) => DATA.lines[i].left[0] === key)));

// The equation at hand in numbers, without its result.
function asked(one) {
  const { key } = one;
  const position = placeOfQuestion(one);
  if (!position || state.changes.size) return [];
  const { t, lines } = placeOf(position);
  const index = lines.find((i) => leftKey(DATA.lines[i], t) === key && DATA.lines[i].adds === (one.term !== null));
  return index === undefined ? [] : [row("numbers", ...inNumbers(index, t, null))];
}

function answer(i, choice = null) {
  const one = DATA.exercises[i];
  const text = choice === null ? find(`[data-box="${i}"]`).value.trim() : "";
  const value = choice ?? Number(text.replace("−", "-").replace(",", "."));
  if (choice === null && (text === "" || !Number.isFinite(value))) {
    answers.set(i, { text, ok: false, says: say("not_a_number", { text: text.slice(0, 20) }) });
  } else {
    const ok = Math.abs(value - one.answer) <= one.tolerance;
    const [, name, english] = one.wrong.find(([wrong]) => Math.abs(value - wrong) <= one.tolerance) ?? [];
    const slip = name && (one.kind === "shape" ? say(english === DATA.texts.en.shape_turned ? "shape_turned" : "shape_other") : DATA.texts[state.language].slips[name] ?? english);
    const key = one.choices.length ? "slip_line" : "slip";
    answers.set(i, { given: value, text, ok, says: ok ? say("right") : slip ? `${say("not_right")} ${say(key, { slip })}` : say("not_right") });
  }
  show();
  (find(choice === null ? `[data-box="${i}"]` : `[data-answer="${i}"][data-choice="${choice}"]`))?.focus();
}

function solve(i) {
  answers.set(i, { ...answers.get(i), shown: true, ok: answers.get(i)?.ok ?? false });
  show();
}
