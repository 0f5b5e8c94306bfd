// Installs the dependencies when they are missing or not those of package-lock.json; else silent and quick.
// Plain JavaScript without dependencies: it runs before there are any, on whatever Node (18 or newer) is there.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = [24, 12];
const PROGRESS_PERIOD_MS = 5000;
const LOCK_POLL_MS = 500;
/** Longer than anybody needs from finding a dead holder's lock to removing it. */
const LOCK_SETTLE_MS = 100;

const root = fileURLToPath(new URL('..', import.meta.url));
const nodePath = join(root, 'node_modules', '.bin', 'node');
const lockPath = join(
  tmpdir(),
  `npm-ci-${createHash('sha256').update(root).digest('hex').slice(0, 16)}.lock`,
);

if (!isInstalled()) await installOnce();
requireNode();

/** True when node_modules holds what package-lock.json says; npm writes its own copy of that at the very end. */
function isInstalled() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages(join('node_modules', '.package-lock.json'));
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/')) return true;
    const found = present[path];
    if (found === undefined) return Boolean(entry.optional || entry.devOptional || entry.peer);
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT' && path !== 'package-lock.json') return {};
    throw error;
  }
}

async function installOnce() {
  await takeLock();
  const removeLock = () => rmSync(lockPath, { force: true });
  process.once('exit', removeLock);
  // Another run may have done the work while we waited for it.
  if (!isInstalled()) await install();
  removeLock();
  process.off('exit', removeLock);
}

async function install() {
  const startedAt = Date.now();
  const elapsed = () => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  say('installing dependencies (npm ci)');
  const timer = setInterval(() => say(`still installing dependencies, ${elapsed()}`), PROGRESS_PERIOD_MS);
  const npm = spawn('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  const code = await new Promise((resolve, reject) => npm.once('error', reject).once('exit', resolve));
  clearInterval(timer);
  if (code !== 0) fail(`npm ci failed (${code}); its own words are above`);
  say(`dependencies installed in ${elapsed()}`);
}

/** The lock is a file with the holder's process id: what a killed run leaves behind is recognised and taken. */
async function takeLock() {
  let said = false;
  while (!(await tryLock())) {
    const holder = readHolder();
    if (holder !== undefined && !isAlive(holder)) rmSync(lockPath, { force: true });
    else if (holder !== undefined) {
      if (!said) say(`waiting for process ${holder}, which is installing here (lock: ${lockPath})`);
      said = true;
      await delay(LOCK_POLL_MS);
    }
  }
}

async function tryLock() {
  try {
    writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  // Somebody who found the lock of a dead holder may have removed ours instead: the last to write has it.
  await delay(LOCK_SETTLE_MS);
  return readHolder() === process.pid;
}

function readHolder() {
  try {
    return Number(readFileSync(lockPath, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** npm puts node_modules/.bin first on PATH, so the `node` package decides what runs everything else. */
function requireNode() {
  const own = spawnSync(nodePath, ['--version'], { encoding: 'utf8' });
  const version = own.status === 0 ? own.stdout.trim() : process.version;
  const [major, minor] = version.slice(1).split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  fail(
    `Node ${OLDEST_NODE.join('.')} or newer is needed, but "node" is ${version}. The dependency "node" brings it, ` +
      'by an install script that npm seems not to have run. ' +
      'Run "npm rebuild node --ignore-scripts=false", or install that Node yourself.',
  );
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
