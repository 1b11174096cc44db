import type { IncomingMessage } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { readAccess, type Access } from './access.js';
import { DashboardError, forbidden } from './dashboard-error.js';
import type { DashboardOptions } from './dashboard-options.js';
import type { Exchange } from './exchange.js';
import { CSRF_HEADER } from './wire.js';

const LOOPBACK_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const LOOPBACK_HOST = /^(localhost|([a-z0-9-]+\.)+localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;
/** A proxy on this machine passes on what comes from others. */
const OF_PROXIES = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];
const JSON_TYPE = /^application\/json\s*(;|$)/i;

const CLOSED =
  'The dashboard is open to everybody who reaches this app, and this is production: pass guards, authorize, or both to ' +
  'TaskQueueDashboardModule. Guards of the whole app (APP_GUARD) do not count: a decorator could have switched them off.';

/** Decides who may come in, and what they may do. Without guards and `authorize` only this machine may, and not in production. */
export class Gatekeeper {
  private readonly isLocal: boolean;

  /** @throws ConfigurationError in production, where nothing protects the dashboard */
  constructor(
    private readonly options: DashboardOptions,
    hasGuards: boolean,
    environment: string | undefined,
  ) {
    this.isLocal = !hasGuards && options.authorize === undefined;
    if (this.isLocal && environment === 'production') throw new ConfigurationError(CLOSED);
  }

  /**
   * @param context of the request, which the guards of the app have passed
   * @throws DashboardError; what `authorize` throws or answers wrongly
   */
  async admit(exchange: Exchange, context: ExecutionContext): Promise<Access> {
    if (this.isLocal) this.requireLocal(exchange);
    const { authorize, readOnly = false } = this.options;
    const access = readAccess(authorize === undefined ? 'all' : await authorize(context), readOnly);
    if (access === undefined) throw forbidden('You may not use this dashboard.');
    return access;
  }

  private requireLocal({ raw }: Exchange): void {
    if (isLocal(raw)) return;
    throw forbidden(
      'Without guards or authorize the dashboard answers this machine alone: open it at http://localhost, or pass guards ' +
        'to TaskQueueDashboardModule.',
    );
  }
}

/** The socket alone would let pages of other sites in, whose names lead to this machine (DNS rebinding). */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  return (
    LOOPBACK_ADDRESS.test(socket.remoteAddress ?? '') &&
    LOOPBACK_HOST.test(headers.host ?? '') &&
    OF_PROXIES.every((name) => headers[name] === undefined)
  );
}

/** No page of another site reads through a browser, whatever CORS the app allows. @throws DashboardError */
export function refuseForeignSite(exchange: Exchange): void {
  const site = exchange.header('sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw forbidden(`Requests from other sites are refused (Sec-Fetch-Site: ${JSON.stringify(site)}).`);
}

/**
 * No page of another site acts through a browser: none can send this header and this type without asking first, and where the app
 * allows that, the browser says where the request comes from.
 * @throws DashboardError
 */
export function refuseForgery(exchange: Exchange): void {
  refuseForeignSite(exchange);
  if (exchange.header(CSRF_HEADER) === undefined) throw forbidden(`The header ${CSRF_HEADER} is missing.`);
  if (!JSON_TYPE.test(exchange.header('content-type') ?? '')) {
    throw new DashboardError(415, 'DASHBOARD_BAD_REQUEST', 'The content-type of actions is application/json.');
  }
  // Browsers without Sec-Fetch-Site, and those on plain HTTP.
  const origin = exchange.header('origin');
  if (origin === undefined || exchange.header('sec-fetch-site') !== undefined) return;
  if (hostOf(origin) !== exchange.header('host')?.toLowerCase()) {
    throw forbidden('Requests from other sites are refused: Origin is not Host. Does a proxy change Host?');
  }
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
