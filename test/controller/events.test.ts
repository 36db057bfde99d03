import { test } from 'tap';
import { createEventQueue, type Happening } from '../../src/controller/events.ts';
import { textAt } from '../../src/model/json.ts';
import { createFakeClock } from './fake-clock.ts';

const happening: Happening = {
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  namespace: 'green',
  name: 'one',
  uid: 'u',
  type: 'Normal',
  reason: 'Routed',
  note: 'it is',
};

function drain(queue: ReturnType<typeof createEventQueue>): readonly unknown[] {
  const taken: unknown[] = [];
  for (let event = queue.take(); event !== undefined; event = queue.take()) taken.push(event);
  return taken;
}

test('an Event is an object of events.k8s.io/v1 beside what it is about', (t) => {
  const queue = createEventQueue(createFakeClock(), 'me');
  queue.add({ ...happening, note: 'two\nlines' });
  t.match(queue.take(), {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: 'green' },
    type: 'Normal',
    reason: 'Routed',
    action: 'Routed',
    note: 'two lines',
    reportingInstance: 'me',
    regarding: { kind: 'Deployment', name: 'one', namespace: 'green', uid: 'u' },
  });
  queue.add({ ...happening, kind: 'Namespace', apiVersion: 'v1', namespace: '' });
  t.equal(
    textAt(queue.take(), 'metadata', 'namespace'),
    'default',
    'about a cluster-scoped object it stands in default',
  );
  t.end();
});

test('the same is said once an hour', async (t) => {
  const clock = createFakeClock();
  const queue = createEventQueue(clock, 'me');
  for (let count = 0; count < 10; count += 1) queue.add(happening);
  t.equal(drain(queue).length, 1);
  await clock.advance(61 * 60_000);
  queue.add(happening);
  t.equal(drain(queue).length, 1);
});

test('one object is not talked about without end, and another is not silenced by it', async (t) => {
  const clock = createFakeClock();
  const queue = createEventQueue(clock, 'me');
  for (let count = 0; count < 100; count += 1) queue.add({ ...happening, note: `${count}` });
  t.equal(drain(queue).length, 25);
  queue.add({ ...happening, name: 'two' });
  t.equal(drain(queue).length, 1);
  await clock.advance(10 * 60_000);
  for (let count = 0; count < 100; count += 1) queue.add({ ...happening, note: `later ${count}` });
  t.equal(drain(queue).length, 2, 'one in five minutes');
});

test('names differ, also within a millisecond', (t) => {
  const queue = createEventQueue(createFakeClock(), 'me');
  for (let count = 0; count < 20; count += 1) queue.add({ ...happening, note: `${count}` });
  const names = drain(queue).map((event) => textAt(event, 'metadata', 'name'));
  t.equal(new Set(names).size, 20);
  t.end();
});
