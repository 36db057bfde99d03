/** Writes the README's tables from the code: `node scripts/docs.ts`; with `--check` it only says whether they are equal. */
import { readFileSync, writeFileSync } from 'node:fs';
import { environmentOf, flagOf, settingKeys, settingsTable, showDefault } from '../src/config/settings.ts';
import { problemKinds } from '../src/model/problem.ts';
import { metricsTable } from '../src/telemetry/metrics.ts';

const readme = new URL('../README.md', import.meta.url);

/** Returns the README's text with its tables made anew. Everything between `<!-- name -->` and `<!-- /name -->` is ours. */
export function withTables(text: string): string {
  return Object.entries({ settings: settingsRows(), problems: problemRows(), metrics: metricRows() }).reduce((current, [name, rows]) => {
    const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const before = current.indexOf(start);
    if (before < 0) throw new Error(`README.md has no ${start}`);
    const after = current.indexOf(end, before);
    return `${current.slice(0, before)}${start}\n${rows.join('\n')}\n${end}${after < 0 ? current.slice(before + start.length) : current.slice(after + end.length)}`;
  }, text);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function settingsRows(): readonly string[] {
  return ['| setting | flag, environment | default | meaning |', '|---|---|---|---|', ...settingKeys.map((key) => {
    const fallback = showDefault(key);
    return `| \`${key}\` | \`${flagOf(key)}\` \`${environmentOf(key)}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${cell(settingsTable[key].help)} |`;
  })];
}

function problemRows(): readonly string[] {
  return ['| code | rule | default |', '|---|---|---|', ...Object.entries(problemKinds).map(([code, { rule, severity }]) => `| \`${code}\` | ${cell(rule)} | ${severity} |`)];
}

function metricRows(): readonly string[] {
  return ['| metric | kind | labels | meaning |', '|---|---|---|---|', ...metricsTable.map(({ name, kind, labels, help }) => `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${cell(help)} |`)];
}

if (import.meta.main) {
  const text = readFileSync(readme, 'utf8');
  const made = withTables(text);
  if (!process.argv.includes('--check')) writeFileSync(readme, made);
  else if (made !== text) {
    console.error('README.md: its tables are not the code\'s; run node scripts/docs.ts');
    process.exitCode = 1;
  }
}
