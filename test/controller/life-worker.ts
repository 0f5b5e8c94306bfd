import { parentPort, workerData } from 'node:worker_threads';
import { takeCensus } from './life-census.ts';

// Failures are made by the thousand, and nobody looks where.
Error.stackTraceLimit = 0;

/** A thread's share of the lives; see fast-forward.test.ts. */
parentPort?.postMessage(await takeCensus(workerData));
