// Numbers as the reader's language writes them. They come as decimal text and stay text: where
// Intl.NumberFormat is given a string, it formats every digit and nothing becomes a binary float.

const FRACTION = { minimumFractionDigits: 0, maximumFractionDigits: 20 };
const MONEY = { style: "currency", currency: "BRL", minimumFractionDigits: 2, maximumFractionDigits: 20 };

export class Numbers {
  #plain;
  #money;
  #tenths;
  #time;

  constructor(language) {
    this.#plain = new Intl.NumberFormat(language, FRACTION);
    this.#money = new Intl.NumberFormat(language, MONEY);
    this.#tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    this.#time = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  }

  /** A count or a quantity; what is not known is a dash. */
  plain(decimal) {
    return decimal === null ? "–" : this.#plain.format(decimal);
  }

  /** Reais. */
  money(decimal) {
    return this.#money.format(decimal);
  }

  /** With one decimal. */
  tenths(decimal) {
    return this.#tenths.format(decimal);
  }

  /** A share in percent; a dash where the whole is nothing. */
  share(percent) {
    return percent === null ? "–" : `${this.#tenths.format(percent)}%`;
  }

  /** The time of day, by the reader's clock. */
  time(timestamp) {
    return this.#time.format(new Date(timestamp));
  }
}
