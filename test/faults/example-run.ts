/** The faults of two replicas with a certificate that was given to them, and `failurePolicy: Fail` everywhere. Started by `main.ts`, in a network of its own. */
import { untilAdmitted } from './admissions.ts';
import { tryApiServer } from './api-server.ts';
import { tryCertificates } from './certificate.ts';
import { tryClients } from './clients.ts';
import { createFleet } from './fleet.ts';
import { startIdling } from './idle.ts';
import { tryKill } from './kill.ts';
import { report, type Part } from './report.ts';
import { tryRestarts } from './restart.ts';
import { createService } from './service.ts';
import { startSite } from './site.ts';

const wanted = process.argv.slice(2);
const site = await startSite();
try {
  const fleet = createFleet(
    site,
    await createService(site.api, 'branchline', [{ name: 'https', port: 443 }]),
  );
  await fleet.add();
  await fleet.add();
  await untilAdmitted(site.box);
  const idling = wanted.includes('idle') ? await startIdling(site) : undefined; // most of the time that it takes is waiting, on replicas of its own
  const parts: readonly Part[] = [
    { name: 'restarts', run: () => tryRestarts(site, fleet) },
    { name: 'certificates', run: () => tryCertificates(site, fleet) },
    { name: 'clients', run: () => tryClients(site, fleet) },
    { name: 'kill', run: () => tryKill(site, fleet) },
    { name: 'idle', run: async () => (await idling?.finish()) ?? [] },
    { name: 'api-server', run: () => tryApiServer(site, fleet) },
  ];
  await report(
    'Two replicas, given certificates',
    parts.filter(({ name }) => wanted.includes(name)),
  );
} finally {
  await site.close();
}
