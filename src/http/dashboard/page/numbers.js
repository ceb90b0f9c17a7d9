// Formats numbers and times for the user's language. Numbers are decimal strings: given a string,
// Intl.NumberFormat rounds exactly, without binary floats. Times of sales are by the shop's clock and are
// formatted without conversion.

const FRACTION = { minimumFractionDigits: 0, maximumFractionDigits: 20 };
const DASH = "–";
const MINUS = "\u2212";

export class Numbers {
  #language;
  #plain;
  #tenths;
  #time;
  #date;
  #money;
  #compact;
  /** The currency's decimals. */
  decimals;

  constructor(language, currency = "BRL", decimals = 2) {
    this.#language = language;
    this.decimals = decimals;
    this.#plain = new Intl.NumberFormat(language, FRACTION);
    this.#tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    this.#time = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
    this.#date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
    const money = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    this.#money = new Intl.NumberFormat(language, { ...money, ...digits });
    this.#compact = new Intl.NumberFormat(language, { ...money, notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 1 });
  }

  /** A count or a quantity; a dash if unknown. */
  plain(decimal) {
    return decimal === null ? DASH : this.#plain.format(decimal);
  }

  /** An amount with the decimals of its currency. */
  money(decimal) {
    return decimal === null ? DASH : this.#money.format(decimal);
  }

  /** A compact amount, for an axis. */
  compact(decimal) {
    return this.#compact.format(decimal);
  }

  /** With one decimal. */
  tenths(decimal) {
    return this.#tenths.format(decimal);
  }

  /** A share in percent; a dash if the total is zero. */
  share(percent) {
    return percent === null ? DASH : `${this.#tenths.format(percent)}%`;
  }

  /** A change in percent, with its sign; a dash if there was nothing before. */
  change(percent) {
    if (percent === null) return DASH;
    const size = this.share(percent.replace("-", ""));
    return percent.startsWith("-") ? MINUS + size : /[1-9]/.test(percent) ? `+${size}` : size;
  }

  /** The time of day, by the browser's clock; with the date unless it is today. */
  time(timestamp) {
    const date = new Date(timestamp);
    const time = this.#time.format(date);
    const isToday = date.toDateString() === new Date().toDateString();
    return isToday ? time : `${this.#date.format(date)}, ${time}`;
  }

  /** An hour, day or month by the shop's clock, such as `2026-11-22T14:00`, with these parts. */
  moment(text, parts) {
    const [date, time = "00:00"] = text.split("T");
    const instant = new Date(`${date.length === 7 ? `${date}-01` : date}T${time}:00Z`);
    return new Intl.DateTimeFormat(this.#language, { ...parts, timeZone: "UTC" }).format(instant);
  }
}
