/** The chart's generated parts: `settings` in values.schema.json comes from the settings table, the README's values table from that schema and values.yaml. */
import { parse } from 'yaml';
import { settingKeys, settingsTable, type SettingKey } from '../src/config/settings.ts';
import { at, isObject, objectAt, textAt } from '../src/model/json.ts';

/** Settings that the chart writes itself, from other values; also giving them under `settings` would be two answers to one question. */
export const chartSettings: readonly SettingKey[] = [
  'listenHost',
  'listenPort',
  'plainHost',
  'plainPort',
  'certDirectory',
  'tlsCertFile',
  'tlsKeyFile',
  'tlsNames',
  'webhookConfiguration',
  'earnFailurePolicy',
  'clientCaFile',
  'clientNames',
  'manifests',
  'kubeconfig',
  'kubeContext',
  'outputDirectory',
  'systemNamespace',
  'agentFile',
];

/** Returns the schema's text with `settings` as the table has it. */
export function withSettingsSchema(text: string): string {
  const schema = JSON.parse(text) as { properties: Record<string, unknown> };
  const properties = Object.fromEntries(
    settingKeys
      .filter((key) => !chartSettings.includes(key))
      .map((key) => {
        const { format, ...rest } = settingsTable[key].schema as Readonly<Record<string, unknown>>;
        return [
          key,
          { ...rest, ...(format === undefined ? {} : { format }), description: settingsTable[key].help },
        ];
      }),
  );
  const settings = {
    type: 'object',
    description:
      'settings of `branchline serve`, by the names of the settings table; the chart sets the ones about addresses and certificates itself',
    additionalProperties: false,
    properties,
  };
  return `${JSON.stringify({ ...schema, properties: { ...schema.properties, settings } }, null, 2)}\n`;
}

/** Returns the README's text with its table of values made anew, between `<!-- values -->` and `<!-- /values -->`. */
export function withValuesTable(readme: string, schemaText: string, valuesText: string): string {
  const rows = rowsOf(JSON.parse(schemaText), parse(valuesText), '');
  const [start, end] = ['<!-- values -->', '<!-- /values -->'];
  const [before, after] = [readme.indexOf(start), readme.indexOf(end)];
  if (before < 0 || after < before) throw new Error(`the chart's README has no ${start} … ${end}`);
  return `${readme.slice(0, before)}${start}\n\n<!-- prettier-ignore-start -->\n${['| value | default | meaning |', '|---|---|---|', ...rows].join('\n')}\n<!-- prettier-ignore-end -->\n\n${readme.slice(after)}`;
}

/** One row for each leaf; a group without a description is its members. */
function rowsOf(schema: unknown, values: unknown, path: string): readonly string[] {
  return Object.entries(objectAt(schema, 'properties')).flatMap(([key, property]) => {
    const name = path === '' ? key : `${path}.${key}`;
    const description = textAt(property, 'description') ?? '';
    if (name === 'global') return [];
    if (description === '') return rowsOf(property, at(values, key), name);
    return [`| \`${name}\` | ${shown(at(values, key))} | ${description.replaceAll('|', '\\|')} |`];
  });
}

function shown(value: unknown): string {
  if (
    value === undefined ||
    value === '' ||
    (isObject(value) && Object.keys(value).length === 0) ||
    (Array.isArray(value) && value.length === 0)
  )
    return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}
