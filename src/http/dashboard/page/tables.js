// The tables of products and of hours, days or months.

import { ratio, units } from "./decimals.js";
import { draw, element, fill, make, say } from "./elements.js";
import { showChange } from "./figures.js";

/** Shows sales by product, then the others and the total. */
export function showProducts(sales, texts, numbers) {
  const { products, others, total } = sales.products;
  // The best-selling product has the longest bar.
  const most = units(products[0]?.share_percent, 1);
  const show = (row, name, line, share) => showSold(row, name, line, share, numbers);
  fill(element("products"), products, soldRow, (row, line) => {
    const name = line.product.trim() === "" ? texts.unnamed : line.product;
    const share = units(line.share_percent, 1);
    show(row, name, line, most > 0n && share > 0n ? ratio(share, most) : 0);
  });
  const sums = [];
  if (others) sums.push([texts.others(numbers.plain(String(others.products))), others, "others"]);
  if (products.length > 0) sums.push([texts.total(numbers.plain(String(total.products))), total, "total"]);
  fill(element("sums"), sums, soldRow, (row, [name, line, kind]) => {
    row.className = kind;
    show(row, name, line, 0);
  });
  const compared = total.before !== undefined;
  const table = element("products").parentElement;
  table.classList.toggle("compared", compared);
  // Products have sums by day, so the current day is compared with a whole day.
  table.classList.toggle("unfair", sales.period === "today");
  table.parentElement.hidden = products.length === 0;
  element("no-products").hidden = products.length > 0;
  if (compared) say(element("delta-head"), texts.delta[sales.period]);
}

/** Shows the data of the chart. */
export function showTimes(bars, head, before, texts, numbers) {
  say(element("time-head"), head);
  say(element("before-head"), before ?? "");
  element("times").parentElement.classList.toggle("compared", before !== null);
  fill(element("times"), bars, timeRow, (row, bar) => {
    say(row.cells[0], bar.name);
    say(row.cells[1], numbers.money(bar.total));
    say(row.cells[2], numbers.plain(bar.orders));
    say(row.cells[3], numbers.money(bar.before));
  });
}

function showSold(row, name, line, length, numbers) {
  const [product, quantity, amount, share, delta] = row.cells;
  const [written, bar] = product.children;
  say(written, name);
  written.title = name;
  bar.classList.toggle("none", length === 0);
  bar.querySelector(".now").setAttribute("width", `${100 * length}%`);
  say(quantity, numbers.plain(line.quantity));
  say(amount, numbers.money(line.amount));
  say(share, numbers.share(line.share_percent));
  if (line.change_percent) showChange(delta.firstChild, line.change_percent.amount, numbers);
}

// `bdi` isolates names that are written from right to left.
function soldRow() {
  const name = make("th", "", make("bdi"), draw("svg", { class: "bar", "aria-hidden": "true" },
    draw("rect", { class: "track", width: "100%", height: "100%" }),
    draw("rect", { class: "now", width: "0%", height: "100%" })));
  name.scope = "row";
  const delta = make("td", "number delta", make("span", "delta"));
  return make("tr", "", name, make("td", "number quantity"), make("td", "number"), make("td", "number share"), delta);
}

function timeRow() {
  const name = make("th");
  name.scope = "row";
  return make("tr", "", name, make("td", "number"), make("td", "number"), make("td", "number before"));
}
