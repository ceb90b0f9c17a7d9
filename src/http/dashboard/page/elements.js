// What all parts of the page make of its elements. Names come from strangers: they only ever become
// text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const element = (id) => document.getElementById(id);

/** Sets a text where it is another one, so that nothing is announced or selected anew in vain. */
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

/** Gives `parent` a child for each line. Those that are there stay, and only their texts change: what a
 * reader has selected, or stands on, stays so. */
export function fill(parent, lines, newChild, show) {
  while (parent.children.length > lines.length) parent.lastElementChild.remove();
  while (parent.children.length < lines.length) parent.append(newChild());
  lines.forEach((line, index) => show(parent.children[index], line, index));
}
