// Exact arithmetic with decimal numbers as text. Only pixels and percentages become numbers.

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** `decimal` in units of 10 to the power of minus `places`, truncated; 0n if it is not a decimal
 * number. */
export function units(decimal, places) {
  const parts = DECIMAL.exec(decimal ?? "");
  if (parts === null) return 0n;
  const [, sign, whole, fraction = ""] = parts;
  const size = BigInt(whole + fraction.slice(0, places).padEnd(places, "0"));
  return sign ? -size : size;
}

/** The inverse of `units`. */
export function decimal(units, places) {
  const sign = units < 0n ? "-" : "";
  const digits = String(units < 0n ? -units : units).padStart(places + 1, "0");
  const point = digits.length - places;
  return sign + digits.slice(0, point) + (places > 0 ? `.${digits.slice(point)}` : "");
}

/** `part` divided by `whole`, which is above 0: from 0 to 1 in steps of a millionth. */
export function ratio(part, whole) {
  return Number((part * 1_000_000n) / whole) / 1_000_000;
}

/** The step between the labels of an axis up to `top`, in whole units: 1, 2 or 5 with zeros, for at
 * most five steps. */
export function step(top) {
  for (let power = 1n; ; power *= 10n) {
    for (const digit of [1n, 2n, 5n]) {
      if (digit * power * 5n >= top) return digit * power;
    }
  }
}
