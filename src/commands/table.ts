/** Tables as kubectl prints them: columns by the longest cell, three spaces apart, nothing behind the last one. */

/** Colours by their SGR number. */
const colours = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90, bold: 1 } as const;
/** A colour of a cell. */
export type Colour = keyof typeof colours;

/** A cell, maybe in colour. */
export type Cell = string | { readonly text: string; readonly colour: Colour };

/** Lays out rows; the first is the heading. Colours only where asked. */
export function table(rows: readonly (readonly Cell[])[], coloured = false): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => textOf(row[column] ?? '').length)),
  );
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => pad(cell, column === row.length - 1 ? 0 : (widths[column] ?? 0), coloured))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}

function pad(cell: Cell, width: number, coloured: boolean): string {
  const text = textOf(cell);
  const space = ' '.repeat(Math.max(0, width - text.length));
  return typeof cell === 'string' ? text + space : paint(text, cell.colour, coloured) + space;
}

/** Colours a text, where asked. */
function paint(text: string, colour: Colour, coloured: boolean): string {
  return coloured ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
}

/** One line, without control characters: names and reasons come from other people. */
function textOf(cell: Cell): string {
  return (typeof cell === 'string' ? cell : cell.text).replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
