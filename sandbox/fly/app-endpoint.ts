import { ORGANIZATION } from './access-token.ts';
import { type AppCall, appRoute, type Reply, type Route } from './route.ts';

export const appRoutes: readonly Route[] = [appRoute('GET', 'getApp', getApp)];

function getApp({ app }: AppCall): Reply {
  const { name, machines } = app;
  const organization = { name: ORGANIZATION, slug: ORGANIZATION };
  const status = machines.length > 0 ? 'deployed' : 'pending';
  const counts = { machine_count: machines.length, volume_count: 0 };
  return { status: 200, body: { id: name, name, organization, status, network: 'default', ...counts } };
}
