/** Rows about the rules of one file: the smallest input that trips a rule, and its neighbour that does not. */
import { test } from 'tap';
import { decide, type Facts } from '../../src/admission/decide.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { deployment, namespace, pod, review, service } from '../builders.ts';
import { settingsWith } from './golden.ts';

export interface Row {
  readonly name: string;
  readonly object: JsonObject;
  readonly old?: JsonObject;
  /** Beside or in place of {@link cluster}. */
  readonly cluster?: readonly JsonObject[];
  readonly settings?: JsonObject;
  /** Code, severity and path, in the order in which they are said. */
  readonly want: readonly (readonly [code: string, severity: string, path: string])[];
}

/** With sidecars. */
export const green = namespace({ metadata: { labels: { 'istio-injection': 'enabled' } } });
/** A service with its baseline, of which nothing is to be said. */
export const cluster: readonly JsonObject[] = [
  green,
  service(),
  deployment('one', { version: 'master' }),
  pod('one-1', 'master'),
];
/** A good branch of it. */
export const branch = deployment('one-x', { version: 'X', branch: 'X' });

const defaults = settingsWith();

/** One test a row. */
export function testRules(rows: readonly Row[]): void {
  for (const { name, object, old, cluster: objects = cluster, settings, want } of rows) {
    test(name, (t) => {
      const facts: Facts = {
        settings: settings === undefined ? defaults : settingsWith(settings),
        snapshot: snapshotOf(objects),
      };
      const { problems, outcome } = decide('/validate/declarations', review(object, old), facts);
      t.same(
        problems.map(({ code, severity, path }) => [code, severity, path]),
        want,
      );
      t.equal(outcome, want.some(([, severity]) => severity === 'deny') ? 'denied' : 'allowed');
      t.end();
    });
  }
}
