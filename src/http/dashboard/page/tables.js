// The tables and notices. Names come from strangers: they only ever become text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Sets a text where it is another one, so that nothing is announced or selected anew in vain. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows what each product sold, and below it the others and all of them. */
export function showProducts(totals, texts, numbers) {
  const names = totals.products.map((line) => line.product.trim() === "" ? texts.unnamed : line.product);
  fill(document.getElementById("products"), totals.products, soldRow, (row, line, index) => {
    showSold(row, names[index], line, numbers);
  });
  const sums = [];
  if (totals.others) sums.push([texts.others(numbers.plain(totals.others.products)), totals.others, "others"]);
  sums.push([texts.total(numbers.plain(totals.total.products)), totals.total, "total"]);
  fill(document.getElementById("sums"), sums, soldRow, (row, [name, line, kind]) => {
    row.className = kind;
    showSold(row, name, line, numbers);
  });
}

/** Shows how many letters there are of each reason. */
export function showReasons(letters, numbers) {
  fill(document.getElementById("reasons"), letters, reasonRow, (row, { reason, letters: count }) => {
    say(row.cells[0].firstChild, reason);
    say(row.cells[1], numbers.plain(count));
  });
  const none = letters.length === 0;
  document.getElementById("no-letters").hidden = !none;
  document.querySelector(".letters thead").hidden = none;
}

/** Shows what a person should know: lines, each with what the program says of it in English. */
export function showNotices(lines) {
  const list = document.getElementById("notices");
  while (list.children.length > lines.length) list.lastChild.remove();
  while (list.children.length < lines.length) list.append(notice());
  lines.forEach(([line, detail], index) => {
    const [said, small] = list.children[index].children;
    say(said, line);
    say(small, detail);
  });
  list.hidden = lines.length === 0;
}

// Rows stay where they are and only their texts change: what a reader has selected, or stands on,
// stays so.
function fill(body, lines, newRow, show) {
  while (body.rows.length > lines.length) body.deleteRow(-1);
  while (body.rows.length < lines.length) body.append(newRow());
  lines.forEach((line, index) => show(body.rows[index], line, index));
}

function showSold(row, name, line, numbers) {
  const [product, quantity, amount, share] = row.cells;
  say(product.firstChild, name);
  product.firstChild.title = name;
  say(quantity, numbers.plain(line.quantity));
  say(amount, numbers.money(line.amount));
  say(share.firstChild, numbers.share(line.share_percent));
  const percent = Math.min(100, Math.max(0, Number(line.share_percent ?? 0)));
  share.querySelector("rect").setAttribute("width", `${percent}%`);
}

function soldRow() {
  const row = document.createElement("tr");
  row.append(heading(), cell("number quantity"), cell("number"), cell("number share"));
  const bar = document.createElementNS(SVG, "svg");
  bar.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("height", "100%");
  bar.append(rect);
  row.cells[3].append(document.createElement("span"), bar);
  return row;
}

function reasonRow() {
  const row = document.createElement("tr");
  row.append(heading("code"), cell("number"));
  return row;
}

// `bdi` keeps a name that is written from right to left from turning its neighbours around.
function heading(inner = "bdi") {
  const heading = document.createElement("th");
  heading.scope = "row";
  heading.append(document.createElement(inner));
  return heading;
}

function notice() {
  const entry = document.createElement("li");
  const detail = document.createElement("small");
  detail.lang = "en";
  entry.append(document.createElement("span"), " ", detail);
  return entry;
}

function cell(classes) {
  const cell = document.createElement("td");
  cell.className = classes;
  return cell;
}
