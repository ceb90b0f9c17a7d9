// Numbers and times as the reader's language writes them. Numbers come as decimal text and stay text:
// where Intl.NumberFormat is given a string, it rounds every digit exactly and nothing becomes a binary
// float. Times of sales are those of the shop's clock, and are written as they come.

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

  /** A count or a quantity; what is not known is a dash. */
  plain(decimal) {
    return decimal === null ? DASH : this.#plain.format(decimal);
  }

  /** An amount with the decimals of its currency. */
  money(decimal) {
    return decimal === null ? DASH : this.#money.format(decimal);
  }

  /** An amount in a few characters, for an axis. */
  compact(decimal) {
    return this.#compact.format(decimal);
  }

  /** With one decimal. */
  tenths(decimal) {
    return this.#tenths.format(decimal);
  }

  /** A share in percent; a dash where the whole is nothing. */
  share(percent) {
    return percent === null ? DASH : `${this.#tenths.format(percent)}%`;
  }

  /** A change in percent, with its sign; a dash where there was nothing before. */
  change(percent) {
    if (percent === null) return DASH;
    const size = this.share(percent.replace("-", ""));
    return percent.startsWith("-") ? MINUS + size : /[1-9]/.test(percent) ? `+${size}` : size;
  }

  /** The time of day, by the reader's clock; with its date unless that is today's. */
  time(timestamp) {
    const date = new Date(timestamp);
    const time = this.#time.format(date);
    const isToday = date.toDateString() === new Date().toDateString();
    return isToday ? time : `${this.#date.format(date)}, ${time}`;
  }

  /** An hour, day or month of the shop's clock, such as `2026-11-22T14:00`, by what is asked for. */
  moment(text, parts) {
    const [date, time = "00:00"] = text.split("T");
    const instant = new Date(`${date.length === 7 ? `${date}-01` : date}T${time}:00Z`);
    return new Intl.DateTimeFormat(this.#language, { ...parts, timeZone: "UTC" }).format(instant);
  }
}
