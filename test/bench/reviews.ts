/** The reviews of the bench: a branch Deployment, copied from the baseline's manifest, whose labels and annotations admission puts right. */
import { deployment } from './objects.ts';

/** Makes the body of a CREATE review of exactly so many bytes (at least some 4000), all of it what a real one holds. */
export function branchReview(bytes: number): Buffer {
  let variables = 0;
  while (render(variables + 1, '').length <= bytes) variables += 1;
  return Buffer.from(render(variables, 'x'.repeat(bytes - render(variables, '').length)));
}

function render(variables: number, note: string): string {
  const object = deployment({
    namespace: 'ww-green', name: 'fact-find-ui-ops-1234', app: 'fact-find-ui', version: 'master', variables,
    annotations: { 'branchline.dev/branch': 'OPS-1234' },
  });
  const kind = { group: 'apps', version: 'v1', kind: 'Deployment' };
  const resource = { group: 'apps', version: 'v1', resource: 'deployments' };
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002', kind, resource, requestKind: kind, requestResource: resource,
      name: 'fact-find-ui-ops-1234', namespace: 'ww-green', operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:ci:deployer', groups: ['system:serviceaccounts', 'system:authenticated'], extra: { note: [note] } },
      object, oldObject: null, dryRun: false, options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'kubectl-client-side-apply', fieldValidation: 'Strict' },
    },
  });
}
