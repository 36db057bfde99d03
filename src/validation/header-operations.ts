/** Rules about header operations that istiod takes and Envoy refuses, with all routes of the port. */
import { entries, field, finding, members, type Finding, type Placed, type Row } from './finding.ts';
import { shown } from './istio-api/istio-names.ts';

/** Rules over one HTTP route. */
export const headerOperationRows: readonly Row[] = [
  { code: 'BL241', check: proxiesTakeHeaders, about: ['headers', 'route'] },
];

function* proxiesTakeHeaders(route: Placed): Generator<Finding> {
  const places = [route, ...members(route, 'route')].map((place) => field(place, 'headers'));
  for (const side of places.flatMap((headers) => [field(headers, 'request'), field(headers, 'response')])) {
    for (const { key, value, path } of [...entries(side, 'set'), ...entries(side, 'add')])
      yield* [...nameFindings(key, path), ...valueFindings(value, path)];
    for (const { value, path } of members(side, 'remove')) yield* nameFindings(value, path);
  }
}

function* nameFindings(name: unknown, path: string): Generator<Finding> {
  if (typeof name === 'string' && hasControlCharacter(name))
    yield finding(path, `names ${shown(name)}, which has a control character`, 'leave it out');
}

/** Text, variables such as `%START_TIME%` or `%REQ(x-a?x-b):10%`, `%%` for a percent sign. */
const valuePattern = /^(?:[^%]|%%|%[A-Z_0-9]+(?:\([^)]*\))?(?::[0-9]+)?%)*$/;

function* valueFindings(value: unknown, path: string): Generator<Finding> {
  if (typeof value !== 'string') return;
  if (hasControlCharacter(value))
    yield finding(path, `is ${shown(value)}: it has a control character`, 'leave it out');
  else if (!valuePattern.test(value))
    yield finding(
      path,
      `is ${shown(value)}: it has a % that begins no variable`,
      'write %% for a percent sign',
    );
}

/** Tells whether a text has a control character other than a tab. */
export function hasControlCharacter(text: string): boolean {
  return /[\0-\x08\x0a-\x1f\x7f]/.test(text);
}
