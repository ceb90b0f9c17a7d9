// Helpers for the page's elements. Names are untrusted: they are inserted only as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export const element = (id) => document.getElementById(id);

/** Sets a text only if it differs, so that screen readers do not repeat it and selections are kept. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** An element with classes and children. */
export function make(name, classes = "", ...children) {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  made.append(...children);
  return made;
}

/** An element of SVG with these attributes. */
export function draw(name, attributes = {}, ...children) {
  const drawn = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) drawn.setAttribute(attribute, String(value));
  drawn.append(...children);
  return drawn;
}

/** Makes `parent` have one child per line. Existing children are updated in place, which keeps the
 * selection and the focus. */
export function fill(parent, lines, newChild, show) {
  while (parent.children.length > lines.length) parent.lastElementChild.remove();
  while (parent.children.length < lines.length) parent.append(newChild());
  lines.forEach((line, index) => show(parent.children[index], line, index));
}
