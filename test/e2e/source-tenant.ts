import assert from 'node:assert/strict';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { createTenant, isTrue, PATIENCE_MS, type Tenant } from './scenario.ts';

/** A namespace with bindings of any kind, each written out in full. A binding, its client and its Secret share a name. */
export class SourceTenant {
  readonly tenant: Tenant;
  readonly #world: World;

  private constructor(world: World, tenant: Tenant) {
    this.#world = world;
    this.tenant = tenant;
  }

  static async create(world: World, namespace: string): Promise<SourceTenant> {
    return new SourceTenant(world, await createTenant(world, namespace));
  }

  /** Writes the Secret of a client; what it holds else stays. */
  async writeCredential(name: string, stringData: Readonly<Record<string, string>>): Promise<void> {
    const metadata = { name, labels: { 'tokenbinding.erauner.dev/credential': 'true' } };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData };
    await this.#world.objects.apply([this.tenant.own(secret)]);
  }

  /** @param spec all but the Secret of the token, which is `<name>-token` */
  async bind(name: string, spec: object): Promise<void> {
    const apiVersion = 'tokenbinding.erauner.dev/v1alpha1';
    const whole = { secret: { name: `${name}-token` }, ...spec };
    const binding = { apiVersion, kind: 'TokenBinding', metadata: { name }, spec: whole };
    await this.#world.objects.apply([this.tenant.own(binding)]);
  }

  /** Waits until the binding has taken in what its spec says now, and is well. */
  settled(name: string): Promise<TokenBinding> {
    return waitFor(() => this.tenant.binding(name), {
      what: `${this.tenant.namespace}/${name} to be settled`,
      timeoutMs: PATIENCE_MS,
      until: (binding) =>
        ['Ready', 'Issued', 'Delivered'].every((type) => isTrue(binding, type)) &&
        binding.status?.observedGeneration === binding.metadata.generation,
    });
  }

  async storedToken(name: string): Promise<string> {
    const { token } = (await this.#world.objects.secretsOf(this.tenant.namespace)).get(`${name}-token`) ?? {};
    assert.ok(token, `there is no token of ${name}`);
    return token;
  }
}
