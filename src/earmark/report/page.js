"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const number = cell => cell.dataset.v === "" || cell.dataset.v === "nan" ? null : Number(cell.dataset.v);
    const text = cell => cell.textContent.trim();
    const body = table.tBodies[0], rows = [...body.rows];
    const numeric = rows.some(row => row.cells[column].dataset.v !== undefined);
    const down = head.ariaSort ? head.ariaSort === "ascending" : numeric;
    rows.sort((one, two) => {
      const a = one.cells[column], b = two.cells[column];
      if (!numeric) return (down ? -1 : 1) * text(a).localeCompare(text(b));
      const x = number(a), y = number(b);
      if (x === null || y === null) return (x === null) - (y === null);
      return (down ? -1 : 1) * (x - y);
    });
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  }));
}
