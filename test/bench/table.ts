/** Tables for people: every bench and fault run ends in some. */

/** One row: column → cell. Numbers are aligned right. */
export type Row = Readonly<Record<string, string | number>>;

/** Returns a table with the columns of its first row. */
export function toTable(title: string, rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const widths = columns.map((column) =>
    Math.max(column.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, index) => pad(cell, widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    `\n${title}`,
    line(columns),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ''))),
  ].join('\n');
}

function pad(cell: string | number, width: number): string {
  return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
}

/** Rounds to so many digits after the point. */
export function round(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}

/** Says whether a goal was met. */
export function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'MISSED';
}
