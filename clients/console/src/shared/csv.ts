export type Cell = string | number | boolean | null | undefined;

export interface Column<Row> {
  title: string;
  value: (row: Row) => Cell;
}

/** RFC 4180 text with a byte order mark, without which Excel garbles Chinese. */
export function toCsv<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map((column) => quoted(column.title)), ...rows.map((row) => cells(columns, row))];
  return "\uFEFF" + lines.map((line) => line.join(",") + "\r\n").join("");
}

/** Hands the text to the browser as a file. */
export function download(name: string, csv: string): void {
  save(name, new Blob([csv], { type: "text/csv;charset=utf-8" }));
}

export function save(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function cells<Row>(columns: readonly Column<Row>[], row: Row): string[] {
  return columns.map((column) => quoted(column.value(row)));
}

function quoted(value: Cell): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? harmless(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A spreadsheet runs text that starts like a formula; names come from outside, so they are made plain text. */
function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}
