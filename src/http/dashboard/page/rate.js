// The small chart of orders per second. Unlike amounts, rates may become binary floats.

import { draw } from "./elements.js";

const SECONDS = 300;

export class Rates {
  #place;
  // Rates with their times in seconds, oldest first.
  #rates = [];

  constructor(place) {
    this.#place = place;
    new ResizeObserver(() => this.#draw()).observe(place);
  }

  /** Starts with these: the age in seconds, and the rate. */
  begin(history) {
    const now = this.#now();
    this.#rates = history.map(([ago, rate]) => [now - ago, Number(rate)]);
    this.#draw();
  }

  /** Adds the latest rate. */
  add(rate) {
    const now = this.#now();
    this.#rates.push([now, Number(rate)]);
    while (this.#rates[0][0] < now - SECONDS) this.#rates.shift();
    this.#draw();
  }

  #now() {
    return performance.now() / 1000;
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (width === 0 || height === 0 || this.#rates.length === 0) return;
    const now = this.#rates.at(-1)[0];
    const top = Math.max(10, ...this.#rates.map(([, rate]) => rate)) * 1.05;
    const points = this.#rates.map(([at, rate]) => {
      const x = width * (1 - Math.min(1, (now - at) / SECONDS));
      return `${x.toFixed(1)},${((height - 1) * (1 - rate / top)).toFixed(1)}`;
    });
    const first = points[0].split(",")[0];
    const area = draw("polygon", { points: `${first},${height} ${points.join(" ")} ${width},${height}` });
    const line = draw("polyline", { points: points.join(" ") });
    this.#place.replaceChildren(draw("svg", { width, height }, area, line));
  }
}
