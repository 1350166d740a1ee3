// Replays the case on standard input in a process of its own, and writes the outcome to standard output.
import { text } from 'node:stream/consumers';
import type { RecordedCase } from './recorded-case.js';
import { RecordedIssuer } from './recorded-issuer.js';
import { replayCase } from './replay-case.js';

const recorded = JSON.parse(await text(process.stdin)) as RecordedCase;
const issuer = new RecordedIssuer();
await issuer.start();
process.stdout.write(JSON.stringify(await replayCase(recorded, issuer)));
await issuer.stop();
