// The dashboard: shows the events of the stream in the user's language.

import { Bars } from "./bars.js";
import { element, say } from "./elements.js";
import { beforeName, clearFigures, showFigures } from "./figures.js";
import { showDeadLetters, showNotices } from "./dead-letters.js";
import { Numbers } from "./numbers.js";
import { chosenPeriod, followPeriod, timesOf } from "./period.js";
import { Rates } from "./rate.js";
import { follow } from "./stream.js";
import { showProducts, showTimes } from "./tables.js";
import { keepLanguage, preferredLanguage, texts } from "./texts.js";

// Time formats: on the axis, and in full.
const LABELS = {
  hour: { hour: "numeric" },
  day: { day: "numeric", month: "short" },
  week: { weekday: "short", day: "numeric" },
  month: { month: "short", year: "2-digit" },
};
const NAMES = {
  hour: { weekday: "long", hour: "numeric", minute: "2-digit" },
  day: { weekday: "long", day: "numeric", month: "long" },
  month: { month: "long", year: "numeric" },
};

/** The unit of a bar until it is known. */
const USUAL = { today: "hour", yesterday: "hour", "7d": "day", "30d": "day", all: "month" };

let language = preferredLanguage();
let numbers = new Numbers(language);
// The latest events, and whether the stream is connected. `null`: no event yet.
let sales = null;
let snapshot = null;
let connected = null;
// When the latest event arrived, or the page was opened, by the browser's clock.
let arrivedAt = Date.now();

const bars = new Bars(element("bars"));
const rates = new Rates(element("history"));

function showLanguage() {
  document.documentElement.lang = language;
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  const text = texts(language);
  for (const named of document.querySelectorAll("[data-text]")) say(named, text[named.dataset.text]);
  for (const named of document.querySelectorAll("[data-label]")) named.setAttribute("aria-label", text[named.dataset.label]);
}

function showSales() {
  const text = texts(language);
  const period = chosenPeriod();
  const day = sales !== null && ["today", "yesterday"].includes(period)
    ? `, ${numbers.moment(sales.since, NAMES.day)}` : "";
  say(element("period-title"), text.titles[period] + day);
  say(element("sales-title"), text.salesBy[sales?.unit ?? USUAL[period]]);
  for (const part of document.querySelectorAll("#bars, #as-table, .products .scroller")) part.hidden = sales === null;
  if (sales === null) {
    for (const part of document.querySelectorAll("#empty, #no-products, #legend")) part.hidden = true;
    clearFigures();
    return;
  }
  showFigures(sales, numbers, text);
  showProducts(sales, text, numbers);
  const before = sales.since_before === null ? null : text.legend[period];
  const times = timesOf(sales).map(({ name, line }) => barOf(name, line, text, before));
  say(element("sales-caption"), `${text.salesBy[sales.unit]}: ${text.titles[period]}${day}`);
  const [now, ago] = element("legend").children;
  say(now, text.titles[period].toLocaleLowerCase(language));
  say(ago, before ?? "");
  const empty = sales.times.total.orders === 0 && sales.times.total.total === "0.00";
  element("legend").hidden = before === null || empty;
  bars.show(times, numbers);
  showTimes(times, text.unit[sales.unit], before, text, numbers);
  showEmpty(empty, text);
}

function showEmpty(empty, text) {
  const place = element("empty");
  place.hidden = !empty;
  element("bars").hidden = empty;
  element("as-table").hidden = empty;
  if (!empty) return;
  const [lead, hint, command] = place.children;
  say(lead, sales.begun ? text.noSales : text.noOrders);
  say(hint, sales.begun ? text.noSalesHint : text.noOrdersHint(snapshot?.topics ?? ""));
  command.hidden = sales.begun;
  say(command.firstChild, "vendas simulate --rate 5/s");
}

