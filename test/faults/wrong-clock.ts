/**
 * Preloaded into a server (`node --import`): its wall clock is wrong by as many milliseconds as the file CLOCK_FILE says, read at the start and at each SIGUSR2. As when
 * somebody sets a machine's clock, the monotonic clock (`performance.now()`, timers) is not. OpenSSL asks the kernel, and so keeps the right time: what is tried is what our own code
 * makes of a wrong clock.
 */
import { readFileSync } from 'node:fs';

const file = process.env['CLOCK_FILE'] ?? '';
const read = (): number => Number(readFileSync(file, 'utf8'));
let offset = read();
process.on('SIGUSR2', () => {
  offset = read();
});

const RightDate = Date;
globalThis.Date = new Proxy(RightDate, {
  apply: (target) => new target(target.now() + offset).toString(),
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [target.now() + offset] : args, newTarget) as object,
  get: (target, key, receiver): unknown =>
    key === 'now' ? () => target.now() + offset : Reflect.get(target, key, receiver),
});
