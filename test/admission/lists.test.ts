import { test } from 'tap';
import { withAnnotation } from '../../src/admission/pods/lists.ts';

const pod = (annotations: object) => ({ metadata: { name: 'shop', annotations } });

test('sets an annotation, and leaves it out where the API server could refuse the pod for having too much of them', (t) => {
  t.same(withAnnotation({ metadata: {} }, 'a', 'b'), { metadata: { annotations: { a: 'b' } } });
  const full = pod({ huge: 'x'.repeat(256 * 1024 - 'huge'.length) });
  t.equal(withAnnotation(full, 'a', 'b'), full);
  const room = pod({ huge: 'x'.repeat(80_000) });
  t.same(withAnnotation(room, 'a', 'b'), pod({ huge: 'x'.repeat(80_000), a: 'b' }));
  t.end();
});

test('counts what stands there already only once', (t) => {
  const before = pod({ a: 'x'.repeat(80_000) });
  t.same(withAnnotation(before, 'a', 'y'.repeat(80_000)), pod({ a: 'y'.repeat(80_000) }));
  t.end();
});
