/** The doctor's checks, in the order of the report. Adding one is adding a row. */
import { agentCheck, deliveryCheck, sidecarCheck } from './agents.ts';
import type { Check } from './check.ts';
import { nodeOptionsCheck, nodeVersionCheck, unseenCheck } from './node.ts';

/** Every check that needs only what was read. */
export const checks: readonly Check[] = [
  deliveryCheck,
  agentCheck,
  sidecarCheck,
  nodeOptionsCheck,
  nodeVersionCheck,
  unseenCheck,
];
