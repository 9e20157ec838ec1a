// What a reader sees of the page: the amounts as texts, what does not fit, and what was asked for. `arguments[0]` is the
// medium: on paper no line may be hidden.
const paper = arguments[0] === "print";
const text = (node) => (node ? node.textContent.trim() : null);
const all = (root, selector) => Array.from(root.querySelectorAll(selector));

const width = document.documentElement.clientWidth;
const misfits = [];
const name = (node) => {
  const part = (one) => one.tagName.toLowerCase() + (one.getAttribute("class") ? "." + one.getAttribute("class") : "");
  return [node.parentElement ? part(node.parentElement) : "", part(node), text(node).slice(0, 40)].join(" ");
};
// Heads of tables that a phone shows beside each amount instead stay for screen readers only.
const isForReadersOnly = (node) => {
  const head = node.closest("thead");
  return head !== null && getComputedStyle(head).position === "absolute";
};
for (const node of all(document.body, "*")) {
  if (node.closest("svg") || isForReadersOnly(node) || !node.checkVisibility()) continue;
  const box = node.getBoundingClientRect();
  if (box.width === 0 || box.height === 0) continue;
  if (box.left < -0.5 || box.right > width + 0.5) misfits.push("outside the page: " + name(node));
  const style = getComputedStyle(node);
  if (style.display !== "inline" && node.scrollWidth > node.clientWidth + 1) misfits.push("wider than it is: " + name(node));
  const holder = node.parentElement.getBoundingClientRect();
  if (getComputedStyle(node.parentElement).display !== "inline" && box.right > holder.right + 1) {
    misfits.push("wider than its holder: " + name(node));
  }
}
for (const cell of all(document.body, "td, th")) {
  if (isForReadersOnly(cell) || !cell.checkVisibility()) continue;
  const range = document.createRange();
  range.selectNodeContents(cell);
  const inner = range.getBoundingClientRect();
  const outer = cell.getBoundingClientRect();
  if (inner.width > 0 && (inner.right > outer.right + 1 || inner.left < outer.left - 1)) misfits.push("runs over its cell: " + name(cell));
}
for (const picture of all(document.body, "svg.picture")) {
  const outer = picture.getBoundingClientRect();
  const words = all(picture, "text");
  const boxes = words.map((word) => word.getBoundingClientRect());
  boxes.forEach((box, place) => {
    if (box.left < outer.left - 1 || box.right > outer.right + 1) misfits.push("runs out of its picture: " + name(words[place]));
    if (box.height < 8) misfits.push("too small to read: " + name(words[place]));
    boxes.slice(place + 1).forEach((other, next) => {
      const isApart = box.right <= other.left + 1 || other.right <= box.left + 1 || box.bottom <= other.top + 3 || other.bottom <= box.top + 3;
      if (!isApart) misfits.push("written over each other: " + name(words[place]) + " / " + name(words[place + 1 + next]));
    });
  });
}

const sheets = all(document, "article.sheet").map((sheet) => ({
  total: text(sheet.querySelector(".figures .total")),
  paid: text(sheet.querySelector(".figures .paid")),
  cash: text(sheet.querySelector(".figures .cash-due")),
  foot: text(sheet.querySelector(".payers tfoot .total")),
  payers: all(sheet, ".payers tbody tr").map((row) => ({
    number: text(row.querySelector(".no")),
    amount: text(row.querySelector(".amount")),
    from: all(sheet, "[id='" + row.id + "-from'] li").map((item) => ({
      line: item.querySelector("a").getAttribute("href").slice(1),
      amount: text(item.querySelector(".num")),
    })),
  })),
  sums: all(sheet, ".categories tbody tr").map((row) => all(row, "td").map(text)),
  sums_foot: all(sheet, ".categories tfoot td").map(text),
  categories: all(sheet, "details.category").map((category) => ({
    amount: text(category.querySelector("summary .num")),
    lines: all(category, "tbody tr").map((row) => ({
      id: row.id,
      amount: text(row.querySelector(".sum")),
      parts: all(row, ".part").map(text),
      shares: all(row, ".share").map((share) => ({
        number: text(share.querySelector(".no")),
        amount: text(share.querySelector("span")),
        payer: share.getAttribute("href").slice(1),
      })),
      is_seen: row.checkVisibility({ contentVisibilityAuto: true }) && row.getBoundingClientRect().height > 0,
    })),
  })),
  // The waterfall's words, and its bars as they are drawn: the ground of each row, then the part.
  pictures: all(sheet, "svg.picture").length,
  described: all(sheet, "svg.picture[role=img]").filter((one) => text(one.querySelector("title")) && text(one.querySelector("desc"))).length,
}));

const dead = all(document, "a[href^='#']").map((link) => link.getAttribute("href").slice(1)).filter((id) => !document.getElementById(id));
const bare = all(document, "table").filter((table) => all(table, "thead th[scope=col]").length === 0).length;
return {
  scroll_width: document.scrollingElement.scrollWidth,
  inner_width: window.innerWidth,
  misfits: misfits.slice(0, 12),
  sheets,
  dead_links: dead,
  tables_without_heads: bare,
  hidden: paper ? sheets.flatMap((sheet) => sheet.categories.flatMap((one) => one.lines)).filter((line) => !line.is_seen).length : 0,
  resources: performance.getEntriesByType("resource").map((entry) => entry.name),
};
