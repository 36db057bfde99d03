/** Writes the READMEs' tables and the chart's schema from the code: `node scripts/docs.ts`; with `--check` it only says whether they are equal. */
import { readFileSync, writeFileSync } from 'node:fs';
import { environmentOf, flagOf, settingKeys, settingsTable, showDefault } from '../src/config/settings.ts';
import { problemKinds } from '../src/model/problem.ts';
import { metricsTable } from '../src/telemetry/metrics.ts';
import { withSettingsSchema, withValuesTable } from './chart-docs.ts';

const readme = new URL('../README.md', import.meta.url);

/** Returns the README's text with its tables made anew. Everything between `<!-- name -->` and `<!-- /name -->` is ours. */
export function withTables(text: string): string {
  return Object.entries({ settings: settingsRows(), problems: problemRows(), metrics: metricRows() }).reduce(
    (current, [name, rows]) => {
      const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
      const before = current.indexOf(start);
      if (before < 0) throw new Error(`README.md has no ${start}`);
      const after = current.indexOf(end, before);
      return `${current.slice(0, before)}${start}\n\n<!-- prettier-ignore-start -->\n${rows.join('\n')}\n<!-- prettier-ignore-end -->\n\n${end}${after < 0 ? current.slice(before + start.length) : current.slice(after + end.length)}`;
    },
    text,
  );
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function settingsRows(): readonly string[] {
  return [
    '| setting | flag, environment | default | meaning |',
    '|---|---|---|---|',
    ...settingKeys.map((key) => {
      const fallback = showDefault(key);
      return `| \`${key}\` | \`${flagOf(key)}\` \`${environmentOf(key)}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${cell(settingsTable[key].help)} |`;
    }),
  ];
}

function problemRows(): readonly string[] {
  return [
    '| code | rule | default | said by |',
    '|---|---|---|---|',
    ...Object.entries(problemKinds).map(
      ([code, kind]) =>
        `| \`${code}\` | ${cell(kind.rule)} | ${kind.severity} | ${'saidBy' in kind ? '`check`' : ''} |`,
    ),
  ];
}

function metricRows(): readonly string[] {
  return [
    '| metric | kind | labels | meaning |',
    '|---|---|---|---|',
    ...metricsTable.map(
      ({ name, kind, labels, help }) =>
        `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${cell(help)} |`,
    ),
  ];
}

const chart = new URL('../charts/branchline/', import.meta.url);

/** Returns every file with generated parts, as it is and as it should be. */
export function generated(): readonly { readonly file: URL; readonly text: string; readonly made: string }[] {
  const files = {
    readme,
    schema: new URL('values.schema.json', chart),
    chartReadme: new URL('README.md', chart),
  };
  const texts = {
    readme: readFileSync(files.readme, 'utf8'),
    schema: readFileSync(files.schema, 'utf8'),
    chartReadme: readFileSync(files.chartReadme, 'utf8'),
  };
  const schema = withSettingsSchema(texts.schema);
  return [
    { file: files.readme, text: texts.readme, made: withTables(texts.readme) },
    { file: files.schema, text: texts.schema, made: schema },
    {
      file: files.chartReadme,
      text: texts.chartReadme,
      made: withValuesTable(texts.chartReadme, schema, readFileSync(new URL('values.yaml', chart), 'utf8')),
    },
  ];
}

if (import.meta.main) {
  for (const { file, text, made } of generated()) {
    if (!process.argv.includes('--check')) writeFileSync(file, made);
    else if (made !== text) {
      console.error(
        `${file.pathname.slice(readme.pathname.length - 'README.md'.length)}: its generated parts are not the code's; run node scripts/docs.ts`,
      );
      process.exitCode = 1;
    }
  }
}
