export { createGateway } from './gateway.js';
export type { Gateway, ListenAddress } from './gateway.js';
export type { GatewayOptions, UpstreamHeaders } from './options.js';
export type { GatewayEvent, RequestSpan, Tracing } from '../observe/request-event.js';
export type { UpstreamErrorCode } from './upstream-error.js';
