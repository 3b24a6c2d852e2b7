// What should stand in a place is made anew for every step, and only what differs from what stands there is changed. So the
// focus, an open list and the place of a scrolled matrix stay as they are, and the browser has little to lay out and paint.

function patch(holder, wanted) {
  const there = [...holder.childNodes];
  wanted.forEach((one, i) => {
    const made = typeof one === "string" ? document.createTextNode(one) : one;
    if (i >= there.length) holder.append(made);
    else if (!becomes(there[i], made)) there[i].replaceWith(made);
  });
  there.slice(wanted.length).forEach((left) => left.remove());
}

// Makes a node of the page what it should be; false where it is of another kind.
function becomes(old, made) {
  if (old === made) return true;
  if (old.nodeName !== made.nodeName) return false;
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== made.data) old.data = made.data;
    return true;
  }
  for (const name of new Set([...old.getAttributeNames(), ...made.getAttributeNames()])) {
    const value = made.getAttribute(name);
    if (value === old.getAttribute(name) || (name === "open" && old.localName === "details")) continue;
    if (name === "style") old.style.cssText = made.style.cssText; // the policy allows no style as text
    else if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
    if (name === "value") old.value = value;
  }
  old.read = made.read;
  patch(old, [...made.childNodes]);
  return true;
}
