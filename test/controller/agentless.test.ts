import { test } from 'tap';
import { tellAgentless } from '../../src/controller/agentless.ts';
import { readPod } from '../../src/model/kubernetes.ts';

function pod(agent: string, status: object = {}, metadata: object = {}) {
  return readPod({
    kind: 'Pod',
    metadata: {
      namespace: 'ww-green',
      name: 'shop-1',
      uid: 'u',
      annotations: { 'branchline.dev/agent': agent },
      ...metadata,
    },
    status,
  });
}

const told = JSON.stringify({
  source: 'branchline-agent-1',
  by: 'configMap',
  containers: ['app'],
  without: { worker: 'its NODE_OPTIONS is a valueFrom [BL302]' },
});

test('says of a pod that starts which container is without the agent, and why', (t) => {
  t.same(tellAgentless(pod(told)), [
    {
      kind: 'Pod',
      apiVersion: 'v1',
      namespace: 'ww-green',
      name: 'shop-1',
      uid: 'u',
      type: 'Warning',
      reason: 'NoHeaderAgent',
      note: 'container worker runs without the header agent: its NODE_OPTIONS is a valueFrom [BL302]',
    },
  ]);
  t.end();
});

const silent = [
  {
    name: 'that is ready: it was said when it started',
    pod: pod(told, { conditions: [{ type: 'Ready', status: 'True' }] }),
  },
  { name: 'that was told to go', pod: pod(told, {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
  { name: 'whose containers all carry it', pod: pod('{"containers":["app"]}') },
  { name: 'on which somebody wrote something else', pod: pod('yes') },
  { name: 'on which somebody wrote a list', pod: pod('["without"]') },
  { name: 'whose reasons are no text', pod: pod('{"without":{"app":1}}') },
];
for (const row of silent) {
  test(`says nothing of a pod ${row.name}`, (t) => {
    t.same(tellAgentless(row.pod), []);
    t.end();
  });
}
