import assert from 'node:assert/strict';
import type { CrashSite } from './crash-site.ts';

/** The newest token is stored, delivered and runs everywhere, and the status says so. */
export async function assertSpread(site: CrashSite, name: string, places: readonly string[]): Promise<void> {
  const token = await site.storedToken(name);
  assert.ok(site.isNewest(token), 'the Secret must hold the newest token');
  for (const place of places) {
    assert.ok(site.hasSecret(place), `the vault must hold ${place}`);
    const running = await site.running(place);
    assert.ok(running.length > 0 && running.every((value) => value === token), `machines must run ${place}`);
  }
  const { status } = (await site.binding(name)) ?? {};
  const conditions = status?.conditions?.map(({ type, status: value }) => `${type}=${value}`);
  assert.deepEqual(conditions, ['Ready=True', 'Issued=True', 'Delivered=True']);
  assert.equal(status?.deliveriesReady, `${places.length}/${places.length}`);
  assert.deepEqual(status?.cleanups, []);
}

/** Nothing holds the secret of a place any more. */
export async function assertGone(site: CrashSite, place: string): Promise<void> {
  assert.equal(site.hasSecret(place), false, `the vault must not hold ${place} any more`);
  assert.deepEqual(await site.running(place), [undefined], `no machine may run ${place} any more`);
}
