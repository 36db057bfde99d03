import { test } from 'tap';
import { parseLifetimeSeconds } from '../../src/model/duration.ts';
import { isHttpPort } from '../../src/model/exposure.ts';
import { at, commaList, covers, labelsAt, toLabels } from '../../src/model/json.ts';
import { problemKinds, quote, toLine } from '../../src/model/problem.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';

const lifetimes: readonly (readonly [string, number | undefined])[] = [
  ['90m', 5400],
  ['12h', 43_200],
  ['7d', 604_800],
  ['2w', 1_209_600],
  ['0d', undefined],
  ['-1d', undefined],
  ['1.5h', undefined],
  ['7', undefined],
  ['d', undefined],
  ['7D', undefined],
  ['9999999w', undefined],
  ['', undefined],
];
for (const [text, seconds] of lifetimes) {
  test(`reads the lifetime ${JSON.stringify(text)} as ${seconds === undefined ? 'none' : `${seconds} s`}`, (t) => {
    t.equal(parseLifetimeSeconds(text), seconds);
    t.end();
  });
}

const ports: readonly (readonly [string, Partial<Parameters<typeof isHttpPort>[0]>, boolean])[] = [
  ['http', { name: 'http' }, true],
  ['http-web', { name: 'http-web' }, true],
  ['http2', { name: 'http2' }, true],
  ['grpc', { name: 'grpc-api' }, true],
  ['grpc-web', { name: 'grpc-web' }, true],
  ['a port without a name', { name: '' }, true],
  ['a name that is no protocol', { name: 'web' }, true],
  ['appProtocol http over a tcp name', { name: 'tcp-main', appProtocol: 'http' }, true],
  ['h2c', { name: 'x', appProtocol: 'kubernetes.io/h2c' }, true],
  ['tcp', { name: 'tcp' }, false],
  ['https', { name: 'https' }, false],
  ['redis', { name: 'redis' }, false],
  ['UDP', { name: 'http', protocol: 'UDP' }, false],
  ['the MySQL port without a name', { name: '', port: 3306 }, false],
  ['appProtocol tcp over an http name', { name: 'http', appProtocol: 'tcp' }, false],
];
for (const [name, port, want] of ports) {
  test(`Istio ${want ? 'routes' : 'does not route'} ${name} by HTTP rules`, (t) => {
    t.equal(isHttpPort({ name: '', port: 80, protocol: 'TCP', appProtocol: undefined, ...port }), want);
    t.end();
  });
}

test('reads own properties only', (t) => {
  const object: unknown = JSON.parse('{"__proto__":{"a":1},"b":{"constructor":"x"}}');
  t.equal(at(object, 'toString'), undefined);
  t.equal(at(object, '__proto__', 'a'), 1);
  t.equal(at(object, 'b', 'constructor'), 'x');
  t.equal(at({}, '__proto__'), undefined);
  t.same({ ...labelsAt(JSON.parse('{"l":{"__proto__":"v","n":1}}'), 'l') }, JSON.parse('{"__proto__":"v"}'));
  t.end();
});

test('covers a selector key by key', (t) => {
  t.ok(
    covers(
      toLabels([
        ['a', '1'],
        ['b', '2'],
      ]),
      toLabels([['a', '1']]),
    ),
  );
  t.notOk(
    covers(
      toLabels([['a', '1']]),
      toLabels([
        ['a', '1'],
        ['b', '2'],
      ]),
    ),
  );
  t.notOk(covers(toLabels([]), toLabels([['constructor', 'x']])));
  t.end();
});

test('splits lists with spaces and empty members', (t) => {
  t.same(commaList(' a, ,b,'), ['a', 'b']);
  t.same(commaList(undefined), []);
  t.end();
});

test('puts an object without a namespace into default, and takes the last of two', (t) => {
  const snapshot = snapshotOf([
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { selector: { app: '1' } } },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { selector: { app: '2' } } },
    { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: { name: 'b' } },
  ]);
  t.equal(snapshot.services.get('default')?.get('a')?.selector['app'], '2');
  t.equal(snapshot.services.get('default')?.size, 1);
  t.end();
});

test('renders a problem as one line and quotes values safely', (t) => {
  t.equal(toLine({ code: 'BL101', path: '', message: 'a\nb\u2028c' }), 'a b c [BL101]');
  t.equal(quote('x'.repeat(100)).length, 82);
  t.notMatch(quote('a\u0000\u0085b'), /[\u0000\u0085]/);
  t.end();
});

test('every problem code has a rule that reads as a sentence, and a severity', (t) => {
  for (const [code, { rule, severity }] of Object.entries(problemKinds)) {
    t.match(code, /^BL[0-9]{3}$/);
    t.match(rule, / /);
    t.ok(['deny', 'warn'].includes(severity));
  }
  t.end();
});
