import { costOf } from '../growth.ts';
import fc from '../property.ts';
import { test } from 'tap';
import { checkRoutes } from '../../src/validation/regex-rules.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { problemKinds, toLine, type Problem } from '../../src/model/problem.ts';

function virtualService(http: unknown): JsonObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'fact-find-ui', namespace: 'ww-green' },
    spec: { hosts: ['fact-find-ui'], http },
  };
}

function gatewayRoute(kind: 'HTTPRoute' | 'GRPCRoute', rules: unknown): JsonObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name: 'fact-find-ui' },
    spec: { rules },
  };
}

/** A VirtualService with one match on the routing header. */
function withHeader(regex: unknown): JsonObject {
  return virtualService([{ match: [{ headers: { 'x-variant-id': { regex } } }] }]);
}

function found(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ code, path }) => `${code} ${path}`);
}

const bad = { regex: '(?=x)' };
const places: readonly { readonly name: string; readonly in: JsonObject; readonly want: string }[] = [
  { name: 'uri', in: virtualService([{ match: [{ uri: bad }] }]), want: 'spec.http[0].match[0].uri.regex' },
  {
    name: 'scheme',
    in: virtualService([{ match: [{ scheme: bad }] }]),
    want: 'spec.http[0].match[0].scheme.regex',
  },
  {
    name: 'method',
    in: virtualService([{ match: [{ method: bad }] }]),
    want: 'spec.http[0].match[0].method.regex',
  },
  {
    name: 'authority',
    in: virtualService([{ match: [{ authority: bad }] }]),
    want: 'spec.http[0].match[0].authority.regex',
  },
  {
    name: 'headers',
    in: virtualService([{}, { match: [{}, { headers: { a: { exact: 'x' }, 'x-variant-id': bad } }] }]),
    want: 'spec.http[1].match[1].headers[x-variant-id].regex',
  },
  {
    name: 'withoutHeaders',
    in: virtualService([{ match: [{ withoutHeaders: { a: bad } }] }]),
    want: 'spec.http[0].match[0].withoutHeaders[a].regex',
  },
  {
    name: 'queryParams',
    in: virtualService([{ match: [{ queryParams: { a: bad } }] }]),
    want: 'spec.http[0].match[0].queryParams[a].regex',
  },
  {
    name: 'corsPolicy.allowOrigins',
    in: virtualService([{ corsPolicy: { allowOrigins: [{ exact: 'x' }, bad] } }]),
    want: 'spec.http[0].corsPolicy.allowOrigins[1].regex',
  },
  {
    name: 'uriRegexRewrite',
    in: virtualService([{ rewrite: { uriRegexRewrite: { match: '(?=x)', rewrite: '/' } } }]),
    want: 'spec.http[0].rewrite.uriRegexRewrite.match',
  },
  {
    name: 'HTTPRoute path',
    in: gatewayRoute('HTTPRoute', [{ matches: [{ path: { type: 'RegularExpression', value: '(?=x)' } }] }]),
    want: 'spec.rules[0].matches[0].path.value',
  },
  {
    name: 'HTTPRoute headers',
    in: gatewayRoute('HTTPRoute', [
      {
        matches: [
          {
            headers: [
              { name: 'a', value: '(' },
              { name: 'x-variant-id', type: 'RegularExpression', value: '(?=x)' },
            ],
          },
        ],
      },
    ]),
    want: 'spec.rules[0].matches[0].headers[1].value',
  },
  {
    name: 'HTTPRoute queryParams',
    in: gatewayRoute('HTTPRoute', [
      {},
      { matches: [{}, { queryParams: [{ name: 'a', type: 'RegularExpression', value: '(?=x)' }] }] },
    ]),
    want: 'spec.rules[1].matches[1].queryParams[0].value',
  },
  {
    name: 'GRPCRoute method',
    in: gatewayRoute('GRPCRoute', [
      { matches: [{ method: { type: 'RegularExpression', service: 'a.*', method: '(?=x)' } }] },
    ]),
    want: 'spec.rules[0].matches[0].method.method',
  },
  {
    name: 'GRPCRoute headers',
    in: gatewayRoute('GRPCRoute', [
      { matches: [{ headers: [{ name: 'a', type: 'RegularExpression', value: '(?=x)' }] }] },
    ]),
    want: 'spec.rules[0].matches[0].headers[0].value',
  },
];

for (const row of places) {
  test(`judges the regex of ${row.name}`, (t) => {
    t.same(found(checkRoutes(row.in)), [`BL201 ${row.want}`]);
    t.end();
  });
}

test('judges a VirtualService of any version alike', (t) => {
  for (const version of ['v1', 'v1beta1', 'v1alpha3'])
    t.equal(checkRoutes({ ...withHeader('('), apiVersion: `networking.istio.io/${version}` }).length, 1);
  t.end();
});

