// The selected period, which is part of the page's URL.

const PERIODS = ["today", "yesterday", "7d", "30d", "all"];
const PARAMETER = "period";

/** The period in the URL; by default today. */
export function chosenPeriod() {
  const named = new URLSearchParams(location.search).get(PARAMETER);
  return PERIODS.includes(named) ? named : PERIODS[0];
}

/** Marks the period in `nav`, and calls `changed` when another one is selected, there or with the
 * browser's buttons. */
export function followPeriod(nav, changed) {
  const show = () => {
    for (const link of nav.querySelectorAll("a")) {
      if (link.dataset.period === chosenPeriod()) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };
  nav.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    // Other buttons and modifier keys open a tab.
    if (link === null || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (link.dataset.period === chosenPeriod()) return;
    history.pushState(null, "", link.href);
    show();
    changed();
  });
  addEventListener("popstate", () => {
    show();
    changed();
  });
  show();
}

/** All hours, days or months of a period, including those without sales. */
export function timesOf({ unit, since, until, period, times }) {
  const lines = times[`${unit}s`];
  const first = since ?? lines[0]?.[unit];
  if (first === undefined) return [];
  // The current day is shown until its end.
  const end = period === "today" ? since.replace(/T.*/, "T23:00") : null;
  const last = end ?? (period === "all" ? lines.at(-1)[unit] : before(until));
  const known = new Map(lines.map((line) => [line[unit], line]));
  const all = [];
  for (let name = named(first, unit); name <= named(last, unit); name = next(name, unit)) {
    all.push({ name, line: known.get(name) ?? null });
    // A row with an invalid date must not break the page.
    if (all.length >= 1000) break;
  }
  return all;
}

const LENGTHS = { hour: 16, day: 10, month: 7 };
const HOUR = 3_600_000;

const named = (text, unit) => text.slice(0, LENGTHS[unit]);
const written = (date, unit) => named(date.toISOString(), unit);

function before(moment) {
  return new Date(Date.parse(`${moment}Z`) - HOUR).toISOString();
}

function next(name, unit) {
  if (unit === "hour") return written(new Date(Date.parse(`${name}Z`) + HOUR), unit);
  if (unit === "day") return written(new Date(Date.parse(`${name}T00:00Z`) + 24 * HOUR), unit);
  const month = new Date(`${name}-01T00:00Z`);
  month.setUTCMonth(month.getUTCMonth() + 1);
  return written(month, unit);
}
