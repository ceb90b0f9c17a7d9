// The chart of sales by hour, day or month: one bar for each, in front of a paler one for the previous
// period. The pointer or the arrow keys select a bar and show its figures; the table below has all.

import { decimal, ratio, step, units } from "./decimals.js";
import { draw, make, say } from "./elements.js";

export class Bars {
  #place;
  #tip = make("p", "tip");
  #shown = null;
  #chosen = null;
  #geometry = null;

  constructor(place) {
    this.#place = place;
    this.#tip.hidden = true;
    place.append(this.#tip);
    place.addEventListener("keydown", (event) => this.#key(event));
    place.addEventListener("pointermove", (event) => this.#choose(this.#barAt(event.clientX)));
    place.addEventListener("pointerleave", () => this.#choose(null));
    place.addEventListener("blur", () => this.#choose(null));
    place.addEventListener("focus", () => {
      if (place.matches(":focus-visible")) this.#choose(this.#newest());
    });
    new ResizeObserver(() => this.#draw()).observe(place);
  }

  /** Shows bars, each with its `step` (hour, day or month), its `total` and that `before` as decimals,
   * its `label`, and the `text` that says it all. */
  show(bars, numbers) {
    this.#shown = { bars, numbers };
    if (this.#chosen >= bars.length) this.#chosen = null;
    this.#draw();
    const { dataset } = this.#place;
    dataset.bars = bars.length;
    this.#place.setAttribute("aria-valuemax", String(Math.max(0, bars.length - 1)));
    this.#describe(this.#chosen ?? this.#newest());
  }

  #newest() {
    const { bars } = this.#shown ?? { bars: [] };
    return Math.max(0, bars.findLastIndex(({ total }) => total !== null));
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (this.#shown === null || width === 0 || height === 0) return;
    const { bars, numbers } = this.#shown;
    const places = numbers.decimals;
    const amounts = bars.map(({ total, before }) => [units(total, places), units(before, places)]);
    const highest = amounts.flat().reduce((most, amount) => (amount > most ? amount : most), 0n);
    const between = step(highest > 0n ? highest : 5n * 10n ** BigInt(places));
    const top = highest > between ? ((highest + between - 1n) / between) * between : between;
    const size = parseFloat(getComputedStyle(this.#place).fontSize);
    const ticks = [];
    for (let tick = 0n; tick <= top; tick += between) ticks.push([tick, numbers.compact(decimal(tick, places))]);
    const svg = draw("svg", { width, height, "aria-hidden": "true" });
    this.#place.querySelector("svg")?.remove();
    this.#place.prepend(svg);
    const written = (label, anchor) => {
      const text = draw("text", { class: "label", "text-anchor": anchor }, label);
      svg.append(text);
      return text;
    };
    const put = (text, x, y) => {
      text.setAttribute("x", x);
      text.setAttribute("y", y);
    };
    const scale = ticks.map(([tick, label]) => [tick, written(label, "end")]);
    const left = Math.max(...scale.map(([, text]) => text.getComputedTextLength())) + 0.8 * size;
    const names = bars.map(({ label }) => written(label, "middle"));
    const lengths = names.map((text) => text.getComputedTextLength());
    // The last label may be wider than its bar.
    const right = Math.max(0, ((lengths.at(-1) ?? 0) - (width - left) / Math.max(1, bars.length)) / 2);
    const area = { left, top: size, width: width - left - right, height: height - 2.8 * size };
    const y = (amount) => area.top + area.height * (1 - ratio(amount, top));
    for (const [tick, text] of scale) {
      const at = Math.round(y(tick)) + 0.5;
      svg.append(draw("line", { class: tick === 0n ? "axis" : "grid", x1: left, x2: left + area.width, y1: at, y2: at }));
      put(text, left - 0.6 * size, at + 0.35 * size);
    }
    const slot = area.width / Math.max(1, bars.length);
    const bar = (name, index, amount, share) => {
      if (amount <= 0n) return;
      const wide = Math.min(slot * share, 5 * size * share);
      const x = area.left + slot * (index + 0.5) - wide / 2;
      const tall = Math.max(1, y(0n) - y(amount));
      svg.append(draw("rect", { class: name, x, y: y(0n) - tall, width: wide, height: tall, rx: Math.min(wide / 4, tall / 2, size / 5) }));
    };
    bars.forEach((_, index) => {
      const back = draw("rect", { class: "slot", x: area.left + slot * index, y: area.top, width: slot, height: area.height });
      back.dataset.index = index;
      svg.append(back);
      bar("before", index, amounts[index][1], 0.84);
      bar("now", index, amounts[index][0], 0.52);
    });
    const every = spacing(Math.max(1, ...lengths) + 0.9 * size, slot, bars[0]?.step);
    names.forEach((text, index) => {
      // Hours are counted from midnight; of days and months, the latest has a label.
      if ((bars[0].step === "hour" ? index : bars.length - 1 - index) % every !== 0) {
        text.remove();
        return;
      }
      put(text, area.left + slot * (index + 0.5), height - 0.5 * size);
    });
    this.#geometry = { ...area, slot };
    this.#choose(this.#chosen);
  }

  #barAt(x) {
    if (this.#geometry === null) return null;
    const within = x - this.#place.getBoundingClientRect().left - this.#geometry.left;
    const index = Math.floor(within / this.#geometry.slot);
    return index >= 0 && index < this.#shown.bars.length ? index : null;
  }

  #key(event) {
    if (this.#shown === null || this.#shown.bars.length === 0) return;
    const last = this.#shown.bars.length - 1;
    const now = this.#chosen ?? this.#newest();
    const wanted = {
      ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, Home: 0, End: last, Escape: null,
    }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    this.#choose(wanted === null ? null : Math.min(last, Math.max(0, wanted)));
  }

  #choose(index) {
    this.#chosen = index;
    this.#place.querySelector(".slot.chosen")?.classList.remove("chosen");
    this.#tip.hidden = index === null;
    if (index === null || this.#geometry === null) return;
    this.#place.querySelectorAll(".slot")[index]?.classList.add("chosen");
    const { left, slot, width } = this.#geometry;
    say(this.#tip, this.#shown.bars[index].text);
    this.#describe(index);
    const middle = left + slot * (index + 0.5);
    const half = this.#tip.offsetWidth / 2;
    this.#tip.style.left = `${Math.min(Math.max(middle - half, 0), left + width - 2 * half)}px`;
  }

  #describe(index) {
    const { bars } = this.#shown;
    this.#place.setAttribute("aria-valuenow", String(index));
    this.#place.setAttribute("aria-valuetext", bars[index]?.text ?? "–");
  }
}

/** The number of bars per label, for a label of this width. */
function spacing(label, slot, step) {
  const least = Math.max(1, Math.ceil(label / slot));
  return step === "hour" ? ([1, 2, 3, 4, 6].find((hours) => hours >= least) ?? 12) : least;
}