const rules = [
  { name: 'passes any case', in: withHeader('(?i)ops-1234'), want: [] },
  { name: 'passes both cases', in: withHeader('^(OPS-1234|ops-1234)$'), want: [] },
  { name: 'denies an empty regex', in: withHeader(''), want: ['BL202'] },
  { name: 'denies 1025 bytes', in: withHeader('a'.repeat(1025)), want: ['BL203'] },
  { name: 'passes 1024 bytes', in: withHeader('a'.repeat(1024)), want: [] },
  { name: 'counts bytes, not characters', in: withHeader('é'.repeat(513)), want: ['BL203'] },
  { name: 'denies a short regex with a large program', in: withHeader('\\p{L}{28}'), want: ['BL204'] },
  { name: 'warns of letters beyond ASCII', in: withHeader('caf\u00e9'), want: ['BL205'] },
  { name: 'warns of a class of letters of any script', in: withHeader('\\pL+'), want: ['BL205'] },
  {
    name: 'warns of a dot in a host',
    in: virtualService([{ match: [{ authority: { regex: 'ops-1234.ww-green.example.io' } }] }]),
    want: ['BL206'],
  },
  {
    name: "warns of the dots of the talk's regex",
    in: virtualService([
      { match: [{ authority: { regex: '(OPS-1234|ops-1234).ww-green.wealthwizards.io' } }] },
    ]),
    want: ['BL206'],
  },
  {
    name: 'passes a host with its dots escaped',
    in: virtualService([{ match: [{ authority: { regex: 'ops-1234\\.ww-green\\.example\\.io(:\\d+)?' } }] }]),
    want: [],
  },
  {
    name: 'warns of a dot in the authority header',
    in: virtualService([{ match: [{ headers: { ':authority': { regex: 'example.io' } } }] }]),
    want: ['BL206'],
  },
  {
    name: 'warns of a dot in what looks like a host elsewhere',
    in: virtualService([
      { match: [{ headers: { 'x-forwarded-host': { regex: 'ops-1234.ww-green.example.io' } } }] },
    ]),
    want: ['BL206'],
  },
  {
    name: 'warns of a dot in an origin',
    in: virtualService([{ corsPolicy: { allowOrigins: [{ regex: 'https://.*.example.io' }] } }]),
    want: ['BL206'],
  },
  {
    name: 'leaves dots in paths alone',
    in: virtualService([{ match: [{ uri: { regex: '/static/app.min.js' } }] }]),
    want: [],
  },
  { name: 'leaves a dot in a version alone', in: withHeader('v1.2'), want: [] },
  {
    name: 'passes * for presence in withoutHeaders',
    in: virtualService([{ match: [{ withoutHeaders: { a: { regex: '*' } } }] }]),
    want: [],
  },
  { name: 'denies * elsewhere', in: withHeader('*'), want: ['BL201'] },
  {
    name: 'denies * with anything beside it in withoutHeaders',
    in: virtualService([{ match: [{ withoutHeaders: { a: { regex: '*a' } } }] }]),
    want: ['BL201'],
  },
  {
    name: 'leaves exact and prefix alone',
    in: virtualService([{ match: [{ uri: { prefix: '(' }, headers: { a: { exact: '*' }, b: {} } }] }]),
    want: [],
  },
  {
    name: 'leaves Exact and PathPrefix alone',
    in: gatewayRoute('HTTPRoute', [
      {
        matches: [
          { path: { type: 'PathPrefix', value: '(' }, headers: [{ name: 'a', type: 'Exact', value: '(' }] },
        ],
      },
    ]),
    want: [],
  },
  {
    name: 'reports each wrong regex',
    in: virtualService([
      { match: [{ uri: { regex: '(' }, method: { regex: '' } }] },
      { match: [{ uri: { regex: '(' } }] },
    ]),
    want: ['BL201', 'BL202', 'BL201'],
  },
  {
    name: 'leaves a DestinationRule alone',
    in: { kind: 'DestinationRule', spec: { http: [{ match: [{ uri: { regex: '(' } }] }] } },
    want: [],
  },
];

for (const row of rules) {
  test(row.name, (t) => {
    t.same(
      checkRoutes(row.in).map((problem) => problem.code),
      row.want,
    );
    t.end();
  });
}

const messages: readonly { readonly in: JsonObject; readonly want: string }[] = [
  {
    in: withHeader('^(?=x)'),
    want: 'spec.http[0].match[0].headers[x-variant-id].regex "^(?=x)": at character 2, "(?=" is a look-ahead, which Istio\'s regexes (RE2) do not have; write what may match, or put a route for the exception before this one [BL201]',
  },
  {
    in: withHeader(''),
    want: 'spec.http[0].match[0].headers[x-variant-id].regex "" is empty; write what shall match, or .* for anything [BL202]',
  },
  {
    in: withHeader('a'.repeat(1025)),
    want: `spec.http[0].match[0].headers[x-variant-id].regex "${'a'.repeat(77)}..." is longer than 1024 bytes; use one match for each value, exact where possible [BL203]`,
  },
  {
    in: withHeader('\\p{L}{28}'),
    want: 'spec.http[0].match[0].headers[x-variant-id].regex "\\\\p{L}{28}" compiles to 33492 instructions, and Istio\'s proxies take at most 32768; lower the counts in {n,m}, or write [a-z] in place of \\p{...} and of negated sets [BL204]',
  },
  {
    in: withHeader('caf\u00e9'),
    want: 'spec.http[0].match[0].headers[x-variant-id].regex: "\u00e9" is one character to some proxies, several bytes to others; use ASCII only [BL205]',
  },
  {
    in: virtualService([{ match: [{ authority: { regex: 'a.example.io' } }] }]),
    want: 'spec.http[0].match[0].authority.regex: a bare . matches any character; write \\. in "a.example.io" [BL206]',
  },
];

