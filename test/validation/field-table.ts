/**
 * Writes src/validation/field-data.ts from the CRDs of Istio and of the Gateway API:
 * node test/validation/field-table.ts <crds.yaml>... > src/validation/field-data.ts
 */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { at, listAt, objectAt, textAt } from '../../src/model/json.ts';

const kinds = ['VirtualService', 'DestinationRule', 'HTTPRoute', 'GRPCRoute'] as const;

/** Returns the text of src/validation/field-data.ts. */
export function fieldData(crdTexts: readonly string[]): string {
  const crds = crdTexts.flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as unknown),
  );
  const rows = kinds.map((kind) => {
    const crd = crds.find((one) => textAt(one, 'spec', 'names', 'kind') === kind);
    const specs = listAt(crd, 'spec', 'versions').map((version) =>
      at(version, 'schema', 'openAPIV3Schema', 'properties', 'spec'),
    );
    if (specs.length === 0) throw new Error(`no CRD of ${kind} among the files`);
    return `  ${kind}:\n    '${fieldsOf(specs)}',`;
  });
  return `// Written by test/validation/field-table.ts from the CRDs of istio.io/istio and sigs.k8s.io/gateway-api (both Apache-2.0): do not edit.\n\n/** Fields of the spec of each kind, in every served version: \`a b(c d) e{f}\` is a, b with c and d, and e with any keys, each with an f. */\nexport const packedFields: Readonly<Record<string, string>> = {\n${rows.join('\n')}\n};\n`;
}

/** The fields of several versions of a schema together. */
function fieldsOf(schemas: readonly unknown[]): string {
  const names = new Set(schemas.flatMap((schema) => Object.keys(objectAt(schema, 'properties'))));
  return [...names]
    .map((name) => `${name}${insideOf(schemas.map((schema) => at(schema, 'properties', name)))}`)
    .join(' ');
}

function insideOf(schemas: readonly unknown[]): string {
  const members = schemas.map((schema) => at(schema, 'items') ?? schema);
  if (members.some((one) => at(one, 'x-kubernetes-preserve-unknown-fields') === true)) return '';
  const maps = members.map((one) => at(one, 'additionalProperties')).filter((one) => one !== undefined);
  if (maps.length > 0) return `{${fieldsOf(maps)}}`;
  const fields = fieldsOf(members);
  return fields === '' ? '' : `(${fields})`;
}

if (import.meta.main)
  process.stdout.write(fieldData(process.argv.slice(2).map((file) => readFileSync(file, 'utf8'))));
