/** Pods whose readiness gates count: kwok's own stages set every gate themselves, as no kubelet does. */
import { readFile } from 'node:fs/promises';
import { routedGate } from '../../src/model/keys.ts';
import { ensureArtifacts } from './binaries.ts';

const ready = `      - lastTransitionTime: {{ $now | Quote }}
        status: "True"
        type: Ready
`;
const gates = `      {{ range .spec.readinessGates }}
      - lastTransitionTime: {{ $now | Quote }}
        status: "True"
        type: {{ .conditionType | Quote }}
      {{ end }}
`;

/** Returns kwok's stages with a pod-ready that leaves gates alone, and two stages that follow ours. */
export async function gatedStages(): Promise<string> {
  const { 'kwok-stages.yaml': file } = await ensureArtifacts(['kwok-stages.yaml']);
  const stages = await readFile(file, 'utf8');
  if (!stages.includes(ready) || !stages.includes(gates)) throw new Error('kwok\'s stages are not those that we know');
  const left = stages.replace(gates, '').replace(ready, ready.replace('"True"', '{{ if .spec.readinessGates }}"False"{{ else }}"True"{{ end }}'));
  return [left, followGate('open', 'True', 'False'), followGate('closed', 'False', 'True')].join('\n---\n');
}

function followGate(name: string, gate: 'True' | 'False', before: 'True' | 'False'): string {
  return `apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: pod-gate-${name}
spec:
  resourceRef:
    apiGroup: v1
    kind: Pod
  selector:
    matchExpressions:
    - key: '.metadata.deletionTimestamp'
      operator: 'DoesNotExist'
    - key: '.status.phase'
      operator: 'In'
      values: ['Running']
    - key: '.status.conditions.[] | select( .type == "${routedGate}" ) | .status'
      operator: 'In'
      values: ['${gate}']
    - key: '.status.conditions.[] | select( .type == "Ready" ) | .status'
      operator: 'In'
      values: ['${before}']
  next:
    statusTemplate: |
      conditions:
      - lastTransitionTime: {{ Now | Quote }}
        status: "${gate}"
        type: Ready
`;
}