for (const row of messages) {
  test(`says what is wrong, where and what to write: ${/\[(BL\d+)\]$/.exec(row.want)?.[1] ?? ''}`, (t) => {
    t.same(checkRoutes(row.in).map(toLine), [row.want]);
    t.end();
  });
}

test('counts characters, not UTF-16 units', (t) => {
  t.match(checkRoutes(withHeader('\u{1f600}('))[0]?.message, /at character 2, "\("/);
  t.end();
});

test('keeps a problem on one line, however the key and the pattern look', (t) => {
  const [problem] = checkRoutes(
    virtualService([{ match: [{ headers: { [`a\nb${'c'.repeat(500)}`]: { regex: '\n\u2028(' } } }] }]),
  );
  t.ok(problem);
  const line = problem === undefined ? '' : toLine(problem);
  t.notMatch(line, /[\n\u2028]/);
  t.ok(line.length < 400);
  t.end();
});

/** Routes with a pattern of its own each. */
function routes(count: number, patternOf: (index: number) => string): JsonObject {
  return virtualService(
    Array.from({ length: count }, (_, index) => ({
      match: [{ headers: { 'x-variant-id': { regex: patternOf(index) } } }],
    })),
  );
}

test('names at most 50 problems and counts the rest', (t) => {
  const problems = checkRoutes(routes(500, (index) => `(${index}`));
  t.equal(problems.length, 51);
  t.match(problems.at(-1)?.message, /^and 450 more problems/);
  t.end();
});

test('still refuses when warnings alone would fill the list', (t) => {
  const problems = checkRoutes(routes(200, (index) => (index === 199 ? '(' : `é${index}`)));
  t.ok(problems.some((problem) => problemKinds[problem.code].severity === 'deny'));
  t.end();
});

test('judges the same pattern once, however often it comes', (t) => {
  // Judging this one takes hundreds of times as long as reading a route.
  const [same, plain] = [routes(5000, () => '[\\pL]{20}[\\PL]'), routes(5000, () => '[a]{20}[b]')];
  t.same(checkRoutes(same).at(-1)?.code, 'BL205');
  t.ok(costOf(() => checkRoutes(same)) < 20 * costOf(() => checkRoutes(plain)));
  t.end();
});

test('does bounded work for one object, and says what it left out', (t) => {
  const unjudged = (count: number): number => {
    const problems = checkRoutes(routes(count, (index) => `[\\pL${index}][^\\pN${index}]{2}`));
    const said = problems.find(({ code, path }) => code === 'BL207' && path === 'spec');
    return Number(/^\d+/.exec(said?.message ?? '')?.[0]);
  };
  t.equal(5000 - unjudged(5000), 2000 - unjudged(2000), 'as many are judged, however many there are');
  t.end();
});

test('judges every regex of an object as large as etcd takes', (t) => {
  t.same(checkRoutes(routes(12_000, (index) => `(?i)(OPS|TS)-${index}(,.*)?`)), []);
  t.end();
});

const garbage = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, 0, '', '(', '(?i)a', 'RegularExpression'),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(
    fc.constantFrom(
      'http',
      'rules',
      'match',
      'matches',
      'uri',
      'headers',
      'withoutHeaders',
      'queryParams',
      'regex',
      'corsPolicy',
      'allowOrigins',
      'rewrite',
      'uriRegexRewrite',
      'path',
      'type',
      'value',
      '__proto__',
      'constructor',
      'toString',
    ),
    tie('value'),
    { maxKeys: 6, noNullPrototype: false },
  ),
}));

test('never throws, whatever shape the object has', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom('VirtualService', 'HTTPRoute', 'GRPCRoute', 7),
      garbage.value,
      garbage.value,
      (kind, spec, http) => {
        checkRoutes({ kind, spec });
        checkRoutes({ kind, spec: { http, rules: http } });
      },
    ),
    { numRuns: 2000 },
  );
  t.end();
});

test('takes keys such as __proto__ for data', (t) => {
  const object = JSON.parse(
    '{"kind":"VirtualService","spec":{"http":[{"match":[{"headers":{"__proto__":{"regex":"("},"constructor":{"regex":")"}}}]}]}}',
  ) as JsonObject;
  t.same(found(checkRoutes(object)), [
    'BL201 spec.http[0].match[0].headers[__proto__].regex',
    'BL201 spec.http[0].match[0].headers[constructor].regex',
  ]);
  t.end();
});
