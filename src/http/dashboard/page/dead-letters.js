// Dead letters by reason with advice, and notices.

import { element, fill, make, say } from "./elements.js";
import { advice } from "./reasons.js";

/** The number of reasons that are explained; the others are counted. */
const EXPLAINED = 6;

/** Shows the number of open dead letters and their reasons. */
export function showDeadLetters(letters, language, texts, numbers) {
  const sum = (counts) => counts.reduce((sum, { letters }) => sum + BigInt(letters), 0n);
  const open = sum(letters);
  say(element("letters"), numbers.plain(open));
  element("letters").classList.toggle("alarming", open > 0n);
  say(element("letters-unit"), open > 0n ? texts.lettersUnit : texts.noLetters);
  element("what-to-do").hidden = open === 0n;
  fill(element("reasons"), letters.slice(0, EXPLAINED), entry, (entry, { reason, letters: count }) => {
    const [heading, text, commands] = entry.children;
    const [title, what, replay] = advice(reason, language);
    const [number, , name, , code] = heading.childNodes;
    say(number, numbers.plain(count));
    say(name, title);
    say(code, reason);
    say(text, what);
    const [list, settle] = commands.children;
    showCommand(list, `vendas dead-letters list --reason ${reason}`);
    showCommand(settle, replay
      ? `vendas dead-letters replay --reason ${reason}`
      : `vendas dead-letters discard --reason ${reason} --because "…"`);
  });
  const others = letters.slice(EXPLAINED);
  const more = element("more-letters");
  more.hidden = others.length === 0;
  say(more, texts.moreLetters(numbers.plain(sum(others))));
}

/** Shows notices for the operator: lines, each with the program's message in English. */
export function showNotices(lines) {
  const list = element("notices");
  fill(list, lines, notice, (entry, [line, detail]) => {
    const [text, small] = entry.children;
    say(text, line);
    say(small, detail);
  });
  list.hidden = lines.length === 0;
}

// Lines break only between words: browsers also break after hyphens, as in `--because`.
function showCommand(place, command) {
  fill(place, command.split(" "), () => make("span"), (word, text) => say(word, `${text} `));
}

function entry() {
  const heading = make("p", "reason", make("strong"), " ", make("span"), " ", make("code"));
  return make("li", "", heading, make("p", "advice"), make("p", "commands", make("code"), make("code")));
}

function notice() {
  const detail = make("small");
  detail.lang = "en";
  return make("li", "", make("span"), " ", detail);
}
