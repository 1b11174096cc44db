/** A URL as it may be logged. */
export function maskPassword(url: string): string {
  // Greedy up to the last "@": a password that was not URL-encoded is often why a URL can not be read.
  return url
    .replace(
      /^([a-z+]*:?\/{0,2})(?:([^:@/]*):)?.*@/i,
      (_match, scheme: string, user: string | undefined) => `${scheme}${user ?? ''}:***@`,
    )
    .replace(/([?&]password=)[^&]*/i, '$1***');
}
