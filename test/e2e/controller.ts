/** Runs the controller's story alone: `node test/e2e/controller.ts` after `npm run build`. */
import { join } from 'node:path';
import { runInside } from '../box/inside.ts';

process.exitCode = await runInside(join(import.meta.dirname, 'controller-story.ts'));