// A bar of the chart, and a line of its table.
function barOf(name, line, text, before) {
  const { unit, period } = sales;
  const total = line?.total ?? null;
  const orders = line === null ? null : String(line.orders);
  const ago = line?.before?.total ?? null;
  const full = numbers.moment(name, NAMES[unit]);
  const hour = unit === "hour" && text.hourLabel !== null ? text.hourLabel(Number(name.slice(11, 13))) : null;
  const label = hour ?? numbers.moment(name, LABELS[unit === "day" && period === "7d" ? "week" : unit]);
  const figures = [`${full}: ${numbers.money(total)}`];
  if (orders !== null) figures.push(text.orderCount(numbers.plain(orders)));
  if (before !== null && ago !== null) figures.push(`${before} ${numbers.money(ago)}`);
  return { step: unit, name: full, label, total, before: ago, orders, text: figures.join(" · ") };
}

function show() {
  showState();
  if (snapshot === null) return;
  const text = texts(language);
  const { letters, cancelled, ignored, as_of: asOf } = snapshot;
  const unknown = sales?.times.unknown_time_orders ?? 0;
  const notes = [];
  if (asOf !== null && sales !== null) notes.push(text.asOf(numbers.time(asOf)));
  if (unknown > 0) notes.push(text.unknownTime(text.orderCount(numbers.plain(String(unknown)))));
  say(element("as-of"), notes.join(" · "));
  if (letters !== null) showDeadLetters(letters, language, text, numbers);
  say(element("rate"), numbers.tenths(snapshot.rate));
  say(element("peak"), text.peak(numbers.tenths(snapshot.peak)));
  say(element("lag"), numbers.plain(snapshot.lag));
  say(element("lag-unit"), snapshot.lag === null ? text.lagUnknown : text.lagUnit);
  element("passed").hidden = cancelled === "0" && ignored === "0";
  say(element("passed"), text.passed(numbers.plain(cancelled), numbers.plain(ignored)));
  say(element("instance"), `${snapshot.instance}, vendas ${snapshot.version}`);
}

function showState() {
  const text = texts(language);
  const state = connected === null ? "waiting" : !connected ? "gone" : snapshot.reasons.length > 0 ? "paused" : "working";
  element("state").dataset.state = state;
  say(element("state"), text[state]);
  document.body.classList.toggle("stale", state === "gone" || snapshot?.current === false);
  document.body.classList.toggle("gone", state === "gone");
  document.title = `${text[state]} – vendas`;
  showNotices(state === "gone" ? lost(text) : snapshot === null ? [] : notices(text));
}

// The notices for a lost connection.
function lost(text) {
  const lines = [[text.lost(numbers.time(arrivedAt)), ""]];
  // A period that was selected since then has no figures.
  if (sales !== null) lines.push([text.lastFigures(numbers.time(snapshot?.as_of ?? arrivedAt)), ""]);
  return lines;
}

// The notices for the operator, each with the program's message.
function notices(text) {
  const lines = snapshot.reasons.map(({ what, since, error }) => {
    const time = numbers.time(since);
    const known = Object.hasOwn(text.because, what);
    return [known ? text.because[what](time) : text.partition(what, time), error];
  });
  if (!snapshot.current) {
    const { as_of: asOf } = snapshot;
    lines.push([asOf === null ? text.unread : text.old(numbers.time(asOf)), ""]);
  }
  return lines;
}

function showAll() {
  numbers = new Numbers(language, sales?.currency, sales?.decimals);
  showLanguage();
  showSales();
  show();
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    language = button.dataset.language;
    keepLanguage(language);
    showAll();
  });
}
const reopen = follow(chosenPeriod, {
  history: (arrived) => rates.begin(arrived),
  sales: (arrived) => {
    sales = arrived;
    numbers = new Numbers(language, sales.currency, sales.decimals);
    showSales();
  },
  snapshot: (arrived) => {
    snapshot = arrived;
    connected = true;
    arrivedAt = Date.now();
    rates.add(arrived.rate);
    // The hint for a page without orders names the topics of the snapshot.
    if (sales !== null && !sales.begun) showSales();
    show();
  },
}, () => {
  connected = false;
  show();
});
followPeriod(element("periods"), () => {
  sales = null;
  showSales();
  show();
  reopen();
});
showAll();
