import 'reflect-metadata';
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Post,
  Req,
  Res,
  UseGuards,
  VERSION_NEUTRAL,
  type CanActivate,
  type ExecutionContext,
  type HttpServer,
  type Type,
} from '@nestjs/common';
import { DashboardServer } from './dashboard-server.js';
import type { DashboardMount } from './dashboard-options.js';
import { ROUTE_TABLE, type TableRow } from './routes/route-table.js';

/** Nest's own key of the paths of a method. */
const PATH_METADATA = 'path';

/** What Nest knows of each request, for `authorize`; kept as long as the request is. */
const hosts = new WeakMap<object, ExecutionContext>();

/** Runs behind all guards of the app. It keeps what they saw, and decides nothing: every answer is the server's. */
@Injectable()
class ContextKeeper implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    hosts.set(context.getArgByIndex<object>(0), context);
    return true;
  }
}

type Handler = (request: never, response: never) => Promise<void>;

/** A controller with one method for each row of the table, and none beside them. */
export function createController(mount: Required<DashboardMount>): Type<object> {
  class DashboardController {
    constructor(readonly server: DashboardServer) {}
  }
  Inject(DashboardServer)(DashboardController, undefined, 0);
  for (const row of ROUTE_TABLE) addMethod(DashboardController, row);
  for (const decorate of mount.decorators) decorate(DashboardController);
  UseGuards(...mount.guards, ContextKeeper)(DashboardController);
  Controller({ path: mount.path, version: VERSION_NEUTRAL })(DashboardController);
  return DashboardController;
}

function addMethod(Class: { prototype: object }, row: TableRow): void {
  const { prototype } = Class;
  const name = row.kind === 'page' || row.kind === 'asset' ? row.kind : row.name;
  const value: Handler = async function (this: { server: DashboardServer }, request, response) {
    await this.server.serve(row, request, response, hosts.get(request));
  };
  Object.defineProperty(value, 'name', { value: name });
  Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as TypedPropertyDescriptor<Handler>;
  Req()(prototype, name, 0);
  Res()(prototype, name, 1);
  (row.method === 'GET' ? Get : Post)(row.path)(prototype, name, descriptor);
}

/**
 * Express finds a page with a slash behind its path by itself; Fastify only if it is told, and Nest strips the slash of a path. The
 * server answers nothing else of what the star stands for. Nest reads the paths of a controller after it has made providers.
 */
export function serveSlash(controller: Type<object>, adapter: HttpServer | undefined): void {
  if (adapter?.getType?.() !== 'fastify') return;
  const page = (controller.prototype as Record<string, Handler>).page;
  Reflect.defineMetadata(PATH_METADATA, ['', '*'], page);
}
