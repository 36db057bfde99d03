/** The reviews of the bench: of a branch, which is decided and patched, and of a baseline that is scaled: as most reviews are, looked at and let pass. */
import { deployment } from './objects.ts';

/** What a review is about. */
export type Subject = 'branch' | 'baseline';

/** Makes the body of a review of exactly so many bytes (at least some 8000), all of it what a real one holds. */
export function reviewOf(subject: Subject, bytes: number): Buffer {
  let variables = 0;
  while (render(subject, variables + 1, '').length <= bytes) variables += 1;
  return Buffer.from(render(subject, variables, 'x'.repeat(bytes - render(subject, variables, '').length)));
}

/** A branch Deployment copied from the baseline's manifest, whose labels and annotations admission puts right. */
function created(variables: number): object {
  const object = deployment({
    namespace: 'ww-green',
    name: 'fact-find-ui-ops-1234',
    app: 'fact-find-ui',
    version: 'master',
    variables,
    annotations: { 'branchline.dev/branch': 'OPS-1234' },
  });
  return { name: 'fact-find-ui-ops-1234', operation: 'CREATE', object, oldObject: null };
}

function updated(variables: number): object {
  const baseline = (replicas: number): object =>
    deployment({
      namespace: 'ww-green',
      name: 'fact-find-ui',
      app: 'fact-find-ui',
      version: 'master',
      variables,
      replicas,
    });
  return { name: 'fact-find-ui', operation: 'UPDATE', object: baseline(3), oldObject: baseline(2) };
}

function render(subject: Subject, variables: number, note: string): string {
  const kind = { group: 'apps', version: 'v1', kind: 'Deployment' };
  const resource = { group: 'apps', version: 'v1', resource: 'deployments' };
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      namespace: 'ww-green',
      userInfo: {
        username: 'system:serviceaccount:ci:deployer',
        groups: ['system:serviceaccounts', 'system:authenticated'],
        extra: { note: [note] },
      },
      ...(subject === 'branch' ? created(variables) : updated(variables)),
      dryRun: false,
      options: {
        kind: 'CreateOptions',
        apiVersion: 'meta.k8s.io/v1',
        fieldManager: 'kubectl-client-side-apply',
        fieldValidation: 'Strict',
      },
    },
  });
}
