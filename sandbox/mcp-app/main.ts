import { startApp } from './app.ts';

const { env } = process;
const required = ['TOOLBRIDGE_API_URL', 'TENANT_HEADER_SECRET', 'TENANT_ID'];
const missing = required.filter((name) => !env[name]);
if (missing.length > 0) {
  console.error(`set ${missing.join(', ')} in the environment (docs: fly.toml)`);
  process.exit(1);
}

const machine = env.FLY_MACHINE_ID ?? 'local';
const app = await startApp({
  host: env.HOST ?? '127.0.0.1',
  port: Number(env.PORT ?? 8080),
  machine,
  token: env.TOOLBRIDGE_JWT_TOKEN ?? '',
  tokenFile: env.TOKEN_FILE ?? '',
  onTokenNote: (note) => console.log(JSON.stringify({ machine, ...note })),
  apiUrl: env.TOOLBRIDGE_API_URL ?? '',
  tenantId: env.TENANT_ID ?? '',
  tenantHeaderSecret: env.TENANT_HEADER_SECRET ?? '',
});
console.log(JSON.stringify({ event: 'listening', machine, port: app.port }));

async function stop(signal: NodeJS.Signals): Promise<void> {
  console.log(JSON.stringify({ event: 'stopping', machine, signal }));
  await app.stop();
  process.exit(0);
}
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
