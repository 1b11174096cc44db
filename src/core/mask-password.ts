const SECRET_NAME = /pass|pwd|auth|token|secret|credential|key/i;

/** A URL as it may be logged: what may be a secret in it is `***`, also where it cannot be read. */
export function maskPassword(url: string): string {
  const hasUser = url.includes('@');
  return (
    url
      // Greedy up to the last "@": a password that was not URL-encoded is often why a URL can not be read.
      .replace(
        /^([a-z+-]*:?\/{0,2})(?:([^:@/]*):)?.*@/is,
        (_match, scheme: string, user: string | undefined) => `${scheme}${user ?? ''}:***@`,
      )
      // Without an "@" that is no host and port, but may be a password that lost its host.
      .replace(/^([a-z+-]+:\/\/[^/?#:[]*:)(?!\d*(?:[/?#]|$))[^?]*/i, (match, start: string) =>
        hasUser ? match : `${start}***`,
      )
      .replace(/([?&])([^=&]*)=([^&]*)/g, (match, mark: string, name: string) =>
        SECRET_NAME.test(decoded(name)) ? `${mark}${name}=***` : match,
      )
      .replace(/#.*$/s, '#***')
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return 'secret';
  }
}
