/** Of every answer. Set last, over those of the app: a policy for its own pages would break ours, or open them. */
const COMMON = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/** All code and style is in files of ours, and nothing is sent elsewhere. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

const data = (type: string) => ({
  ...COMMON,
  'content-type': type,
  'content-security-policy': DATA_POLICY,
  'cache-control': 'no-store',
});

export const JSON_HEADERS = data('application/json; charset=utf-8');

/** `no-transform`: a compressor would hold lines back. */
export const STREAM_HEADERS = {
  ...data('application/x-ndjson; charset=utf-8'),
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

export const PAGE_HEADERS = {
  ...COMMON,
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': PAGE_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
};

export const MESSAGE_HEADERS = data('text/plain; charset=utf-8');

/** Its name changes with its content. `private`: guards may stand before it. */
export function assetHeaders(type: string): Record<string, string> {
  return {
    ...COMMON,
    'content-type': type,
    'content-security-policy': DATA_POLICY,
    'cache-control': 'private, max-age=31536000, immutable',
  };
}
