// The dashboard: shows what the stream brings, in the reader's language.

import { showChart } from "./chart.js";
import { Numbers } from "./numbers.js";
import { follow } from "./stream.js";
import { say, showNotices, showProducts, showReasons } from "./tables.js";
import { keepLanguage, preferredLanguage, texts } from "./texts.js";

const element = (id) => document.getElementById(id);

let language = preferredLanguage();
let numbers = new Numbers(language);
// The newest that came, and whether more keeps coming. `null`: nothing came yet.
let snapshot = null;
let connected = null;

function showLanguage() {
  document.documentElement.lang = language;
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  for (const named of document.querySelectorAll("[data-text]")) {
    say(named, texts(language)[named.dataset.text]);
  }
}

function show() {
  showState();
  if (snapshot === null) return;
  const { sold, totals, letters } = snapshot;
  const said = texts(language);
  if (sold !== null) say(element("sold"), numbers.money(sold));
  if (totals !== null) {
    say(element("as-of"), said.asOf(numbers.time(totals.as_of)));
    showProducts(totals, said, numbers);
  }
  if (letters !== null) {
    const open = letters.reduce((sum, { letters }) => sum + BigInt(letters), 0n);
    say(element("letters"), numbers.plain(open));
    element("letters").parentElement.classList.toggle("alarming", open > 0n);
    showReasons(letters, numbers);
  }
  say(element("rate"), numbers.tenths(snapshot.rate));
  say(element("peak"), said.peak(numbers.tenths(snapshot.peak)));
  say(element("lag"), numbers.plain(snapshot.lag));
  const { cancelled, ignored } = snapshot;
  element("passed").hidden = cancelled === "0" && ignored === "0";
  say(element("passed"), said.passed(numbers.plain(cancelled), numbers.plain(ignored)));
  say(element("instance"), `${snapshot.instance}, vendas ${snapshot.version}`);
}

function showState() {
  const said = texts(language);
  const state = connected === null ? "waiting" : !connected ? "gone" : snapshot.reasons.length > 0 ? "paused" : "working";
  element("state").dataset.state = state;
  say(element("state"), said[state]);
  document.body.classList.toggle("stale", state === "gone" || snapshot?.current === false);
  document.title = `${said[state]} – vendas`;
  showNotices(state === "gone" ? [[said.lost, ""]] : snapshot === null ? [] : notices(said));
}

// What a person should know, each with what the program itself says of it.
function notices(said) {
  const lines = snapshot.reasons.map(({ what, since, error }) => {
    const time = numbers.time(since);
    const known = Object.hasOwn(said.because, what);
    return [known ? said.because[what](time) : said.partition(what, time), error];
  });
  if (!snapshot.current) {
    const { totals } = snapshot;
    lines.push([totals === null ? said.unread : said.old(numbers.time(totals.as_of)), ""]);
  }
  return lines;
}

function choose(chosen) {
  language = chosen;
  numbers = new Numbers(language);
  keepLanguage(language);
  showLanguage();
  show();
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => choose(button.dataset.language));
}
showLanguage();
show();
follow(
  (arrived) => {
    snapshot = arrived;
    connected = true;
    show();
    showChart(element("chart"));
  },
  () => {
    connected = false;
    show();
  },
);
