// The dashboard: shows the events of the stream in the user's language.

import { Bars } from "./bars.js";
import { element, say } from "./elements.js";
import { beforeName, clearFigures, showFigures } from "./figures.js";
import { showLetters, showNotices } from "./letters.js";
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
  const said = texts(language);
  for (const named of document.querySelectorAll("[data-text]")) say(named, said[named.dataset.text]);
  for (const named of document.querySelectorAll("[data-label]")) named.setAttribute("aria-label", said[named.dataset.label]);
}

function showSales() {
  const said = texts(language);
  const period = chosenPeriod();
  const day = sales !== null && ["today", "yesterday"].includes(period)
    ? `, ${numbers.moment(sales.since, NAMES.day)}` : "";
  say(element("period-title"), said.titles[period] + day);
  say(element("sales-title"), said.salesBy[sales?.unit ?? USUAL[period]]);
  for (const part of document.querySelectorAll("#bars, #as-table, .products .scroller")) part.hidden = sales === null;
  if (sales === null) {
    for (const part of document.querySelectorAll("#empty, #no-products, #legend")) part.hidden = true;
    clearFigures();
    return;
  }
  showFigures(sales, numbers, said);
  showProducts(sales, said, numbers);
  const before = sales.since_before === null ? null : said.legend[period];
  const times = timesOf(sales).map(({ name, line }) => barOf(name, line, said, before));
  say(element("sales-caption"), `${said.salesBy[sales.unit]}: ${said.titles[period]}${day}`);
  const [now, ago] = element("legend").children;
  say(now, said.titles[period].toLocaleLowerCase(language));
  say(ago, before ?? "");
  const empty = sales.times.total.orders === 0 && sales.times.total.total === "0.00";
  element("legend").hidden = before === null || empty;
  bars.show(times, numbers);
  showTimes(times, said.unit[sales.unit], before, said, numbers);
  showEmpty(empty, said);
}

function showEmpty(empty, said) {
  const place = element("empty");
  place.hidden = !empty;
  element("bars").hidden = empty;
  element("as-table").hidden = empty;
  if (!empty) return;
  const [lead, hint, command] = place.children;
  say(lead, sales.begun ? said.noSales : said.noOrders);
  say(hint, sales.begun ? said.noSalesHint : said.noOrdersHint(snapshot?.topics ?? ""));
  command.hidden = sales.begun;
  say(command.firstChild, "vendas simulate --rate 5/s");
}

// A bar of the chart, and a line of its table.
function barOf(name, line, said, before) {
  const { unit, period } = sales;
  const total = line?.total ?? null;
  const orders = line === null ? null : String(line.orders);
  const ago = line?.before?.total ?? null;
  const full = numbers.moment(name, NAMES[unit]);
  const hour = unit === "hour" && said.hourLabel !== null ? said.hourLabel(Number(name.slice(11, 13))) : null;
  const label = hour ?? numbers.moment(name, LABELS[unit === "day" && period === "7d" ? "week" : unit]);
  const figures = [`${full}: ${numbers.money(total)}`];
  if (orders !== null) figures.push(said.orderCount(numbers.plain(orders)));
  if (before !== null && ago !== null) figures.push(`${before} ${numbers.money(ago)}`);
  return { step: unit, name: full, label, total, before: ago, orders, text: figures.join(" · ") };
}

function show() {
  showState();
  if (snapshot === null) return;
  const said = texts(language);
  const { letters, cancelled, ignored, as_of: asOf } = snapshot;
  const unknown = sales?.times.unknown_time_orders ?? 0;
  const notes = [];
  if (asOf !== null && sales !== null) notes.push(said.asOf(numbers.time(asOf)));
  if (unknown > 0) notes.push(said.unknownTime(said.orderCount(numbers.plain(String(unknown)))));
  say(element("as-of"), notes.join(" · "));
  if (letters !== null) showLetters(letters, language, said, numbers);
  say(element("rate"), numbers.tenths(snapshot.rate));
  say(element("peak"), said.peak(numbers.tenths(snapshot.peak)));
  say(element("lag"), numbers.plain(snapshot.lag));
  say(element("lag-unit"), snapshot.lag === null ? said.lagUnknown : said.lagUnit);
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
  document.body.classList.toggle("gone", state === "gone");
  document.title = `${said[state]} – vendas`;
  showNotices(state === "gone" ? lost(said) : snapshot === null ? [] : notices(said));
}

// The notices for a lost connection.
function lost(said) {
  const lines = [[said.lost(numbers.time(arrivedAt)), ""]];
  // A period that was selected since then has no figures.
  if (sales !== null) lines.push([said.lastFigures(numbers.time(snapshot?.as_of ?? arrivedAt)), ""]);
  return lines;
}

// The notices for the operator, each with the program's message.
function notices(said) {
  const lines = snapshot.reasons.map(({ what, since, error }) => {
    const time = numbers.time(since);
    const known = Object.hasOwn(said.because, what);
    return [known ? said.because[what](time) : said.partition(what, time), error];
  });
  if (!snapshot.current) {
    const { as_of: asOf } = snapshot;
    lines.push([asOf === null ? said.unread : said.old(numbers.time(asOf)), ""]);
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
