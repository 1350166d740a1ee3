export { appendLines, recordRequests } from './recorder.js';
export type { RecorderOptions, StopRecording } from './recorder.js';
export { recordedLookup } from './lookups.js';
export { Replay } from './replay.js';
export type { Outcome, ReplayHost } from './replay.js';
export { RequestLineError, readRequest } from './request.js';
export type { RecordedQuestion, RecordedRequest } from './request.js';
export { compareDecisions } from './compare.js';
export type { ChangeKind, Comparison } from './compare.js';
