import { test } from 'tap';
import { isForSidecars, resolveGateway } from '../../src/model/gateways.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { routeProblems } from '../../src/validation/route-problems.ts';
import { settingsWith } from '../admission/golden.ts';

const rows: readonly { readonly written: string; readonly want: string }[] = [
  { written: 'mesh', want: 'mesh' },
  { written: 'public', want: 'green/public' },
  { written: './public', want: 'green/public' },
  { written: 'edge/public', want: 'edge/public' },
  { written: 'public.edge', want: 'edge/public' },
  { written: 'public.edge.svc.cluster.local', want: 'edge/public' },
];
const gateways = ['green', 'edge'].map((namespace) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { name: 'public', namespace },
  spec: { selector: { app: 'gateway' }, servers: [{ hosts: ['*'] }] },
}));

for (const { written, want } of rows) {
  test(`a VirtualService of green that names Gateway ${written} means ${want}`, (t) => {
    t.equal(resolveGateway(written, 'green'), want);
    const object = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'shop', namespace: 'green' },
      spec: {
        hosts: ['shop.example.io'],
        gateways: [written],
        http: [{ route: [{ destination: { host: 'one.green.svc.cluster.local' } }] }],
      },
    };
    const problems = routeProblems(
      object,
      { namespace: 'green', name: 'shop' },
      { settings: settingsWith(), snapshot: snapshotOf(gateways) },
    );
    t.notOk(
      problems.some(({ code }) => code === 'BL265'),
      'route review finds it',
    );
    t.end();
  });
}

const bound: readonly { readonly gateways: readonly string[]; readonly want: boolean }[] = [
  { gateways: [], want: true },
  { gateways: ['mesh'], want: true },
  { gateways: ['edge/public', 'mesh'], want: true },
  { gateways: ['edge/public'], want: false },
];
for (const { gateways: named, want } of bound) {
  test(`a VirtualService with gateways [${named.join(', ')}] is ${want ? '' : 'not '}for sidecars`, (t) => {
    t.equal(isForSidecars({ gateways: named }), want);
    t.end();
  });
}
