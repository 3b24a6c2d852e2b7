// The words of the page in the language that is chosen.

const say = (key, values = {}) => DATA.texts[state.language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
// A text with elements in place of words.
const filledIn = (text, values) => text.split(/(\{\w+\})/).filter(Boolean).flatMap((part) => (part.startsWith("{") ? values[part.slice(1, -1)] ?? [] : [part]));
const sentence = (key, values) => filledIn(DATA.texts[state.language][key], values);

// What a quantity is, in one sentence: of a derivative what it is taken by, of a sum over time its terms.
function meaning(name) {
  const { word } = DATA.texts[state.language];
  const { key, layer, of, line } = DATA.meanings[name];
  const said = filledIn(word[key], { of: of ? [math(nameMath([of, steps.get(of)?.[0] === null ? null : "t", 0], null))] : [], loss: [nameOf(DATA.loss)],
    term: line === null ? [] : [math(filled(line, "general", null, false).right)] });
  return layer ? filledIn(word.layer, { layer: [layer], meaning: said }) : said;
}

// Why an equation of the way back holds: through what its quantity reaches the loss.
function reason(line, t) {
  const { key, of, via } = line.reason;
  const names = via.flatMap((slot, i) => [...(i ? [", "] : []), math(nameMath(slot, t))]);
  return sentence(`because_${key}`, { of: [math(nameMath(of, t))], via: names, loss: [nameOf(DATA.loss)] });
}
