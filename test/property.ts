/**
 * fast-check as the tests use it: the same generated values every time, so that a run fails for a change and never by chance. `PROPERTY_SEED=random` (or a
 * number) looks at others; a counterexample found so becomes a case of its own.
 */
import fc from 'fast-check';

const asked = process.env['PROPERTY_SEED'];
fc.configureGlobal({ seed: asked === 'random' ? Date.now() : Number(asked ?? 1) });

export default fc;
