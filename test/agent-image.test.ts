/** The image of the header agent alone: what `agentDelivery` image and initContainer rely on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { fillerOf } from '../src/admission/pods/filler.ts';

test("the agent's image has its file where the init container copies it from, and a numeric user", (t) => {
  const [, final = ''] =
    readFileSync(join(import.meta.dirname, '../Dockerfile.agent'), 'utf8')
      .split(/^FROM .* AS build$/m)
      .at(-1)
      ?.split(/^FROM /m) ?? [];
  const command = fillerOf('image', {}, {})['command'] as readonly string[];
  t.match(final, new RegExp(`^COPY --from=build /src/dist/agent\\.cjs ${command[1] ?? ''}$`, 'm'));
  t.match(final, /^USER [1-9][0-9]+:[1-9][0-9]+$/m);
  t.match(final, /^busybox:/, 'which has a cp');
  t.equal(command[0], 'cp');
  t.end();
});
