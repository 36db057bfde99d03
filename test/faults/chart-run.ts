/** The faults of an installation by its chart, with three replicas and certificates of their own making. Started by `main.ts`, in a network of its own. */
import type { Installation } from './installation.ts';
import { install } from './installation.ts';
import { tryClocks } from './clock.ts';
import { tryKillAll } from './kill.ts';
import { report } from './report.ts';
import { roll } from './restart.ts';
import { tryRotation } from './rotation.ts';
import type { Trial } from './trial.ts';
import { tryReinstall } from './uninstall.ts';
import { tryUpgrade } from './upgrade.ts';

const replicas = 3;

const parts: Readonly<Record<string, (installation: Installation) => Promise<readonly Trial[]>>> = {
  rolling: async (installation) => [
    await roll(installation, installation.fleet, {
      what: `${replicas} replicas restart under 200 admissions/s`,
      times: 1,
      flags: [],
      perSecond: 200,
    }),
  ],
  rotation: tryRotation,
  upgrade: tryUpgrade,
  clock: tryClocks,
  'kill-all': tryKillAll,
  uninstall: tryReinstall,
};

const wanted = process.argv.slice(2);
const installation = await install(replicas);
try {
  await report(
    `Installed by the chart, ${replicas} replicas`,
    Object.entries(parts)
      .filter(([name]) => wanted.includes(name))
      .map(([name, run]) => ({ name, run: () => run(installation) })),
  );
} finally {
  await installation.close();
}
