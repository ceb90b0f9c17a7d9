// The figures of the period, each with its change from the previous period.

import { element, make, say } from "./elements.js";

/** Shows total sales, orders and average order. */
export function showFigures(sales, numbers, texts) {
  const money = (decimal) => numbers.money(decimal);
  const plain = (count) => numbers.plain(String(count));
  for (const [id, name, written] of [["sold", "total", money], ["orders", "orders", plain], ["average", "average", money]]) {
    const { total } = sales.times;
    say(element(id), written(total[name]));
    const place = element(`${id}-change`);
    // Shown only once.
    const nothing = total.before?.orders === 0 && id !== "sold";
    place.hidden = total.before === undefined || !sales.begun || nothing;
    if (place.hidden) continue;
    if (place.children.length === 0) place.append(make("span", "delta"), " ", make("span", "aside"));
    const [delta, before] = place.children;
    delta.hidden = total.before.orders === 0;
    showChange(delta, total.change_percent[name], numbers);
    say(before, delta.hidden ? texts.nothingBefore : texts.versus(written(total.before[name])));
  }
  const compared = sales.since_before !== null && sales.begun;
  say(element("compared"), compared ? texts.compared(beforeName(sales, numbers, texts)) : "");
}

/** Clears the figures while they are unknown. */
export function clearFigures() {
  for (const id of ["sold", "orders", "average"]) {
    say(element(id), "–");
    element(`${id}-change`).hidden = true;
  }
  say(element("compared"), "");
}

/** The previous period, in words. */
export function beforeName({ period, until_before: until }, numbers, texts) {
  return texts.before[period](numbers.moment(until, { hour: "numeric", minute: "2-digit" }));
}

/** Shows a change in percent; the sign has the same meaning as the colour. */
export function showChange(place, percent, numbers) {
  say(place, numbers.change(percent));
  const same = percent === null || !/[1-9]/.test(percent);
  place.dataset.direction = same ? "same" : percent.startsWith("-") ? "down" : "up";
}
