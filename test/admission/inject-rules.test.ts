import { annotated, deployment, namespace } from '../builders.ts';
import { testRules, type Row } from './rules.ts';

const own = 'metadata.annotations[branchline.dev/inject]';
const template = 'spec.template.metadata.annotations[branchline.dev/inject]';
const good = ['node', 'node,otel', 'otel, spring', 'none'];
const bad = ['', 'java', 'node,java', 'none,node'];

const onTemplate = (inject: string) =>
  deployment('one-x', {
    version: 'X',
    branch: 'X',
    more: { spec: { template: { metadata: { annotations: { 'branchline.dev/inject': inject } } } } },
  });

const rows: readonly Row[] = [...good, ...bad].flatMap((inject): readonly Row[] => {
  const isBad = bad.includes(inject);
  const said = `${JSON.stringify(inject)} ${isBad ? 'is refused' : 'is right'}`;
  return [
    {
      name: `inject ${said} on a workload`,
      object: deployment('one-x', { version: 'X', branch: 'X', more: annotated({ inject }) }),
      want: isBad ? [['BL121', 'deny', own]] : [],
    },
    {
      name: `inject ${said} on a pod template`,
      object: onTemplate(inject),
      want: isBad ? [['BL121', 'deny', template]] : [],
    },
    {
      name: `inject ${said} on a Namespace`,
      object: namespace(annotated({ inject })),
      want: isBad ? [['BL141', 'deny', own]] : [],
    },
  ];
});

testRules(rows);
