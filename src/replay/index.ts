export { appendLines, recordRequests } from './recorder.js';
export type { RecorderOptions, StopRecording } from './recorder.js';
export { Replay } from './replay.js';
export type { Outcome } from './replay.js';
export { RequestLineError, readRequest } from './request.js';
export type { RecordedRequest } from './request.js';
export { compareDecisions } from './compare.js';
export type { ChangeKind, Comparison } from './compare.js';
